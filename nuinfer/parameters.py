"""Priors and the space of sampled parameters.

A prior is a normalised density in the sampled coordinate. A parameter has either a prior (then it is sampled) or a
fixed value. `ParameterSpace` is the only place that knows which column of theta holds which name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy import special

from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray

Coefficients = tuple[float, float, float]


class Prior(Protocol):
    """A normalised one-dimensional density with support [low, high]."""

    @property
    def low(self) -> float:
        """Lower end of the support."""
        ...

    @property
    def high(self) -> float:
        """Upper end of the support."""
        ...

    @property
    def centre(self) -> float:
        """Value taken by default: the middle of a uniform prior, the mean of a normal one."""
        ...

    @property
    def coefficients(self) -> Coefficients:
        """(a, b, c) of the log density a - b (x - c)^2 inside the support."""
        ...

    def quantile(self, u: FloatArray) -> FloatArray:
        """Inverse of the cumulative distribution, for u in [0, 1]."""
        ...


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
            raise ConfigError(
                f"uniform prior: low = {self.low}, high = {self.high}; both must be finite and low < high"
            )

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
            raise ConfigError(
                f"normal prior: mean = {self.mean} must be finite and inside low = {self.low}, high = {self.high}"
            )

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

    def __post_init__(self) -> None:
        if not self.total > 0.0:
            raise ConfigError(f"simplex prior: the other fractions leave {self.total:g}; give it a value")

    @property
    def low(self) -> float:
        """No less than nothing."""
        return 0.0

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


@dataclass(frozen=True)
class Parameter:
    """A named quantity: sampled if it has a prior, else fixed to `value`.

    Parameters
    ----------
    name : str
        Name with its unit.
    label : str
        What figures print, in LaTeX.
    prior : Prior, optional
        Density in the sampled coordinate.
    value : float, optional
        Fixed value.
    """

    name: str
    label: str
    prior: Prior | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        if (self.prior is None) == (self.value is None):
            raise ConfigError(f"parameters.{self.name}: give either a prior or a value")

    @property
    def centre(self) -> float:
        """Fixed value, or the centre of the prior."""
        if self.prior is not None:
            return self.prior.centre
        return float(self.value or 0.0)


@dataclass(frozen=True)
class ParameterSpace:
    """The sampled parameters, in the order of the columns of theta, and the fixed ones.

    Examples
    --------
    >>> space = ParameterSpace((Parameter("gamma", "g", Uniform(1.5, 4.0)), Parameter("norm", "n", value=1.0)))
    >>> space.names, float(space.unpack([2.5])["norm"])
    (('gamma',), 1.0)
    """

    parameters: tuple[Parameter, ...]
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(p.name for p in self.parameters if p.prior is not None))

    @property
    def n_dim(self) -> int:
        """Number of sampled parameters."""
        return len(self.names)

    @cached_property
    def sampled(self) -> tuple[tuple[Parameter, Prior], ...]:
        """The sampled parameters with their priors, in column order."""
        return tuple((p, p.prior) for p in self.parameters if p.prior is not None)

    @cached_property
    def bounds(self) -> FloatArray:
        """Support of the priors, shape (n_dim, 2)."""
        return np.array([[prior.low, prior.high] for _, prior in self.sampled]).reshape(self.n_dim, 2)

    def check(self, theta: ArrayLike) -> FloatArray:
        """`theta` as an array of shape (*batch, n_dim).

        Raises
        ------
        ConfigError
            If the last axis does not have n_dim entries.
        """
        array = np.asarray(theta, float)
        if array.shape[-1:] != (self.n_dim,):
            raise ConfigError(
                f"theta: shape {array.shape} must end in {self.n_dim} (the parameters {', '.join(self.names)})"
            )
        return array

    @cached_property
    def shares(self) -> tuple[int, ...]:
        """Columns of the fractions that share a simplex."""
        return tuple(k for k, (_, prior) in enumerate(self.sampled) if isinstance(prior, SimplexShare))

    @cached_property
    def _coefficients(self) -> tuple[float, FloatArray, FloatArray]:
        """Sum of the constants, weights and centres of `Prior.coefficients`."""
        constants, weights, centres = np.array([prior.coefficients for _, prior in self.sampled]).T
        return float(constants.sum()), weights, centres

    def log_prior(self, theta: ArrayLike) -> FloatArray:
        """Sum of the log densities, -inf outside the support, NaN for NaN; shape (*batch,)."""
        x = self.check(theta)
        constant, weights, centres = self._coefficients
        with np.errstate(over="ignore", invalid="ignore"):  # far away it is -inf, infinity is outside
            total = constant - np.square(x - centres) @ weights
        outside = np.any((x < self.bounds[:, 0]) | (x > self.bounds[:, 1]), axis=-1)
        if len(self.shares) > 1:
            with np.errstate(invalid="ignore", over="ignore"):
                outside |= x[..., self.shares].sum(axis=-1) > self.bounds[self.shares[0], 1]
        return np.where(outside, -np.inf, total)

    def prior_transform(self, u: ArrayLike) -> FloatArray:
        """Map the unit cube to parameters distributed like the prior, shape (*batch, n_dim) to the same.

        Of fractions on a simplex each takes its part of what the previous ones leave: for two of them
        f_1 = 1 - sqrt(1 - u_1) and f_2 = (1 - f_1) u_2, whose Jacobian is the constant 1/2.
        """
        cube = self.check(u)
        theta = np.stack([prior.quantile(cube[..., k]) for k, (_, prior) in enumerate(self.sampled)], axis=-1)
        for place, column in enumerate(self.shares):
            left = self.bounds[column, 1] - theta[..., self.shares[:place]].sum(axis=-1)
            theta[..., column] = left * SimplexShare(1.0, len(self.shares) - place).quantile(cube[..., column])
        return theta

    def into_prior(self, theta: ArrayLike, held: Iterable[int] = ()) -> FloatArray:
        """Fractions that add up to too much scaled down together, those of the columns `held` apart.

        It is continuous and leaves the points of the simplex where they are, so that a search may leave it.

        Parameters
        ----------
        theta : array_like, shape (*batch, n_dim)
            Points, each parameter within its bounds.
        held : iterable of int
            Columns that keep their values.
        """
        x = self.check(theta).copy()
        free = [k for k in self.shares if k not in set(held)]
        if len(self.shares) > 1 and free:
            kept = x[..., [k for k in self.shares if k not in free]].sum(axis=-1)
            left, wanted = self.bounds[free[0], 1] - kept, x[..., free].sum(axis=-1)
            below = left * (1.0 - 1e-15)  # whatever the rounding
            factor = np.divide(below, wanted, out=np.ones_like(wanted), where=wanted > left)
            x[..., free] *= factor[..., None]
        return x

    def centres(self, given: Mapping[str, float]) -> dict[str, float]:
        """Values of all parameters: those given, else the fixed value or the centre of the prior.

        Fractions on a simplex that are not given take equal parts of what the others leave.
        """
        values = {p.name: p.centre for p in self.parameters} | dict(given)
        names = [self.names[k] for k in self.shares]
        missing = [name for name in names if name not in given]
        if len(missing) < len(names):
            left = float(self.bounds[self.shares[0], 1]) - sum(given[name] for name in names if name in given)
            values |= dict.fromkeys(missing, max(left, 0.0) / (len(missing) + 1))
        return values

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """`n` draws from the prior, shape (n, n_dim)."""
        return self.prior_transform(rng.random((n, self.n_dim)))

    def unpack(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Named values, each of shape (*batch,) if sampled and () if fixed."""
        x = self.check(theta)
        column = {name: k for k, name in enumerate(self.names)}
        return {
            p.name: x[..., column[p.name]] if p.name in column else np.asarray(p.value, float) for p in self.parameters
        }
