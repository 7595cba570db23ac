"""Where a resonance is met, and how deep it is, on relic neutrinos at rest. Equation numbers: arXiv:1504.00711."""

from __future__ import annotations

import numpy as np

from nuinfer.compiled import inlined, plain
from nuinfer.constants import EV_PER_GEV, EV_PER_MEV, ZETA3
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.cosmology import Cosmology, expansion
from nuinfer.physics.mediator import LMU_LTAU
from nuinfer.typing import ArrayLike, FloatArray, IntArray


@inlined
def resonance_energy_gev(m_zprime_mev: float, m_nu_ev: float) -> float:
    """E = m_Z'^2/(2 m_nu) in GeV."""
    m_zprime_ev = m_zprime_mev * EV_PER_MEV
    return m_zprime_ev * m_zprime_ev / (2.0 * m_nu_ev * EV_PER_GEV)


@inlined
def crossing_depth(strength: float, cube: float, omega_m: float, omega_lambda: float) -> float:
    """Optical depth of a crossing where (1+z)^3 is `cube`: strength (1+z)^3 H0/H."""
    return strength * cube / expansion(cube, omega_m, omega_lambda)


def depth_strength(m_zprime_mev: ArrayLike, g_prime: ArrayLike, cosmology: Cosmology) -> FloatArray:
    """18 zeta(3) T_nu0^3/(H0 m_Z'^2) g'^2/(12 pi): `optical_depth` over (1+z)^3 H0/H."""
    m_zprime_ev = np.asarray(m_zprime_mev, float) * EV_PER_MEV
    scale = 18.0 * ZETA3 * LMU_LTAU.width_over_mass(g_prime) / (m_zprime_ev * m_zprime_ev)
    return np.asarray(scale * cosmology.t_nu0_ev**3 / cosmology.hubble0_ev)


def resonance_redshift(energy_gev: ArrayLike, m_zprime_mev: ArrayLike, m_nu_ev: ArrayLike) -> FloatArray:
    """Redshift z = m_Z'^2/(2 m_nu E) - 1 at which energy E (today) crosses the resonance (eq. 17).

    Parameters
    ----------
    energy_gev, m_zprime_mev, m_nu_ev : array_like, broadcast together
        Neutrino energy at Earth in GeV, mediator mass in MeV, target mass in eV.

    Returns
    -------
    ndarray
        Redshift, negative where the resonance lies in the future; +inf for a massless target.

    Examples
    --------
    >>> float(resonance_redshift(600e3, 8.0, 0.05).round(4))
    0.0667
    """
    with np.errstate(divide="ignore"):
        energy = plain(resonance_energy_gev)(np.asarray(m_zprime_mev, float), np.asarray(m_nu_ev, float))
    return np.asarray(energy / np.asarray(energy_gev, float) - 1.0)


def optical_depth(redshift: ArrayLike, m_zprime_mev: ArrayLike, g_prime: ArrayLike, cosmology: Cosmology) -> FloatArray:
    """Optical depth of one crossing at `redshift` for a unit-charge flavour (eq. 12).

    tau = 18 zeta(3) T_nu^3 / (H m_Z'^2) g'^2/(12 pi), for Majorana neutrinos and a vector mediator. It is the depth
    of a unit entry of R for any charges: width and branching cancel. `Mediator.depth_over_vector` scales it.

    Parameters
    ----------
    redshift, m_zprime_mev, g_prime : array_like, broadcast together
        Redshift of the crossing, mediator mass in MeV, coupling.
    cosmology : Cosmology
        Expansion rate and relic temperature.

    Returns
    -------
    ndarray
        Dimensionless depth.

    Examples
    --------
    >>> from nuinfer.physics.cosmology import PAPER
    >>> float(optical_depth(0.0667, 8.0, 5e-4, PAPER).round(2))
    8.79
    """
    strength = depth_strength(m_zprime_mev, g_prime, cosmology)
    cube = (1.0 + np.asarray(redshift, float)) ** 3
    return np.asarray(plain(crossing_depth)(strength, cube, cosmology.omega_m, cosmology.omega_lambda))


def ordered_targets(masses_ev: ArrayLike) -> tuple[IntArray, FloatArray]:
    """Order in which targets are crossed, the lightest first, and their masses in that order.

    Parameters
    ----------
    masses_ev : array_like, shape (*batch, target)
        Target masses in eV.

    Returns
    -------
    order, masses : ndarray, shape (*batch, target)
        Indices into the target axis and the sorted masses.

    Raises
    ------
    PhysicsDomainError
        If a mass is negative or not a number.
    """
    masses = np.asarray(masses_ev, float)
    if not np.all(masses >= 0.0):
        raise PhysicsDomainError(f"masses_ev: {masses.min()} is not allowed, masses must be >= 0")
    order = np.argsort(masses, axis=-1, kind="stable")
    return order, np.take_along_axis(masses, order, axis=-1)
