"""Limits on g' against m_Z' from the constraints, one at a time.

An exclusion ends where its observable reaches the limit: the one the config or the measurement gives, else that of the
measurement's mean and error at the level asked for. A likelihood excludes where it has fallen below its maximum, over
every mass and coupling searched and the Standard Model. How far a level is, in sigma and in ln L, is that of
`nuinfer.confidence`: one-sided by default, 1.645 and 1.353 at 95 %.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from nuinfer.confidence import LIMIT, Convention
from nuinfer.constraints.base import Constraint
from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, BoolArray, FloatArray

G_PRIME_RANGE = (1e-9, 1.0)
"""Couplings searched: below the lower end a Z' does not even thermalise in the early universe."""

STEPS_PER_DECADE = 60
_HALVINGS = 40


@dataclass(frozen=True)
class Bound:
    """Where one constraint allows g', at each mass.

    Parameters
    ----------
    name : str
        Name of the constraint.
    statement : str
        What the bound means.
    m_zprime_mev : ndarray, shape (n,)
        Masses.
    upper, lower : ndarray, shape (n,)
        Largest and smallest coupling allowed; `upper` is infinite where nothing bounds it from above, `lower` zero
        where nothing does from below, and both are NaN where every coupling is excluded.
    """

    name: str
    statement: str
    m_zprime_mev: FloatArray
    upper: FloatArray
    lower: FloatArray


def excess(
    constraint: Constraint,
    m_zprime_mev: ArrayLike,
    g_prime: ArrayLike,
    level: float = 0.95,
    convention: Convention = LIMIT,
    best: float | None = None,
) -> FloatArray:
    """How far beyond its boundary a constraint is, shape (*batch,): positive where it excludes.

    Parameters
    ----------
    constraint : Constraint
        One on (m_Z', g').
    m_zprime_mev, g_prime : array_like, shape (*batch,)
        Where.
    level, convention : float, Convention
        Confidence level of a likelihood, and what it means; an exclusion has its own.
    best : float, optional
        Maximum of a likelihood; by default the one over the points given and the Standard Model.
    """
    observable = constraint.predict(np.asarray(m_zprime_mev, float), np.asarray(g_prime, float))
    if constraint.is_exclusion:
        return observable - constraint.limit
    highest = maximum(constraint, observable) if best is None else best
    return highest - constraint.log_term_of(observable) - convention.drop(level)


def maximum(constraint: Constraint, observable: FloatArray) -> float:
    """Largest term of a likelihood between the observables given and that of the Standard Model.

    It lies at the measured value if they enclose it, whether or not one of them hits it.
    """
    reached = np.append(observable, constraint.standard_model)
    return float(constraint.log_term_of(np.clip(constraint.measurement.mean or 0.0, reached.min(), reached.max())))


def bound(
    constraint: Constraint, m_zprime_mev: ArrayLike, level: float = 0.95, convention: Convention = LIMIT
) -> Bound:
    """Range of couplings that a constraint allows at each mass.

    Searched on a logarithmic grid of couplings in `G_PRIME_RANGE`, the ends refined by bisection to 1e-12.

    Parameters
    ----------
    constraint : Constraint
        One on (m_Z', g').
    m_zprime_mev : array_like, shape (n,)
        Masses, MeV.
    level, convention : float, Convention
        Confidence level, and what it means.

    Returns
    -------
    Bound

    Raises
    ------
    ConfigError
        If the constraint depends on something else than (m_Z', g'), or the level is outside [0.5, 1).
    """
    if not constraint.in_plane:
        raise ConfigError(f"constraints.{constraint.name}: it depends on {', '.join(constraint.arguments)}, not on g'")
    mass, moved = np.atleast_1d(np.asarray(m_zprime_mev, float)), constraint
    if constraint.is_exclusion and constraint.measurement.limit is None:
        moved = dataclasses.replace(constraint, confidence_level=float(special.ndtr(convention.sigmas(level))))
    lowest, highest = map(math.log, G_PRIME_RANGE)
    log_g = np.linspace(lowest, highest, math.ceil((highest - lowest) / math.log(10.0) * STEPS_PER_DECADE) + 1)
    best = 0.0 if moved.is_exclusion else maximum(moved, moved.predict(mass[:, None], np.exp(log_g)))

    def allowed(at_mass: FloatArray, log_coupling: FloatArray) -> BoolArray:
        return excess(moved, at_mass, np.exp(log_coupling), level, convention, best) <= 0.0

    def last_allowed(along: FloatArray, beyond: float) -> FloatArray:
        """Largest coupling allowed along increasing ones, smallest along decreasing ones; `beyond` if all are."""
        inside = allowed(mass[:, None], along)
        last = along.size - 1 - np.argmax(inside[:, ::-1], axis=1)
        low, high = along[last], along[np.minimum(last + 1, along.size - 1)]
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            is_inside = allowed(mass, middle)
            low, high = np.where(is_inside, middle, low), np.where(is_inside, high, middle)
        reached = np.where(last == along.size - 1, beyond, np.exp(low))
        return np.where(inside.any(axis=1), reached, np.nan)

    upper, lower = last_allowed(log_g, math.inf), last_allowed(log_g[::-1], 0.0)
    return Bound(constraint.name, statement(constraint, convention.label(level)), mass, upper, lower)


def statement(constraint: Constraint, level: str) -> str:
    """What the bound of a constraint means, in a few words."""
    measured = constraint.measurement
    at = "its own limit" if measured.limit is not None else level
    return f"{measured.name}, exclusion at {at}" if constraint.is_exclusion else f"{measured.name}, {level}"
