"""Nested sampling of one analysis: its evidence, with what the exclusions leave of the prior, and weighted draws.

Exclusions are sharp: the live points are drawn from the part of the prior that they allow and never leave it, and the
logarithm of its share, by Monte Carlo, is added to ln Z. The evidence is that of the whole prior, so that a hypothesis
pays for what is excluded.
"""

from __future__ import annotations

import math
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import special

from nuinfer.errors import ConfigError
from nuinfer.inference.protocol import EvidenceAnalysis
from nuinfer.typing import ArrayLike, FloatArray, IntArray

if TYPE_CHECKING:
    from nuinfer.inference.evidence.lockstep import LockstepPool

ENGINES = ("dynesty", "ultranest")
REMAINDER = 0.01  # of ln Z in the live points, at which a run ends
PRIOR_DRAWS = 400_000  # among which the allowed share is counted
MOST_PRIOR_DRAWS = 20_000_000  # until enough live points are found
CHUNK = 8192
SHRINKAGES = 400  # simulated sequences of prior volumes
LIVE_PER_QUEUED = 8  # live points for every proposal of a queue; a longer queue wastes those that grow old


@dataclass(frozen=True)
class Setting:
    """How an evidence is computed.

    Parameters
    ----------
    engine : str
        One of `ENGINES`.
    live : int
        Live points; the error of ln Z falls with their square root.
    walks : int
        Steps of each random walk of dynesty. Too few bias ln Z, which `docs/comparison.md` measures.

    Raises
    ------
    ConfigError
        If a number is too small or the engine unknown.
    """

    engine: str = "dynesty"
    live: int = 500
    walks: int = 30

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ConfigError(f"engine: '{self.engine}' is not allowed; it must be one of {', '.join(ENGINES)}")
        for name, least in (("live", 50), ("walks", 5)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name}: {getattr(self, name)} is not allowed; it must be at least {least}")


@dataclass(frozen=True)
class NestedRun:
    """The outcome of one nested run.

    Parameters
    ----------
    ln_z, ln_z_error : float
        Evidence over the whole prior and its statistical error, that of the allowed share included.
    ln_allowed, ln_allowed_error : float
        Logarithm of the share of the prior that the exclusions leave.
    information : float
        Kullback-Leibler divergence from the allowed prior to the posterior, nats.
    calls : int
        Evaluations of the likelihood.
    samples : ndarray, shape (n, n_dim)
        Weighted draws of the posterior.
    log_weights : ndarray, shape (n,)
        Logarithms of their weights, which add up to one.
    log_likelihood : ndarray, shape (n,)
        ln L of each.
    """

    ln_z: float
    ln_z_error: float
    ln_allowed: float
    ln_allowed_error: float
    information: float
    calls: int
    samples: FloatArray
    log_weights: FloatArray
    log_likelihood: FloatArray

    @property
    def effective(self) -> float:
        """Number of equal draws that the weighted ones are worth (Kish)."""
        return float(np.exp(-special.logsumexp(2.0 * self.log_weights)))

    def draws(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draws of equal weight by systematic resampling, shape (n, n_dim)."""
        return np.asarray(self.samples[resampled(self.log_weights, n, rng)])


class Engine(Protocol):
    """Something that computes an evidence."""

    def __call__(
        self, target: Target, seed: int, setting: Setting, checkpoint: Path | None, every_seconds: float
    ) -> NestedRun:
        """Run it."""
        ...


class Target:
    """What is integrated: ln L of an analysis, -inf where an exclusion applies, and the map from the unit cube."""

    def __init__(self, analysis: EvidenceAnalysis) -> None:
        self.analysis = analysis
        self.n_dim = len(analysis.parameter_names)

    def transform(self, cube: ArrayLike) -> FloatArray:
        """Parameters, shape (..., n_dim), of points of the unit cube."""
        return self.analysis.prior_transform(cube)

    def log_likelihood(self, theta: ArrayLike) -> FloatArray:
        """Sum of all terms but the prior, shape (...)."""
        points = np.asarray(theta, float)
        rows = points.reshape(-1, self.n_dim)
        values = np.empty(len(rows))
        prior = self.analysis.term_names.index("prior")
        for first in range(0, len(rows), CHUNK):
            _, terms = self.analysis.evaluate(rows[first : first + CHUNK])
            values[first : first + CHUNK] = np.delete(terms, prior, axis=1).sum(axis=1)
        return values.reshape(points.shape[:-1])


def run_nested(
    analysis: EvidenceAnalysis,
    seed: int,
    setting: Setting | None = None,
    checkpoint: Path | None = None,
    every_seconds: float = 30.0,
) -> NestedRun:
    """Evidence of one analysis from one seed.

    Parameters
    ----------
    analysis : EvidenceAnalysis
        What is integrated.
    seed : int
        Of everything random; the result depends on nothing else.
    setting : Setting, optional
        Engine and its accuracy.
    checkpoint : Path, optional
        Where dynesty keeps its state; a run that finds it goes on from there, to the same result. Read with pickle, so
        it must come from a folder that you trust. ultranest starts over.
    every_seconds : float
        Time between two checkpoints.

    Raises
    ------
    ConfigError
        If the exclusions leave nothing, or the engine is not installed.
    NonFiniteLogProbError
        If a term of the log-probability is not a number.
    """
    setting = setting or Setting()
    engine: Engine = _dynesty
    if setting.engine == "ultranest":
        from nuinfer.inference.evidence.ultra import run_ultranest

        engine = run_ultranest
    return engine(Target(analysis), seed, setting, checkpoint, every_seconds)


def allowed_share(analysis: EvidenceAnalysis, n: int, rng: np.random.Generator) -> tuple[float, float]:
    """Share of the prior that no exclusion refuses, and its Monte-Carlo error, from `n` draws.

    Raises
    ------
    ConfigError
        If none of the draws is allowed.
    """
    kept = sum(len(_allowed_part(analysis, min(CHUNK, n - first), rng)) for first in range(0, n, CHUNK))
    if not kept:
        raise ConfigError(f"exclusions: none of {n} draws of the prior is allowed, so there is no evidence to compute")
    share = kept / n
    return share, math.sqrt(share * (1.0 - share) / n)


def resampled(log_weights: FloatArray, n: int, rng: np.random.Generator) -> IntArray:
    """Indices of `n` draws of equal weight, by systematic resampling, in random order."""
    cumulative = np.cumsum(np.exp(log_weights - np.max(log_weights)))
    ticks = (np.arange(n) + rng.random()) / n * cumulative[-1]
    found = np.minimum(np.searchsorted(cumulative, ticks), len(cumulative) - 1)
    return np.asarray(rng.permutation(found), np.intp)


def _allowed_part(analysis: EvidenceAnalysis, n: int, rng: np.random.Generator) -> FloatArray:
    """Those of `n` draws of the unit cube that no exclusion refuses."""
    cube = rng.random((n, len(analysis.parameter_names)))
    return np.asarray(cube[analysis.log_exclusion(analysis.prior_transform(cube)) == 0.0])


def _allowed_points(target: Target, n: int, rng: np.random.Generator) -> FloatArray:
    """`n` points of the unit cube that no exclusion refuses."""
    kept: list[FloatArray] = []
    for _ in range(0, MOST_PRIOR_DRAWS, CHUNK):
        kept.append(_allowed_part(target.analysis, CHUNK, rng))
        if sum(map(len, kept)) >= n:
            return np.concatenate(kept)[:n]
    raise ConfigError(f"exclusions: less than {n} of {MOST_PRIOR_DRAWS} draws of the prior are allowed")


def _dynesty(target: Target, seed: int, setting: Setting, checkpoint: Path | None, every_seconds: float) -> NestedRun:
    """Static nested sampling by dynesty, its random walks in lockstep."""
    import dynesty

    from nuinfer.inference.evidence.lockstep import LockstepPool

    walk_seed, share_seed = np.random.SeedSequence(seed).spawn(2)
    size = max(1, setting.live // LIVE_PER_QUEUED)
    pool = LockstepPool(target.transform, target.log_likelihood, size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters of them, plateaus and slow starts, is handled here
        sampler = _restored(checkpoint, pool)
        going_on = sampler is not None
        if sampler is None:
            rng = np.random.default_rng(walk_seed)
            cube = _allowed_points(target, setting.live, rng)
            theta = target.transform(cube)
            sampler = dynesty.NestedSampler(
                target.log_likelihood,
                target.transform,
                target.n_dim,
                nlive=setting.live,
                sample="rwalk",
                walks=setting.walks,
                live_points=(cube, theta, target.log_likelihood(theta)),
                rstate=rng,
                pool=pool,
                queue_size=size,
            )
        sampler.run_nested(
            dlogz=REMAINDER,
            print_progress=False,
            save_bounds=False,
            checkpoint_file=None if checkpoint is None else str(checkpoint),
            checkpoint_every=every_seconds,
            resume=going_on,
        )
    found = sampler.results
    log_likelihood = np.asarray(found.logl)
    dead = len(log_likelihood) - setting.live
    alive = np.concatenate([np.full(dead, setting.live), np.arange(setting.live, 0, -1)])
    share, share_error = allowed_share(target.analysis, PRIOR_DRAWS, np.random.default_rng(share_seed))
    shrinkage = _shrinkage_error(log_likelihood, alive, np.random.default_rng(share_seed))
    return NestedRun(
        ln_z=float(found.logz[-1]) + math.log(share),
        ln_z_error=math.hypot(shrinkage, share_error / share),
        ln_allowed=math.log(share),
        ln_allowed_error=share_error / share,
        information=float(found.information[-1]),
        calls=int(np.sum(found.ncall)),
        samples=np.asarray(found.samples),
        log_weights=np.asarray(found.logwt) - special.logsumexp(found.logwt),
        log_likelihood=log_likelihood,
    )


def _restored(checkpoint: Path | None, pool: LockstepPool) -> Any:
    """The sampler of a checkpoint, or None if there is none that can be read."""
    import dynesty

    if checkpoint is None or not checkpoint.exists():
        return None
    try:
        return dynesty.NestedSampler.restore(str(checkpoint), pool=pool)
    except (OSError, EOFError, ValueError, KeyError, AttributeError, ImportError, RuntimeError, pickle.PickleError):
        checkpoint.unlink(missing_ok=True)  # of another version, or damaged: the run starts over
        return None


def _shrinkage_error(log_likelihood: FloatArray, alive: IntArray, rng: np.random.Generator) -> float:
    """Error of ln Z from not knowing the prior volumes: its spread over simulated ones.

    Each volume is the largest of `alive` uniform numbers times the one before (Skilling 2006, Bayesian Anal. 1, 833).

    Parameters
    ----------
    log_likelihood : ndarray, shape (n,)
        ln L of the points in the order in which they died.
    alive : ndarray, shape (n,)
        Points alive when each died.
    rng : Generator
        Source of the volumes.
    """
    heights = np.logaddexp(log_likelihood, np.concatenate([[-np.inf], log_likelihood[:-1]])) - math.log(2.0)
    top = float(heights.max())
    sums = []
    for _ in range(SHRINKAGES):
        volume = np.exp(np.cumsum(-rng.standard_exponential(len(alive)) / alive))
        sums.append(np.sum(np.exp(heights - top) * -np.diff(volume, prepend=1.0)))
    return float(np.std(np.log(sums)))
