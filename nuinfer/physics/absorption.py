"""Resonant absorption on relic neutrinos: flavour transitions and depths, the public front of what is below.

Equation numbers: arXiv:1504.00711.
"""

from __future__ import annotations

import numpy as np

from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.crossings import (
    Coherence,
    Crossings,
    cross_in_order,
    degenerate_crossings,
    split_crossings,
)
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.resonance import optical_depth, ordered_targets, resonance_redshift
from nuinfer.physics.thermal import thermal_optical_depth
from nuinfer.typing import ArrayLike, FloatArray, IntArray

__all__ = [
    "Coherence",
    "Crossings",
    "degenerate_crossings",
    "degenerate_transition",
    "optical_depth",
    "ordered_targets",
    "resonance_redshift",
    "split_crossings",
    "split_transition",
    "thermal_optical_depth",
]


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
    order = np.zeros((*depth.shape, 1), np.intp)
    return _flavour_transition(order, depth[..., None], degenerate_crossings(mixing, mediator, coherence), mixing)


def split_transition(  # noqa: PLR0913, PLR0917 - one of the public names
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
    return _flavour_transition(order, depth, split_crossings(mixing, mediator, coherence), mixing)


def _flavour_transition(order: IntArray, depth: FloatArray, crossings: Crossings, mixing: Mixing) -> FloatArray:
    """|U|^2 (product of crossings) |U|^2^T from targets in their order and their depths, shape (*batch, step) each."""
    batch, n_step = depth.shape[:-1], depth.shape[-1]
    order = np.broadcast_to(order, depth.shape).reshape(-1, n_step)
    populations = np.tile(np.eye(3)[..., None], (len(order), 1, 1, 1))  # [point, source state i, state k, one energy]
    cross_in_order(order.copy(), depth.reshape(-1, n_step, 1).copy(), crossings, populations)
    flavours = mixing.probabilities
    return np.asarray(np.einsum("ak,nik,bi->nab", flavours, populations[..., 0], flavours)).reshape(*batch, 3, 3)
