"""Priors: normalised densities in the sampled coordinate.

Each has the ends `low` and `high` of its support, a `centre`, the `quantile` function, and the `coefficients` (a, b, c)
of its log density a - b (x - c)^2 inside the support.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy import special

from nuinfer.errors import ConfigError
from nuinfer.typing import FloatArray

Coefficients = tuple[float, float, float]


@dataclass(frozen=True)
class Uniform:
    """Constant density on [low, high].

    Raises
    ------
    ConfigError
        Unless low < high, both finite.

    Examples
    --------
    >>> float(Uniform(1.5, 4.0).quantile(np.array(0.5)))
    2.75
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            ends = f"low = {self.low}, high = {self.high}"
            raise ConfigError(f"uniform prior: {ends}; both must be finite and low < high")

    @property
    def centre(self) -> float:
        """Middle of the range."""
        return 0.5 * (self.low + self.high)

    @property
    def coefficients(self) -> Coefficients:
        """Of a constant."""
        return -math.log(self.high - self.low), 0.0, 0.0

    def quantile(self, u: FloatArray) -> FloatArray:
        """Inverse cumulative distribution."""
        return np.clip(self.low + u * (self.high - self.low), self.low, self.high)


@dataclass(frozen=True)
class Normal:
    """Normal density cut to [low, high] and normalised there.

    Raises
    ------
    ConfigError
        Unless sigma > 0, low < high and the mean is finite and inside.
    """

    mean: float
    sigma: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma) and self.sigma > 0.0):
            raise ConfigError(f"normal prior: sigma = {self.sigma} must be positive and finite")
        if not (math.isfinite(self.mean) and self.low < self.high and self.low <= self.mean <= self.high):
            ends = f"low = {self.low}, high = {self.high}"
            raise ConfigError(f"normal prior: mean = {self.mean} must be finite and inside {ends}")
        low, high = self._cumulative
        if not high > low:
            ends = f"low = {self.low} and high = {self.high}"
            raise ConfigError(f"normal prior: nothing of it lies between {ends}, sigma = {self.sigma} is too large")

    @property
    def centre(self) -> float:
        """The mean."""
        return self.mean

    @cached_property
    def _cumulative(self) -> tuple[float, float]:
        low, high = special.ndtr((np.array([self.low, self.high]) - self.mean) / self.sigma)
        return float(low), float(high)

    @property
    def coefficients(self) -> Coefficients:
        """Of a normal density, normalised on [low, high]."""
        low, high = self._cumulative
        norm = math.log(self.sigma * math.sqrt(2.0 * math.pi) * (high - low))
        return -norm, 0.5 / self.sigma**2, self.mean

    def quantile(self, u: FloatArray) -> FloatArray:
        """Inverse cumulative distribution."""
        low, high = self._cumulative
        return np.clip(self.mean + self.sigma * special.ndtri(low + u * (high - low)), self.low, self.high)


@dataclass(frozen=True)
class SimplexShare:
    """One of `n` fractions >= 0 whose sum is at most `total`, all together uniform on that simplex.

    Its density and quantiles are those of the joint prior's factors: `ParameterSpace` puts the `n` shares together,
    each following on what the previous ones leave.

    Parameters
    ----------
    total : float
        Largest sum of the fractions.
    n : int
        Number of fractions.

    Raises
    ------
    ConfigError
        Unless total > 0.

    Examples
    --------
    >>> SimplexShare(1.0, 2).quantile(np.array([0.0, 0.75, 1.0])).tolist()
    [0.0, 0.5, 1.0]
    """

    total: float
    n: int
    low: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        if not self.total > 0.0:
            raise ConfigError(f"simplex prior: the other fractions leave {self.total:g}; give it a value")

    @property
    def high(self) -> float:
        """No more than everything."""
        return self.total

    @property
    def centre(self) -> float:
        """The mean."""
        return self.total / (self.n + 1)

    @property
    def coefficients(self) -> Coefficients:
        """Equal part of the log joint density n!/total^n."""
        return math.lgamma(self.n + 1) / self.n - math.log(self.total), 0.0, 0.0

    def quantile(self, u: FloatArray) -> FloatArray:
        """Inverse cumulative distribution of the first share, Beta(1, n)."""
        return np.asarray(self.total * (1.0 - np.power(1.0 - u, 1.0 / self.n)))


Prior = Uniform | Normal | SimplexShare
