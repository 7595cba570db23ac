"""Thermodynamics of the early Universe around neutrino decoupling: the QED plasma and a massive vector.

Ideal photons, electrons and positrons with the QED corrections of order e^2 and e^3 to the pressure (arXiv:1911.04504;
the small term of order e^2 with a logarithm is left out: it changes N_eff by less than 1e-4). Everything follows from
the pressure, so entropy is conserved exactly by what integrates it. Dimensionless throughout: densities over the
power of the temperature.
"""

from __future__ import annotations

import math

import numpy as np

from nuinfer.constants import ELECTRIC_CHARGE
from nuinfer.typing import ArrayLike, FloatArray

RHO_PHOTON = math.pi**2 / 15.0  # rho/T^4
RHO_NEUTRINO = 7.0 / 8.0 * math.pi**2 / 15.0  # one flavour, both helicities
_NODES = 96


def energy_nodes(x: ArrayLike, nodes: int = _NODES) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Quadrature over the momenta of a gas of particles with mass over temperature `x`.

    With ``E = x + z^2`` the momentum is ``z sqrt(z^2 + 2 x)``, smooth at threshold for every mass.

    Returns
    -------
    energy, momentum, weight : ndarray, shape (*x.shape, nodes)
        Over the temperature; ``sum(weight * h)`` is ``int p^2 dp/(2 pi^2) h``.
    """
    t, w = np.polynomial.legendre.leggauss(nodes)
    end = 6.4  # exp(-z^2) is below 2e-18
    z, dz = 0.5 * end * (t + 1.0), 0.5 * end * w
    x = np.asarray(x, float)[..., None]
    energy = x + z**2
    momentum = z * np.sqrt(z**2 + 2.0 * x)
    return energy, momentum, momentum * energy * 2.0 * z * dz / (2.0 * math.pi**2)


def electron_pressure_density_entropy(x: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``p/T^4``, ``rho/T^4`` and ``s/T^3`` of ideal electrons and positrons at ``x = m_e/T``."""
    energy, momentum, weight = energy_nodes(x)
    occupation = 4.0 * weight / (np.exp(energy) + 1.0)
    pressure = np.sum(occupation * momentum**2 / (3.0 * energy), axis=-1)
    density = np.sum(occupation * energy, axis=-1)
    return pressure, density, pressure + density


def qed_pressure(x: ArrayLike) -> FloatArray:
    """QED correction to ``p/T^4`` at ``x = m_e/T``: orders e^2 and e^3 (arXiv:1911.04504, eqs. for P^(2), P^(3)).

    Examples
    --------
    >>> e = ELECTRIC_CHARGE
    >>> massless = -5.0 * e**2 / 288.0 + e**3 / (36.0 * math.sqrt(3.0) * math.pi)
    >>> print(f"{qed_pressure(1e-4) / massless:.6f}")
    1.000000
    """
    energy, momentum, weight = energy_nodes(x)
    distribution = 2.0 * weight * 2.0 * math.pi**2 / (np.exp(energy) + 1.0)  # p^2 dp n_D
    single = np.sum(distribution / energy, axis=-1)
    debye = np.sum(distribution * (1.0 + energy**2 / momentum**2) / energy, axis=-1)
    second = -(ELECTRIC_CHARGE**2) * (single / (12.0 * math.pi**2) + single**2 / (8.0 * math.pi**4))
    third = ELECTRIC_CHARGE**3 / (12.0 * math.pi**4) * debye**1.5
    return np.asarray(second + third)


def vector_density_entropy(x: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """``rho/T^4`` and ``s/T^3`` of a massive vector at ``x = m/T``, times ``exp(x)``."""
    energy, momentum, weight = energy_nodes(x)
    kinetic = energy - np.asarray(x, float)[..., None]
    occupation = 3.0 * weight * np.exp(-kinetic) / -np.expm1(-energy)
    density = np.sum(occupation * energy, axis=-1)
    return density, np.sum(occupation * (energy + momentum**2 / (3.0 * energy)), axis=-1)
