"""Static nested sampling by dynesty, its random walks in lockstep (Speagle 2020, arXiv:1904.02180)."""

from __future__ import annotations

import math
import pickle
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from nuinfer.inference.evidence.nested import PRIOR_DRAWS, REMAINDER, Engine, NestedRun, Setting, Target, allowed_share
from nuinfer.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from nuinfer.inference.evidence.lockstep import LockstepPool

SHRINKAGES = 400  # simulated sequences of prior volumes
LIVE_PER_QUEUED = 8  # live points for every proposal of a queue; a longer queue wastes those that grow old


def run(target: Target, seed: int, setting: Setting, checkpoint: Path | None, every_seconds: float) -> NestedRun:
    """Static nested sampling by dynesty, its random walks in lockstep."""
    import dynesty

    from nuinfer.inference.evidence.lockstep import LockstepPool  # loads dynesty

    walk_seed, share_seed = np.random.SeedSequence(seed).spawn(2)
    size = max(1, setting.live // LIVE_PER_QUEUED)
    pool = LockstepPool(target.transform, target.log_likelihood, size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters of them, plateaus and slow starts, is handled here
        sampler = _restored(checkpoint, pool)
        going_on = sampler is not None
        if sampler is None:
            rng = np.random.default_rng(walk_seed)
            cube = target.allowed_points(setting.live, rng)
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


ENGINE = Engine("dynesty", run, "dynesty")
