"""Resonant absorption on relic neutrinos at rest.

A neutrino of energy E meets the resonance of target mass state j at redshift z_j (eq. 17) and loses population there.
Oscillations average out between crossings, so the state is three mass populations n_i, and a crossing of depth tau
acts on them as a matrix that is a sum of exponentials,

    n_k -> sum_i M_ki(tau) n_i,      M(tau) = sum_p exp(-rate_p tau) C_p,

whose rates and matrices depend on mixing and charges only (`Crossings`). Equation numbers: arXiv:1504.00711.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nuinfer.constants import EV_PER_GEV, EV_PER_MEV, ZETA3
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.mediator import LMU_LTAU, Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.thermal import thermal_optical_depth  # noqa: F401 - one of this module's public names
from nuinfer.typing import ArrayLike, FloatArray, IntArray

Coherence = Literal["coherent", "decoherent"]


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
    m_zprime_ev = np.asarray(m_zprime_mev, float) * EV_PER_MEV
    energy_ev = np.asarray(energy_gev, float) * EV_PER_GEV
    with np.errstate(divide="ignore"):
        return np.asarray(m_zprime_ev**2 / (2.0 * np.asarray(m_nu_ev, float) * energy_ev) - 1.0)


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
    z = np.asarray(redshift, float)
    temperature_ev = cosmology.t_nu0_ev * (1.0 + z)
    m_zprime_ev = np.asarray(m_zprime_mev, float) * EV_PER_MEV
    scale = 18.0 * ZETA3 * LMU_LTAU.width_over_mass(g_prime) / (m_zprime_ev * m_zprime_ev)
    return np.asarray(scale * (temperature_ev * temperature_ev * temperature_ev) / cosmology.hubble_ev(z))


@dataclass(frozen=True)
class Crossings:
    """Transfer matrices M(tau) = sum_p exp(-rate_p tau) C_p of the crossing at each target.

    Parameters
    ----------
    rates : ndarray, shape (*order, target, term)
        Decay rates per unit depth.
    matrices : ndarray, shape (*order, target, term, 3, 3), or None
        C_p[k, i], from state i to k. None: M is diagonal and term p is state p.
    """

    rates: FloatArray
    matrices: FloatArray | None

    def ordered(self, order: IntArray) -> Crossings:
        """The crossings in the sequence in which they happen, `order` of shape (*batch, target)."""
        return Crossings(self.rates[order], None if self.matrices is None else self.matrices[order])

    def transfer(self, target: int, depth: FloatArray, populations: FloatArray) -> FloatArray:
        """Populations after the crossing at `target`.

        Parameters
        ----------
        target : int
            Index into the target axis.
        depth : ndarray, shape (*batch, energy)
            Optical depth of the crossing.
        populations : ndarray, shape (*batch, channel, 3, energy)
            Populations of the mass states, any number of channels that are transferred alike.

        Returns
        -------
        ndarray, shape (*batch, channel, 3, energy)
            Populations behind the crossing.
        """
        decay = np.exp(-self.rates[..., target, :, None] * depth[..., None, :])
        if self.matrices is None:
            return decay[..., None, :, :] * populations
        return np.asarray(
            np.einsum("...pe,...pki,...cie->...cke", decay, self.matrices[..., target, :, :, :], populations)
        )


def degenerate_crossings(mixing: Mixing, mediator: Mediator, coherence: Coherence) -> Crossings:
    """The single crossing of degenerate masses, R = U^dagger Q^2 U in the mass basis (eqs. 13-23).

    Coherent: T = exp(-tau R/2) and M_ki = |T_ki|^2, a sum over pairs of flavours of exp(-tau (Q_a^2 + Q_b^2)/2).
    Decoherent: phases average inside the resonance too, M_ii = exp(-tau R_ii).
    """
    u, squared = mixing.pmns, mediator.squared_charges
    if _is_decoherent(coherence):
        return Crossings((squared @ mixing.probabilities)[None, :], None)
    pairs = [(a, b) for a in range(3) for b in range(a, 3)]
    amplitude = np.einsum("ak,ai->aki", u.conj(), u)
    matrices = [(1 if a == b else 2) * (amplitude[a] * amplitude[b].conj()).real for a, b in pairs]
    return Crossings(np.array([[(squared[a] + squared[b]) / 2.0 for a, b in pairs]]), np.array([matrices]))


def split_crossings(mixing: Mixing, mediator: Mediator, coherence: Coherence) -> Crossings:
    """One crossing per target mass state j, R_j = v_j v_j^dagger with v_j[i] = (U^dagger Q U)_ij.

    R_j has one eigenvalue r_j = |v_j|^2, so with q_i = |v_j[i]|^2/r_j and e = exp(-tau r_j/2) the coherent crossing is
    M_ki = delta_ki (1 - 2 (1 - e) q_i) + (1 - e)^2 q_k q_i; the decoherent one is M_ii = exp(-tau |v_j[i]|^2).

    A scalar couples nu to nu instead of nu to nubar: v_j[i] = (U^T Q U)_ij. Majorana phases drop out of |v_j[i]|, the
    phase delta does not.
    """
    u = mixing.pmns
    other = u.conj() if mediator.spin else u
    weights = np.abs(other.T @ (np.asarray(mediator.charges, float)[:, None] * u)).T ** 2  # [target j, state i]
    if _is_decoherent(coherence):
        return Crossings(weights, None)
    total = weights.sum(axis=-1)
    rates = total[:, None] * np.array([0.0, 0.5, 1.0])
    q = np.divide(weights, total[:, None], out=np.zeros_like(weights), where=total[:, None] > 0.0)
    diagonal, outer = q[:, :, None] * np.eye(3), q[:, :, None] * q[:, None, :]
    return Crossings(rates, np.stack([np.eye(3) - 2.0 * diagonal + outer, 2.0 * (diagonal - outer), outer], axis=1))


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
    >>> from nuinfer.physics.mixing import PAPER
    >>> P = degenerate_transition([0.0, 1e3], PAPER, LMU_LTAU, "coherent")
    >>> P[:, 0, 0].round(3).tolist()
    [0.548, 0.3]
    """
    depth = np.minimum(np.asarray(tau, float), np.finfo(float).max)  # tau = inf, and still 0 x tau = 0
    return _flavour_transition([(0, depth)], degenerate_crossings(mixing, mediator, coherence), mixing)


def split_transition(
    energy_gev: ArrayLike,
    source_redshift: ArrayLike,
    m_zprime_mev: ArrayLike,
    g_prime: ArrayLike,
    masses_ev: ArrayLike,
    mixing: Mixing,
    mediator: Mediator,
    cosmology: Cosmology,
    coherence: Coherence,
) -> FloatArray:
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
    order, targets = ordered_targets(masses_ev)
    z = resonance_redshift(energy[..., None], mass[..., None], targets)
    crossed = (z >= 0.0) & (z < z_source[..., None])
    depth = optical_depth(np.where(crossed, z, 0.0), mass[..., None], coupling[..., None], cosmology)
    depth = np.where(crossed, mediator.depth_over_vector * depth, 0.0)
    crossings = split_crossings(mixing, mediator, coherence).ordered(order)
    return _flavour_transition([(j, depth[..., j]) for j in range(3)], crossings, mixing)


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
    """
    masses = np.asarray(masses_ev, float)
    if not np.all(masses >= 0.0):
        raise PhysicsDomainError(f"masses_ev: {masses.min()} is not allowed, masses must be >= 0")
    order = np.argsort(masses, axis=-1, kind="stable")
    return order, np.take_along_axis(masses, order, axis=-1)


def _flavour_transition(steps: list[tuple[int, FloatArray]], crossings: Crossings, mixing: Mixing) -> FloatArray:
    """|U|^2 (product of crossings) |U|^2^T; `steps` are (target, depth of shape (*batch,)) in their order."""
    populations = np.eye(3)[..., None]  # [source state i, state k, one energy]
    for target, depth in steps:
        populations = crossings.transfer(target, depth[..., None], populations)
    flavours = mixing.probabilities
    return np.asarray(np.einsum("ak,...ik,bi->...ab", flavours, populations[..., 0], flavours))


def _is_decoherent(coherence: Coherence) -> bool:
    if coherence not in ("coherent", "decoherent"):
        raise PhysicsDomainError(f"coherence: '{coherence}' is not one of 'coherent', 'decoherent'")
    return coherence == "decoherent"
