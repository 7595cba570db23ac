"""Energy exchange between neutrinos and the electromagnetic plasma by the weak interactions, from the matrix elements.

A species of neutrinos (with its antineutrinos) at ``T2`` in contact with electrons, positrons at ``T1`` gains

    d rho/dt = (G_F^2/pi^5) 4 (g_L^2 + g_R^2) [32 f_a (T1^9 - T2^9) + 56 f_s T1^4 T2^4 (T1 - T2)]

(arXiv:2001.04466): annihilation and scattering with Maxwell-Boltzmann statistics and massless electrons, times factors
``f_a``, ``f_s`` that restore Fermi-Dirac statistics, Pauli blocking and the electron mass. Here the factors are
calculated, as ratios of the linear response to a small ``T1 - T2``,

    d(d rho/dt)/dT = T^-2 int dPi_1..4 (2 pi)^4 delta^4 |M|^2 q0^2 f1 f2 (1 - f3)(1 - f4)      (half of it: scattering)

with ``q0`` the energy that changes sides. Grouping the particles by the exchanged four-momentum leaves four smooth
integrals, over ``q0``, ``|q|`` and one energy on either side; the relative azimuth is averaged by hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nuinfer.typing import FloatArray

Statistics = Literal["fermi", "boltzmann"]
_PHASE_SPACE = 128.0 * math.pi**3 / (2.0 * math.pi) ** 8  # with the 128 G_F^2 of the squared matrix elements


@dataclass(frozen=True)
class WeakCouplings:
    """Neutrino-electron couplings of one flavour: ``g_L``, ``g_R`` (dimensionless)."""

    left: float
    right: float

    @property
    def strength(self) -> float:
        """``g_L^2 + g_R^2``."""
        return self.left**2 + self.right**2


def annihilation_factor(x: float, couplings: WeakCouplings, statistics: Statistics = "fermi", nodes: int = 24) -> float:
    """``f_a``: rate of nu nubar <-> e+e- over the one with massless electrons and Boltzmann statistics.

    Parameters
    ----------
    x : float
        Electron mass over temperature.
    couplings : WeakCouplings
        Those of the flavour.
    statistics : {"fermi", "boltzmann"}
        Distribution of all four particles; ``boltzmann`` has no blocking.
    nodes : int
        Of each of the four quadratures.

    Examples
    --------
    >>> print(f"{annihilation_factor(0.0, WeakCouplings(0.727, 0.233), 'boltzmann'):.6f}")
    1.000000
    """
    y, w_y = _laguerre(2 * nodes)
    angle, w_angle = _legendre(nodes, 0.0, 0.5 * math.pi)
    t, w_t = _legendre(nodes, -1.0, 1.0)
    energy, theta, t1, t3 = np.meshgrid(2.0 * x + y, angle, t, t, indexing="ij", sparse=True)
    largest = np.sqrt(energy**2 - 4.0 * x**2)
    q = largest * np.sin(theta)
    s = energy**2 - q**2
    beta = largest * np.cos(theta) / np.sqrt(s)
    e1, e3 = 0.5 * (energy + q * t1), 0.5 * (energy + q * beta * t3)
    along1, along3 = e1 * energy - 0.5 * s, e3 * energy - 0.5 * s  # times |q|
    a = e1 * e3 - along1 * along3 / q**2
    b2 = (e1**2 - (along1 / q) ** 2) * np.maximum(e3**2 - x**2 - (along3 / q) ** 2, 0.0)
    elements = (
        couplings.left**2 * ((0.5 * s - a) ** 2 + 0.5 * b2)
        + couplings.right**2 * (a**2 + 0.5 * b2)
        + 0.5 * couplings.left * couplings.right * x**2 * s
    )
    occupation = _occupied(e1, energy - e1, e3, energy - e3, statistics)
    measure = 0.25 * q**2 * beta * largest * np.cos(theta) * energy**2
    weights = w_y[:, None, None, None] * w_angle[:, None, None] * w_t[:, None] * w_t
    value = _PHASE_SPACE * float(np.sum(weights * measure * elements * occupation))
    return value * math.pi**5 / (288.0 * 4.0 * couplings.strength)


def scattering_factor(x: float, couplings: WeakCouplings, statistics: Statistics = "fermi", nodes: int = 24) -> float:
    """``f_s``: rate of nu e <-> nu e (all charges) over the massless one with Boltzmann statistics.

    Parameters as for `annihilation_factor`.

    Examples
    --------
    >>> print(f"{scattering_factor(0.0, WeakCouplings(0.727, 0.233), 'boltzmann'):.6f}")
    1.000000
    """
    y, w_y = _laguerre(nodes + 8)
    z, w_z = _laguerre(nodes)
    u, w_u = _legendre(nodes + 8, -1.0, 1.0)
    q, ratio, z1, z2 = np.meshgrid(y, u, z, z, indexing="ij", sparse=True)
    q0 = q * ratio
    t = q0**2 - q**2
    e1 = 0.5 * (q0 + q) + z1
    e2 = 0.5 * (q * np.sqrt(1.0 - 4.0 * x**2 / t) - q0) + z2
    along1, along2 = (q0 * e1 - 0.5 * t) / q, (q0 * e2 + 0.5 * t) / q
    a = e1 * e2 - along1 * along2
    b2 = np.maximum(e1**2 - along1**2, 0.0) * np.maximum(e2**2 - x**2 - along2**2, 0.0)
    both = a**2 + (a + 0.5 * t) ** 2 + b2
    elements = 2.0 * (couplings.strength * both + couplings.left * couplings.right * x**2 * t)
    occupation = _occupied(e1, e2, e1 - q0, e2 + q0, statistics)
    weights = w_y[:, None, None, None] * w_u[:, None, None] * w_z[:, None] * w_z
    value = 0.5 * _PHASE_SPACE * float(np.sum(weights * q * elements * q0**2 * occupation))
    return value * math.pi**5 / (56.0 * 4.0 * couplings.strength)


def _occupied(e1: FloatArray, e2: FloatArray, e3: FloatArray, e4: FloatArray, statistics: Statistics) -> FloatArray:
    """``f1 f2 (1 - f3)(1 - f4)``; particles 1, 2 before and 3, 4 after."""
    boltzmann = np.exp(-e1 - e2)
    if statistics == "boltzmann":
        return np.asarray(boltzmann)
    blocked = (1.0 + np.exp(-e1)) * (1.0 + np.exp(-e2)) * (1.0 + np.exp(-e3)) * (1.0 + np.exp(-e4))
    return np.asarray(boltzmann / blocked)


def _legendre(nodes: int, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    t, w = np.polynomial.legendre.leggauss(nodes)
    return low + 0.5 * (high - low) * (t + 1.0), 0.5 * (high - low) * w


def _laguerre(nodes: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of ``int_0^inf dy h(y)`` for ``h`` that falls like exp(-y)."""
    y, w = np.polynomial.laguerre.laggauss(nodes)
    return y, w * np.exp(y)
