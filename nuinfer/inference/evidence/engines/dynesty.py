"""Static nested sampling by dynesty, its random walks in lockstep (Speagle 2020, arXiv:1904.02180).

dynesty hands a queue of proposals to ``pool.map``. `LockstepPool` is such a pool that starts no process: it advances
the random walks of a whole queue together, step by step, each step one batch of the likelihood. A walk is dynesty's own
(uniform in an ellipsoid that is fixed for the walk, accepted above the threshold), and the queue is used as dynesty
uses that of a pool: a point proposed at an older threshold is taken if it lies above the present one.
"""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from nuinfer.errors import warn_once
from nuinfer.inference.evidence.nested import REMAINDER, Engine, NestedRun, Setting, Target, ln_allowed_share
from nuinfer.typing import FloatArray, IntArray

SHRINKAGES = 400  # simulated sequences of prior volumes
LIVE_PER_QUEUED = 8  # live points for every proposal of a queue; a longer queue wastes those that grow old
TRIES = 10  # points tried at once for every point that is sought while sampling the whole cube


def run(target: Target, seed: int, setting: Setting, checkpoint: Path | None, every_seconds: float) -> NestedRun:
    """Static nested sampling by dynesty, its random walks in lockstep."""
    import dynesty

    walk_seed, share_seed = np.random.SeedSequence(seed).spawn(2)
    size = max(1, setting.live // LIVE_PER_QUEUED)
    pool = LockstepPool(target, size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters of them, plateaus and slow starts, is handled here
        sampler = _restored(checkpoint, pool)
        going_on = sampler is not None
        if sampler is None:
            rng = np.random.default_rng(walk_seed)
            cube = target.allowed_points(setting.live, rng)
            theta = target.transform(cube)
            points = cube, theta, target.log_likelihood(theta)
            what = target.log_likelihood, target.transform, target.n_dim
            how = {"nlive": setting.live, "sample": "rwalk", "walks": setting.walks, "queue_size": size, "pool": pool}
            sampler = dynesty.NestedSampler(*what, live_points=points, rstate=rng, **how)
        how = {"dlogz": REMAINDER, "print_progress": False, "save_bounds": False}
        kept = {"checkpoint_file": checkpoint and str(checkpoint), "checkpoint_every": every_seconds}
        try:
            sampler.run_nested(**how, **kept, resume=going_on)
        except OSError as refused:
            warn_once(f"{checkpoint}: cannot be written ({refused.strerror}); a run that is killed starts over")
            sampler.run_nested(**how, resume=True)
    found = sampler.results
    log_likelihood = np.asarray(found.logl)
    dead = len(log_likelihood) - setting.live
    alive = np.concatenate([np.full(dead, setting.live), np.arange(setting.live, 0, -1)])
    ln_allowed, allowed_error = ln_allowed_share(target.analysis, np.random.default_rng(share_seed))
    shrinkage = _shrinkage_error(log_likelihood, alive, np.random.default_rng(share_seed))
    ln_z, error = float(found.logz[-1]) + ln_allowed, math.hypot(shrinkage, allowed_error)
    information, calls = float(found.information[-1]), int(np.sum(found.ncall))
    samples, log_weights = np.asarray(found.samples), np.asarray(found.logwt) - special.logsumexp(found.logwt)
    return NestedRun(ln_z, error, ln_allowed, allowed_error, information, calls, samples, log_weights, log_likelihood)


def _restored(checkpoint: Path | None, pool: LockstepPool) -> Any:
    """The sampler of a checkpoint, or None if there is none that can be read."""
    if checkpoint is None or not checkpoint.exists():
        return None
    import dynesty

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


class LockstepPool:
    """Pool for dynesty whose `map` evaluates a queue of proposals in batches.

    Parameters
    ----------
    target : Target
        What is integrated.
    size : int
        Length of the queue.
    """

    def __init__(self, target: Target, size: int) -> None:
        self._target, self.size = target, size

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """Apply a function of dynesty to every item."""
        from dynesty.internal_samplers import RWalkSampler, UnitCubeSampler

        queue = list(items)
        if function is RWalkSampler.sample:
            return self._walks(queue)
        if function is UnitCubeSampler.sample:
            return self._uniform(queue)
        return list(map(function, queue))

    def _evaluate(self, cube: FloatArray) -> tuple[FloatArray, FloatArray]:
        theta = self._target.transform(cube)
        return theta, self._target.log_likelihood(theta)

    def _walks(self, queue: list[Any]) -> list[Any]:
        """Random walks of all items, one step of all at a time."""
        from dynesty.internal_samplers import SamplerReturn

        first = queue[0]
        rng, threshold, walks = np.random.default_rng(first.rseed), first.loglstar, first.kwargs["walks"]
        cube = np.array([item.u for item in queue])
        axes = np.array([item.scale * item.axes for item in queue])
        n, n_dim = cube.shape
        theta, value = self._evaluate(cube)
        accepted: IntArray = np.zeros(n, int)
        for _ in range(walks):
            direction = rng.standard_normal((n, n_dim))
            radius = rng.random(n) ** (1.0 / n_dim)
            direction *= (radius / np.linalg.norm(direction, axis=1))[:, None]
            proposed = cube + np.einsum("nij,nj->ni", axes, direction)
            inside = np.flatnonzero(np.all((proposed > 0.0) & (proposed < 1.0), axis=1))
            if not inside.size:
                continue
            there, at = self._evaluate(proposed[inside])
            better = at > threshold
            moved = inside[better]
            cube[moved], theta[moved], value[moved] = proposed[moved], there[better], at[better]
            accepted[moved] += 1
        ended = []
        for k, taken in enumerate(accepted.tolist()):
            tuning = {"accept": taken, "reject": walks - taken, "scale": queue[k].scale}
            stats = {"n_accept": taken, "n_reject": walks - taken}
            ended.append(SamplerReturn(cube[k], theta[k], float(value[k]), walks, [], tuning, stats))
        return ended

    def _uniform(self, queue: list[Any]) -> list[Any]:
        """For every item a point drawn uniformly from the part of the cube above the threshold."""
        from dynesty.internal_samplers import SamplerReturn

        first = queue[0]
        rng, threshold, n_dim = np.random.default_rng(first.rseed), first.loglstar, first.kwargs["ndim"]
        found: list[tuple[FloatArray, FloatArray, float, int]] = []
        tries = 0  # since the last point found
        while len(found) < len(queue):
            cube = rng.random((TRIES * (len(queue) - len(found)), n_dim))
            theta, value = self._evaluate(cube)
            hits = np.flatnonzero(value > threshold)
            for before, k in zip([-1, *hits[:-1]], hits, strict=False):
                found.append((cube[k], theta[k], float(value[k]), tries + int(k - before)))
                tries = 0
            tries += len(cube) - 1 - int(hits[-1]) if hits.size else len(cube)
        return [
            SamplerReturn(u, v, value, calls, [], tuning_info=None, proposal_stats={"n_proposals": calls})
            for u, v, value, calls in found[: len(queue)]
        ]


ENGINE = Engine("dynesty", run, "dynesty", extra="compare")
