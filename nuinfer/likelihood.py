"""The density of binned counts: Poisson, or effective where the simulation behind the expected counts is finite.

A simulation of finite size gives the expected counts of a bin with a variance. Its effective likelihood (Argüelles,
Schneider, Yuan, JHEP 06 (2019) 030, arXiv:1901.04645) is that of a Poisson distribution whose mean is gamma
distributed, of shape mu^2/variance + 1 and rate mu/variance; without a variance it is Poisson. This is the only place
that knows it: log-probabilities, draws and tails.
"""

import math
from typing import Any

import numpy as np
from scipy import special

from nuinfer.compiled import ALONE, barrier, compiled, each, inlined, inner, leads, phase, points_of
from nuinfer.detector.response import Expected
from nuinfer.typing import ArrayLike, FloatArray, IntArray

CITATION = "Argüelles, Schneider, Yuan, JHEP 06 (2019) 030, arXiv:1901.04645"
"""Of the effective likelihood."""

LARGE = 10.0
"""From here on Stirling's series of ln Gamma, of five terms, is exact to the last digits."""

SMALL, FEW = 0.125, 16.0
"""Below the first so is the series of log(1 + x), of six terms; up to the second a product is sooner made."""


def data_log_terms(observed: ArrayLike, mean: ArrayLike, variance: ArrayLike = 0.0) -> FloatArray:
    """Log-probability of each bin.

    Parameters
    ----------
    observed : array_like, shape (*bins,)
        Observed counts.
    mean, variance : array_like, shape (*batch, *bins)
        Expected counts and their variance, both >= 0.

    Returns
    -------
    ndarray, shape (*batch, *bins)
        0 where n = mean = variance = 0, -inf where mean = 0 < n, NaN where mean < 0.

    Examples
    --------
    >>> data_log_terms([0, 2], [0.0, 2.0]).round(4).tolist()
    [0.0, -1.3069]
    >>> data_log_terms(2, 2.0, [0.0, 0.5, 2.0]).round(4).tolist()
    [-1.3069, -1.389, -1.5697]
    """
    n, mu, sigma2 = (np.asarray(each, float) for each in (observed, mean, variance))
    shape = np.broadcast_shapes(n.shape, mu.shape, sigma2.shape)
    flat = (np.broadcast_to(each, shape).ravel() for each in (n, mu, sigma2))
    return _terms(*flat).reshape(shape)


@inlined
def _poisson(n: float, log_factorial: float, mu: float) -> float:
    if n > 0.0 or math.isnan(mu):
        return float(n * np.log(mu) - mu - log_factorial)
    return 0.0 - mu if mu >= 0.0 else math.nan


@inlined
def _stirling(inverse: float) -> float:
    """Of x = 1/inverse: ln Gamma(x) - (x - 1/2) ln x + x - ln(2 pi)/2."""
    w = inverse * inverse
    return inverse * (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1260.0 - w * (1.0 / 1680.0 - w / 1188.0))))


@inlined
def _log1p_over(x: float) -> float:
    """log(1 + x)/x of x > 0."""
    if x >= SMALL:
        return math.log1p(x) / x
    half = 1.0 / (2.0 + x)
    w = (x * half) ** 2
    return 2.0 * half * (1.0 + w * (1 / 3 + w * (1 / 5 + w * (1 / 7 + w * (1 / 9 + w * (1 / 11 + w / 13))))))


@phase
def _log_rising(n: float, first: float, step: float) -> float:
    """Logarithm of first (first + step) ... (first + (n - 1) step), of any n > 0: step^n Gamma(n + a)/Gamma(a)."""
    if n <= FEW and n == math.floor(n) and 1e-15 < first < 1e15:
        product = first
        for k in range(1, int(n)):
            product *= first + k * step
        return float(np.log(product))
    if first < LARGE * step:
        a = first / step
        return float(math.lgamma(n + a) - math.lgamma(a) + n * math.log(step))
    share = n * step / first
    slope = _log1p_over(share)
    series = _stirling(step / (first + n * step)) - _stirling(step / first)
    return float(n * math.log(first) + n * (slope - 1.0) + (n - 0.5) * slope * share + series)


@phase
def _log_probability(n: float, log_factorial: float, mu: float, variance: float) -> float:
    """Of n events; with a = mu/r + 1 and b = 1/r, r = variance/mu, the form whose limit r = 0 is plain."""
    ratio = variance / mu if mu > 0.0 else 0.0
    if not ratio > 0.0:
        return _poisson(n, log_factorial, mu) if not variance > 0.0 or mu > 0.0 else -math.inf
    found = -(mu + (1.0 + n) * ratio) * _log1p_over(ratio) - log_factorial
    return found + _log_rising(n, mu + ratio, ratio) if n > 0.0 else found


@compiled
def _terms(n: FloatArray, mu: FloatArray, variance: FloatArray) -> FloatArray:
    terms = np.empty(n.size)
    for k in range(n.size):
        terms[k] = _log_probability(n[k], math.lgamma(n[k] + 1.0), mu[k], variance[k])
    return terms


@compiled
def log_factorials(counts: FloatArray) -> FloatArray:
    """Logarithms of n! for counts of any shape."""
    found = np.empty(counts.shape)
    for k in range(counts.size):
        found.flat[k] = math.lgamma(counts.flat[k] + 1.0)
    return found


def data_log_likelihood(observed: FloatArray, factorials: FloatArray, of: IntArray, expected: Expected) -> FloatArray:
    """Log-probability of all bins of a batch, whose rows may belong to different data sets.

    Parameters
    ----------
    observed, factorials : ndarray, shape (data set, topology, bin)
        Observed counts and their `log_factorials`.
    of : ndarray, shape (n,)
        The data set of each row.
    expected : Expected
        Of the rows, batch (n,).

    Returns
    -------
    ndarray, shape (n,)
    """
    out, terms = np.empty(expected.components.shape[0]), np.empty(observed.shape[1:])
    weigh(ALONE, observed, factorials, of, expected, terms, out)
    return out


@inner
def weigh(
    team: Any, observed: FloatArray, factorials: FloatArray, of: IntArray, expected: Expected,
    terms: FloatArray, out: FloatArray,
) -> None:  # fmt: skip
    """`data_log_likelihood` of the points of a team, which shares the room `terms` (topology, bin)."""
    components, variance = expected.components, expected.variance
    for b in points_of(team, out.size):
        k = of[b]
        for t in range(terms.shape[0]):
            for d in each(team, terms.shape[1]):
                mu = 0.0
                for c in range(components.shape[1]):
                    mu += components[b, c, t, d]
                terms[t, d] = _log_probability(observed[k, t, d], factorials[k, t, d], mu, variance[b, t, d])
        barrier(team)
        if leads(team):
            total = 0.0
            for t in range(terms.shape[0]):
                for d in range(terms.shape[1]):
                    total += terms[t, d]
            out[b] = total
        barrier(team)


def drawn_means(mean: ArrayLike, variance: ArrayLike, rng: np.random.Generator) -> FloatArray:
    """Means of Poisson distributions, one for each entry: gamma distributed where there is a variance, else as given.

    Parameters
    ----------
    mean, variance : array_like, shape (*batch, *bins)
        Expected counts and their variance.
    rng : numpy.random.Generator
        Not asked where no variance is.

    Returns
    -------
    ndarray, shape (*batch, *bins)
    """
    mu, sigma2 = np.broadcast_arrays(np.asarray(mean, float), np.asarray(variance, float))
    spread = (sigma2 > 0.0) & (mu > 0.0)
    means = np.array(mu)
    if spread.any():
        ratio = sigma2[spread] / mu[spread]
        means[spread] = rng.gamma(mu[spread] / ratio + 1.0, ratio)
    return means


def drawn(expected: Expected, rng: np.random.Generator) -> FloatArray:
    """Simulated counts, one data set for each row of a batch, shape (*batch, topology, bin)."""
    return rng.poisson(drawn_means(expected.total, expected.variance, rng)).astype(float)


def tail(observed: ArrayLike, means: FloatArray) -> FloatArray:
    """P(more than observed) + P(as many)/2 of Poisson distributions of given means, see `drawn_means`; shape of both.

    Examples
    --------
    >>> float(tail(0, np.array(np.log(2.0))))
    0.75
    """
    counts = np.asarray(observed, float)
    above = special.gammainc(counts + 1.0, means)
    at_least = np.where(counts > 0.0, special.gammainc(np.maximum(counts, 1.0), means), 1.0)
    return np.asarray(0.5 * (above + at_least))
