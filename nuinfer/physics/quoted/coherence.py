"""A crossing of finite width: numerical integration of the density-matrix equation (arXiv:1504.00711, eq. 10).

Its parts are `hamiltonian_ev` (eq. 7), `collision_term` (eq. 8), `scattering_rate_ev` (eqs. 9, 47), `rescaled` (eq. 11)
and `evolution` (eqs. 6, 10), all in the mass basis; `density_matrix` integrates them as they are. With a Breit-Wigner
in place of the delta function, and distance u in units of its full width w at half maximum,

    dF/du = -i [H, F] - (tau/2) L(u) {F, R},     L(u) = (1/(2 pi))/(u^2 + 1/4),     int L du = 1,

where H_i - H_j = 2 pi w/L_ij with the oscillation length L_ij = 4 pi E/(m_i^2 - m_j^2). Its solution is F -> T F T^+
with the ordered product T of eq. (14). Mass states do not interfere before or after, where they have oscillated often,
so populations are transferred as n_k -> sum_i |T_ki|^2 n_i: `crossing_transfer`, with what `at_resonance` finds.

This is an independent check of `nuinfer.physics.absorption`, which has the two limits in closed form: `coherent` for w
far below the oscillation lengths, `decoherent` far above. It is too slow for a fit. To second order in tau, for any w,

    |T_ki|^2 = (tau^2/4) |R_ki|^2 exp(-2 pi w/|L_ki|)     (k != i),

the square of the Fourier transform of L.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from nuinfer.constants import EV_PER_GEV
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.absorption import optical_depth, resonance_redshift
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.domain import checked
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.typing import ArrayLike, ComplexArray, FloatArray

TAIL_ACCURACY = 1e-5
"""How much the oscillations beyond the end of the integration may still move, per unit depth."""


def interaction(mixing: Mixing, mediator: Mediator, target: int | None = None) -> ComplexArray:
    """The matrix R of a crossing in the mass basis, shape (3, 3).

    Parameters
    ----------
    mixing, mediator
        Mixing matrix and couplings.
    target : int, optional
        Mass state of the target, for split masses: R = v v^dagger with v_i = V_ij, see `Mediator.in_mass_basis`. By
        default all of them at once, for degenerate masses: R = U^dagger Q^2 U of a vector.

    Examples
    --------
    >>> from nuinfer.physics.mediator import LMU_LTAU
    >>> from nuinfer.physics.mixing import PAPER
    >>> interaction(PAPER, LMU_LTAU).trace().real.round(12).item()
    2.0
    """
    # For a scalar (U^T Q U)_ji multiplies nu_i in the Lagrangian, and R has its complex conjugate.
    couplings = mediator.in_mass_basis(mixing)
    v = couplings if mediator.spin else couplings.conj()
    v = v[:, :3] if target is None else v[:, [target]]
    return np.asarray(v @ v.conj().T)


def hamiltonian_ev(energy_gev: ArrayLike, masses_ev: ArrayLike) -> FloatArray:
    """Hamiltonian of free mass states without its common part, sqrt(k^2 + M^+ M) - omega (eq. 7).

    omega^2 = k^2 + m^2 with the mean m^2 of the squared masses; for k far above the masses it is the paper's
    Delta(M^+ M)/(2 omega). The differences are free of cancellation.

    Parameters
    ----------
    energy_gev : array_like, shape (*batch,)
        Momentum k where the neutrino is, GeV.
    masses_ev : array_like, shape (*batch, 3)
        Masses, eV.

    Returns
    -------
    ndarray, shape (*batch, 3, 3)
        eV, mass basis.

    Examples
    --------
    Two states are a period apart after an oscillation length:

    >>> from nuinfer.constants import HBAR_C_MEV_CM
    >>> from nuinfer.physics.quoted.lengths import PARSEC_CM, oscillation_length_pc
    >>> gaps = np.diff(np.diag(hamiltonian_ev(1e6, [0.0, 0.01, 0.05])))
    >>> lengths = oscillation_length_pc(1e6, [1e-4, 24e-4]) * PARSEC_CM / (1e6 * HBAR_C_MEV_CM)
    >>> (gaps * lengths / (2.0 * np.pi)).round(12).tolist()
    [1.0, 1.0]
    """
    momentum = checked("energy_gev", energy_gev, ">= 0")[..., None] * EV_PER_GEV
    masses = checked("masses_ev", masses_ev, ">= 0")
    mean = np.mean(np.square(masses), axis=-1, keepdims=True)
    offsets = (np.square(masses) - mean) / (np.hypot(momentum, masses) + np.hypot(momentum, np.sqrt(mean)))
    return np.asarray(offsets[..., None] * np.eye(3))


def scattering_rate_ev(
    energy_gev: ArrayLike, redshift: ArrayLike, m_zprime_mev: ArrayLike, g_prime: ArrayLike, m_nu_ev: ArrayLike,
    cosmology: Cosmology, relative_width: ArrayLike,
) -> FloatArray:  # fmt: skip
    """Rate of resonant scattering for a unit entry of R, Gamma_s of eqs. 9 and 47, the delta function a Breit-Wigner.

    9 zeta(3) T_nu^3/m_nu Gamma/m_Z' delta(k - k_R), k_R = m_Z'^2/(2 m_nu), which is tau H k_R delta(k - k_R): over
    ln k it integrates to tau H.

    Parameters
    ----------
    energy_gev : array_like
        Energy k where the neutrino is, GeV.
    redshift : array_like
        Where it is.
    m_zprime_mev, g_prime, m_nu_ev : array_like
        Mediator, and mass of the targets at rest.
    cosmology : Cosmology
        Relic temperature.
    relative_width : array_like
        Full width at half maximum over k_R; the natural one is 2 Gamma/m_Z' (eq. 44).

    Returns
    -------
    ndarray
        eV, the arguments broadcast together.

    Examples
    --------
    The mean free path on the peak, in parsec, for the benchmark of eq. 25:

    >>> from nuinfer.physics.cosmology import PAPER
    >>> from nuinfer.physics.mediator import LMU_LTAU
    >>> rate = scattering_rate_ev(640e3, 1 / 15, 8.0, 5e-4, 0.05, PAPER, 2.0 * LMU_LTAU.width_over_mass(5e-4))
    >>> print(f"{6.39e-24 / rate:.1f}")
    10.0
    """
    width = checked("relative_width", relative_width, "positive")
    off = (1.0 / (1.0 + resonance_redshift(energy_gev, m_zprime_mev, m_nu_ev)) - 1.0) / width
    line = 1.0 / (2.0 * math.pi * (off**2 + 0.25))
    depth = optical_depth(redshift, m_zprime_mev, g_prime, cosmology)
    return np.asarray(depth * cosmology.hubble_ev(redshift) * line / width)


@dataclass(frozen=True)
class Neutrino:
    """A neutrino on its way, and the resonance that it meets.

    Parameters
    ----------
    energy_gev : float
        Energy today.
    masses_ev : tuple of float
        Masses of the three states.
    m_nu_ev : float
        Mass of the targets.
    m_zprime_mev, g_prime : float
        Mediator.
    cosmology : Cosmology
        Expansion rate and relic temperature.
    relative_width : float
        Width of the resonance, as in `scattering_rate_ev`.
    """

    energy_gev: float
    masses_ev: tuple[float, float, float]
    m_nu_ev: float
    m_zprime_mev: float
    g_prime: float
    cosmology: Cosmology
    relative_width: float

    @property
    def crossing(self) -> float:
        """1 + z at the resonance."""
        return 1.0 + float(resonance_redshift(self.energy_gev, self.m_zprime_mev, self.m_nu_ev))


def rescaled(neutrino: Neutrino, redshift: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Hamiltonian and rate per unit of redshift, at the energy that the neutrino has there (eq. 11).

    Both are those of time over (1+z) H(z): Delta(M^+ M)/(2 k_0 (1+z)^2 H), and a rate that integrates over z to the
    optical depth (eq. 12).

    Parameters
    ----------
    neutrino : Neutrino
        Energy today, masses, resonance.
    redshift : array_like, shape (*batch,)
        Where it is.

    Returns
    -------
    hamiltonian : ndarray, shape (*batch, 3, 3)
    rate : ndarray, shape (*batch,)
        Dimensionless.
    """
    z = np.asarray(redshift, float)
    per_redshift = 1.0 / ((1.0 + z) * neutrino.cosmology.hubble_ev(z))
    energy = neutrino.energy_gev * (1.0 + z)
    rate = scattering_rate_ev(
        energy, z, neutrino.m_zprime_mev, neutrino.g_prime, neutrino.m_nu_ev, neutrino.cosmology,
        neutrino.relative_width,
    )  # fmt: skip
    return hamiltonian_ev(energy, neutrino.masses_ev) * per_redshift[..., None, None], rate * per_redshift


def collision_term(density: ComplexArray, rate: ArrayLike, matrix: ComplexArray) -> ComplexArray:
    """What scattering does to the density matrix, -(rate/2) {F, R} (eq. 8); it takes rate tr(F R) from the trace.

    Parameters
    ----------
    density, matrix : ndarray, shape (*batch, 3, 3)
        F, and R from `interaction`.
    rate : array_like, shape (*batch,)
        Per unit of time or of redshift.

    Returns
    -------
    ndarray, shape (*batch, 3, 3)
    """
    return np.asarray(-0.5 * np.asarray(rate, float)[..., None, None] * (density @ matrix + matrix @ density))


def evolution(
    density: ComplexArray, hamiltonian: FloatArray, rate: ArrayLike, matrix: ComplexArray
) -> ComplexArray:  # fmt: skip
    """Right-hand side of the density-matrix equation, -i [H, F] + C[F] (eq. 6; eq. 10 with what `rescaled` gives).

    Parameters
    ----------
    density, hamiltonian, matrix : ndarray, shape (*batch, 3, 3)
        F, H and R.
    rate : array_like, shape (*batch,)
        In the unit of H.

    Returns
    -------
    ndarray, shape (*batch, 3, 3)
        dF/dt along the neutrino's path, or -dF/dz.
    """
    return np.asarray(-1.0j * (hamiltonian @ density - density @ hamiltonian)) + collision_term(density, rate, matrix)


def density_matrix(
    initial: ComplexArray, neutrino: Neutrino, matrix: ComplexArray, start: float, end: float
) -> ComplexArray:
    """The density matrix at redshift `end`: eq. 10 integrated from `start` as it stands, phases included (eq. 18).

    By a Runge-Kutta method, so for some thousand oscillations at most; between a source and Earth there are 1e12.

    Parameters
    ----------
    initial, matrix : ndarray, shape (3, 3)
        F at `start`, and R from `interaction`.
    neutrino : Neutrino
        Energy, masses, resonance.
    start, end : float
        Redshifts, `end` the smaller one.

    Returns
    -------
    ndarray, shape (3, 3)
        Mass basis.
    """

    def slope(minus_z: float, flat: ComplexArray) -> ComplexArray:
        return evolution(flat.reshape(3, 3), *rescaled(neutrino, -minus_z), matrix).ravel()

    # A solver that starts and ends on the line cannot step over it
    near = neutrino.crossing * (1.0 + neutrino.relative_width * np.array([100.0, 10.0, 1.0, -1.0, -10.0, -100.0])) - 1.0
    stops = [start, *(float(z) for z in near if end < z < start), end]
    flat = np.asarray(initial, complex).ravel()
    for z, following in itertools.pairwise(stops):
        flat = solve_ivp(slope, (-z, -following), flat, method="DOP853", rtol=1e-9, atol=1e-12).y[:, -1]
    return np.asarray(flat.reshape(3, 3))


def at_resonance(neutrino: Neutrino) -> tuple[float, FloatArray]:
    """The arguments of `crossing_transfer` for a neutrino, from eq. 11 where it meets the resonance.

    Returns
    -------
    depth : float
        Area of the rate, for a width far below one.
    inverse_lengths : ndarray, shape (3,)
        Width over oscillation lengths.

    Examples
    --------
    The paper's benchmark (eq. 25): a depth of 8.79, absorbed over 76 thousand solar oscillations.

    >>> from nuinfer.physics.cosmology import PAPER
    >>> from nuinfer.physics.mediator import LMU_LTAU
    >>> width = 2.0 * float(LMU_LTAU.width_over_mass(5e-4))
    >>> depth, ratios = at_resonance(Neutrino(6e5, (0.05, 0.0507, 0.07), 0.05, 8.0, 5e-4, PAPER, width))
    >>> print(f"{depth:.2f} {ratios[1]:.1e}")
    8.79 7.6e+04
    """
    hamiltonian, rate = rescaled(neutrino, neutrino.crossing - 1.0)
    width, levels = neutrino.relative_width * neutrino.crossing, np.diagonal(hamiltonian)
    return float(0.5 * math.pi * width * rate), np.asarray(width * (levels - levels[0]) / (2.0 * math.pi))


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
