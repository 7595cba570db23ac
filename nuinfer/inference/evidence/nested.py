"""Nested sampling of one analysis: its evidence, with what the exclusions leave of the prior, and weighted draws.

Exclusions are sharp: the live points are drawn from the part of the prior that they allow and never leave it, and the
logarithm of its share, by Monte Carlo, is added to ln Z. The evidence is that of the whole prior, so that a hypothesis
pays for what is excluded.

One-sided terms are part of the likelihood here, though they are no densities of what was measured. `without_penalties`
gives the evidence without them beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from nuinfer.analysis import DATA, Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.work.simulation import first_kept
from nuinfer.registry import Registry, imported, is_path, load_file
from nuinfer.typing import ArrayLike, FloatArray

REMAINDER = 0.01  # of ln Z in the live points, at which a run ends
PRIOR_DRAWS = 400_000  # among which the allowed share is counted
CHUNK = 8192
ENOUGH_DRAWS = 300  # effective ones that reweighting has to leave


@dataclass(frozen=True)
class Engine:
    """Something that computes an evidence: the constant ``ENGINE`` of a file in ``engines``, or of a user's own.

    Parameters
    ----------
    name : str
        What settings call it.
    run : callable
        From what is integrated, the seed, the setting, a file for its state or None, and the seconds between two
        writings of that file, to the outcome.
    package : str
        The library that does the work; its version is recorded.
    extra : str
        Extra of this package that installs it, if it is none of the dependencies.
    """

    name: str
    run: Callable[[Target, int, Setting, Path | None, float], NestedRun]
    package: str = "numpy"
    extra: str = ""


ENGINES = Registry("nuinfer.inference.evidence.engines", "ENGINE", Engine)
"""Those of the folder, by name, and a user's own, by the path of a Python file."""


@dataclass(frozen=True)
class Setting:
    """How an evidence is computed.

    Parameters
    ----------
    engine : str
        Name of an engine, or the path of a Python file with a constant ``ENGINE`` (see `Engine`).
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
        ENGINES.find(self.engine, "engine")
        for name, least in (("live", 50), ("walks", 5)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name}: {getattr(self, name)} is not allowed; it must be at least {least}")

    def ready(self, where: str = "engine") -> Engine:
        """The engine, with its library; raises ConfigError, beginning with `where`, if that is not installed."""
        engine = ENGINES.find(self.engine, "engine")
        imported(engine.package, where, engine.extra)
        return engine

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides a result: the setting, and of a user's engine the checksum of its file."""
        own = {"sha256": load_file(self.engine, "engine").sha256} if is_path(self.engine) else {}
        return {**asdict(self), **own}


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


class Target:
    """What is integrated: ln L of an analysis, -inf where an exclusion applies, and the map from the unit cube.

    Parameters
    ----------
    analysis : Analysis
        The analysis.
    without_bin : int, optional
        A bin, counted over (topology, bin), that the likelihood lacks.

    Attributes
    ----------
    n_dim : int
        Number of parameters.
    transform : callable
        From points of the unit cube to parameters, shape (..., n_dim).
    """

    def __init__(self, analysis: Analysis, without_bin: int | None = None) -> None:
        self.analysis, self._without_bin = analysis, without_bin
        self.n_dim = len(analysis.parameter_names)
        self.transform = analysis.prior_transform

    def log_likelihood(self, theta: ArrayLike) -> FloatArray:
        """Sum of all terms but the prior, shape (...)."""
        points = np.asarray(theta, float)
        rows = points.reshape(-1, self.n_dim)
        parts = [self._part(rows[first : first + CHUNK]) for first in range(0, len(rows), CHUNK)]
        return np.concatenate([np.empty(0), *parts]).reshape(points.shape[:-1])

    def _part(self, rows: FloatArray) -> FloatArray:
        _, terms, _ = self.analysis.evaluate(rows)
        left_out = ["prior"] if self._without_bin is None else ["prior", DATA]
        values = np.delete(terms, [self.analysis.term_names.index(name) for name in left_out], axis=1).sum(axis=1)
        if self._without_bin is not None:  # which may be what alone makes a point impossible
            possible = np.flatnonzero(values > -np.inf)
            by_bin = self.analysis.data_terms(rows[possible]).reshape(len(possible), -1)
            values[possible] += np.delete(by_bin, self._without_bin, axis=1).sum(axis=1)
        return np.asarray(values)

    def allowed_points(self, n: int, rng: np.random.Generator) -> FloatArray:
        """`n` points of the unit cube that no exclusion refuses; raises what `first_kept` does."""
        return first_kept(n, lambda size: _allowed_part(self.analysis, size, rng), CHUNK, "constraints: exclusions")


def run_nested(
    analysis: Analysis,
    seed: int,
    setting: Setting | None = None,
    checkpoint: Path | None = None,
    every_seconds: float = 30.0,
    without_bin: int | None = None,
) -> NestedRun:
    """Evidence of one analysis from one seed.

    Parameters
    ----------
    analysis : Analysis
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
    without_bin : int, optional
        A bin, counted over (topology, bin), that the likelihood shall lack.

    Raises
    ------
    ConfigError
        If the exclusions leave nothing, or the engine is not installed.
    NonFiniteLogProbError
        If a term of the log-probability is not a number.
    """
    setting = setting or Setting()
    return setting.ready().run(Target(analysis, without_bin), seed, setting, checkpoint, every_seconds)


def without_penalties(analysis: Analysis, run: NestedRun, seed: int, setting: Setting) -> tuple[float, float]:
    """Logarithm of the evidence without one-sided terms, and its error.

    The draws of a run are divided by these terms, Z = Z_with <1/term>. Where less than `ENOUGH_DRAWS` of them are left
    (Kish), which is where the posterior without them lies elsewhere, the answer is a nested run of its own.

    Parameters
    ----------
    analysis : Analysis
        With the terms; without any the evidence is that of the run.
    run : NestedRun
        Its run.
    seed : int
        Of another run, if it has to be.
    setting : Setting
        Likewise.
    """
    names = [constraint.name for constraint in analysis.constraints if constraint.is_penalty]
    possible = run.log_weights > -np.inf
    if not names or not possible.any():
        return run.ln_z, run.ln_z_error
    samples, log_weights = run.samples[possible], run.log_weights[possible]
    gained = log_weights - analysis.log_penalty(samples)
    ln_mean = float(special.logsumexp(gained))
    shares = np.exp(gained - ln_mean)
    if np.sum(shares**2) * ENOUGH_DRAWS > 1.0:
        bare = analysis.with_overrides([f"constraints.{name}.form=off" for name in names])
        own = run_nested(bare, seed, setting)
        return own.ln_z, own.ln_z_error
    spread = math.sqrt(float(np.sum((shares - np.exp(log_weights)) ** 2)))
    return run.ln_z + ln_mean, math.hypot(run.ln_z_error, spread)


def ln_allowed_share(analysis: Analysis, rng: np.random.Generator) -> tuple[float, float]:
    """Logarithm of the share of the prior that no exclusion refuses, and its Monte-Carlo error.

    Raises
    ------
    ConfigError
        If none of the draws is allowed.
    """
    n = PRIOR_DRAWS
    kept = sum(len(_allowed_part(analysis, min(CHUNK, n - first), rng)) for first in range(0, n, CHUNK))
    if not kept:
        raise ConfigError(f"exclusions: none of {n} draws of the prior is allowed, so there is no evidence to compute")
    share = kept / n
    return math.log(share), math.sqrt(share * (1.0 - share) / n) / share


def resampled(draws: FloatArray, log_weights: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """`n` of the draws (..., n_dim), of equal weight by systematic resampling, in random order."""
    cumulative = np.cumsum(np.exp(log_weights - np.max(log_weights)))
    ticks = (np.arange(n) + rng.random()) / n * cumulative[-1]
    found = np.minimum(np.searchsorted(cumulative, ticks), len(cumulative) - 1)
    return draws[rng.permutation(found)]


def _allowed_part(analysis: Analysis, n: int, rng: np.random.Generator) -> FloatArray:
    """Those of `n` draws of the unit cube that no exclusion refuses."""
    cube = rng.random((n, len(analysis.parameter_names)))
    return np.asarray(cube[analysis.log_exclusion(analysis.prior_transform(cube)) == 0.0])
