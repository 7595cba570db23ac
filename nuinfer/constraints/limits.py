"""Limits on g' against m_Z' from the constraints, one at a time.

An exclusion ends where its observable reaches the limit: the one the config or the measurement gives, else that of the
measurement's mean and error at the level asked for (one-sided). A likelihood excludes where it has fallen below its
maximum, over every mass and coupling searched and the Standard Model, by the half of chi^2 of one degree of freedom at
the level: 1.92 at 95 %.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from nuinfer.constraints.base import Constraint
from nuinfer.errors import ConfigError
from nuinfer.typing import ArrayLike, FloatArray

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


def drop(level: float) -> float:
    """Fall of ln L that bounds `level` for one degree of freedom.

    Raises
    ------
    ConfigError
        If the level is not in [0.5, 1).

    Examples
    --------
    >>> print(f"{drop(0.95):.2f}")
    1.92
    """
    if not 0.5 <= level < 1.0:
        raise ConfigError(f"level: {level} is outside the allowed [0.5, 1)")
    return 0.5 * float(special.ndtri(0.5 * (1.0 + level))) ** 2


def at_level(constraint: Constraint, level: float) -> Constraint:
    """The constraint with an exclusion by mean and error moved to `level`; others are what they are."""
    if constraint.is_exclusion and constraint.measurement.limit is None:
        return dataclasses.replace(constraint, confidence_level=level)
    return constraint


def excess(
    constraint: Constraint,
    m_zprime_mev: ArrayLike,
    g_prime: ArrayLike,
    level: float = 0.95,
    best: float | None = None,
) -> FloatArray:
    """How far beyond its boundary a constraint is, shape (*batch,): positive where it excludes.

    Parameters
    ----------
    constraint : Constraint
        One on (m_Z', g').
    m_zprime_mev, g_prime : array_like, shape (*batch,)
        Where.
    level : float
        Confidence level of a likelihood; an exclusion has its own.
    best : float, optional
        Maximum of a likelihood; by default the one over the points given and the Standard Model.
    """
    observable = constraint.predict(np.asarray(m_zprime_mev, float), np.asarray(g_prime, float))
    if constraint.is_exclusion:
        return observable - constraint.limit
    highest = maximum(constraint, observable) if best is None else best
    return highest - constraint.log_term_of(observable) - drop(level)


def maximum(constraint: Constraint, observable: FloatArray) -> float:
    """Largest term of a likelihood between the observables given and that of the Standard Model.

    It lies at the measured value if they enclose it, whether or not one of them hits it.
    """
    reached = np.append(observable, constraint.standard_model)
    return float(constraint.log_term_of(np.clip(constraint.measurement.mean or 0.0, reached.min(), reached.max())))


def bound(
    constraint: Constraint,
    m_zprime_mev: ArrayLike,
    level: float = 0.95,
    g_prime_range: tuple[float, float] = G_PRIME_RANGE,
) -> Bound:
    """Range of couplings that a constraint allows at each mass.

    Searched on a logarithmic grid of couplings, the ends refined by bisection to 1e-12.

    Parameters
    ----------
    constraint : Constraint
        One on (m_Z', g').
    m_zprime_mev : array_like, shape (n,)
        Masses, MeV.
    level : float
        Confidence level.
    g_prime_range : tuple of float
        Couplings searched.

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
    mass = np.atleast_1d(np.asarray(m_zprime_mev, float))
    moved = at_level(constraint, level)
    decades = math.log10(g_prime_range[1] / g_prime_range[0])
    lowest, highest = math.log(g_prime_range[0]), math.log(g_prime_range[1])
    log_g = np.linspace(lowest, highest, math.ceil(decades * STEPS_PER_DECADE) + 1)
    best = 0.0 if moved.is_exclusion else maximum(moved, moved.predict(mass[:, None], np.exp(log_g)))

    def beyond(log_coupling: FloatArray) -> FloatArray:
        return excess(moved, mass, np.exp(log_coupling), level, best)

    allowed = excess(moved, mass[:, None], np.exp(log_g), level, best) <= 0.0
    top, bottom = allowed.shape[1] - 1 - np.argmax(allowed[:, ::-1], axis=1), np.argmax(allowed, axis=1)
    last = log_g.size - 1
    upper = _refine(beyond, log_g[top], log_g[np.minimum(top + 1, last)])
    lower = _refine(beyond, log_g[bottom], log_g[np.maximum(bottom - 1, 0)])
    upper, lower = np.where(top == last, np.inf, upper), np.where(bottom == 0, 0.0, lower)
    none = ~allowed.any(axis=1)
    return Bound(
        constraint.name,
        statement(constraint, level),
        mass,
        np.where(none, np.nan, upper),
        np.where(none, np.nan, lower),
    )


def statement(constraint: Constraint, level: float) -> str:
    """What the bound of a constraint means, in a few words."""
    measured = constraint.measurement
    if not constraint.is_exclusion:
        return f"{measured.name}, {constraint.form.replace('_', '-')}, {100.0 * level:g} % CL"
    if measured.limit is not None:
        return f"{measured.name}, exclusion at its own limit"
    return f"{measured.name}, exclusion at {100.0 * level:g} % CL"


def _refine(beyond: Callable[[FloatArray], FloatArray], inside: FloatArray, outside: FloatArray) -> FloatArray:
    """Boundary between an allowed and an excluded coupling, by bisection in the logarithm."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (inside + outside)
        out = beyond(middle) > 0.0
        inside, outside = np.where(out, inside, middle), np.where(out, middle, outside)
    return np.exp(inside)
