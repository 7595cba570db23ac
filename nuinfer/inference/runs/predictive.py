"""Posterior predictive checks: p-values of the observed counts under the fitted model.

For every draw of the posterior one data set is simulated (Gelman, Meng and Stern 1996, Statistica Sinica 6, 733). The
p-value of a bin is the probability of as many events or more, ties counted half; the global ones compare the likelihood
ratio against the saturated model and the total number. They are conservative: the counts have been used for the fit.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from nuinfer.typing import ArrayLike, FloatArray

EXTREME = 0.005
"""A global p-value nearer than this to 0 or 1 is worth a warning; for bins it is divided by their number."""


@dataclass(frozen=True)
class PredictiveChecks:
    """Posterior predictive p-values.

    Parameters
    ----------
    bins : ndarray, shape (topology, bin)
        P(n_simulated > n_observed) + P(equal)/2; 0.5 is typical, near 0 an excess, near 1 a deficit.
    total : float
        The same for the total number of events.
    deviance : float
        P(deviance of simulated counts >= that of the observed ones); near 0 the model does not describe the counts.
    draws : int
        Posterior draws.
    """

    bins: FloatArray
    total: float
    deviance: float
    draws: int

    def warnings(self) -> list[str]:
        """What is extreme, one line each."""
        found = []
        if self.deviance < EXTREME:
            found.append(f"the model does not describe the counts: posterior predictive p = {self.deviance:.2g}")
        if not EXTREME < self.total < 1.0 - EXTREME:
            found.append(f"the total number of events is not described: posterior predictive p = {self.total:.2g}")
        limit = EXTREME / self.bins.size
        for topology, number in np.argwhere(np.minimum(self.bins, 1.0 - self.bins) < limit):
            p = self.bins[topology, number]
            found.append(f"topology {topology}, bin {number}: not described, posterior predictive p = {p:.2g}")
        return found


def predictive_checks(observed: ArrayLike, expected: ArrayLike, rng: np.random.Generator) -> PredictiveChecks:
    """Compare observed counts with those that draws of the posterior predict.

    Parameters
    ----------
    observed : array_like, shape (topology, bin)
        Observed counts.
    expected : array_like, shape (draw, topology, bin)
        Expected counts at draws of the posterior.
    rng : numpy.random.Generator
        Simulates one data set per draw for the deviance; the p-values of bins and total are sums over Poisson
        probabilities.

    Examples
    --------
    >>> checks = predictive_checks([[3.0, 9.0]], np.full((1000, 1, 2), 3.0), np.random.default_rng(1))
    >>> checks.bins.round(2).tolist(), checks.total < 0.03
    ([[0.46, 0.0]], True)
    """
    n, mu = np.asarray(observed, float), np.asarray(expected, float)
    simulated = rng.poisson(mu)
    worse = _deviance(simulated, mu) >= _deviance(n, mu)
    total = _mid_p(n.sum(), mu.sum(axis=(-2, -1)))
    return PredictiveChecks(_mid_p(n, mu), float(total), float(np.mean(worse)), len(mu))


def _mid_p(n: ArrayLike, mu: FloatArray) -> FloatArray:
    """P(more than n) + P(n)/2, averaged over the draws."""
    counts = np.asarray(n, float)
    above = special.gammainc(counts + 1.0, mu)
    at_least = np.where(counts > 0.0, special.gammainc(np.maximum(counts, 1.0), mu), 1.0)
    return np.asarray(np.mean(0.5 * (above + at_least), axis=0))


def _deviance(n: ArrayLike, mu: FloatArray) -> FloatArray:
    """Twice the log-likelihood ratio of the saturated model, summed over the bins."""
    counts = np.asarray(n, float)
    with np.errstate(divide="ignore"):
        ratio = special.xlogy(counts, counts) - special.xlogy(counts, mu)
    return np.asarray(2.0 * np.sum(ratio - counts + mu, axis=(-2, -1)))
