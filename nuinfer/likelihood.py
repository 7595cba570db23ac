"""The density of the data: of binned counts, or of measured fluxes with errors of two sides.

Counts are Poisson distributed, or effectively where the simulation behind the expected counts is finite.
A simulation of finite size gives the expected counts of a bin with a variance. Its effective likelihood (Argüelles,
Schneider, Yuan, JHEP 06 (2019) 030, arXiv:1901.04645) is that of a Poisson distribution whose mean is gamma
distributed, of shape mu^2/variance + 1 and rate mu/variance; without a variance it is Poisson.

A measured flux x with the errors +u and -l has, around the flux m of a model, the density of two half Gaussians that
meet at m: of width u below it (the model is above the measurement) and l above it. They have one height, so that the
integral over x is (u + l) sqrt(pi/2); with l = 0, an upper limit, the half below m is left. x may be negative: what is
measured fluctuates below nothing. This is the only place that knows all that: log-probabilities, draws and tails.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from nuinfer.compiled import ALONE, barrier, compiled, each, inlined, inner, leads, part, phase, points_of
from nuinfer.detector.response import Expected
from nuinfer.typing import ArrayLike, BoolArray, FloatArray, IntArray

CITATION = "Argüelles, Schneider, Yuan, JHEP 06 (2019) 030, arXiv:1901.04645"
"""Of the effective likelihood."""

LARGE = 10.0
"""From here on Stirling's series of ln Gamma, of five terms, is exact to the last digits."""

SMALL, FEW = 0.125, 16.0
"""Below the first so is the series of log(1 + x), of six terms; up to the second a product is sooner made."""


class Counting(NamedTuple):
    """Density of counts.

    Parameters
    ----------
    lowest : float
        Smallest value that data can have.
    """

    lowest: float = 0.0

    def means(self, mean: ArrayLike, variance: ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Means of Poisson distributions, one for each entry: gamma distributed where there is a variance."""
        mu, sigma2 = np.broadcast_arrays(np.asarray(mean, float), np.asarray(variance, float))
        spread = (sigma2 > 0.0) & (mu > 0.0)
        means = np.array(mu)
        if spread.any():
            ratio = sigma2[spread] / mu[spread]
            means[spread] = rng.gamma(mu[spread] / ratio + 1.0, ratio)
        return means

    def around(self, means: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Data around means, of the same shape."""
        return rng.poisson(means).astype(float)

    def deviance(self, data: FloatArray, mean: FloatArray) -> FloatArray:
        """Half the deviance from the best of all models in each bin."""
        return np.asarray(special.kl_div(data, mean), float)

    def excludes(self, observed: FloatArray) -> BoolArray:
        """Which of the data make means impossible, but for a mean of zero: none."""
        return np.zeros(observed.shape, bool)

    def tail(self, observed: ArrayLike, means: ArrayLike) -> FloatArray:
        """P(more than observed) + P(as many)/2 around given means, shape of both.

        Examples
        --------
        >>> float(COUNTING.tail(0, np.log(2.0)))
        0.75
        """
        counts, mu = np.asarray(observed, float), np.asarray(means, float)
        above = special.gammainc(counts + 1.0, mu)
        at_least = np.where(counts > 0.0, special.gammainc(np.maximum(counts, 1.0), mu), 1.0)
        return np.asarray(0.5 * (above + at_least))

    def tail_of_sum(self, observed: FloatArray, means: FloatArray, _simulated: FloatArray) -> FloatArray:
        """The same of the sum of all bins, for each of the means (n, topology, bin)."""
        return self.tail(observed.sum(), means.sum(axis=(-2, -1)))


class TwoPiece(NamedTuple):
    """Density of measured fluxes; its functions are those of `Counting`, and no mean has a variance.

    Parameters
    ----------
    up, low : ndarray, shape (bin,)
        Errors.
    log_norm : ndarray, shape (bin,)
        Logarithm of the integral over what is measured.
    lowest : float
        Smallest value that data can have.
    """

    up: FloatArray
    low: FloatArray
    log_norm: FloatArray
    lowest: float = -math.inf

    def means(self, mean: ArrayLike, _variance: ArrayLike, _rng: np.random.Generator) -> FloatArray:
        """Those that are given."""
        return np.asarray(mean, float)

    def around(self, means: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Data around means: on each side as often as its error is large."""
        below = rng.random(means.shape) * (self.up + self.low) < self.up
        return np.asarray(means + np.where(below, -self.up, self.low) * np.abs(rng.standard_normal(means.shape)))

    def deviance(self, data: FloatArray, mean: FloatArray) -> FloatArray:
        """Half the deviance, half a chi^2, from a model that goes through the data."""
        apart = np.subtract(data, mean)
        width = np.where(apart > 0.0, self.low, self.up)
        infinite = np.full(apart.shape, np.inf)
        return np.asarray(np.divide(apart**2, 2.0 * width**2, out=infinite, where=width > 0.0))

    def excludes(self, observed: FloatArray) -> BoolArray:
        """Which of the data make means impossible: limits that are above zero, as simulated ones may be."""
        return np.asarray((self.low == 0.0) & (observed > 0.0))

    def tail(self, observed: ArrayLike, means: ArrayLike) -> FloatArray:
        """P(more than observed) around given means, shape of both."""
        apart = np.asarray(observed, float) - np.asarray(means, float)
        above = apart > 0.0
        width = np.where(above, self.low, self.up)
        z = np.divide(np.abs(apart), width, out=np.full(apart.shape, np.inf), where=width > 0.0)
        side = 2.0 * width / (self.up + self.low) * special.ndtr(-z)
        return np.asarray(np.where(above, side, 1.0 - side))

    def tail_of_sum(self, observed: FloatArray, _means: FloatArray, simulated: FloatArray) -> FloatArray:
        """Whether the sum of simulated data exceeds that of the observed ones."""
        return np.asarray(simulated.sum(axis=(-2, -1)) > observed.sum(), float)


COUNTING = Counting()
Density = Counting | TwoPiece


def two_piece(up: ArrayLike, low: ArrayLike) -> TwoPiece:
    """The density of fluxes with given errors, up > 0, low >= 0."""
    widths = np.array(up, float).ravel(), np.array(low, float).ravel()
    return TwoPiece(*widths, np.log(math.sqrt(0.5 * math.pi) * np.add(*widths)))


def data_log_terms(
    observed: ArrayLike, mean: ArrayLike, variance: ArrayLike = 0.0, density: Density = COUNTING
) -> FloatArray:
    """Log-probability of each bin.

    Parameters
    ----------
    observed : array_like, shape (*bins,)
        Observed counts.
    mean, variance : array_like, shape (*batch, *bins)
        Expected counts and their variance, both >= 0.
    density : Counting or TwoPiece
        Of the data; then these are fluxes.

    Returns
    -------
    ndarray, shape (*batch, *bins)
        0 where n = mean = variance = 0, -inf where mean = 0 < n, NaN where mean < 0.

    Examples
    --------
    >>> data_log_terms([0, 2], [0.0, 2.0]).round(4).tolist()
    [0.0, -1.3069]
    >>> data_log_terms(2, 2.0, [0.0, 0.5, 2.0]).round(4).tolist()
    [-1.3069, -1.4205, -1.674]
    """
    n, mu, sigma2 = (np.asarray(each, float) for each in (observed, mean, variance))
    shape = np.broadcast_shapes(n.shape, mu.shape, sigma2.shape)
    data, means, variances = (np.broadcast_to(each, shape).ravel() for each in (n, mu, sigma2))
    return _terms(density, data, means, variances, n.size).reshape(shape)


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
def _log_count(n: float, log_factorial: float, mu: float, variance: float) -> float:
    """Of n events; with a = mu/r + 1 and b = 1/r, r = variance/mu, the form whose limit r = 0 is plain."""
    ratio = variance / mu if mu > 0.0 else 0.0
    if not ratio > 0.0:
        return _poisson(n, log_factorial, mu) if not variance > 0.0 or mu > 0.0 else -math.inf
    found = -(mu + (1.0 + n) * ratio) * _log1p_over(ratio) - log_factorial
    return found + _log_rising(n, mu + ratio, ratio) if n > 0.0 else found


@part
def _log_probability(density: Any, k: int, x: float, log_factorial: float, mean: float, variance: float) -> float:
    """Of data `x` in bin `k`."""
    raise NotImplementedError


@_log_probability.register(Counting)
def _of_counts(density: Counting, k: int, x: float, log_factorial: float, mean: float, variance: float) -> float:  # noqa: ARG001
    return _log_count(x, log_factorial, mean, variance)


@_log_probability.register(TwoPiece)
def _of_fluxes(density: TwoPiece, k: int, x: float, log_factorial: float, mean: float, variance: float) -> float:  # noqa: ARG001
    apart = x - mean
    width = density.low[k] if apart > 0.0 else density.up[k]
    if width > 0.0:
        z = apart / width
        return float(-0.5 * z * z - density.log_norm[k])
    return -math.inf


@compiled
def _terms(density: Any, x: FloatArray, mean: FloatArray, variance: FloatArray, n_bin: int) -> FloatArray:
    terms = np.empty(x.size)
    for k in range(x.size):
        terms[k] = _log_probability(density, k % n_bin, x[k], math.lgamma(x[k] + 1.0), mean[k], variance[k])
    return terms


@compiled
def log_factorials(counts: FloatArray) -> FloatArray:
    """Logarithms of n! for counts of any shape."""
    found = np.empty(counts.shape)
    for k in range(counts.size):
        found.flat[k] = math.lgamma(counts.flat[k] + 1.0)
    return found


def data_log_likelihood(
    observed: FloatArray, factorials: FloatArray, of: IntArray, expected: Expected, density: Density = COUNTING
) -> FloatArray:
    """Log-probability of all bins of a batch, whose rows may belong to different data sets.

    Parameters
    ----------
    observed, factorials : ndarray, shape (data set, topology, bin)
        Observed counts and their `log_factorials`.
    of : ndarray, shape (n,)
        The data set of each row.
    expected : Expected
        Of the rows, batch (n,).
    density : Counting or TwoPiece
        Of the data; fluxes have no factorials.

    Returns
    -------
    ndarray, shape (n,)
    """
    out, terms = np.empty(expected.components.shape[0]), np.empty(observed.shape[1:])
    weigh(ALONE, density, (observed, factorials, of), expected, terms, out)
    return out


@inner
def weigh(
    team: Any, density: Any, data: tuple[FloatArray, FloatArray, IntArray], expected: Expected, terms: FloatArray,
    out: FloatArray,
) -> None:  # fmt: skip
    """`data_log_likelihood` of the points of a team, which shares the room `terms` (topology, bin)."""
    observed, factorials, of = data
    components, variance = expected.components, expected.variance
    for b in points_of(team, out.size):
        k = of[b]
        for t in range(terms.shape[0]):
            for d in each(team, terms.shape[1]):
                mu = 0.0
                for c in range(components.shape[1]):
                    mu += components[b, c, t, d]
                at = t * terms.shape[1] + d
                terms[t, d] = _log_probability(
                    density, at, observed[k, t, d], factorials[k, t, d], mu, variance[b, t, d]
                )
        barrier(team)
        if leads(team):
            total = 0.0
            for t in range(terms.shape[0]):
                for d in range(terms.shape[1]):
                    total += terms[t, d]
            out[b] = total
        barrier(team)


def drawn(expected: Expected, rng: np.random.Generator, density: Density = COUNTING) -> FloatArray:
    """Simulated data, one data set for each row of a batch, shape (*batch, topology, bin)."""
    return density.around(density.means(expected.total, expected.variance, rng), rng)
