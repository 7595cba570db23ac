"""Crossings of a resonance: what they do to the populations of the mass states.

Oscillations average out between crossings, so the state is three mass populations n_i, and a crossing of depth tau
acts on them as a matrix that is a sum of exponentials,

    n_k -> sum_i M_ki(tau) n_i,      M(tau) = sum_p exp(-rate_p tau) C_p,

whose rates and matrices depend on mixing and couplings only. Equation numbers: arXiv:1504.00711.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from nuinfer.compiled import ALONE, compiled, each, inner
from nuinfer.physics.domain import check_choice
from nuinfer.physics.exponential import exponential
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.typing import FloatArray, IntArray

Coherence = Literal["coherent", "decoherent"]

ROUNDING = 1e-14
"""Eigenvalues of R below so much of the largest are zero."""


class Crossings(NamedTuple):
    """Transfer matrices M(tau) = sum_p exp(-rate_p tau) C_p of the crossing at each target.

    Parameters
    ----------
    rates : ndarray, shape (target, term)
        Decay rates per unit depth.
    matrices : ndarray, shape (target, term, 3, 3)
        C_p[k, i], from state i to k. Without terms, shape (target, 0, 3, 3): M is diagonal and term p is state p.
    """

    rates: FloatArray
    matrices: FloatArray


def degenerate_crossings(mixing: Mixing, mediator: Mediator, coherence: Coherence) -> Crossings:
    """The single crossing of degenerate masses, R = V V^dagger in the mass basis, U^dagger Q^2 U (eqs. 13-23).

    That of a sterile state, if there is one, is a second target.

    Decoherent: phases average inside the resonance, M_ii = exp(-tau R_ii). Coherent: T = exp(-tau R/2) and
    M_ki = |T_ki|^2, a sum over pairs of eigenvectors w of R, exp(-tau (r_a + r_b)/2) w_a[k] w_a[i]^* w_b[k]^* w_b[i].
    """
    squared = np.abs(mediator.in_mass_basis(mixing)) ** 2
    sterile = squared.T[3:]
    if _is_decoherent(coherence):
        return _diagonal(np.concatenate([squared[:, :3].sum(axis=-1)[None, :], sterile]))
    values, flavours = np.linalg.eigh(mediator.matrix @ mediator.matrix.conj().T)
    vectors = mediator.into_mass_basis(mixing) @ flavours
    values[values < ROUNDING * values.max()] = 0.0  # what is not absorbed survives any depth
    pairs = [(a, b) for a in range(3) for b in range(a, 3)]
    amplitude = np.einsum("ka,ia->aki", vectors, vectors.conj())
    matrices = [(1 if a == b else 2) * (amplitude[a] * amplitude[b].conj()).real for a, b in pairs]
    rates = [(values[a] + values[b]) / 2.0 for a, b in pairs]
    alone = _coherent(sterile)
    idle = ((0, 0), (0, len(pairs) - alone.rates.shape[1]))  # terms that a crossing of one state does without
    return Crossings(
        np.concatenate([[rates], np.pad(alone.rates, idle)]),
        np.concatenate([[matrices], np.pad(alone.matrices, (*idle, (0, 0), (0, 0)))]),
    )


def split_crossings(mixing: Mixing, mediator: Mediator, coherence: Coherence) -> Crossings:
    """One crossing per target mass state j, R_j = v_j v_j^dagger with v_j[i] = V_ij, see `Mediator.in_mass_basis`.

    A sterile state, if there is one, is the last.

    R_j has one eigenvalue r_j = |v_j|^2, so with q_i = |v_j[i]|^2/r_j and e = exp(-tau r_j/2) the coherent crossing is
    M_ki = delta_ki (1 - 2 (1 - e) q_i) + (1 - e)^2 q_k q_i; the decoherent one is M_ii = exp(-tau |v_j[i]|^2).

    A scalar couples nu to nu instead of nu to nubar. Majorana phases drop out of |v_j[i]|, the phase delta does not.
    """
    weights = np.abs(mediator.in_mass_basis(mixing).T) ** 2  # [target j, state i]
    return _diagonal(weights) if _is_decoherent(coherence) else _coherent(weights)


def _coherent(weights: FloatArray) -> Crossings:
    """Crossings of targets that are one state each, from |v_j[i]|^2 of shape (target, 3)."""
    total = weights.sum(axis=-1)
    rates = total[:, None] * np.array([0.0, 0.5, 1.0])
    q = np.divide(weights, total[:, None], out=np.zeros_like(weights), where=total[:, None] > 0.0)
    diagonal, outer = q[:, :, None] * np.eye(3), q[:, :, None] * q[:, None, :]
    return Crossings(rates, np.stack([np.eye(3) - 2.0 * diagonal + outer, 2.0 * (diagonal - outer), outer], axis=1))


@inner
def cross(
    team: Any, target: int, first: int, end: int, crossings: Crossings, depth: FloatArray, populations: FloatArray
) -> None:
    """Cross `target` with the nodes from `first` to `end`.

    Parameters
    ----------
    target, first, end : int
        Index into the target axis; range of nodes.
    crossings : Crossings
        Of all targets.
    depth : ndarray, shape (node,)
        Optical depth of a unit entry of R.
    populations : ndarray, shape (channel, 3, node)
        Of any number of channels that are transferred alike; changed in place.
    """
    n_channel, rates, matrices = populations.shape[0], crossings.rates, crossings.matrices
    if matrices.shape[1] == 0:
        depths = depth[first:end]
        for c in range(n_channel):
            for i in range(3):
                row, rate = populations[c, i, first:end], rates[target, i]
                for node in each(team, end - first):
                    row[node] *= exponential(-rate * depths[node])
        return
    for at in each(team, end - first):
        node = first + at
        for c in range(n_channel):
            n0, n1, n2 = populations[c, 0, node], populations[c, 1, node], populations[c, 2, node]
            for k in range(3):
                populations[c, k, node] = 0.0
            for p in range(rates.shape[1]):
                decay = exponential(-rates[target, p] * depth[node])
                for k in range(3):
                    populations[c, k, node] += decay * (
                        matrices[target, p, k, 0] * n0 + matrices[target, p, k, 1] * n1 + matrices[target, p, k, 2] * n2
                    )


@compiled
def cross_in_order(order: IntArray, depth: FloatArray, crossings: Crossings, populations: FloatArray) -> None:
    """Cross targets one after the other, for a batch of points.

    Parameters
    ----------
    order : ndarray, shape (n, step)
        Indices into the target axis.
    depth : ndarray, shape (n, step, 1)
        Optical depth of each step.
    crossings : Crossings
        Of all targets.
    populations : ndarray, shape (n, channel, 3, 1)
        Changed in place.
    """
    for b in range(order.shape[0]):
        for step in range(order.shape[1]):
            cross(ALONE, order[b, step], 0, 1, crossings, depth[b, step], populations[b])


def _diagonal(rates: FloatArray) -> Crossings:
    return Crossings(np.ascontiguousarray(rates), np.zeros((len(rates), 0, 3, 3)))


def _is_decoherent(coherence: Coherence) -> bool:
    check_choice("coherence", coherence, Coherence)
    return coherence == "decoherent"
