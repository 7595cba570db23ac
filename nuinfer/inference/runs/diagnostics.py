"""Have the chains converged.

The autocorrelation function is averaged over the walkers of all ensembles, about the mean of all of them: what walkers
or ensembles disagree about does not decay, and a short chain is not biased by its own mean. Effective sample sizes add
up over ensembles. R-hat compares ensembles, for walkers of one are not independent; their means have to agree within
their Monte-Carlo errors too. So many ensembles may be shorter than a single one, whose length alone has to say that
nothing was missed. ``tests/inference/test_stopping.py`` simulates what errors are worth when chains end by this rule.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage, special

from nuinfer.export import arviz_adapter
from nuinfer.typing import FloatArray, IntArray

RHAT_MAX = 1.01
STEPS_PER_TAU, LEAST_PER_TAU = 50.0, 10.0  # autocorrelation times, of all ensembles together and of each
SPREAD_P = 1e-3  # p-value of the spread of the ensembles' means, at least
WINDOW, LAGS = 5.0, 1024  # autocorrelation times over which the function is summed (Sokal), and steps, at most
LENGTHS = 10  # of the first part of the chains, at most
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
    tau : array, shape (n_dim,)
        Integrated autocorrelation time in steps; infinite where a walker has never moved.
    ess, rhat : array, shape (n_dim,)
        Effective sample size of all ensembles together; rank-normalised split R-hat between them.
    missing : tuple of str
        What is missing for convergence, that which takes longest first, empty if nothing.
    needed_steps : float
        Guess of the steps at which the criteria will be met, infinite if unknown.
    decides : str
        Name of the criterion that takes longest, blank if nothing is missing.
    """

    steps: int
    discard: int
    thin: int
    tau: FloatArray
    ess: FloatArray
    rhat: FloatArray
    missing: tuple[str, ...]
    needed_steps: float
    decides: str = ""

    @property
    def converged(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    @property
    def steps_per_tau(self) -> float:
        """Kept steps of each ensemble per autocorrelation time of the slowest parameter."""
        return float((self.steps - self.discard) / np.max(self.tau))


def least_length(ensembles: int) -> float:
    """Autocorrelation times that each of so many ensembles must last."""
    return max(STEPS_PER_TAU / ensembles, LEAST_PER_TAU)


def least_ess(ensembles: int, walkers: int) -> float:
    """Effective sample size of chains of `least_length`: a lower target makes no fit shorter."""
    return ensembles * walkers * least_length(ensembles)


def autocorrelation_times(chain: FloatArray) -> FloatArray:
    """Integrated autocorrelation time, in steps.

    Parameters
    ----------
    chain : array, shape (step, walker, n_dim) or (ensemble, step, walker, n_dim)
        Steps in order.

    Returns
    -------
    array, shape (n_dim,)
        At least 1; infinite where it is not defined. Where the chain is shorter than ten times this, it is a lower
        bound. Beyond 1024 steps the chain is strided, which makes tau larger where it is not long against the stride.
    """
    every = chain if chain.ndim == 4 else chain[None]
    stride = max(1, every.shape[1] // LAGS)
    x = every[:, ::stride]
    steps, lags = x.shape[1], np.arange(x.shape[1] // 2 + 1)[:, None]
    spectrum = fft.rfft(x - x.mean(axis=(0, 1, 2)), fft.next_fast_len(2 * steps, real=True), axis=1)
    power = np.mean(spectrum.real**2 + spectrum.imag**2, axis=(0, 2))
    covariance = fft.irfft(power, fft.next_fast_len(2 * steps, real=True), axis=0)[: len(lags)] / (steps - lags)
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = 2.0 * np.cumsum(covariance / covariance[0], axis=0) - 1.0
        enough = lags >= WINDOW * sums
    enough[-1] = True
    tau = stride * np.take_along_axis(sums, np.argmax(enough, axis=0)[None], axis=0)[0]
    return np.where(np.isfinite(tau), np.maximum(tau, 1.0), np.inf)


def tau_against_length(chain: FloatArray) -> tuple[IntArray, FloatArray]:
    """Estimates of the autocorrelation time from the first part of the chains, longer and longer.

    Chains are long enough where the estimate, which is low for short ones, has stopped growing and lies below the
    length over `least_length`.

    Parameters
    ----------
    chain : array, shape (ensemble, step, walker, n_dim)
        Steps without the burn-in.

    Returns
    -------
    lengths : array, shape (length,)
        Steps; evenly spaced in their logarithm.
    tau : array, shape (length, ensemble, n_dim)
        In steps.
    """
    steps = chain.shape[1]
    lengths = np.unique(np.geomspace(min(max(20, steps // 30), steps), steps, LENGTHS).astype(int))
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

    Converged means for every parameter: effective sample size >= `target_ess`; R-hat < 1.01; means of the ensembles
    that spread as their Monte-Carlo errors say (the p-value of chi^2 is at least 0.001); at least 50 autocorrelation
    times kept in all ensembles together and 10 in each. And R-hat < 1.01 for the indicator of every mode of a
    parameter, which means that the ensembles, which start from different regions, agree about its weight. Discarded are
    five autocorrelation times (of the second half of the chains, from every fourth walker) and never less than the
    initial rise of the log-probability; at most half of it.

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
    late_tau = float(np.max(autocorrelation_times(chain[:, steps // 2 :, ::4])))
    burn_in = max(5.0 * late_tau, *(transient(one) for one in log_prob))
    discard = math.ceil(min(burn_in, steps // 2))
    kept = chain[:, discard:]
    tau = np.where(np.any(np.ptp(kept, axis=1) == 0.0, axis=(0, 1)), np.inf, autocorrelation_times(kept))
    per_tau, least = (steps - discard) / tau, least_length(n_ensemble)
    ess = n_ensemble * walkers * per_tau
    thin = int(max(1.0, min(np.min(tau) / 2.0, (steps - discard) / 4.0)))
    draws = flattened(kept, thin, max_draws=20_000)
    rhat = np.array([arviz_adapter.rhat(draws[..., column]) for column in range(len(names))])
    sizes, lengths = zip(names, ess, strict=True), zip(names, per_tau, strict=True)
    with np.errstate(divide="ignore"):
        text = "effective sample size {:.0f} of {:g}"
        lacking = [
            (target_ess / n, "ESS", f"{name}: {text.format(n, target_ess)}") for name, n in sizes if n < target_ess
        ]
        text = "{:.1f} autocorrelation times of {:g}"
        lacking += [(least / n, "length", f"{name}: {text.format(n, least)}") for name, n in lengths if not n > least]
    if n_ensemble > 1:  # a single ensemble cannot be compared: `summarise` warns
        apart = *zip(names, rhat, strict=True), *_rhat_of_modes(draws, names)
        text = "R-hat {:.4f}, must be < " + str(RHAT_MAX)
        lacking += [(0.0, "R-hat", f"{name}: {text.format(r)}") for name, r in apart if not r < RHAT_MAX]
        spread = zip(names, spread_p(kept, ess), strict=True)
        text = "the ensembles' means differ, p = {:.1g}"
        lacking += [(0.0, "spread", f"{name}: {text.format(p)}") for name, p in spread if not p >= SPREAD_P]
    lacking.sort(key=lambda one: -one[0])  # of the others nobody knows how long they take
    growth, decides, _ = lacking[0] if lacking else (1.0, "", "")
    needed = max(float(growth), 1.0) * (steps - discard) + discard
    return Verdict(steps, discard, thin, tau, ess, rhat, tuple(text for *_, text in lacking), needed, decides)


def spread_p(kept: FloatArray, ess: FloatArray) -> FloatArray:
    """p-values, shape (n_dim,), of the spread of the ensembles' means, if each has its share of the sample size."""
    means, variance = np.mean(kept, axis=(1, 2)), np.var(kept, axis=(0, 1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        chi2 = np.sum((means - means.mean(axis=0)) ** 2, axis=0) * ess / (len(kept) * variance)
    return np.asarray(special.chdtrc(len(kept) - 1, chi2))


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
            place = f"above {low:.3g}" if high == np.inf else f"from {low:.3g} to {high:.3g}"
            place = f"below {high:.3g}" if low == -np.inf else place
            what = f"{name} {place}, {np.mean(inside):.0%} of the draws, not alike in all ensembles"
            found.append((what, arviz_adapter.rhat(inside.astype(float))))
    return found


def flattened(chain: FloatArray, thin: int, max_draws: int) -> FloatArray:
    """(ensemble, step, walker, n_dim) to (ensemble, draw, n_dim), in the order of the steps, thinned to a size."""
    n_ensemble, steps, walkers, n_dim = chain.shape
    stride = max(thin, math.ceil(steps * walkers / max_draws))
    return chain[:, ::stride].reshape(n_ensemble, -1, n_dim)
