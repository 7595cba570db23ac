"""Poisson likelihood of binned counts."""

import math
from typing import Any

import numpy as np

from nuinfer.compiled import ALONE, barrier, compiled, each, inlined, inner, leads, points_of
from nuinfer.typing import ArrayLike, FloatArray, IntArray


def poisson_log_terms(observed: ArrayLike, expected: ArrayLike) -> FloatArray:
    """Log-probability of each bin, n ln(mu) - mu - ln(n!).

    Parameters
    ----------
    observed : array_like, shape (*bins,)
        Observed counts.
    expected : array_like, shape (*batch, *bins)
        Expected counts, >= 0.

    Returns
    -------
    ndarray, shape (*batch, *bins)
        0 where n = mu = 0, -inf where mu = 0 < n, NaN where mu < 0.

    Examples
    --------
    >>> poisson_log_terms([0, 2], [0.0, 2.0]).round(4).tolist()
    [0.0, -1.3069]
    """
    mu = np.asarray(expected, float)
    n = np.ascontiguousarray(np.broadcast_to(np.asarray(observed, float), mu.shape))
    return _poisson_terms(n.ravel(), np.ascontiguousarray(mu).ravel()).reshape(mu.shape)


@inlined
def _poisson(n: float, log_factorial: float, mu: float) -> float:
    if n > 0.0 or math.isnan(mu):
        return float(n * np.log(mu) - mu - log_factorial)
    return 0.0 - mu if mu >= 0.0 else math.nan


@compiled
def _poisson_terms(n: FloatArray, mu: FloatArray) -> FloatArray:
    terms = np.empty(n.size)
    for k in range(n.size):
        terms[k] = _poisson(n[k], math.lgamma(n[k] + 1.0), mu[k])
    return terms


@compiled
def log_factorials(counts: FloatArray) -> FloatArray:
    """Logarithms of n! for counts of any shape."""
    found = np.empty(counts.shape)
    for k in range(counts.size):
        found.flat[k] = math.lgamma(counts.flat[k] + 1.0)
    return found


def poisson_log_likelihood(
    observed: FloatArray, factorials: FloatArray, of: IntArray, components: FloatArray
) -> FloatArray:
    """Log-probability of all bins of a batch, whose rows may belong to different data sets.

    Parameters
    ----------
    observed, factorials : ndarray, shape (data set, topology, bin)
        Observed counts and their `log_factorials`.
    of : ndarray, shape (n,)
        The data set of each row.
    components : ndarray, shape (n, component, topology, bin)
        Expected counts.

    Returns
    -------
    ndarray, shape (n,)
    """
    out, terms = np.empty(components.shape[0]), np.empty(observed.shape[1:])
    weigh(ALONE, observed, factorials, of, components, terms, out)
    return out


@inner
def weigh(
    team: Any, observed: FloatArray, factorials: FloatArray, of: IntArray, components: FloatArray,
    terms: FloatArray, out: FloatArray,
) -> None:  # fmt: skip
    """`poisson_log_likelihood` of the points of a team, which shares the room `terms` (topology, bin)."""
    for b in points_of(team, out.size):
        k = of[b]
        for t in range(terms.shape[0]):
            for d in each(team, terms.shape[1]):
                mu = 0.0
                for c in range(components.shape[1]):
                    mu += components[b, c, t, d]
                terms[t, d] = _poisson(observed[k, t, d], factorials[k, t, d], mu)
        barrier(team)
        if leads(team):
            total = 0.0
            for t in range(terms.shape[0]):
                for d in range(terms.shape[1]):
                    total += terms[t, d]
            out[b] = total
        barrier(team)
