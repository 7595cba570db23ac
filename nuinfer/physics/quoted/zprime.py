"""What the paper says of the Z' itself: its effect on W and Z, its decay, its life in the early universe.

The rates of the early universe (arXiv:1504.00711, Sec. IV A) are estimates without factors of order one; where a
coupling is asked for, the width and its time dilation are exact, with Boltzmann statistics. The bound from W and Z is
one of order one on g', a thousand times weaker than the others, so it is a number and no term of the posterior.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from nuinfer.constants import CM_PER_KM, HBAR_C_MEV_CM, MASS_PLANCK_GEV
from nuinfer.physics.domain import checked
from nuinfer.physics.mediator import LMU_LTAU, Mediator
from nuinfer.typing import ArrayLike, FloatArray

DEGREES_OF_FREEDOM = 10.75
"""Photons, e+e- and three neutrinos in equilibrium: between some MeV and 100 MeV of temperature, without the Z'."""

_MASS_PLANCK_MEV = MASS_PLANCK_GEV * 1e3
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)
_PER_COUPLING_SQUARED = 3.0 / (16.0 * math.pi**2)  # of the widths of W and Z


def width_shift(g_prime: ArrayLike) -> FloatArray:
    """Relative change of the leptonic widths of W and Z, ``3 g'^2/(16 pi^2)`` (the paper's Sec. II).

    A light Z' opens three-body decays such as W -> mu nu Z'. For leptons of unit charge and m_Z' far below m_W.

    Parameters
    ----------
    g_prime : array_like, shape (*batch,)
        Coupling; another charge of the lepton multiplies it.

    Returns
    -------
    ndarray, shape (*batch,)
        Delta Gamma/Gamma.

    Examples
    --------
    >>> print(f"{width_shift(0.7):.4f}")
    0.0093
    """
    return np.asarray(_PER_COUPLING_SQUARED * np.asarray(g_prime, float) ** 2)


def coupling_limit(precision: ArrayLike = 0.01) -> FloatArray:
    """Coupling at which the widths change by `precision`; the paper's 1 % gives 0.73.

    Parameters
    ----------
    precision : array_like, shape (*batch,)
        Relative precision of the measured branching ratios, not negative.

    Returns
    -------
    ndarray, shape (*batch,)
        g'.

    Raises
    ------
    PhysicsDomainError
        If the precision is negative.

    Examples
    --------
    >>> print(f"{coupling_limit(0.01):.3f}")
    0.726
    """
    return np.asarray(np.sqrt(checked("precision", precision, ">= 0") / _PER_COUPLING_SQUARED))


def decay_length_km(
    m_zprime_mev: ArrayLike, g_prime: ArrayLike, lorentz_factor: ArrayLike = 1.0, mediator: Mediator = LMU_LTAU
) -> FloatArray:
    """Decay length c/Gamma of a Z' into neutrinos, times a Lorentz factor (T/m_Z' in the paper's estimate).

    7.4e-8 km for g' = 1e-4 and 10 MeV; the paper prints 1e-9 km.

    Parameters
    ----------
    m_zprime_mev, g_prime, lorentz_factor : array_like, shape (*batch,)
        Mass in MeV, coupling, energy over mass.
    mediator : Mediator
        Charges.

    Returns
    -------
    ndarray, shape (*batch,)
        km; infinite without a coupling.

    Examples
    --------
    >>> print(f"{decay_length_km(10.0, 1e-4):.1e}")
    7.4e-08
    """
    width_mev = np.asarray(m_zprime_mev, float) * mediator.width_over_mass(g_prime)
    with np.errstate(divide="ignore"):
        return np.asarray(HBAR_C_MEV_CM / width_mev * np.asarray(lorentz_factor, float) / CM_PER_KM)


def hubble_mev(temperature_mev: ArrayLike, degrees_of_freedom: ArrayLike = DEGREES_OF_FREEDOM) -> FloatArray:
    """Expansion rate in the radiation era, H = sqrt(8 pi^3 g/90) T^2/M_Planck.

    Parameters
    ----------
    temperature_mev, degrees_of_freedom : array_like, shape (*batch,)
        Temperature in MeV; effective relativistic degrees of freedom g.

    Returns
    -------
    ndarray, shape (*batch,)
        MeV.

    Examples
    --------
    >>> print(f"{hubble_mev(1.0):.2e}")
    4.46e-22
    """
    g = np.asarray(degrees_of_freedom, float)
    return np.asarray(np.sqrt(8.0 * math.pi**3 / 90.0 * g) * np.asarray(temperature_mev, float) ** 2 / _MASS_PLANCK_MEV)


def inverse_decay_rate_mev(temperature_mev: ArrayLike, m_zprime_mev: ArrayLike, g_prime: ArrayLike) -> FloatArray:
    """The paper's estimate of the rate of nu nubar -> Z', g'^2 m_Z' (m_Z'/T), in MeV; for T of m_Z' and above.

    Parameters
    ----------
    temperature_mev, m_zprime_mev, g_prime : array_like, shape (*batch,)
        Temperature and mass in MeV, coupling.

    Returns
    -------
    ndarray, shape (*batch,)
        MeV.

    Examples
    --------
    >>> print(f"{inverse_decay_rate_mev(10.0, 10.0, 1e-4):.1e}")
    1.0e-07
    """
    mass = np.asarray(m_zprime_mev, float)
    return np.asarray(np.asarray(g_prime, float) ** 2 * mass * (mass / np.asarray(temperature_mev, float)))


def pair_annihilation_rate_mev(temperature_mev: ArrayLike, g_prime: ArrayLike) -> FloatArray:
    """The paper's estimate of the rate of l lbar -> Z' Z', g'^4 T, in MeV; for T of m_Z' and above.

    Parameters
    ----------
    temperature_mev, g_prime : array_like, shape (*batch,)
        Temperature in MeV, coupling.

    Returns
    -------
    ndarray, shape (*batch,)
        MeV.

    Examples
    --------
    >>> print(f"{pair_annihilation_rate_mev(10.0, 1e-4):.1e}")
    1.0e-15
    """
    return np.asarray(np.asarray(g_prime, float) ** 4 * np.asarray(temperature_mev, float))


def crossover_temperature_mev(m_zprime_mev: ArrayLike, g_prime: ArrayLike) -> FloatArray:
    """Temperature below which inverse decay is faster than pair annihilation, m_Z'/g'.

    The paper's 100 GeV (1e-4/g') (m_Z'/10 MeV), exactly.

    Parameters
    ----------
    m_zprime_mev, g_prime : array_like, shape (*batch,)
        Mass in MeV, coupling (positive).

    Returns
    -------
    ndarray, shape (*batch,)
        MeV.

    Examples
    --------
    >>> print(f"{crossover_temperature_mev(10.0, 1e-4) / 1e3:.1f} GeV")
    100.0 GeV
    """
    return np.asarray(np.asarray(m_zprime_mev, float) / np.asarray(g_prime, float))


def annihilation_coupling(m_zprime_mev: ArrayLike, degrees_of_freedom: ArrayLike = DEGREES_OF_FREEDOM) -> FloatArray:
    """Coupling above which pair annihilation keeps up with the expansion until T = m_Z', g'^4 T = H.

    Parameters
    ----------
    m_zprime_mev, degrees_of_freedom : array_like, shape (*batch,)
        Mass in MeV; relativistic degrees of freedom.

    Returns
    -------
    ndarray, shape (*batch,)
        g', about 1e-5.

    Examples
    --------
    >>> print(f"{annihilation_coupling(10.0):.1e}")
    8.2e-06
    """
    mass = np.asarray(m_zprime_mev, float)
    return np.asarray((hubble_mev(mass, degrees_of_freedom) / mass) ** 0.25)


def thermalisation_coupling(
    m_zprime_mev: ArrayLike, degrees_of_freedom: ArrayLike = DEGREES_OF_FREEDOM, mediator: Mediator = LMU_LTAU
) -> FloatArray:
    """Coupling above which decay and inverse decay bring the Z' into equilibrium by T = m_Z'.

    Gamma K1(1)/K2(1) = H: the width into neutrinos with the mean time dilation of a Maxwell-Boltzmann gas.

    Parameters
    ----------
    m_zprime_mev, degrees_of_freedom : array_like, shape (*batch,)
        Mass in MeV; relativistic degrees of freedom.
    mediator : Mediator
        Charges.

    Returns
    -------
    ndarray, shape (*batch,)
        g', below 1e-9 for masses of some MeV.

    Examples
    --------
    >>> print(f"{thermalisation_coupling(10.0):.1e}")
    6.7e-10
    """
    mass = np.asarray(m_zprime_mev, float)
    dilation = float(special.k1(1.0) / special.kn(2, 1.0))
    rate = mediator.width_over_mass(1.0) * dilation
    return np.asarray(np.sqrt(hubble_mev(mass, degrees_of_freedom) / (mass * rate)))


def delta_neff_direct(m_over_t: ArrayLike) -> FloatArray:
    """Energy of a Z' gas in units of one neutrino species (nu and nubar) at the same temperature.

    Three polarisations, no chemical potential; 12/7 for a relativistic Z' (Sec. IV A). It is what the Z' adds to N_eff
    by itself, apart from the neutrinos that it heats (`nuinfer.constraints.neff.delta_neff_paper`).

    Parameters
    ----------
    m_over_t : array_like, shape (*batch,)
        Mass over temperature, not negative.

    Returns
    -------
    ndarray, shape (*batch,)
        Dimensionless; relative accuracy 1e-9.

    Raises
    ------
    PhysicsDomainError
        If `m_over_t` is negative.

    Examples
    --------
    >>> print(f"{delta_neff_direct(0.0):.4f} {12 / 7:.4f} {delta_neff_direct(10.0):.4f}")
    1.7143 1.7143 0.0066
    """
    x = checked("m_over_t", m_over_t, ">= 0")[..., None]
    reach = np.sqrt(1600.0 + 80.0 * x)  # there the kinetic energy is 40 T
    root = 0.5 * (1.0 + _NODES)
    momentum, measure = reach * root**2, reach * root * _WEIGHTS  # k = reach root^2 crowds nodes at rest
    energy = np.sqrt(momentum**2 + x**2)
    density = 3.0 / (2.0 * math.pi**2) * np.sum(measure * momentum**2 * energy / np.expm1(energy), axis=-1)
    return np.asarray(density / (7.0 * math.pi**2 / 120.0))
