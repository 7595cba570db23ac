"""What the file of a constraint defines: its facts, and how its observable is predicted.

The file holds one constant, ``CONSTRAINT = Definition(name=..., ...)``, by which everything else finds it; its TOML in
``data/constraints`` holds the measurements.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from pydantic import PositiveFloat

from nuinfer.constraints.base import PLANE, Constraint, Form, Measurement
from nuinfer.constraints.tables import FOLDER
from nuinfer.datafiles import DataFolder, locate
from nuinfer.errors import ConfigError
from nuinfer.typing import FloatArray

Charges = tuple[float, float, float]
MassRange = tuple[float, float]
_MEASURED = {field.name for field in dataclasses.fields(Measurement)}


@dataclass(frozen=True)
class Prediction:
    """The observable of a constraint, for one measurement and one set of options.

    Parameters
    ----------
    predict : callable
        ``(m_zprime_mev, g_prime) -> observable``, or of `arguments`; broadcasting, picklable.
    standard_model : float
        The observable without a Z'.
    covered_mev : tuple of float, optional
        Masses that its tables cover; by default all.
    arguments : tuple of str
        What `predict` takes.
    measured : mapping of str to float
        What it makes of the numbers in the TOML: fields of the `Measurement`.
    reference : str, optional
        Whom to cite, if not the one of the definition.
    """

    predict: Callable[..., FloatArray]
    standard_model: float
    covered_mev: MassRange | None = None
    arguments: tuple[str, ...] = PLANE
    measured: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None


@dataclass(frozen=True)
class Definition:
    """The facts of a constraint.

    Parameters
    ----------
    name : str
        Name of the term, of its table in the configuration and of its TOML.
    order : int
        Place among the terms.
    label, colour : str
        How figures show it.
    measurement : str
        The one taken by default.
    prediction : callable
        ``(numbers, strength, **options) -> Prediction``, with the entry of the measurement in the TOML and the absolute
        charge of the muon, which multiplies g'.
    prediction_reference : str or None
        Whom to cite for the prediction; None for a quantity that is a parameter itself.
    charges : {"any", "(0, q, -q)"}
        Charges for which it was derived.
    mediators : tuple of str
        Mediators for which it was derived.
    forms : tuple of str
        Forms that make sense, of all measurements, and
    forms_because : str
        why not others.
    options : mapping of str to (type, default)
        Further keys of its table; a type is a ``Literal``, ``PositiveFloat`` or bool.
    """

    name: str
    order: int
    label: str
    colour: str
    measurement: str
    prediction: Callable[..., Prediction]
    prediction_reference: str | None
    charges: Literal["any", "(0, q, -q)"] = "(0, q, -q)"
    mediators: tuple[str, ...] = ("vector",)
    forms: tuple[str, ...] = get_args(Form)
    forms_because: str = ""
    options: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    def build(
        self,
        form: Form,
        measurement: str,
        charges: Charges,
        mass_range_mev: MassRange | None,
        *,
        mediator: str = "vector",
        confidence_level: float = 0.95,
        limit: float | None = None,
        **options: Any,
    ) -> Constraint:
        """The constraint for one form, measurement and mediator.

        Parameters
        ----------
        form, measurement, confidence_level, limit, **options
            The keys of its table in the configuration.
        charges : tuple of float
            Charges of the three flavours.
        mass_range_mev : tuple of float, optional
            Range of m_Z' in the analysis; None without a Z'.
        mediator : {"vector", "scalar"}
            Kind of the mediator.

        Raises
        ------
        ConfigError
            If it was not derived for the mediator or its charges, its tables do not cover the masses, the measurement
            or an option is unknown, or the form does not fit the measurement or the limit.
        """
        if mediator not in self.mediators:
            raise ConfigError(
                f"constraints.{self.name}: it is a {' or '.join(self.mediators)}'s; "
                f"with model.mediator '{mediator}' it must be off"
            )
        if form in get_args(Form) and form not in self.forms:
            raise ConfigError(
                f"constraints.{self.name}.form: '{form}' is not allowed, only {' and '.join(map(repr, self.forms))}: "
                f"{self.forms_because}"
            )
        strength = abs(charges[1]) if self.charges == "any" else lmu_ltau_strength(self.name, charges)
        numbers = read_entry(self.name, measurement)
        chosen = {name: options.pop(name, default) for name, (_, default) in self.options.items()}
        for name, value in chosen.items():
            check_option(f"constraints.{self.name}.{name}", self.options[name][0], value)
        made = self.prediction(numbers, strength, **chosen, **options)
        require_coverage(self.name, mass_range_mev, made.covered_mev)
        given = {key: value for key, value in numbers.items() if key in _MEASURED}
        measured = Measurement(name=measurement, **{**given, **made.measured})
        return Constraint(
            name=self.name,
            form=form,
            measurement=_with_limit(self.name, form, measured, limit),
            predict=made.predict,
            standard_model=made.standard_model,
            confidence_level=confidence_level,
            arguments=made.arguments,
            label=self.label,
            colour=self.colour,
            prediction_reference=made.reference or self.prediction_reference,
        )


# Sourced numbers ------------------------------------------------------------------------------------------------------


def read_numbers(constraint: str) -> dict[str, Any]:
    """The TOML of a constraint: its sourced numbers and measurements."""
    return DataFolder.open(locate(FOLDER)).read_toml(f"{constraint}.toml")


def read_entry(constraint: str, measurement: str) -> dict[str, Any]:
    """One measurement in the TOML of a constraint by its id.

    Raises
    ------
    ConfigError
        If the id is unknown; the message lists the known ones.

    Examples
    --------
    >>> read_entry("neff", "planck2018")["sigma"]
    0.17
    """
    known: dict[str, dict[str, Any]] = read_numbers(constraint)["measurements"]
    if measurement not in known:
        raise ConfigError(
            f"constraints.{constraint}.measurement: '{measurement}' is unknown; known: {', '.join(known)}"
        )
    return known[measurement]


def _with_limit(constraint: str, form: Form, measurement: Measurement, limit: float | None) -> Measurement:
    """The measurement with the limit the config asks for, if it does."""
    if limit is None:
        return measurement
    if form != "exclusion":
        raise ConfigError(f"constraints.{constraint}.limit: {limit} is for the form 'exclusion' only, not for '{form}'")
    if not math.isfinite(limit):
        raise ConfigError(f"constraints.{constraint}.limit: {limit} must be a finite number")
    return dataclasses.replace(measurement, limit=limit)


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


def require_coverage(constraint: str, mass_range_mev: MassRange | None, covered_mev: MassRange | None) -> None:
    """Refuse a prior box of m_Z' that the tables of a constraint do not cover; without a Z' or tables there is none.

    Raises
    ------
    ConfigError
        If `mass_range_mev` is not inside `covered_mev`.
    """
    if mass_range_mev is None or covered_mev is None:
        return
    low, high = mass_range_mev
    if not (covered_mev[0] <= low <= high <= covered_mev[1]):
        raise ConfigError(
            f"constraints.{constraint}: the range of m_zprime_mev, [{low:g}, {high:g}], is not inside "
            f"[{covered_mev[0]:g}, {covered_mev[1]:g}], which its table covers"
        )


def check_option(where: str, kind: Any, value: Any) -> None:
    """Refuse a value that is none of the literals of its type, or must be a positive finite number.

    Raises
    ------
    ConfigError
        Beginning with `where`.
    """
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise ConfigError(f"{where}: '{value}' is none of {', '.join(get_args(kind))}")
    if kind == PositiveFloat and not 0.0 < value < math.inf:
        raise ConfigError(f"{where}: {value} must be a positive finite number")
