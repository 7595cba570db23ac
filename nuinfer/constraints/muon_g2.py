"""Anomalous magnetic moment of the muon: one loop with a vector boson (the paper's eq. 2).

With ``t = (m_Z'/m_mu)^2`` the loop integral is ``J(t) = int_0^1 dx x^2 (1-x) / (x^2 + (1-x) t)`` and
``Delta a_mu = g'^2 J / (4 pi^2)``; ``J -> 1/2`` for a light and ``1/(3t)`` for a heavy Z'.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from nuinfer.constants import MASS_MUON_MEV
from nuinfer.constraints.base import Charges, Constraint, Form, MassRange, read_measurement, require_within, with_limit
from nuinfer.typing import ArrayLike, FloatArray

NAME = "muon_g2"
UNIT = 1e-10  # of the observable and of the measurements
_SPLIT = 10.0  # value of t from which the form for heavy bosons is the accurate one
_TERMS = 20  # its series is then exact to 0.127^20


def delta_a_mu(m_zprime_mev: ArrayLike, g_prime: ArrayLike) -> FloatArray:
    """Shift of the muon's (g-2)/2 by a vector boson of unit muon charge.

    Closed form of the paper's eq. (2), relative accuracy 1e-12 for every mass.

    Parameters
    ----------
    m_zprime_mev : array_like, shape (*batch,)
        Mass of the Z', MeV, positive.
    g_prime : array_like, shape (*batch,)
        Coupling; another muon charge multiplies it.

    Returns
    -------
    ndarray, shape (*batch,)
        Dimensionless.

    Raises
    ------
    PhysicsDomainError
        If a mass is not positive.

    Examples
    --------
    >>> print(f"{delta_a_mu(10.0, 5e-4):.3e}")
    2.478e-09
    """
    mass = np.asarray(m_zprime_mev, float)
    require_within("m_zprime_mev", mass, np.finfo(float).tiny, np.finfo(float).max)
    ratio_squared = (mass / MASS_MUON_MEV) ** 2
    loop, heavy = _loop_light(ratio_squared), ratio_squared > _SPLIT
    if heavy.any():  # masses above 334 MeV, which a fit never meets
        loop = np.where(heavy, _loop_heavy(ratio_squared), loop)
    return np.asarray(np.asarray(g_prime, float) ** 2 * loop / (4.0 * math.pi**2))


def build(
    form: Form,
    measurement: str,
    charges: Charges,
    mass_range_mev: MassRange,  # noqa: ARG001 - part of the common signature; the closed form covers every mass
    *,
    confidence_level: float = 0.95,
    limit: float | None = None,
) -> Constraint:
    """The constraint on ``Delta a_mu`` in units of 1e-10, for any charges (it scales with ``Q_mu^2``).

    Raises
    ------
    ConfigError
        If the measurement is unknown, or the form does not fit the measurement or the limit.
    """
    measured = with_limit(NAME, form, read_measurement(NAME, measurement), limit)
    predict = functools.partial(_observable, muon_charge=float(charges[1]))
    return Constraint(NAME, form, measured, predict, standard_model=0.0, confidence_level=confidence_level)


def _observable(m_zprime_mev: FloatArray, g_prime: FloatArray, *, muon_charge: float) -> FloatArray:
    return delta_a_mu(m_zprime_mev, g_prime * muon_charge) / UNIT


def _loop_light(t: FloatArray) -> FloatArray:
    """J by partial fractions; loses ``t^4`` digits by cancellation, so used below `_SPLIT` only."""
    t = np.minimum(t, _SPLIT)
    v = 0.5 * np.sqrt(t)
    # int_0^1 dx/(x^2 - t x + t) = arccos(v)/(2 v sqrt(1 - v^2)), continued to v > 1; both vanish together at v = 1
    angle = np.arccos(np.minimum(v, 1.0)) + np.arccosh(np.maximum(v, 1.0))
    root = np.sqrt(np.abs((1.0 - v) * (1.0 + v)))
    angle_over_root = np.where(root > 0.0, angle / np.where(root > 0.0, root, 1.0), 1.0)
    return 0.5 - t - 0.5 * t * (2.0 - t) * np.log(t) + v * (4.0 * t - t**2 - 2.0) * angle_over_root


def _loop_heavy(t: FloatArray) -> FloatArray:
    """J from the real roots -p and -1/p of ``y^2 + (t-2) y + 1`` (y = 1 - x), free of cancellation."""
    t = np.maximum(t, _SPLIT)
    p = 2.0 / (t - 2.0 + np.sqrt(t * (t - 4.0)))
    near = 1.0 / 3.0 + p * (1.5 + p) - p * (1.0 + p) ** 2 * np.log1p(1.0 / p)
    far = np.zeros_like(p)
    for k in reversed(range(_TERMS)):
        far = 2.0 / ((k + 2) * (k + 3) * (k + 4)) - p * far
    return p * (near - p * far) / (1.0 - p**2)
