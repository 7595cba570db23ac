"""A crossing of finite width: numerical integration of the density-matrix equation (arXiv:1504.00711, eq. 10).

With a Breit-Wigner in place of the delta function, and distance u in units of its full width w at half maximum,

    dF/du = -i [H, F] - (tau/2) L(u) {F, R},     L(u) = (1/(2 pi))/(u^2 + 1/4),     int L du = 1,

where H_i - H_j = 2 pi w/L_ij with the oscillation length L_ij = 4 pi E/(m_i^2 - m_j^2). Its solution is F -> T F T^+
with the ordered product T of eq. (14). Mass states do not interfere before or after, where they have oscillated often,
so populations are transferred as n_k -> sum_i |T_ki|^2 n_i.

This is an independent check of `nuinfer.physics.absorption`, which has the two limits in closed form: `coherent` for w
far below the oscillation lengths, `decoherent` far above. It is too slow for a fit. To second order in tau, for any w,

    |T_ki|^2 = (tau^2/4) |R_ki|^2 exp(-2 pi w/|L_ki|)     (k != i),

the square of the Fourier transform of L.
"""

from __future__ import annotations

import math

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.quoted import checked
from nuinfer.typing import ArrayLike, ComplexArray, FloatArray

TAIL_ACCURACY = 1e-5
"""How much the oscillations beyond the end of the integration may still move, per unit depth."""


def interaction(mixing: Mixing, mediator: Mediator, target: int | None = None) -> ComplexArray:
    """The matrix R of a crossing in the mass basis, shape (3, 3).

    Parameters
    ----------
    mixing, mediator
        Mixing matrix and charges.
    target : int, optional
        Mass state of the target, for split masses: R = v v^dagger with v_i = (U^dagger Q U)_ij. By default all of them
        at once, for degenerate masses: R = U^dagger Q^2 U.

    Examples
    --------
    >>> from nuinfer.physics.mediator import LMU_LTAU
    >>> from nuinfer.physics.mixing import PAPER
    >>> interaction(PAPER, LMU_LTAU).trace().real.round(12).item()
    2.0
    """
    u, charges = mixing.pmns, np.asarray(mediator.charges, float)
    if target is None:
        return np.asarray(u.conj().T @ (np.square(charges)[:, None] * u))
    # For a scalar (U^T Q U)_ji multiplies nu_i in the Lagrangian, and R has its complex conjugate.
    v = u.conj().T @ (charges * (u[:, target] if mediator.spin else u[:, target].conj()))
    return np.asarray(np.outer(v, v.conj()))


def crossing_transfer(
    depth: ArrayLike, inverse_lengths: ArrayLike, matrix: ComplexArray, steps_per_oscillation: int = 40
) -> FloatArray:
    """Populations of the mass states behind a resonance of finite width over those in front of it.

    Parameters
    ----------
    depth : array_like, shape (*batch,)
        Optical depth tau of a unit entry of R.
    inverse_lengths : array_like, shape (*batch, 3)
        w/L_i1 for each mass state i: the width of the resonance over its oscillation length with the first one, w
        (m_i^2 - m_1^2)/(4 pi E). Only differences matter.
    matrix : ndarray, shape (3, 3)
        R in the mass basis, from `interaction`.
    steps_per_oscillation : int
        Steps of the integration per oscillation, and per unit of the line's angle; the error falls with their square.

    Returns
    -------
    ndarray, shape (*batch, 3, 3)
        M[k, i], from state i to k.

    Raises
    ------
    PhysicsDomainError
        If a depth is negative or a ratio is not finite.

    Examples
    --------
    Two mass states of three do not interfere with the first once the resonance is wide:

    >>> from nuinfer.physics.mediator import LMU_LTAU
    >>> from nuinfer.physics.mixing import PAPER
    >>> M = crossing_transfer(1.0, [0.0, 3.0, 100.0], interaction(PAPER, LMU_LTAU))
    >>> bool(abs(M - np.diag(np.diag(M))).max() < 1e-4)
    True
    """
    tau, ratios = checked("depth", depth, ">= 0"), np.asarray(inverse_lengths, float)
    if ratios.shape[-1:] != (3,) or not np.all(np.isfinite(ratios)):
        raise PhysicsDomainError(f"inverse_lengths: {ratios.tolist()} must be finite and end in an axis of 3")
    batch = np.broadcast_shapes(tau.shape, ratios.shape[:-1])
    tau, ratios = np.broadcast_to(tau, batch), np.broadcast_to(ratios, (*batch, 3))
    out = np.empty((*batch, 3, 3))
    for index in np.ndindex(batch):
        out[index] = np.abs(_amplitude(float(tau[index]), ratios[index], matrix, steps_per_oscillation)) ** 2
    return out


def _amplitude(tau: float, ratios: FloatArray, matrix: ComplexArray, density: int) -> ComplexArray:
    """T of eq. (14) for one resonance."""
    differences = np.abs(ratios[:, None] - ratios)
    fastest = float(differences.max())
    slowest = float(differences[differences > 0.0].min()) if fastest > 0.0 else 1.0
    # Beyond u the line is L = 1/(2 pi u^2) and an oscillation moves L/(2 pi ratio) at most: it stops mattering
    reach = max(10.0, 1.0 / math.sqrt(4.0 * math.pi**2 * slowest * TAIL_ACCURACY))
    # Nodes in equal steps of the number of oscillations plus the angle of the line, u = sinh(angle)/2
    fine = np.sinh(np.linspace(0.0, math.asinh(2.0 * reach), 20001)) / 2.0
    count = density * (fastest * fine + np.arcsinh(2.0 * fine))
    half = np.interp(np.linspace(0.0, count[-1], math.ceil(count[-1]) + 1), count, fine)
    nodes = np.concatenate([-half[:0:-1], half])
    areas = np.diff(np.arctan(2.0 * nodes)) / math.pi
    middle = 0.5 * (nodes[1:] + nodes[:-1])
    # Each step absorbs in its middle, between free oscillations: second order, and exact for either alone
    values, vectors = np.linalg.eigh(matrix)
    fade = np.exp(-0.5 * tau * areas[:, None] * values)
    absorb = np.einsum("ij,sj,kj->sik", vectors, fade, vectors.conj())
    phase = np.exp(-2.0j * math.pi * middle[:, None] * ratios)
    product = _ordered_product(phase.conj()[:, :, None] * absorb * phase[:, None, :])
    # The two tails: only states that never get out of phase still interfere
    together = np.where(differences == 0.0, matrix, 0.0)
    tail = 0.5 * (1.0 - areas.sum())
    values, vectors = np.linalg.eigh(together)
    outside = (vectors * np.exp(-0.5 * tau * tail * values)) @ vectors.conj().T
    return np.asarray(outside @ product @ outside)


def _ordered_product(factors: ComplexArray) -> ComplexArray:
    """Product of matrices of shape (step, 3, 3), later ones to the left."""
    while len(factors) > 1:
        if len(factors) % 2:
            factors = np.concatenate([factors, np.eye(3)[None]])
        factors = factors[1::2] @ factors[::2]
    return np.asarray(factors[0])
