"""Have the chains converged, and what do they say.

Autocorrelation times are those of a whole ensemble (`emcee.autocorr.integrated_time` over its walkers), effective
sample sizes add up over ensembles, and R-hat compares ensembles: walkers of one ensemble are not independent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from emcee import autocorr
from scipy import ndimage

from nuinfer.export import arviz_adapter
from nuinfer.typing import FloatArray, IntArray

NOT_CONVERGED = "not converged: "
RHAT_MAX = 1.01
STEPS_PER_TAU = 50.0
DISCARD_TAUS = 5.0
POINTS_FOR_TAU = 1024  # steps that enter an estimate of tau; longer chains are strided
LENGTHS_FOR_TAU = 10
DRAWS_FOR_RHAT = 20_000  # per ensemble
DRAWS_FOR_INTERVALS = 200_000
MODE_BINS = 50  # over the range of the draws
MODE_VALLEY = 0.5  # density between two modes, in units of the lower one
MODE_SHARE = 0.01  # of the draws, at least
EDGE_BAND = 0.02  # of the prior range
EDGE_DENSITY = 0.3  # of the highest density; a Gaussian has it 1.55 sigma from its mean


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
    stride = max(1, len(chain) // POINTS_FOR_TAU)
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = stride * autocorr.integrated_time(chain[::stride], tol=0)
    return np.where(np.isfinite(tau), np.maximum(tau, 1.0), np.inf)


def tau_against_length(chain: FloatArray, points: int = LENGTHS_FOR_TAU) -> tuple[IntArray, FloatArray]:
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
    burn_in = max(DISCARD_TAUS * late_tau, *(transient(one) for one in log_prob))
    discard = math.ceil(min(burn_in, steps // 2))
    kept = chain[:, discard:]
    tau = np.array([autocorrelation_times(one) for one in kept])
    ess = walkers * np.sum((steps - discard) / tau, axis=0)
    thin = int(max(1.0, min(np.min(tau) / 2.0, (steps - discard) / 4.0)))
    draws = _flat(kept, thin, DRAWS_FOR_RHAT)
    rhat = np.array([arviz_adapter.rhat(draws[..., column]) for column in range(len(names))])
    per_tau = (steps - discard) / np.max(tau, axis=0)
    missing = [
        f"{name}: effective sample size {n:.0f} of {target_ess:g}"
        for name, n in zip(names, ess, strict=True)
        if n < target_ess
    ]
    if n_ensemble > 1:  # a single ensemble cannot be compared: `summarise` warns
        missing += [
            f"{name}: R-hat {r:.4f}, must be < {RHAT_MAX}"
            for name, r in (*zip(names, rhat, strict=True), *_rhat_of_modes(draws, names))
            if not r < RHAT_MAX
        ]
    missing += [
        f"{name}: {n:.1f} autocorrelation times of {STEPS_PER_TAU:g}"
        for name, n in zip(names, per_tau, strict=True)
        if not n > STEPS_PER_TAU
    ]
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
    counts, edges = np.histogram(sample, bins=MODE_BINS)
    density = ndimage.gaussian_filter1d(counts.astype(float), 1.0, mode="nearest")
    cuts, peak, valley = [-np.inf], density[0], np.inf
    where = 0
    for index, value in enumerate(density):
        if value < valley and value < MODE_VALLEY * peak:
            valley, where = value, index
        elif valley < MODE_VALLEY * min(value, peak):
            cuts.append(float(0.5 * (edges[where] + edges[where + 1])))
            peak, valley = value, np.inf
        if not np.isfinite(valley):
            peak = max(peak, value)
    found = list(itertools.pairwise([*cuts, np.inf]))
    shares = [float(np.mean((sample >= low) & (sample < high))) for low, high in found]
    kept = [interval for interval, share in zip(found, shares, strict=True) if share >= MODE_SHARE]
    return kept if len(kept) > 1 else []


def _rhat_of_modes(draws: FloatArray, names: Sequence[str]) -> list[tuple[str, float]]:
    """R-hat of the indicator of every mode of every parameter; draws of shape (ensemble, draw, n_dim)."""
    found = []
    for column, name in enumerate(names):
        values = draws[..., column]
        for low, high in modes(values.ravel()):
            inside = (values >= low) & (values < high)
            what = f"mode {name} in [{low:.3g}, {high:.3g}], {np.mean(inside):.0%} of the draws"
            found.append((what, arviz_adapter.rhat(inside.astype(float))))
    return found


def summarise(chain: FloatArray, verdict: Verdict, names: Sequence[str], prior_bounds: FloatArray) -> dict[str, Any]:
    """Summary of a run, as in ``summary.json``.

    Parameters
    ----------
    chain : array, shape (ensemble, step, walker, n_dim)
        All steps; the discarded ones are left out here.
    verdict : Verdict
        State of the chains.
    names : sequence of str
        Parameters, in column order.
    prior_bounds : array, shape (n_dim, 2)
        Support of the priors.

    Returns
    -------
    dict
        ``converged``, ``rhat_max``, ``ess_min``, ``steps``, ``parameters`` (``median``, ``hpd68``, ``hpd95``, ``ess``,
        ``rhat``, and ``limit95`` where the posterior piles up at one edge of the prior), ``warnings``.
    """
    draws = _flat(chain[:, verdict.discard :], max(1, verdict.thin), DRAWS_FOR_INTERVALS).reshape(-1, len(names))
    warnings = [] if verdict.converged else [NOT_CONVERGED + what for what in verdict.missing]
    if len(chain) < 2:
        warnings.append("a single ensemble: R-hat between ensembles is not defined")
    parameters: dict[str, dict[str, Any]] = {}
    for column, name in enumerate(names):
        sample, (low, high) = draws[:, column], prior_bounds[column]
        entry: dict[str, Any] = {
            "median": float(np.median(sample)),
            "hpd68": list(arviz_adapter.hdi(sample, 0.68)),
            "hpd95": list(arviz_adapter.hdi(sample, 0.95)),
            "ess": float(verdict.ess[column]),
            "rhat": float(verdict.rhat[column]),
        }
        edges = edges_reached(sample, low, high)
        if len(edges) == 1:
            entry["limit95"] = one_sided_limit(sample, low, high, edges[0])
        elif len(edges) == 2:
            warnings.append(f"{name}: the posterior reaches both edges of its prior, the data hardly constrain it")
        parameters[name] = entry
    return {
        "converged": verdict.converged,
        "rhat_max": float(np.max(verdict.rhat)),
        "ess_min": float(np.min(verdict.ess)),
        "steps": verdict.steps,
        "parameters": parameters,
        "warnings": warnings,
    }


def edges_reached(sample: FloatArray, low: float, high: float) -> tuple[str, ...]:
    """Edges of the prior, "low" or "high", at which the posterior piles up.

    The rule: in the outer 2 % of the prior range the density is more than 0.3 of the highest density in any such band,
    which for a Gaussian means a mean less than 1.55 sigma from the edge. An open end is replaced by the outermost draw
    and is never reached.

    Examples
    --------
    >>> edges_reached(np.linspace(0.0, 0.4, 1000), 0.0, 1.0)
    ('low',)
    """
    finite = low if np.isfinite(low) else np.min(sample), high if np.isfinite(high) else np.max(sample)
    counts, _ = np.histogram(sample, bins=round(1.0 / EDGE_BAND), range=finite)
    threshold = EDGE_DENSITY * np.max(counts)
    at_low, at_high = np.isfinite(low) and counts[0] > threshold, np.isfinite(high) and counts[-1] > threshold
    return tuple(edge for edge, reached in (("low", at_low), ("high", at_high)) if reached)


def one_sided_limit(sample: FloatArray, low: float, high: float, edge: str) -> dict[str, Any]:
    """95 % limit from the side away from `edge` ("low" or "high"), with the edge it depends on.

    Examples
    --------
    >>> one_sided_limit(np.arange(101.0), 0.0, 500.0, "low")
    {'side': 'upper', 'value': 95.0, 'prior_floor': 0.0}
    """
    upper = edge == "low"
    value = float(np.quantile(sample, 0.95 if upper else 0.05))
    return {"side": "upper" if upper else "lower", "value": value, "prior_floor": float(low if upper else high)}


def _flat(chain: FloatArray, thin: int, max_draws: int) -> FloatArray:
    """(ensemble, step, walker, n_dim) to (ensemble, draw, n_dim), in the order of the steps, thinned to a size."""
    n_ensemble, steps, walkers, n_dim = chain.shape
    stride = max(thin, math.ceil(steps * walkers / max_draws))
    return chain[:, ::stride].reshape(n_ensemble, -1, n_dim)
