"""What the file of a constraint defines: its facts, and how its observable is predicted.

The file holds one constant, ``CONSTRAINT = Definition(name=..., ...)``, by which everything else finds it; its TOML in
``data/constraints`` holds the measurements.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args, get_type_hints

import numpy as np

from nuinfer.constraints.base import PLANE, Constraint, Form, Measurement, check_option
from nuinfer.constraints.tables import FOLDER, data_folder
from nuinfer.errors import ConfigError, DataIntegrityError
from nuinfer.physics import masses
from nuinfer.physics.mediator import COUPLINGS, written
from nuinfer.physics.mixing import NUFIT60_NORMAL, Mixing
from nuinfer.typing import FloatArray

Couplings = Sequence[float] | Sequence[Sequence[complex]]
"""Charges of the three flavours, or a matrix of couplings where they are more than these (`Mediator.given`)."""
MassRange = tuple[float, float]
Oscillation = tuple[Mixing, float]
"""The mixing of an analysis, and its m2^2 - m1^2 in eV^2."""

NUFIT60: Oscillation = (NUFIT60_NORMAL, masses.NUFIT60_NORMAL.delta_m2_21_ev2)
"""NuFIT 6.0, normal ordering."""


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
        ``(numbers, oscillation, *, option: type = default, ...) -> Prediction``, with the entry of the measurement in
        the TOML and the `Oscillation` of the analysis; for a muon of unit charge, which multiplies g'. A type is a
        ``Literal``, ``PositiveFloat`` or bool.
    prediction_reference : str or None
        Whom to cite for the prediction; None for a quantity that is a parameter itself.
    charges : {"any", "muon", "(0, q, -q)"}
        Those for which it was derived: any couplings; the muon's to itself, whatever the other flavours do; charges.
    mediators : tuple of str
        Mediators for which it was derived, and
    not_scalar_because : str
        why not for a scalar, if not.
    of_scalar : callable, optional
        What takes the place of `prediction` for a scalar, with the matrix of couplings, which multiplies g', instead of
        the `Oscillation`. The keywords are those of `prediction`; `charges` are then the vector's.
    forms : tuple of str
        Forms that make sense, of all measurements, and
    forms_because : str
        why not others.
    not_dirac_because : str
        Why not for Dirac neutrinos; blank: for them too.
    estimate : bool
        Whether the prediction is an estimate of the order of magnitude.
    late : tuple of str
        Files of ``data/constraints`` that 0.1.0 did not have, of `of_scalar` if there is one: in the checksums of those
        who use them alone, so that others keep their hash.
    """

    name: str
    order: int
    label: str
    colour: str
    measurement: str
    prediction: Callable[..., Prediction]
    prediction_reference: str | None
    charges: Literal["any", "muon", "(0, q, -q)"] = "(0, q, -q)"
    mediators: tuple[str, ...] = ("vector",)
    not_scalar_because: str = ""
    of_scalar: Callable[..., Prediction] | None = None
    forms: tuple[str, ...] = get_args(Form)
    forms_because: str = ""
    not_dirac_because: str = ""
    estimate: bool = False
    late: tuple[str, ...] = ()

    @functools.cached_property
    def options(self) -> Mapping[str, tuple[Any, Any]]:
        """Further keys of its table, the keywords of `prediction`: name to type and default."""
        types = get_type_hints(self.prediction, include_extras=True)
        keywords = [p for p in inspect.signature(self.prediction).parameters.values() if p.kind is p.KEYWORD_ONLY]
        return {keyword.name: (types[keyword.name], keyword.default) for keyword in keywords}

    def build(
        self, form: Form, measurement: str, couplings: Couplings, mass_range_mev: MassRange | None, *,
        mediator: str = "vector", oscillation: Oscillation = NUFIT60,
        confidence_level: float = 0.95, limit: float | None = None, **options: Any,
    ) -> Constraint:  # fmt: skip
        """The constraint for one form, measurement and mediator.

        Parameters
        ----------
        form, measurement, confidence_level, limit, **options
            The keys of its table in the configuration.
        couplings : sequence
            Charges of the three flavours, or the matrix of couplings.
        mass_range_mev : tuple of float, optional
            Range of m_Z' in the analysis; None without a Z'.
        mediator : {"vector", "scalar"}
            Kind of the mediator.
        oscillation : Oscillation
            How neutrinos mix.

        Raises
        ------
        ConfigError
            If it was not derived for the mediator or its couplings, its tables do not cover the masses, the measurement
            or an option is unknown, or the form does not fit the measurement or the limit.
        """
        where, allowed = f"constraints.{self.name}", " and ".join(map(repr, self.forms))
        if mediator not in self.mediators:
            kinds, because = " or ".join(self.mediators), f": {self.not_scalar_because}" * (mediator == "scalar")
            raise ConfigError(f"{where}: it is a {kinds}'s; with model.mediator '{mediator}' it must be off{because}")
        if form in get_args(Form) and form not in self.forms:
            raise ConfigError(f"{where}.form: '{form}' is not allowed, only {allowed}: {self.forms_because}")
        known: dict[str, dict[str, Any]] = read_numbers(self.name)["measurements"]
        if measurement not in known:
            raise ConfigError(f"{where}.measurement: '{measurement}' is unknown; known: {', '.join(known)}")
        if limit is not None and form != "exclusion":
            raise ConfigError(f"{where}.limit: {limit} is for the form 'exclusion' only, not for '{form}'")
        if limit is not None and not math.isfinite(limit):
            raise ConfigError(f"{where}.limit: {limit} must be a finite number")
        for name, value in options.items():
            check_option(f"{where}.{name}", self.options[name][0], value)
        numbers, strength, late = known[measurement], 1.0, self.late
        if mediator == "scalar" and self.of_scalar:
            matrix = np.diag(couplings) if np.ndim(couplings) == 1 else np.asarray(couplings)
            made = self.of_scalar(numbers, matrix, **options)
        else:
            strength, late = _STRENGTHS[self.charges](self.name, couplings), () if self.of_scalar else late
            made = self.prediction(numbers, oscillation, **options)
        require_coverage(self.name, mass_range_mev, made.covered_mev)
        given = {field.name for field in dataclasses.fields(Measurement)} & numbers.keys()
        measured = {"name": measurement, **{key: numbers[key] for key in given}, **made.measured}
        if limit is not None:
            measured["limit"] = limit
        predict, known_files = made.predict, data_folder().checksums()
        if made.arguments == PLANE and strength != 1.0:
            predict = functools.partial(charged, predict, strength)
        return Constraint(
            self.name, form, Measurement(**measured), predict, made.standard_model, confidence_level, made.arguments,
            files=tuple((f"{FOLDER}/{file}", known_files[file]) for file in late),
            label=self.label, colour=self.colour, prediction_reference=made.reference or self.prediction_reference,
            estimate=self.estimate,
        )  # fmt: skip


def charged(
    predict: Callable[..., FloatArray], strength: float, m_zprime_mev: FloatArray, g_prime: FloatArray
) -> FloatArray:
    """A function of (m_Z', g') for another charge than one, which multiplies g'."""
    return predict(m_zprime_mev, strength * g_prime)


def read_numbers(constraint: str) -> dict[str, Any]:
    """The TOML of a constraint: its sourced numbers and measurements.

    Raises
    ------
    DataIntegrityError
        If numbers with a reference say neither what they were compared with nor what could not be.

    Examples
    --------
    >>> read_numbers("neff")["measurements"]["planck2018"]["sigma"]
    0.17
    """
    numbers = data_folder().read_toml(f"{constraint}.toml")
    for where, cited in _cited(constraint, numbers):
        if not any(isinstance(cited.get(key), str) and cited[key].strip() for key in ("verified", "unverified")):
            raise DataIntegrityError(f"{where}: neither 'verified' nor 'unverified' says how its numbers were checked")
    return numbers


def _cited(where: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The tables with a reference, and every measurement, each with its dotted name."""
    for key, inner in table.items():
        if isinstance(inner, dict):
            if "reference" in inner or where.endswith(".measurements"):
                yield f"{where}.{key}", inner
            yield from _cited(f"{where}.{key}", inner)


# Refusals -------------------------------------------------------------------------------------------------------------


def lmu_ltau_strength(constraint: str, couplings: Couplings) -> float:
    """``|q|`` of the charges ``(0, q, -q)``, for which the constraint was derived.

    Raises
    ------
    ConfigError
        For any other couplings.

    Examples
    --------
    >>> lmu_ltau_strength("neff", (0.0, -2.0, 2.0))
    2.0
    """
    if not is_lmu_ltau(couplings):
        only = "only (0, q, -q) with q != 0, for which it was derived; set its form to 'off'"
        raise ConfigError(f"constraints.{constraint}: {_given(couplings)} are not allowed, {only}")
    return float(np.abs(couplings[1]))


def muon_strength(constraint: str, couplings: Couplings) -> float:
    """Size of the coupling of the muon to itself.

    Raises
    ------
    ConfigError
        If it couples to other flavours too: there are other leptons in the loop, or at the end, then.

    Examples
    --------
    >>> muon_strength("trident", [[0, 0, 1], [0, -2, 0], [1, 0, 0]])
    2.0
    """
    row = np.diag(couplings)[1] if np.ndim(couplings) == 1 else np.asarray(couplings)[1]
    if row[[0, 2]].any():
        only = "only those of the muon to itself, for which it was derived; set its form to 'off'"
        raise ConfigError(f"constraints.{constraint}: {_given(couplings)} are not allowed, {only}")
    return float(np.abs(row[1]))


def is_lmu_ltau(couplings: Couplings) -> bool:
    """Whether these are charges (0, q, -q) with q != 0."""
    if np.ndim(couplings) != 1:
        return False
    electron, muon, tau = couplings
    return electron == 0.0 and muon == -tau and muon != 0.0  # type: ignore[operator]


def _given(couplings: Couplings) -> str:
    key = "charges" if np.ndim(couplings) == 1 else "couplings"
    named = next((f" ('{name}')" for name, of in COUPLINGS.items() if np.array_equal(couplings, of)), "")
    return f"model.{key} {written(couplings)}{named}"


_STRENGTHS: Mapping[str, Callable[[str, Couplings], float]] = MappingProxyType({
    "any": lambda _name, _couplings: 1.0,
    "muon": muon_strength,
    "(0, q, -q)": lmu_ltau_strength,
})  # fmt: skip
"""What multiplies g' in a constraint derived for unit charge, by its `Definition.charges`."""


def require_coverage(constraint: str, mass_range_mev: MassRange | None, covered_mev: MassRange | None) -> None:
    """Refuse a prior box of m_Z' that the tables of a constraint do not cover; without a Z' or tables there is none.

    Raises
    ------
    ConfigError
        If `mass_range_mev` is not inside `covered_mev`.
    """
    if mass_range_mev is None or covered_mev is None:
        return
    (low, high), (first, last) = mass_range_mev, covered_mev
    if not first <= low <= high <= last:
        box, table = f"[{low:g}, {high:g}]", f"[{first:g}, {last:g}]"
        raise ConfigError(
            f"constraints.{constraint}: the range of m_zprime_mev, {box}, is not inside {table}, which its table covers"
        )
