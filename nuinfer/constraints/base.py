"""What every external constraint is: a predicted observable, a measurement and a form.

The three forms, with ``x`` the observable predicted at (m_Z', g'), ``mu`` and ``sigma`` the measurement:

``two_sided``
    the normal density of the measurement, ``N(x; mu, sigma)``;
``one_sided``
    the same for ``x > mu``, and its peak value for every ``x <= mu`` (a Z' that does too little is never punished);
``exclusion``
    0 for ``x <= limit`` and -inf above, ``limit`` given by the config, the measurement, or ``mu + z sigma`` at the
    confidence level asked for (one-sided).

A two-sided term is a density, normalised in the measured value: it belongs to the probability of the data, and its
measured value can be simulated. A one-sided term is none, because it does not fall on one side and has no integral over
what could have been measured. It is a penalty, which weighs the prior as an exclusion cuts it; so is the half-normal of
a limit on what is positive by nature. `Constraint.is_density`, `is_penalty` and `is_exclusion` say which.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import numpy as np
from pydantic import PositiveFloat
from scipy import special

from nuinfer.compiled import compiled
from nuinfer.confidence import INTERVAL, LIMIT
from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray, IntArray

Form = Literal["exclusion", "one_sided", "two_sided"]
PLANE = ("m_zprime_mev", "g_prime")
"""What a constraint depends on, unless it says otherwise."""

CUSTOM = "custom."
"""What names of users' own constraints begin with."""


@dataclass(frozen=True)
class Measurement:
    """A sourced number: `mean` +- `sigma`, or an upper `limit`, in the unit of the constraint's observable.

    What is `positive` by nature, as a sum of masses, is at most ``mean + z sigma`` with the z of the half-normal.
    `verified` says what the numbers were compared with, `unverified` what of them could not be.
    """

    name: str
    reference: str
    mean: float | None = None
    sigma: float | None = None
    limit: float | None = None
    positive: bool = False
    verified: str = ""
    unverified: str = ""

    @property
    def citation(self) -> str:
        """The reference, marked where something of it could not be compared."""
        return f"{self.reference} [unverified: {self.unverified}]" if self.unverified else self.reference

    @property
    def short(self) -> str:
        """Whose it is, first author and year, for legends; the name where the reference does not begin like that.

        Examples
        --------
        >>> Measurement("phase2", "Agostini et al. (Borexino), arXiv:1707.09279").short
        'Agostini et al. 2017'
        >>> Measurement("mine", "a talk").short
        'mine'
        """
        year = re.search(r"arXiv:(\d\d)\d\d\.|\b((?:19|20)\d\d)\b", self.reference)
        whose = re.split(r" \(|,", self.reference)[0]
        return f"{whose} {year[2] or '20' + year[1]}" if year else self.name

    @property
    def gaussian(self) -> tuple[float, float]:
        """Mean and sigma, NaN if it has not both."""
        return (math.nan, math.nan) if self.mean is None or self.sigma is None else (self.mean, self.sigma)


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
        The observable without a Z', for one that depends on it (-inf where it is the logarithm of what vanishes).
    confidence_level : float
        One-sided level of an exclusion that the measurement gives as mean and sigma.
    arguments : tuple of str
        Values of a point that `predict` takes: parameters, ``m_zprime_mev``, ``g_prime``, ``sum_nu_masses_ev``.
    files : tuple of (str, str)
        Paths of the files behind it, the user's and those that joined late (`Definition.late`), with their sha256.
    label, colour : str
        How figures show it; blank: its name, and the next colour that is free.
    prediction_reference : str, optional
        Whom to cite for what `predict` computes.
    averages : bool
        Whether `standard_model` stands for an average, see `averaged`.
    estimate : bool
        Whether `predict` is an estimate of the order of magnitude, which figures do not draw like a bound.

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
    label: str = ""
    colour: str = ""
    prediction_reference: str | None = None
    averages: bool = False
    estimate: bool = False

    def __post_init__(self) -> None:
        measured, where = self.measurement, f"constraints.{self.name}"
        check_option(f"{where}.form", Form, self.form)
        is_gaussian = not math.isnan(measured.gaussian[1])
        if not self.is_exclusion and not is_gaussian:
            only = "is a limit, so the form can only be 'exclusion'"
            raise ConfigError(f"{where}.form: measurement '{measured.name}' {only}")
        if not is_gaussian and measured.limit is None:
            raise ConfigError(f"{where}.measurement: '{measured.name}' has neither a limit nor mean and sigma")
        if measured.sigma is not None and not 0.0 < measured.sigma < math.inf:
            raise ConfigError(f"{where}: sigma {measured.sigma} of '{measured.name}' must be positive")
        if not 0.5 <= self.confidence_level < 1.0:
            raise ConfigError(f"{where}.confidence_level: {self.confidence_level} is outside the allowed [0.5, 1)")

    @property
    def is_exclusion(self) -> bool:
        """Whether the term is 0 or -inf."""
        return self.form == "exclusion"

    @property
    def is_density(self) -> bool:
        """Whether the term is the density of the measured value."""
        return self.form == "two_sided" and not self.measurement.positive

    @property
    def is_penalty(self) -> bool:
        """Whether the term weighs the prior: it is smooth, but no density of a measured value."""
        return not (self.is_exclusion or self.is_density)

    @functools.cached_property
    def limit(self) -> float:
        """Largest allowed observable of an exclusion."""
        if self.measurement.limit is not None:
            return self.measurement.limit
        mean, sigma = self.measurement.gaussian
        return mean + (INTERVAL if self.measurement.positive else LIMIT).sigmas(self.confidence_level) * sigma

    @property
    def in_plane(self) -> bool:
        """Whether it depends on (m_Z', g') and on nothing else."""
        return self.arguments == PLANE

    def log_term(self, *values: ArrayLike) -> FloatArray:
        """The term at the values of `arguments`, (m_Z', g') for most; shape ``(*batch,)``."""
        return self.log_term_of(self.predict(*[np.asarray(value, float) for value in values]))

    def log_term_of(self, observable: ArrayLike) -> FloatArray:
        """The term for a given value of the observable, shape ``(*batch,)``; NaN stays NaN."""
        x = np.asarray(observable, float)
        numbers = self.numbers[None]
        terms: FloatArray = log_terms(x.reshape(1, -1), numbers, numbers[:, :1], np.zeros(x.size, np.intp))
        return terms.reshape(x.shape)

    @property
    def centre(self) -> float:
        """Mean of the measurement, or the limit of an exclusion."""
        return float(self.numbers[0])

    @property
    def largest_term(self) -> float:
        """The term where it is largest, 0 for an exclusion."""
        return float(self.numbers[3])

    def simulated(self, observable: float, rng: np.random.Generator | None = None) -> float:
        """A measured value drawn from the density at a value of the observable; without `rng`, that value itself.

        Raises
        ------
        ConfigError
            If it cannot be drawn; names the constraint.
        """
        where = f"constraints.{self.name}: its measured value cannot be simulated"
        if self.averages:
            raise ConfigError(f"{where} without a Z', where it is an average over {', '.join(self.arguments)}")
        if not math.isfinite(observable):
            raise ConfigError(f"{where}, because the prediction is {observable:g}")
        return observable if rng is None else float(rng.normal(observable, self.measurement.gaussian[1]))

    def with_measured(self, value: float) -> Constraint:
        """The constraint with another measured value, a simulated one for example."""
        return dataclasses.replace(self, measurement=dataclasses.replace(self.measurement, mean=value))

    @functools.cached_property
    def numbers(self) -> FloatArray:
        """Mean or limit, 1/sigma (infinite for a limit), whether all below count alike, and the largest term."""
        if self.is_exclusion:
            return np.array([self.limit, math.inf, True, 0.0])
        mean, sigma = self.measurement.gaussian
        return np.array([mean, 1.0 / sigma, self.form == "one_sided", -math.log(sigma * math.sqrt(2.0 * math.pi))])

    def averaged(self, values: Mapping[str, ArrayLike]) -> Constraint:
        """The constraint for models in which its arguments are no parameters, as masses are without a mediator.

        Its Standard Model value becomes the observable at which the likelihood equals its average over `values`; for an
        exclusion, which is no likelihood, the least one.

        Parameters
        ----------
        values : mapping of str to array_like, shape (n,)
            Equally probable values. A constraint that depends on something else stays as it is.

        Examples
        --------
        >>> measured = Measurement("m", "nowhere", mean=0.0, sigma=1.0)
        >>> term = Constraint("toy", "one_sided", measured, np.abs, 0.0, arguments=("x",))
        >>> print(f"{term.averaged({'x': [-2.0, 2.0]}).standard_model:.3f}")
        2.000
        """
        if not set(self.arguments) <= values.keys():
            return self
        observable = self.predict(*(np.asarray(values[name], float) for name in self.arguments))
        if self.is_exclusion:
            return dataclasses.replace(self, standard_model=float(np.min(observable)))
        mean, sigma = self.measurement.gaussian
        terms = self.log_term_of(observable)
        fall = float(self.log_term_of(mean)) - float(special.logsumexp(terms) - math.log(terms.size))
        value = mean + sigma * math.sqrt(2.0 * max(fall, 0.0))
        return dataclasses.replace(self, standard_model=value, averages=True)


def numbers_of(constraints: Sequence[Constraint]) -> FloatArray:
    """`Constraint.numbers` of some, shape (constraint, 4)."""
    return np.array([constraint.numbers for constraint in constraints]).reshape(-1, 4)


@compiled
def log_terms(observables: FloatArray, numbers: FloatArray, measured: FloatArray, of: IntArray) -> FloatArray:
    """Terms of constraints (constraint, n) from their observables and `Constraint.numbers`, (constraint, 4).

    What each compares with is taken from `measured`, (data set, constraint), for the data set `of` each point, (n,).
    NaN is no measurement: the term is 0.
    """
    out: FloatArray = np.empty(observables.shape)
    for row in range(len(observables)):
        _, slope, one_sided, peak = numbers[row]
        for n in range(observables.shape[1]):
            x, centre = observables[row, n], measured[of[n], row]
            pull = (x - centre) * slope
            out[row, n] = peak if one_sided > 0.0 and x <= centre else peak - 0.5 * pull * pull
            if math.isnan(centre):
                out[row, n] = 0.0
    return out


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
