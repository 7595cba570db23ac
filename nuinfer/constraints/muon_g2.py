"""Anomalous magnetic moment of the muon: one loop with a vector boson (the paper's eq. 2).

With ``t = (m_Z'/m_mu)^2`` the loop integral is ``J(t) = int_0^1 dx x^2 (1-x) / (x^2 + (1-x) t)`` and
``Delta a_mu = g'^2 J / (4 pi^2)``; ``J -> 1/2`` for a light and ``1/(3t)`` for a heavy Z'.
"""

from __future__ import annotations

import math

import numpy as np

from nuinfer.compiled import compiled, elementwise, inlined
from nuinfer.constants import KAMADA_YU, MASS_MUON_MEV
from nuinfer.constraints.definition import Definition, Prediction
from nuinfer.constraints.tables import within
from nuinfer.typing import ArrayLike, FloatArray

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
    return elementwise(_shift_loop, (within("m_zprime_mev", m_zprime_mev), g_prime))


@compiled
def _shift_loop(mass: FloatArray, g_prime: FloatArray, out: FloatArray) -> None:
    for n in range(out.size):
        t = (mass[n] / MASS_MUON_MEV) ** 2
        loop = _loop_heavy(t) if t > _SPLIT else _loop_light(t)
        out[n] = g_prime[n] * g_prime[n] * loop / (4.0 * math.pi**2)


@inlined
def _loop_light(t: float) -> float:
    """J by partial fractions; loses ``t^4`` digits by cancellation, so used below `_SPLIT` only."""
    v = 0.5 * math.sqrt(t)
    # int_0^1 dx/(x^2 - t x + t) = arccos(v)/(2 v sqrt(1 - v^2)), continued to v > 1; both vanish together at v = 1
    root = math.sqrt(abs((1.0 - v) * (1.0 + v)))
    angle_over_root = 1.0 if root == 0.0 else (math.acos(v) if v < 1.0 else math.acosh(v)) / root
    return 0.5 - t - 0.5 * t * (2.0 - t) * math.log(t) + v * (4.0 * t - t**2 - 2.0) * angle_over_root


@inlined
def _loop_heavy(t: float) -> float:
    """J from the real roots -p and -1/p of ``y^2 + (t-2) y + 1`` (y = 1 - x), free of cancellation."""
    p = 2.0 / (t - 2.0 + math.sqrt(t * (t - 4.0)))
    near = 1.0 / 3.0 + p * (1.5 + p) - p * (1.0 + p) ** 2 * math.log1p(1.0 / p)
    far = 0.0
    for k in range(_TERMS - 1, -1, -1):
        far = 2.0 / ((k + 2) * (k + 3) * (k + 4)) - p * far
    return p * (near - p * far) / (1.0 - p**2)


def _in_units(m_zprime_mev: FloatArray, g_prime: FloatArray) -> FloatArray:
    return np.asarray(delta_a_mu(m_zprime_mev, g_prime) / UNIT)


CONSTRAINT = Definition(
    name="muon_g2",
    order=1,
    label="muon $g-2$",
    colour="#009E73",
    measurement="wp2025",
    prediction=lambda _numbers, _oscillation: Prediction(_in_units, standard_model=0.0),
    prediction_reference=KAMADA_YU,
    charges="muon",  # it scales with the square of the muon's
    not_scalar_because="a scalar couples to neutrinos alone, not to muons",
)
