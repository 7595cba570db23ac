"""Resonant absorption on relic neutrinos at rest: where it is met, how deep it is, what it does to flavours.

Equation numbers: arXiv:1504.00711.
"""

import numpy as np

from nuinfer.compiled import inlined, plain, square_root
from nuinfer.constants import EV_PER_GEV, EV_PER_MEV, ZETA3
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.crossings import Coherence, Crossings, cross_in_order, degenerate_crossings, split_crossings
from nuinfer.physics.domain import checked
from nuinfer.physics.mediator import LMU_LTAU, Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.thermal import thermal_optical_depth as thermal_optical_depth  # noqa: PLC0414
from nuinfer.typing import ArrayLike, FloatArray, IntArray


@inlined
def resonance_energy_gev(m_zprime_mev: float, m_nu_ev: float) -> float:
    """E = m_Z'^2/(2 m_nu) in GeV."""
    m_zprime_ev = m_zprime_mev * EV_PER_MEV
    return m_zprime_ev * m_zprime_ev / (2.0 * m_nu_ev * EV_PER_GEV)


@inlined
def crossing_depth(strength: float, volume: float, omega_m: float, omega_lambda: float) -> float:
    """Optical depth of a crossing where (1+z)^-3 is `volume`: strength (1+z)^3 H0/H."""
    return strength / square_root(volume * (omega_m + omega_lambda * volume))  # type: ignore[no-any-return]


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
    volume = (1.0 + np.asarray(redshift, float)) ** -3
    return np.asarray(plain(crossing_depth)(strength, volume, cosmology.omega_m, cosmology.omega_lambda))


def depth_before(
    redshift: ArrayLike, energy_gev: ArrayLike, m_zprime_mev: ArrayLike, g_prime: ArrayLike, masses_ev: ArrayLike,
    cosmology: Cosmology,
) -> FloatArray:  # fmt: skip
    """`optical_depth` of the crossings between Earth and a source at `redshift`, 0 where there is none."""
    z = resonance_redshift(energy_gev, m_zprime_mev, masses_ev)
    crossed = (z >= 0.0) & (z < np.asarray(redshift, float))
    return np.where(crossed, optical_depth(np.where(crossed, z, 0.0), m_zprime_mev, g_prime, cosmology), 0.0)


def degenerate_transition(tau: ArrayLike, mixing: Mixing, mediator: Mediator, coherence: Coherence) -> FloatArray:
    """Flavour transition matrix through one crossing of degenerate masses (eq. 23).

    Parameters
    ----------
    tau : array_like, shape (*batch,)
        Optical depth of a unit entry of R.
    mixing : Mixing
        Mixing matrix.
    mediator : Mediator
        Charges.
    coherence : {"coherent", "decoherent"}
        Whether the phases survive inside the resonance.

    Returns
    -------
    ndarray, shape (*batch, 3, 3)
        P[a, b], the probability of b at the source to arrive as a.

    Examples
    --------
    >>> from nuinfer.physics.mediator import LMU_LTAU
    >>> from nuinfer.physics.mixing import PAPER
    >>> P = degenerate_transition([0.0, 1e3], PAPER, LMU_LTAU, "coherent")
    >>> P[:, 0, 0].round(3).tolist()
    [0.548, 0.3]
    """
    depth = np.minimum(np.asarray(tau, float), np.finfo(float).max)  # tau = inf, and still 0 x tau = 0
    order = np.zeros((*depth.shape, 1), np.intp)
    return _flavour_transition(order, depth[..., None], degenerate_crossings(mixing, mediator, coherence), mixing)


def split_transition(  # noqa: PLR0913, PLR0917 - one of the public names
    energy_gev: ArrayLike, source_redshift: ArrayLike, m_zprime_mev: ArrayLike, g_prime: ArrayLike,
    masses_ev: ArrayLike, mixing: Mixing, mediator: Mediator, cosmology: Cosmology, coherence: Coherence,
) -> FloatArray:  # fmt: skip
    """Flavour transition matrix from one source redshift to Earth for split masses.

    Every target j with 0 <= z_j(E) < z_src is crossed, the one at the largest redshift (the lightest) first.

    Parameters
    ----------
    energy_gev, source_redshift, m_zprime_mev, g_prime : array_like, shape (*batch,)
        Energy at Earth in GeV, redshift of the source, mediator mass in MeV, coupling.
    masses_ev : array_like, shape (*batch, 3)
        Masses (m1, m2, m3) in eV.
    mixing, mediator, cosmology, coherence
        As in `degenerate_transition` and `optical_depth`.

    Returns
    -------
    ndarray, shape (*batch, 3, 3)
        P[a, b], the probability of b at the source to arrive as a.
    """
    energy, z_source, mass, coupling = np.broadcast_arrays(
        *(np.asarray(x, float) for x in (energy_gev, source_redshift, m_zprime_mev, g_prime))
    )
    masses = checked("masses_ev", masses_ev, ">= 0")
    order = np.argsort(masses, axis=-1, kind="stable")
    targets = np.take_along_axis(masses, order, axis=-1)
    here = (z_source[..., None], energy[..., None], mass[..., None], coupling[..., None])
    depth = mediator.depth_over_vector * depth_before(*here, targets, cosmology)
    return _flavour_transition(order, depth, split_crossings(mixing, mediator, coherence), mixing)


def _flavour_transition(order: IntArray, depth: FloatArray, crossings: Crossings, mixing: Mixing) -> FloatArray:
    """|U|^2 (product of crossings) |U|^2^T from targets in their order and their depths, shape (*batch, step) each."""
    batch, n_step = depth.shape[:-1], depth.shape[-1]
    order = np.broadcast_to(order, depth.shape).reshape(-1, n_step)
    populations = np.tile(np.eye(3)[..., None], (len(order), 1, 1, 1))  # [point, source state i, state k, one energy]
    cross_in_order(order.copy(), depth.reshape(-1, n_step, 1).copy(), crossings, populations)
    flavours = mixing.probabilities
    return np.asarray(np.einsum("ak,nik,bi->nab", flavours, populations[..., 0], flavours)).reshape(*batch, 3, 3)
