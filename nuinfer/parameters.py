"""What the parameters are, and the space of those that an analysis samples.

A parameter has either a prior (then it is sampled) or a fixed value. `PARAMETERS` says what each one is; those that
only a spectrum or a source has are defined in its file. `ParameterSpace` is the only place that knows which column of
theta holds which name.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import EllipsisType, MappingProxyType
from typing import Any

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.priors import Normal, Prior, SimplexShare, Uniform
from nuinfer.typing import ArrayLike, BoolArray, FloatArray
from nuinfer.unpack import Layout, unpack

Range = tuple[float, float]
ANY: Range = (-math.inf, math.inf)
POSITIVE: Range = (0.0, math.inf)
POWERS: Range = (-100.0, 100.0)
SIMPLEX = ("f_e", "f_mu")
STERILE_MASS = "sterile_mass_ev"
MASSES = ("m_nu_ev", "lightest_nu_mass_ev", STERILE_MASS)
LOG10 = "log10_"
PHI_UNIT = "1e-18 GeV^-1 cm^-2 s^-1 sr^-1"


def in_units(name: str, *values: float) -> tuple[str, list[float]]:
    """A parameter that is sampled in its logarithm as the quantity itself, any other as it is.

    Examples
    --------
    >>> in_units("log10_g_prime", -5.0, -4.0), in_units("gamma", 2.5)
    (('g_prime', [1e-05, 0.0001]), ('gamma', [2.5]))
    """
    is_log = name.startswith(LOG10)
    return name.removeprefix(LOG10), [10.0**value if is_log else value for value in values]


@dataclass(frozen=True)
class Definition:
    """What a parameter is, wherever it appears.

    Parameters
    ----------
    name, label, unit, meaning : str
        Name with its unit, what figures print in LaTeX, the unit by itself, and one line for tables.
    domain : tuple of float
        Values that have a meaning.
    default : Prior or float
        Density, or fixed value, unless the configuration says otherwise.
    exists : callable
        From ``[model]`` of a configuration to whether it has the parameter; those of a spectrum or a source exist where
        that is chosen.
    before : Prior, float, None or ...
        What 0.1.0 had as its default, None if it did not know the parameter; by default the same.
    """

    name: str
    label: str
    unit: str
    meaning: str
    domain: Range
    default: Prior | float
    exists: Callable[[Any], bool] = lambda _: True
    before: Prior | float | EllipsisType | None = ...


def _absorbed(*masses: str) -> Callable[[Any], bool]:
    """Whether a model has a mediator, and one of these kinds of masses."""
    return lambda model: bool(model.absorption and model.masses in masses)


# fmt: off
_FLUX = (
    Definition("log10_m_zprime_mev", r"$\log_{10}(m_{Z'}/\mathrm{MeV})$", "", "mass of the mediator in MeV",
               POWERS, Uniform(0.0, 1.7), _absorbed("degenerate", "split")),
    Definition("log10_g_prime", r"$\log_{10} g'$", "", "coupling of the mediator",
               POWERS, Uniform(-6.0, -2.5), _absorbed("degenerate", "split")),
    Definition("m_nu_ev", r"$m_\nu\ [\mathrm{eV}]$", "eV", "mass of three degenerate neutrinos",
               POSITIVE, Uniform(0.05, 0.0833), _absorbed("degenerate")),
    Definition("lightest_nu_mass_ev", r"$m_\mathrm{lightest}\ [\mathrm{eV}]$", "eV", "mass of the lightest neutrino",
               POSITIVE, Uniform(0.003, 0.1), _absorbed("split")),
    Definition(STERILE_MASS, r"$m_s\ [\mathrm{eV}]$", "eV", "mass of a sterile neutrino among the relics",
               POSITIVE, Uniform(0.1, 1.0), lambda model: bool(model.absorption and model.sterile), before=None),
    Definition("gamma", r"$\gamma$", "", "spectral index", ANY, Uniform(1.5, 4.0)),
    Definition("phi_total", r"$\phi_\mathrm{total}$", PHI_UNIT, "unabsorbed flux of all flavours at 100 TeV",
               POSITIVE, Uniform(0.0, 20.0)),
)
_DETECTOR = (
    Definition("norm_conventional", r"$N_\mathrm{conv}$", "", "atmospheric neutrinos from pions and kaons over nominal",
               POSITIVE, Normal(1.0, 0.4, 0.0)),
    Definition("norm_muon", r"$N_\mu$", "", "penetrating muons over nominal", POSITIVE, Normal(1.0, 0.5, 0.0)),
    Definition("norm_prompt", r"$N_\mathrm{prompt}$", "", "atmospheric neutrinos from charm over nominal",
               POSITIVE, 0.0),
    Definition("detector_scale", r"$\epsilon_\mathrm{det}$", "", "efficiency of the detector over nominal",
               POSITIVE, Normal(1.0, 0.1, 0.0)),
    Definition("energy_scale", r"$\epsilon_E$", "", "deposited energies over nominal",
               (0.5, 1.5), Normal(1.0, 0.1, 0.5, 1.5)),
    Definition("tilt_conventional", r"$\Delta\gamma_\mathrm{conv}$", "",
               "steepness of atmospheric neutrinos from pions and kaons less nominal", ANY, 0.0, before=None),
)
# fmt: on

DETECTOR = tuple(d.name for d in _DETECTOR)
"""Names of those that only counts of events have."""

PARAMETERS: Mapping[str, Definition] = MappingProxyType({d.name: d for d in _FLUX + _DETECTOR})
"""The parameters of every model, by name, in the order of the columns of theta."""

GAMMA_WITH_SHAPE = replace(PARAMETERS["gamma"], default=Uniform(0.0, 5.0))
"""The spectral index where a spectrum has more numbers for its shape, so that it is not that of the whole spectrum."""


def with_own(own: Iterable[Definition]) -> dict[str, Definition]:
    """`PARAMETERS` with those of spectra and sources, which follow the flux or take the place of the same name.

    Examples
    --------
    >>> list(with_own([Definition("beta", "b", "", "curvature", ANY, 0.0)]))[6:8]
    ['phi_total', 'beta']
    """
    return {d.name: d for d in (*_FLUX, *own, *_DETECTOR)}


DERIVED: Mapping[str, str] = MappingProxyType({
    "m_zprime_mev": r"$m_{Z'}\ [\mathrm{MeV}]$",
    "g_prime": r"$g'$",
    "log10_e_res_gev": r"$\log_{10}(E_\mathrm{dip}/\mathrm{GeV})$",
})  # fmt: skip
"""What `Analysis.derived` gives where there is a mediator, with labels; the last is the dip of the heaviest target."""


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
    domain : tuple of float
        Values that have a meaning.
    """

    name: str
    label: str
    prior: Prior | None = None
    value: float | None = None
    domain: Range = ANY

    def __post_init__(self) -> None:
        if (self.prior is None) == (self.value is None):
            raise ConfigError(f"parameters.{self.name}: give either a prior or a value")
        if self.value is not None:
            self.check(self.value)

    @property
    def centre(self) -> float:
        """Fixed value, or the centre of the prior."""
        return float(self.value or 0.0) if self.prior is None else self.prior.centre

    @property
    def range(self) -> Range:
        """Support of the prior, or the fixed value twice."""
        return (self.centre, self.centre) if self.prior is None else (self.prior.low, self.prior.high)

    def check(self, value: float) -> None:
        """Refuse a value that has no meaning: a negative flux or norm, an overflow.

        Raises
        ------
        ConfigError
            Naming the parameter, the value and its range.
        """
        low, high = self.domain
        if math.isnan(value) or not low <= value <= high:
            raise ConfigError(f"parameters.{self.name}: {value} is not allowed, it must be in [{low:g}, {high:g}]")


@dataclass(frozen=True)
class ParameterSpace:
    """The sampled parameters, in the order of the columns of theta, and the fixed ones.

    Examples
    --------
    >>> space = ParameterSpace((Parameter("gamma", "g", Uniform(1.5, 4.0)), Parameter("norm", "n", value=1.0)))
    >>> space.names, space.unpack(np.array([[2.5]]))[0].tolist()
    (('gamma',), [[2.5], [1.0]])
    """

    parameters: tuple[Parameter, ...]

    @cached_property
    def sampled(self) -> tuple[tuple[Parameter, Prior], ...]:
        """The sampled parameters with their priors, in column order."""
        return tuple((p, p.prior) for p in self.parameters if p.prior is not None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the sampled parameters, in column order."""
        return tuple(p.name for p, _ in self.sampled)

    @cached_property
    def n_dim(self) -> int:
        """Number of sampled parameters."""
        return len(self.sampled)

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
            names = ", ".join(self.names)
            raise ConfigError(f"theta: shape {array.shape} must end in {self.n_dim} (the parameters {names})")
        return array

    @cached_property
    def shares(self) -> tuple[int, ...]:
        """Columns of the fractions that share a simplex."""
        return tuple(k for k, (_, prior) in enumerate(self.sampled) if isinstance(prior, SimplexShare))

    @cached_property
    def value_names(self) -> tuple[str, ...]:
        """Names of the values of a point: parameters, and what has a logarithm among them."""
        names = [p.name for p in self.parameters]
        return (*names, *(name.removeprefix(LOG10) for name in names if name.startswith(LOG10)))

    @cached_property
    def _layout(self) -> Layout:
        columns = {name: k for k, name in enumerate(self.names)}
        known = {p.name: p for p in self.parameters}
        sources = [known.get(name) or known[LOG10 + name] for name in self.value_names]
        constants, weights, centres = np.array([prior.coefficients for _, prior in self.sampled]).T.copy()
        column = np.array([columns.get(p.name, -1) for p in sources], np.intp)
        fixed, power = [p.centre for p in sources], [name not in known for name in self.value_names]
        low, high = self.bounds.T.copy()
        share_total = float(high[self.shares[0]]) if self.shares else 0.0
        return Layout(
            column, np.array(fixed), np.array(power), low, high, weights, centres,
            float(constants.sum()), share_total, np.array(self.shares, np.intp),
        )  # fmt: skip

    def named(self, columns: FloatArray) -> dict[str, FloatArray]:
        """Named values from those of `unpack`, contiguous, as the compiled functions know them."""
        return dict(zip(self.value_names, np.ascontiguousarray(columns), strict=True))

    def unpack(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Values of points of shape (n, n_dim).

        Returns
        -------
        values : ndarray, shape (value, n)
            In the order of `value_names`, fixed ones included, logarithms undone.
        log_prior : ndarray, shape (n,)
            Log density, -inf outside the support, NaN for NaN.
        finite : ndarray, shape (n,)
            Whether all values are finite.
        """
        return unpack(np.ascontiguousarray(theta), self._layout)

    def log_prior(self, theta: ArrayLike) -> FloatArray:
        """Sum of the log densities, -inf outside the support, NaN for NaN; shape (*batch,)."""
        x = self.check(theta)
        return self.unpack(x.reshape(-1, self.n_dim))[1].reshape(x.shape[:-1])

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

    def point(self, at: Mapping[str, float]) -> dict[str, float]:
        """Values of all parameters as `centres` has them, from names that may be those of the logarithms undone.

        Raises
        ------
        ConfigError
            For an unknown name, or a value that has no meaning.
        """
        names, given = [p.name for p in self.parameters], {}
        for name, value in at.items():
            if name in names:
                given[name] = value
            elif LOG10 + name not in names:
                raise ConfigError(f"parameter '{name}': not one of {', '.join(names)}")
            elif not value > 0.0:
                raise ConfigError(f"parameter '{name}': {value} is not allowed, it must be positive")
            else:
                given[LOG10 + name] = math.log10(value)
        values = self.centres(given)
        self.check_values(values)
        return values

    def check_values(self, values: Mapping[str, float]) -> None:
        """Refuse values that have no meaning, by themselves or together.

        Raises
        ------
        ConfigError
            Naming the parameter, the value and its range.
        """
        for parameter in self.parameters:
            if parameter.name in values:
                parameter.check(values[parameter.name])
        total = sum(values.get(name, 0.0) for name in SIMPLEX)
        if total > 1.0:
            raise ConfigError(f"parameters.{' + '.join(SIMPLEX)}: {total:g} is not allowed, it must be at most 1")

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """`n` draws from the prior, shape (n, n_dim)."""
        return self.prior_transform(rng.random((n, self.n_dim)))


def physical_values(values: Mapping[str, ArrayLike]) -> dict[str, FloatArray]:
    """Named values with the logarithms undone: ``m_zprime_mev`` beside ``log10_m_zprime_mev``, and so on."""
    named = {name: np.asarray(value, float) for name, value in values.items()}
    powers = {name.removeprefix(LOG10): np.power(10.0, v) for name, v in named.items() if name.startswith(LOG10)}
    return named | powers


def physical_point(at: Mapping[str, float]) -> dict[str, FloatArray]:
    """The same of one point, as a batch of it."""
    return physical_values({name: np.full(1, value) for name, value in at.items()})
