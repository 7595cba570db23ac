"""The lengths that decide how coherent a crossing is (arXiv:1504.00711, Sec. III; equation numbers are the paper's).

A neutrino crosses a resonance over the distance in which the expansion shifts it through the width of the line: the
natural width of the mediator, or the spread that the motion of the relic neutrinos gives it, if that is larger. Phases
of mass states that oscillate many times within this distance average out, and `decoherent` holds; `coherent` needs a
distance far below the oscillation length. Between crossings phases average out anyhow, whether the wave packets still
overlap (distance below the coherence length) or not.

Energies are physical ones, at the place where the length is asked for: (1 + z) times those at Earth.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nuinfer import constants
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.domain import checked
from nuinfer.typing import ArrayLike, FloatArray

PARSEC_CM = constants.MEGAPARSEC_CM * 1e-6
_HBAR_C_EV_PC = constants.HBAR_C_MEV_CM * 1e6 / PARSEC_CM

NEGLIGIBLE = 0.01
"""How much interference may be lost in a coherent crossing, or be left in a decoherent one."""


def oscillation_length_pc(energy_gev: ArrayLike, delta_m2_ev2: ArrayLike) -> FloatArray:
    """Oscillation length 4 pi E/|dm^2| of a pair of mass states (below eq. 18).

    8e-8 pc (E/PeV) (eV^2/dm^2); 1.1e-3 pc at 1 PeV for the solar splitting.

    Parameters
    ----------
    energy_gev, delta_m2_ev2 : array_like, broadcast together
        Energy in GeV, splitting in eV^2 of either sign.

    Returns
    -------
    ndarray
        pc; infinite without a splitting.

    Raises
    ------
    PhysicsDomainError
        If an energy is not positive.

    Examples
    --------
    >>> print(f"{oscillation_length_pc(1e6, 7.5e-5):.2e}")
    1.07e-03
    """
    energy_ev = checked("energy_gev", energy_gev, "positive") * constants.EV_PER_GEV
    with np.errstate(divide="ignore"):
        return np.asarray(4.0 * math.pi * _HBAR_C_EV_PC * energy_ev / np.abs(np.asarray(delta_m2_ev2, float)))


def pion_decay_size_cm(energy_gev: ArrayLike) -> FloatArray:
    """Size of the wave packet of a neutrino from a pion that decays in flight, sigma_x = c m_pi tau_pi/(4 E).

    2.7e-5 cm at 1 PeV. Collisions and magnetic fields in the source make it smaller.

    Parameters
    ----------
    energy_gev : array_like
        Energy of the neutrino in GeV, a quarter of the pion's.

    Returns
    -------
    ndarray
        cm.

    Examples
    --------
    >>> print(f"{pion_decay_size_cm(1e6):.2e}")
    2.72e-05
    """
    lifetime_cm = constants.SPEED_OF_LIGHT_CM_S * constants.LIFETIME_CHARGED_PION_S
    lorentz_factor = (
        4.0 * checked("energy_gev", energy_gev, "positive") * constants.MEV_PER_GEV / constants.MASS_CHARGED_PION_MEV
    )
    return np.asarray(lifetime_cm / lorentz_factor)


def coherence_length_pc(
    energy_gev: ArrayLike, delta_m2_ev2: ArrayLike, sigma_x_cm: ArrayLike | None = None
) -> FloatArray:
    """Distance at which the wave packets of a pair of mass states separate, 4 pi E^2 sigma_x/|dm^2| (eq. 4).

    111 Gpc at 1 PeV for 1e-3 eV^2. The factor 4 pi is the paper's: by then packets are 2 pi sigma_x apart.

    Parameters
    ----------
    energy_gev, delta_m2_ev2 : array_like, broadcast together
        Energy in GeV, splitting in eV^2 of either sign.
    sigma_x_cm : array_like, optional
        Size of the wave packet in cm; by default that of `pion_decay_size_cm`.

    Returns
    -------
    ndarray
        pc; infinite without a splitting.

    Examples
    --------
    >>> print(f"{coherence_length_pc(1e6, 1e-3) / 1e9:.0f} Gpc")
    111 Gpc
    """
    energy_ev = checked("energy_gev", energy_gev, "positive") * constants.EV_PER_GEV
    size_cm = pion_decay_size_cm(energy_gev) if sigma_x_cm is None else checked("sigma_x_cm", sigma_x_cm, "positive")
    with np.errstate(divide="ignore"):
        oscillations = 4.0 * math.pi * energy_ev**2 / np.abs(np.asarray(delta_m2_ev2, float))
    return np.asarray(oscillations * size_cm / PARSEC_CM)


def crossing_length_pc(width_over_mass: ArrayLike, redshift: ArrayLike, cosmology: Cosmology) -> FloatArray:
    """Distance over which the expansion shifts a neutrino through the natural width of the resonance, 2 c Gamma/(m H).

    The Breit-Wigner has the full width Gamma in sqrt(s) at half maximum, so 2 Gamma/m in ln E, and dE/dt = -H E.
    6.4 pc for L_mu - L_tau with g' = 1.7e-4 at z = 0.067 of the paper's cosmology (its example of 8 MeV, 0.05 eV and
    600 TeV); 6.7 pc at z = 0.

    Parameters
    ----------
    width_over_mass : array_like
        Total width over mass, `Mediator.width_over_mass` where there are only neutrinos to decay into.
    redshift : array_like
        Where the resonance is crossed.
    cosmology : Cosmology
        Expansion rate.

    Returns
    -------
    ndarray
        pc, the two arguments broadcast together.

    Examples
    --------
    >>> from nuinfer.physics.cosmology import PAPER
    >>> from nuinfer.physics.mediator import LMU_LTAU
    >>> float(crossing_length_pc(LMU_LTAU.width_over_mass(1.7e-4), 1 / 15, PAPER).round(1))
    6.4
    """
    width = checked("width_over_mass", width_over_mass, ">= 0")
    return np.asarray(2.0 * width * _hubble_length_pc(redshift, cosmology))


def thermal_smearing_length_pc(m_nu_ev: ArrayLike, redshift: ArrayLike, cosmology: Cosmology) -> FloatArray:
    """Distance over which the expansion shifts a neutrino through a resonance that target motion has smeared.

    A target of momentum p at angle theta is hit at s = 2 E (omega - p cos theta) = m_Z'^2. As cos theta runs from -1 to
    1, E runs over the interval ln[(omega + p)/(omega - p)] = 2 arsinh(p/m) in ln E, hence the length
    (2 c/H) arsinh(<p>/m) with the mean momentum <p> = 7 pi^4/(180 zeta(3)) T_nu of relic neutrinos: 2 c <p>/(m H) for
    slow ones, as `crossing_length_pc` with <p>/m in place of Gamma/m_Z'. It does not depend on E, m_Z' or g'.

    Parameters
    ----------
    m_nu_ev : array_like
        Target mass in eV.
    redshift : array_like
        Where the resonance is crossed.
    cosmology : Cosmology
        Expansion rate and relic temperature.

    Returns
    -------
    ndarray
        pc, the two arguments broadcast together; more than the Hubble length means the whole path, and it is infinite
        for a massless target.

    Examples
    --------
    >>> from nuinfer.physics.cosmology import PLANCK18
    >>> (thermal_smearing_length_pc([0.05, 0.002], 0.0, PLANCK18) / 1e6).round().tolist()
    [94.0, 2314.0]
    """
    mass = checked("m_nu_ev", m_nu_ev, ">= 0")
    mean_over_t = 7.0 * math.pi**4 / (180.0 * constants.ZETA3)
    momentum = mean_over_t * cosmology.t_nu0_ev * (1.0 + np.asarray(redshift, float))
    with np.errstate(divide="ignore"):
        spread = 2.0 * np.arcsinh(momentum / mass)
    return np.asarray(spread * _hubble_length_pc(redshift, cosmology))


def surviving_interference(absorbing_pc: ArrayLike, oscillation_pc: ArrayLike) -> FloatArray:
    """How coherent a crossing is, exp(-2 pi absorbing/oscillation): 1 for `coherent`, 0 for `decoherent`.

    To leading order in tau a Breit-Wigner of full width w moves |R_ki|^2 tau^2/4 times this from mass state i to k: the
    square of the Fourier transform of the line at the oscillation's wave number (`nuinfer.physics.quoted.coherence`).

    Parameters
    ----------
    absorbing_pc, oscillation_pc : array_like, broadcast together
        Distance over which neutrinos are absorbed, and oscillation length, in pc.

    Returns
    -------
    ndarray
    """
    return np.asarray(np.exp(-2.0 * math.pi * np.asarray(absorbing_pc, float) / np.asarray(oscillation_pc, float)))


def coherence_regime(
    energy_gev: ArrayLike, redshift: ArrayLike, width_over_mass: ArrayLike, delta_m2_ev2: ArrayLike,
    cosmology: Cosmology, m_nu_ev: ArrayLike | None = None,
) -> npt.NDArray[np.str_]:  # fmt: skip
    """Which regime holds at a crossing, for a pair of mass states.

    Parameters
    ----------
    energy_gev : array_like
        Energy at Earth in GeV.
    redshift : array_like
        Where the resonance is crossed.
    width_over_mass : array_like
        Total width of the mediator over its mass.
    delta_m2_ev2 : array_like
        Splitting of the pair in eV^2.
    cosmology : Cosmology
        Expansion rate and relic temperature.
    m_nu_ev : array_like, optional
        Target mass in eV, for targets that move; by default they are at rest, and only the natural width counts.

    Returns
    -------
    ndarray of str
        "coherent" or "decoherent" where `surviving_interference` is within `NEGLIGIBLE` of 1 or 0, else "intermediate".

    Examples
    --------
    The paper's example, a coupling a hundred thousand times weaker, and that one with targets that move:

    >>> from nuinfer.physics.cosmology import PAPER
    >>> coherence_regime(6e5, 1 / 15, [7.7e-10, 7.7e-20], 7.5e-5, PAPER).tolist()
    ['decoherent', 'coherent']
    >>> str(coherence_regime(6e5, 1 / 15, 7.7e-20, 7.5e-5, PAPER, m_nu_ev=0.05))
    'decoherent'
    """
    absorbing = crossing_length_pc(width_over_mass, redshift, cosmology)
    if m_nu_ev is not None:
        absorbing = np.maximum(absorbing, thermal_smearing_length_pc(m_nu_ev, redshift, cosmology))
    energy_there = checked("energy_gev", energy_gev, "positive") * (1.0 + np.asarray(redshift, float))
    left = surviving_interference(absorbing, oscillation_length_pc(energy_there, delta_m2_ev2))
    regime = np.where(left < NEGLIGIBLE, "decoherent", "intermediate")
    return np.asarray(np.where(1.0 - left < NEGLIGIBLE, "coherent", regime))


def _hubble_length_pc(redshift: ArrayLike, cosmology: Cosmology) -> FloatArray:
    """c/H(z) in pc."""
    return np.asarray(_HBAR_C_EV_PC / cosmology.hubble_ev(redshift))
