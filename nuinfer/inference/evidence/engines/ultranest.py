"""The evidence by ultranest, an implementation that shares nothing with dynesty: a cross-check.

It samples the whole prior, so that exclusions need no share of their own: where they apply ln L is a very negative
number, on which ultranest's treatment of plateaus rests. The share is counted beside it.
"""

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Iterator

import numpy as np

from nuinfer.inference.evidence.nested import REMAINDER, Engine, NestedRun, Setting, Target, ln_allowed_share
from nuinfer.typing import FloatArray

EXCLUDED = -1e100


def run(target: Target, seed: int, setting: Setting, *_checkpoint: object) -> NestedRun:
    """Evidence by ultranest's reactive nested sampling in ellipsoids and friends (Buchner 2021, arXiv:2101.09604).

    There is no checkpoint: a run that was killed starts over.
    """
    import ultranest

    def bounded(theta: FloatArray) -> FloatArray:
        return np.maximum(target.log_likelihood(theta), EXCLUDED)

    sampler_seed, share_seed = np.random.SeedSequence(seed).spawn(2)
    with _contained(int(sampler_seed.generate_state(1)[0])):
        names = list(target.analysis.parameter_names)
        sampler = ultranest.ReactiveNestedSampler(names, bounded, target.transform, vectorized=True)
        open_ended = {"dlogz": math.inf, "dKL": math.inf, "min_ess": 0}  # the number of live points decides the error
        quiet = {"show_status": False, "viz_callback": False}
        found = sampler.run(min_num_live_points=setting.live, frac_remain=REMAINDER, **open_ended, **quiet)
    drawn = found["weighted_samples"]
    weights = np.asarray(drawn["weights"], float)
    ln_allowed, allowed_error = ln_allowed_share(target.analysis, np.random.default_rng(share_seed))
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights / weights.sum())
    samples, log_likelihood = np.asarray(drawn["points"], float), np.asarray(drawn["logl"], float)
    ln_z, error, information = float(found["logz"]), float(found["logzerr"]), float(found["H"]) + ln_allowed
    calls = int(found["ncall"])
    return NestedRun(ln_z, error, ln_allowed, allowed_error, information, calls, samples, log_weights, log_likelihood)


@contextlib.contextmanager
def _contained(seed: int) -> Iterator[None]:
    """Without ultranest's log and warnings; numpy's global generator, which it uses, at a seed, and then as before."""
    logger, state = logging.getLogger("ultranest"), np.random.get_state()  # noqa: NPY002 - no other can be given to it
    level = logger.level
    logger.setLevel(logging.ERROR)
    np.random.seed(seed)  # noqa: NPY002 - likewise
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002 - likewise
        logger.setLevel(level)


ENGINE = Engine("ultranest", run, "ultranest", extra="ultranest")
