"""What every external constraint is: a predicted observable, a measurement and a form.

The three forms, with ``x`` the observable predicted at (m_Z', g'), ``mu`` and ``sigma`` the measurement:

``two_sided``
    the normal density of the measurement, ``N(x; mu, sigma)``;
``one_sided``
    the same for ``x > mu``, and its peak value for every ``x <= mu`` (a Z' that does too little is never punished);
``exclusion``
    0 for ``x <= limit`` and -inf above, ``limit`` given by the config, the measurement, or ``mu + z sigma`` at the
    confidence level asked for (one-sided).

Densities are normalised in the measured value, so that the terms add up to an evidence. The helpers below are what
the files of the single constraints share: sourced numbers, tables, and the refusals.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy import special

from nuinfer.datafiles import DataFolder, locate
from nuinfer.errors import ConfigError, PhysicsDomainError
from nuinfer.typing import ArrayLike, FloatArray

Form = Literal["exclusion", "one_sided", "two_sided"]
Charges = tuple[float, float, float]
MassRange = tuple[float, float]
FOLDER = "constraints"
PLANE = ("m_zprime_mev", "g_prime")
"""What a constraint depends on, unless it says otherwise."""


@dataclass(frozen=True)
class Measurement:
    """A sourced number: `mean` +- `sigma`, or an upper `limit`, in the unit of the constraint's observable."""

    name: str
    reference: str
    mean: float | None = None
    sigma: float | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Constraint:
    """One term of the log-probability: a function of (m_Z', g'), or of the named values in `arguments`.

    Parameters
    ----------
    name : str
        Name of the term.
    form : {"exclusion", "one_sided", "two_sided"}
        How the measurement acts (module docstring).
    measurement : Measurement
        What was measured.
    predict : callable
        ``(m_zprime_mev, g_prime) -> observable``, or of `arguments`; broadcasting, picklable.
    standard_model : float
        The observable without a Z' (-inf where the observable is the logarithm of something that vanishes).
    confidence_level : float
        One-sided level of an exclusion that the measurement gives as mean and sigma.
    arguments : tuple of str
        Values of a point that `predict` takes: parameters, ``m_zprime_mev``, ``g_prime``, ``sum_nu_masses_ev``.
    files : tuple of (str, str)
        Paths of the user's files behind it, with their sha256.

    Raises
    ------
    ConfigError
        If the form is unknown or asks for more than the measurement gives, or a number is out of range.
    """

    name: str
    form: Form
    measurement: Measurement
    predict: Callable[..., FloatArray]
    standard_model: float
    confidence_level: float = 0.95
    arguments: tuple[str, ...] = PLANE
    files: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        measured = self.measurement
        if self.form not in get_args(Form):
            raise ConfigError(f"constraints.{self.name}.form: '{self.form}' is none of {', '.join(get_args(Form))}")
        gaussian = measured.mean is not None and measured.sigma is not None
        if self.form != "exclusion" and not gaussian:
            raise ConfigError(
                f"constraints.{self.name}.form: measurement '{measured.name}' is a limit, "
                "so the form can only be 'exclusion'"
            )
        if not gaussian and measured.limit is None:
            raise ConfigError(
                f"constraints.{self.name}.measurement: '{measured.name}' has neither a limit nor mean and sigma"
            )
        if measured.sigma is not None and not 0.0 < measured.sigma < math.inf:
            raise ConfigError(f"constraints.{self.name}: sigma {measured.sigma} of '{measured.name}' must be positive")
        if not 0.5 <= self.confidence_level < 1.0:
            raise ConfigError(
                f"constraints.{self.name}.confidence_level: {self.confidence_level} is outside the allowed [0.5, 1)"
            )

    @property
    def is_exclusion(self) -> bool:
        """Whether the term is 0 or -inf."""
        return self.form == "exclusion"

    @property
    def limit(self) -> float:
        """Largest allowed observable of an exclusion."""
        if self.measurement.limit is not None:
            return self.measurement.limit
        mean, sigma = self._gaussian()
        return mean + float(special.ndtri(self.confidence_level)) * sigma

    @property
    def in_plane(self) -> bool:
        """Whether it depends on (m_Z', g') and on nothing else."""
        return self.arguments == PLANE

    def log_term(self, *values: ArrayLike) -> FloatArray:
        """The term at the values of `arguments`, (m_Z', g') for most; shape ``(*batch,)``."""
        return self.log_term_of(self.predict(*(np.asarray(value, float) for value in values)))

    def log_term_of(self, observable: ArrayLike) -> FloatArray:
        """The term for a given value of the observable, shape ``(*batch,)``; NaN stays NaN."""
        value = np.asarray(observable, float)
        if self.is_exclusion:
            limit = self.limit
            return np.select([value <= limit, value > limit], [0.0, -np.inf], default=np.nan)
        mean, sigma = self._gaussian()
        pull = (value - mean) / sigma
        if self.form == "one_sided":
            pull = np.maximum(pull, 0.0)
        return np.asarray(-0.5 * pull**2 - math.log(sigma * math.sqrt(2.0 * math.pi)))

    def _gaussian(self) -> tuple[float, float]:
        mean, sigma = self.measurement.mean, self.measurement.sigma
        if mean is None or sigma is None:
            raise ConfigError(f"constraints.{self.name}.measurement: '{self.measurement.name}' has no mean and sigma")
        return mean, sigma


# Sourced numbers ------------------------------------------------------------------------------------------------------


def read_numbers(constraint: str) -> dict[str, Any]:
    """The TOML of a constraint: its sourced numbers and measurements."""
    return DataFolder.open(locate(FOLDER)).read_toml(f"{constraint}.toml")


def read_measurement(constraint: str, identifier: str) -> Measurement:
    """One measurement of a constraint by its id.

    Raises
    ------
    ConfigError
        If the id is unknown; the message lists the known ones.

    Examples
    --------
    >>> read_measurement("neff", "planck2018").sigma
    0.17
    """
    known = read_numbers(constraint)["measurements"]
    if identifier not in known:
        raise ConfigError(f"constraints.{constraint}.measurement: '{identifier}' is unknown; known: {', '.join(known)}")
    fields = {field.name for field in dataclasses.fields(Measurement)}
    return Measurement(name=identifier, **{key: value for key, value in known[identifier].items() if key in fields})


def with_limit(constraint: str, form: Form, measurement: Measurement, limit: float | None) -> Measurement:
    """The measurement with the limit the config asks for, if it does.

    Raises
    ------
    ConfigError
        If a limit is given to a form other than ``exclusion``, or is not finite.
    """
    if limit is None:
        return measurement
    if form != "exclusion":
        raise ConfigError(f"constraints.{constraint}.limit: {limit} is for the form 'exclusion' only, not for '{form}'")
    if not math.isfinite(limit):
        raise ConfigError(f"constraints.{constraint}.limit: {limit} must be a finite number")
    return dataclasses.replace(measurement, limit=limit)


# Rates ----------------------------------------------------------------------------------------------------------------


def quadratic_rate(g_prime: ArrayLike, linear: ArrayLike, quadratic: ArrayLike) -> FloatArray:
    """Rate over that of the Standard Model, 1 + linear g'^2 + quadratic g'^4: amplitudes that add to the weak one.

    Parameters
    ----------
    g_prime : array_like, shape (*batch,)
        Coupling.
    linear, quadratic : array, broadcasting to (*batch,)
        Coefficients at the mediator mass.

    Examples
    --------
    >>> float(quadratic_rate(2.0, 1.0, 0.5))
    13.0
    """
    coupling2 = np.square(np.asarray(g_prime, float))
    return np.asarray(1.0 + coupling2 * (np.asarray(linear) + coupling2 * np.asarray(quadratic)))


# Refusals -------------------------------------------------------------------------------------------------------------


def lmu_ltau_strength(constraint: str, charges: Charges) -> float:
    """``|q|`` of the charges ``(0, q, -q)``, for which the constraint was derived.

    Raises
    ------
    ConfigError
        For any other charges.

    Examples
    --------
    >>> lmu_ltau_strength("neff", (0.0, -2.0, 2.0))
    2.0
    """
    electron, muon, tau = charges
    if electron != 0.0 or muon != -tau or muon == 0.0:
        raise ConfigError(
            f"constraints.{constraint}: model.charges {tuple(charges)} are not allowed, only (0, q, -q) with q != 0, "
            "for which it was derived; set its form to 'off'"
        )
    return abs(muon)


def require_coverage(constraint: str, mass_range_mev: MassRange | None, covered_mev: MassRange) -> None:
    """Refuse a prior box of m_Z' that the tables of a constraint do not cover; None, no Z', needs no table.

    Raises
    ------
    ConfigError
        If `mass_range_mev` is not inside `covered_mev`.
    """
    if mass_range_mev is None:
        return
    low, high = mass_range_mev
    if not (covered_mev[0] <= low <= high <= covered_mev[1]):
        raise ConfigError(
            f"constraints.{constraint}: the range of m_zprime_mev, [{low:g}, {high:g}], is not inside "
            f"[{covered_mev[0]:g}, {covered_mev[1]:g}], which its table covers"
        )


def require_positive_option(constraint: str, **options: float) -> None:
    """Refuse an option that must be a positive finite number.

    Raises
    ------
    ConfigError
        Naming the option and its value.
    """
    for name, value in options.items():
        if not 0.0 < value < math.inf:
            raise ConfigError(f"constraints.{constraint}.{name}: {value} must be a positive finite number")


def require_within(name: str, values: FloatArray, low: float, high: float) -> None:
    """Refuse values outside ``[low, high]``; NaN passes, so that the term it spoils can be named.

    Raises
    ------
    PhysicsDomainError
        Naming the first value outside.
    """
    outside = (values < low) | (values > high)
    if outside.any():
        first = values[outside].flat[0]
        raise PhysicsDomainError(f"{name}: {first:g} is outside the allowed range [{low:g}, {high:g}]")


# Tables ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LogTable:
    """A table of smooth quantities against a positive variable, interpolated by a quintic spline in its logarithm.

    Parameters
    ----------
    variable : str
        Name of the variable, for messages.
    low, high : float
        First and last node.
    splines : tuple of callables
        One per quantity, functions of ``ln(variable)``.
    """

    variable: str
    low: float
    high: float
    splines: tuple[Callable[[FloatArray], FloatArray], ...]

    def log(self, values: FloatArray) -> FloatArray:
        """``ln(values)``, checked against the range of the table.

        Raises
        ------
        PhysicsDomainError
            Outside the table.
        """
        require_within(self.variable, values, self.low, self.high)
        return np.asarray(np.log(values))


@functools.cache
def read_table(name: str) -> LogTable:
    """A table of ``data/constraints``, first column the variable; read once per process."""
    from scipy.interpolate import PPoly, make_interp_spline  # heavy, and two constraints need it

    columns = DataFolder.open(locate(FOLDER)).read_csv(name)
    (variable, nodes), *quantities = columns.items()
    splines = tuple(PPoly.from_spline(make_interp_spline(np.log(nodes), column, k=5).tck) for _, column in quantities)
    return LogTable(variable, float(nodes[0]), float(nodes[-1]), splines)
