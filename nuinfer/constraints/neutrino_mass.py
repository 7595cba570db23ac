"""Sum of the neutrino masses from cosmology: a term that depends on the masses, not on (m_Z', g').

A published upper limit M at 95 % becomes a half-normal likelihood of the sum, ``exp(-(sum/sigma)^2/2)`` with
``sigma = M/1.96``, which has 95 % of its area below M. It is written as the normal density of a measured sum of zero;
the half-normal is twice that, a constant.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy import special

from nuinfer.constraints.base import (
    Charges,
    Constraint,
    Form,
    MassRange,
    read_measurement,
    read_numbers,
    with_limit,
)
from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray

NAME = "neutrino_mass"
SUM = "sum_nu_masses_ev"
"""Name of the sum at a point of the posterior."""


def build(
    form: Form,
    measurement: str,
    charges: Charges,  # noqa: ARG001 - part of the common signature; the masses know no charges
    mass_range_mev: MassRange | None,  # noqa: ARG001 - likewise
    *,
    confidence_level: float = 0.95,
    limit: float | None = None,
) -> Constraint:
    """The constraint on the sum of the masses in eV, for any charges.

    ``one_sided`` is the half-normal of the module's docstring; ``exclusion`` cuts where that holds `confidence_level`
    of its area, at 95 % the published limit. The Standard Model has masses too: without absorption, where they are no
    parameters, the analysis puts its value to the average over their prior (`average_sum_ev`).

    Raises
    ------
    ConfigError
        If the form is ``two_sided``, the measurement is unknown, or the form does not fit the limit.
    """
    measured = read_measurement(NAME, measurement)
    if form == "two_sided":
        raise ConfigError(
            f"constraints.{NAME}.form: 'two_sided' is not allowed, only 'exclusion' and 'one_sided': "
            "cosmology gives an upper limit"
        )
    sigma = float(read_numbers(NAME)["measurements"][measurement]["limit95"]) / _half_normal(0.95)
    measured = dataclasses.replace(measured, mean=0.0, sigma=sigma)
    checked = Constraint(
        NAME, form, measured, _identity, standard_model=0.0, confidence_level=confidence_level, arguments=(SUM,)
    )
    if form == "exclusion":
        measured = dataclasses.replace(measured, limit=sigma * _half_normal(confidence_level))
    return dataclasses.replace(checked, measurement=with_limit(NAME, form, measured, limit))


def average_sum_ev(constraint: Constraint, sums_ev: ArrayLike) -> float:
    """The sum at which the likelihood equals its average over `sums_ev`, equally probable values.

    Parameters
    ----------
    constraint : Constraint
        One that `build` made.
    sums_ev : array_like
        Sums at equal steps of prior probability, eV.

    Returns
    -------
    float
        eV; for an exclusion the least of `sums_ev`, since it is no likelihood.

    Examples
    --------
    >>> term = build("one_sided", "planck2018", (0.0, 1.0, -1.0), None)
    >>> print(f"{average_sum_ev(term, [0.1, 0.1]):.3f}")
    0.100
    """
    sums = np.asarray(sums_ev, float)
    if constraint.is_exclusion:
        return float(np.min(sums))
    peak = float(constraint.log_term_of(0.0))
    fall = peak - float(special.logsumexp(constraint.log_term_of(sums)) - math.log(sums.size))
    return (constraint.measurement.sigma or 0.0) * math.sqrt(2.0 * max(fall, 0.0))


def _half_normal(probability: float) -> float:
    """Where a half-normal of unit sigma holds `probability`."""
    return float(special.ndtri(0.5 * (1.0 + probability)))


def _identity(sum_ev: FloatArray) -> FloatArray:
    return sum_ev
