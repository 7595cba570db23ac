"""Have the chains converged.

Autocorrelation times are those of a whole ensemble (`emcee.autocorr.integrated_time` over its walkers), effective
sample sizes add up over ensembles, and R-hat compares ensembles: walkers of one ensemble are not independent.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from emcee import autocorr
from scipy import ndimage

from nuinfer.export import arviz_adapter
from nuinfer.typing import FloatArray, IntArray

RHAT_MAX = 1.01
STEPS_PER_TAU = 50.0
MODE_VALLEY = 0.5  # density between two modes, in units of the lower one


@dataclass(frozen=True)
class Verdict:
    """State of the chains after a number of steps.

    Parameters
    ----------
    steps : int
        Steps of each ensemble, the discarded ones included.
    discard, thin : int
        Defaults for reading the chains: burn-in and half the shortest autocorrelation time.
    tau : array, shape (ensemble, n_dim)
        Integrated autocorrelation time in steps; infinite where a walker has never moved.
    ess, rhat : array, shape (n_dim,)
        Effective sample size of all ensembles together; rank-normalised split R-hat between them.
    missing : tuple of str
        What is missing for convergence, empty if nothing.
    needed_steps : float
        Guess of the steps at which the criteria will be met, infinite if unknown.
    """

    steps: int
    discard: int
    thin: int
    tau: FloatArray
    ess: FloatArray
    rhat: FloatArray
    missing: tuple[str, ...]
    needed_steps: float

    @property
    def converged(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    @property
    def steps_per_tau(self) -> float:
        """Kept steps per autocorrelation time of the slowest parameter and ensemble."""
        return float((self.steps - self.discard) / np.max(self.tau))


def autocorrelation_times(chain: FloatArray) -> FloatArray:
    """Integrated autocorrelation time of one ensemble, in steps.

    Parameters
    ----------
    chain : array, shape (step, walker, n_dim)
        Steps in order.

    Returns
    -------
    array, shape (n_dim,)
        At least 1; infinite where it is not defined. The estimate is low by about ten tau over the number of steps.
        Beyond 1024 steps the chain is strided, which makes tau larger where it is not long against the stride.
    """
    stride = max(1, len(chain) // 1024)
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = stride * autocorr.integrated_time(chain[::stride], tol=0)
    return np.where(np.isfinite(tau), np.maximum(tau, 1.0), np.inf)


def tau_against_length(chain: FloatArray, points: int = 10) -> tuple[IntArray, FloatArray]:
    """Estimates of the autocorrelation time from the first part of the chains, longer and longer.

    A chain is long enough where the estimate, which is low for short chains, has stopped growing and lies below the
    length over 50.

    Parameters
    ----------
    chain : array, shape (ensemble, step, walker, n_dim)
        Steps without the burn-in.
    points : int
        Lengths, at most; evenly spaced in their logarithm.

    Returns
    -------
    lengths : array, shape (length,)
        Steps.
    tau : array, shape (length, ensemble, n_dim)
        In steps.
    """
    steps = chain.shape[1]
    lengths = np.unique(np.geomspace(min(max(20, steps // 30), steps), steps, points).astype(int))
    return lengths, np.array([[autocorrelation_times(one[:length]) for one in chain] for length in lengths])


def transient(log_prob: FloatArray) -> int:
    """First step at which the mean log-probability has come within two deviations of its late level.

    Parameters
    ----------
    log_prob : array, shape (step, walker)
        Log-probability of one ensemble; the level is that of the second half.
    """
    mean = np.mean(log_prob, axis=1)
    late = mean[len(mean) // 2 :]
    return int(np.argmax(mean >= np.mean(late) - 2.0 * np.std(late)))


def diagnose(chain: FloatArray, log_prob: FloatArray, names: Sequence[str], target_ess: float) -> Verdict:
    """Judge the chains.

    Converged means for every parameter: effective sample size >= `target_ess`, R-hat < 1.01, and at least 50
    autocorrelation times kept in every ensemble; and R-hat < 1.01 for the indicator of every mode of a parameter, which
    means that the ensembles, which start from different regions, agree about its weight. Discarded are five
    autocorrelation times (of the second half of the chain, from every fourth walker) and never less than the initial
    rise of the log-probability; at most half of it.

    Parameters
    ----------
    chain : array, shape (ensemble, step, walker, n_dim)
        All steps.
    log_prob : array, shape (ensemble, step, walker)
        Their log-probabilities.
    names : sequence of str
        Parameters, in column order.
    target_ess : float
        Effective sample size asked for.
    """
    n_ensemble, steps, walkers, _ = chain.shape
    late_tau = max(float(np.max(autocorrelation_times(one[steps // 2 :, ::4]))) for one in chain)
    burn_in = max(5.0 * late_tau, *(transient(one) for one in log_prob))
    discard = math.ceil(min(burn_in, steps // 2))
    kept = chain[:, discard:]
    tau = np.array([autocorrelation_times(one) for one in kept])
    ess = walkers * np.sum((steps - discard) / tau, axis=0)
    thin = int(max(1.0, min(np.min(tau) / 2.0, (steps - discard) / 4.0)))
    draws = flattened(kept, thin, max_draws=20_000)
    rhat = np.array([arviz_adapter.rhat(draws[..., column]) for column in range(len(names))])
    per_tau = (steps - discard) / np.max(tau, axis=0)
    sizes, lengths = zip(names, ess, strict=True), zip(names, per_tau, strict=True)
    missing = [f"{name}: effective sample size {n:.0f} of {target_ess:g}" for name, n in sizes if n < target_ess]
    if n_ensemble > 1:  # a single ensemble cannot be compared: `summarise` warns
        apart = *zip(names, rhat, strict=True), *_rhat_of_modes(draws, names)
        missing += [f"{name}: R-hat {r:.4f}, must be < {RHAT_MAX}" for name, r in apart if not r < RHAT_MAX]
    tau_text = f"autocorrelation times of {STEPS_PER_TAU:g}"
    missing += [f"{name}: {n:.1f} {tau_text}" for name, n in lengths if not n > STEPS_PER_TAU]
    with np.errstate(divide="ignore"):
        growth = max(float(np.max(target_ess / ess)), float(np.max(STEPS_PER_TAU / per_tau)), 1.0)
    needed = growth * (steps - discard) + discard
    return Verdict(steps, discard, thin, tau, ess, rhat, tuple(missing), needed)


def modes(sample: FloatArray) -> list[tuple[float, float]]:
    """Intervals that hold one mode each of the density of a quantity, if there are at least two.

    A valley, where a smoothed histogram falls below half of the lower of its neighbouring modes, parts two intervals;
    those with less than 1 % of the draws do not count.

    Parameters
    ----------
    sample : array, shape (draw,)
        Draws.

    Examples
    --------
    >>> grid = np.linspace(-1.0, 1.0, 1001)
    >>> len(modes(np.concatenate([grid - 3.0, grid + 3.0]))), modes(grid)
    (2, [])
    """
    counts, edges = np.histogram(sample, bins=50)
    density = ndimage.gaussian_filter1d(counts.astype(float), 1.0, mode="nearest")
    cuts, peak, valley, where = [-np.inf], density[0], np.inf, 0
    for index, value in enumerate(density):
        if value < valley and value < MODE_VALLEY * peak:
            valley, where = value, index
        elif valley < MODE_VALLEY * min(value, peak):
            cuts.append(float(0.5 * (edges[where] + edges[where + 1])))
            peak, valley = value, np.inf
        if not np.isfinite(valley):
            peak = max(peak, value)
    found = itertools.pairwise([*cuts, np.inf])
    kept = [(low, high) for low, high in found if np.mean((sample >= low) & (sample < high)) >= 0.01]
    return kept if len(kept) > 1 else []


def _rhat_of_modes(draws: FloatArray, names: Sequence[str]) -> list[tuple[str, float]]:
    """R-hat of the indicator of every mode of every parameter; draws of shape (ensemble, draw, n_dim)."""
    found = []
    for name, values in zip(names, np.moveaxis(draws, -1, 0), strict=True):
        for low, high in modes(values.ravel()):
            inside = (values >= low) & (values < high)
            what = f"mode {name} in [{low:.3g}, {high:.3g}], {np.mean(inside):.0%} of the draws"
            found.append((what, arviz_adapter.rhat(inside.astype(float))))
    return found


def flattened(chain: FloatArray, thin: int, max_draws: int) -> FloatArray:
    """(ensemble, step, walker, n_dim) to (ensemble, draw, n_dim), in the order of the steps, thinned to a size."""
    n_ensemble, steps, walkers, n_dim = chain.shape
    stride = max(thin, math.ceil(steps * walkers / max_draws))
    return chain[:, ::stride].reshape(n_ensemble, -1, n_dim)
