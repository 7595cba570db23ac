"""A resonance of finite width: eq. (10) integrated, against both limits, perturbation theory and an ODE solver."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.special import zeta

from nuinfer.compiled import ALONE
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.absorption import degenerate_transition, optical_depth
from nuinfer.physics.cosmology import PAPER as EXPANSION
from nuinfer.physics.cosmology import PLANCK18
from nuinfer.physics.crossings import cross, degenerate_crossings, split_crossings
from nuinfer.physics.mediator import LMU_LTAU, Mediator
from nuinfer.physics.mixing import NUFIT60_INVERTED, PAPER
from nuinfer.physics.quoted.coherence import (
    Neutrino,
    at_resonance,
    collision_term,
    crossing_transfer,
    density_matrix,
    evolution,
    hamiltonian_ev,
    interaction,
    rescaled,
    scattering_rate_ev,
)
from nuinfer.physics.quoted.lengths import crossing_length_pc, surviving_interference

SPLITTINGS = np.array([0.0, 1.0, 32.0])
"""(m_i^2 - m_1^2)/dm^2_21 of the paper's splittings."""

MODELS = [
    (PAPER, LMU_LTAU),
    (NUFIT60_INVERTED, Mediator((1.0, -2.0, 0.5))),
    (NUFIT60_INVERTED, Mediator((0, 1, -1), 0)),
]


def _limit(mixing, mediator, coherence, target, tau):
    """M[k, i] of `nuinfer.physics.crossings`."""
    make = degenerate_crossings if target is None else split_crossings
    populations = np.eye(3)[..., None].copy()  # [initial state, state, one node]
    cross(ALONE, target or 0, 0, 1, make(mixing, mediator, coherence), np.array([tau]), populations)
    return populations[..., 0].T


@pytest.mark.parametrize("tau", [0.3, 3.0])
@pytest.mark.parametrize("target", [None, 0, 1, 2])
@pytest.mark.parametrize(("mixing", "mediator"), MODELS)
def test_both_limits(mixing, mediator, target, tau):
    """Far below the oscillation lengths `coherent`, far above `decoherent`, every element to 1e-3 (a few 1e-5)."""
    matrix = interaction(mixing, mediator, target)
    narrow = crossing_transfer(tau, 1e-5 * SPLITTINGS, matrix)
    wide = crossing_transfer(tau, 3.0 * SPLITTINGS, matrix)
    coherent, decoherent = (_limit(mixing, mediator, c, target, tau) for c in ("coherent", "decoherent"))
    np.testing.assert_allclose(narrow, coherent, atol=1e-3)
    np.testing.assert_allclose(wide, decoherent, atol=1e-3)
    if tau == 3.0 and target is None:
        assert np.abs(coherent - decoherent).max() > 0.05, "so that the test could fail"


@pytest.mark.parametrize("target", [None, 2])
def test_the_transition_is_monotone(target):
    """Total survival of a pion source falls from the coherent to the decoherent limit, never outside of them."""
    source = np.array([1, 2, 0]) / 3 @ PAPER.probabilities
    widths = np.geomspace(1e-5, 2.0, 14)
    survival = (
        crossing_transfer(3.0, widths[:, None] * SPLITTINGS, interaction(PAPER, LMU_LTAU, target)) @ source
    ).sum(-1)
    high, low = ((_limit(PAPER, LMU_LTAU, c, target, 3.0) @ source).sum() for c in ("coherent", "decoherent"))
    assert np.all(np.diff(survival) < 0.0)
    assert high + 1e-5 > survival[0] > high - 1e-3
    assert low - 1e-5 < survival[-1] < low + 1e-3
    assert high > 1.4 * low


@pytest.mark.parametrize("width", [0.01, 0.1, 0.4])
def test_second_order_in_the_depth(width):
    """|T_ki|^2 = tau^2 |R_ki|^2/4 exp(-2 pi w/L_ki): the Fourier transform of the line, for every width."""
    tau, matrix, ratios = 1e-3, interaction(PAPER, LMU_LTAU), width * np.array([0.0, 1.0, -0.7])
    got = crossing_transfer(tau, ratios, matrix)
    left = surviving_interference(np.abs(ratios[:, None] - ratios), 1.0)
    expected = tau**2 / 4 * np.abs(matrix) ** 2 * left
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(got[off], expected[off], rtol=5e-3)


def test_against_an_ode_solver():
    """Eq. (10) for the density matrix itself, by an adaptive Runge-Kutta method; tails absorb without interference."""
    tau, ratios, reach = 2.0, np.array([0.0, 0.05, 0.3]), 200.0
    matrix = interaction(NUFIT60_INVERTED, Mediator((1.0, -2.0, 0.5)))
    hamiltonian = np.diag(2 * math.pi * ratios)
    outside = np.exp(-tau * matrix.diagonal().real * (0.5 - math.atan(2 * reach) / math.pi))

    def slope(u, flat):
        f = flat.reshape(3, 3)
        rate = 0.5 * tau / (2 * math.pi * (u * u + 0.25))
        return (-1j * (hamiltonian @ f - f @ hamiltonian) - rate * (f @ matrix + matrix @ f)).ravel()

    columns = []
    for i in range(3):
        start = np.zeros((3, 3), complex)
        start[i, i] = outside[i]
        end = solve_ivp(slope, (-reach, reach), start.ravel(), method="DOP853", rtol=1e-7, atol=1e-9).y[:, -1]
        columns.append(end.reshape(3, 3).diagonal().real * outside)
    np.testing.assert_allclose(crossing_transfer(tau, ratios, matrix), np.array(columns).T, atol=1e-4)


def test_step_size_and_equal_masses():
    """Second-order convergence; with equal phases nothing is decoherent, whatever the width."""
    matrix = interaction(PAPER, LMU_LTAU)
    fine, middle, coarse = (crossing_transfer(3.0, 0.02 * SPLITTINGS, matrix, n) for n in (80, 40, 20))
    assert np.abs(coarse - middle).max() / np.abs(middle - fine).max() == pytest.approx(4.0, abs=0.5)
    np.testing.assert_allclose(
        crossing_transfer(3.0, [7.0, 7.0, 7.0], matrix), _limit(PAPER, LMU_LTAU, "coherent", None, 3.0), atol=1e-12
    )


def test_batches_equal_their_loop_and_refusals():
    tau, ratios, matrix = (
        np.array([[0.5], [2.0]]),
        0.01 * SPLITTINGS * np.array([1.0, 3.0])[:, None],
        interaction(PAPER, LMU_LTAU),
    )
    batch = crossing_transfer(tau, ratios, matrix)
    loop = [[crossing_transfer(t, r, matrix) for r in ratios] for t in tau[:, 0]]
    np.testing.assert_allclose(batch, loop, rtol=1e-12)
    with pytest.raises(PhysicsDomainError, match=r"depth: -1"):
        crossing_transfer(-1.0, SPLITTINGS, matrix)
    with pytest.raises(PhysicsDomainError, match=r"inverse_lengths"):
        crossing_transfer(1.0, [0.0, 1.0], matrix)


# The parts of the equation -------------------------------------------------------------------------------------------

MASSES = (0.05, 0.0507, 0.07)
H_BAR_C_EV_CM = 1.973269804e-5  # CODATA 2018, by hand


def _random_density(rng):
    a = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    return a @ a.conj().T / np.sum(np.abs(a) ** 2)


@pytest.mark.parametrize("energy", [0.0, 1e-11, 1e-10, 1.0, 1e6])
def test_hamiltonian(energy):
    """Eq. 7 in 60 digits at rest, at eV, GeV and PeV; the expansion Delta(M^+ M)/(2 omega) once k is far above m."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        k, masses = mpmath.mpf(energy) * 10**9, [mpmath.mpf(m) for m in MASSES]
        mean = sum(m**2 for m in masses) / 3
        exact = [float(mpmath.sqrt(k**2 + m**2) - mpmath.sqrt(k**2 + mean)) for m in masses]
        expanded = [float((m**2 - mean) / (2 * mpmath.sqrt(k**2 + mean))) for m in masses]
    got = hamiltonian_ev(energy, MASSES)
    np.testing.assert_allclose(np.diag(got), exact, rtol=1e-12)
    np.testing.assert_array_equal(got, np.diag(np.diag(got)))
    if energy >= 1.0:
        np.testing.assert_allclose(np.diag(got), expanded, rtol=1e-12)
        assert abs(np.trace(got)) < 1e-12 * np.abs(got).max()


def test_hamiltonian_broadcasts_and_refuses():
    energies, masses = np.array([[1.0], [1e5]]), np.array([MASSES, (0.0, 0.01, 0.05)])
    loop = [[hamiltonian_ev(e, m) for m in masses] for e in energies[:, 0]]
    np.testing.assert_array_equal(hamiltonian_ev(energies, masses), loop)
    with pytest.raises(PhysicsDomainError, match="masses_ev: -1"):
        hamiltonian_ev(1.0, [-1.0, 0.0, 0.1])
    with pytest.raises(PhysicsDomainError, match="relative_width: 0"):
        scattering_rate_ev(1e5, 0.0, 8.0, 1e-4, 0.05, EXPANSION, 0.0)


@pytest.mark.parametrize("width", [1e-9, 1e-4, 0.01])
def test_the_rate_has_the_area_of_eq_47(width):
    """int dk Gamma_s = 9 zeta(3) T_nu^3 Gamma/(m_nu m_Z'), in eV^2, by quadrature, for three widths."""
    z, mass, g, m_nu = 0.7, 8.0, 3e-4, 0.05
    resonant_gev = (mass * 1e6) ** 2 / (2 * m_nu) / 1e9

    def rate(x):  # k = k_R (1 + width tan(x)/2), so that the line is flat in x
        return float(
            scattering_rate_ev(resonant_gev * (1 + width * math.tan(x) / 2), z, mass, g, m_nu, EXPANSION, width)
        )

    reach = 1.5  # angle; below k = 0 there is nothing
    inside = quad(lambda x: rate(x) * resonant_gev * 1e9 * width / 2 / math.cos(x) ** 2, -reach, reach)[0]
    temperature = EXPANSION.t_nu0_ev * (1 + z)
    expected = 9 * zeta(3) * temperature**3 / m_nu * g**2 / (12 * math.pi)
    np.testing.assert_allclose(inside * math.pi / (2 * reach), expected, rtol=1e-7)


def test_the_rate_from_the_cross_section():
    """Eqs. 43, 44: twice the relic density times the Breit-Wigner of s = 2 m_nu k, at the peak and in the tail."""
    z, mass, g, m_nu = 0.1, 8.0, 3e-4, 0.05
    width = g**2 / (12 * math.pi)  # Gamma/m
    density = 3 * zeta(3) * (EXPANSION.t_nu0_ev * (1 + z)) ** 3 / (4 * math.pi**2)
    m2 = (mass * 1e6) ** 2
    for off in (0.0, 1.0, -3.0):  # in full widths
        s = m2 * (1 + off * 2 * width)
        sigma = 4 * math.pi * 3 * 0.25 / (s / 4) * s * m2 * width**2 / ((s - m2) ** 2 + s * m2 * width**2)
        got = scattering_rate_ev(s / (2 * m_nu) / 1e9, z, mass, g, m_nu, EXPANSION, 2 * width)
        np.testing.assert_allclose(got, 2 * density * sigma, rtol=1e-6)


@pytest.mark.parametrize("cosmology", [EXPANSION, PLANCK18])
@pytest.mark.parametrize(("width", "tolerance"), [(1e-8, 1e-7), (1e-3, 0.01)])
def test_the_rescaled_rate_integrates_to_the_depth(cosmology, width, tolerance):
    """Eq. 11: the narrower, the closer is int dz Gamma_s to tau(z_s) of eq. 12."""
    neutrino = Neutrino(4e5, MASSES, 0.05, 8.0, 3e-4, cosmology, width)
    assert neutrino.crossing == pytest.approx(1.6, rel=1e-12)
    half, reach = neutrino.crossing * width / 2, math.atan(min(0.4 / width, 1e6))
    inside = quad(
        lambda x: float(rescaled(neutrino, 0.6 + half * math.tan(x))[1]) * half / math.cos(x) ** 2, -reach, reach
    )[0]
    depth = float(optical_depth(0.6, 8.0, 3e-4, cosmology))
    np.testing.assert_allclose(inside * math.pi / (2 * reach), depth, rtol=tolerance)
    assert at_resonance(neutrino)[0] == pytest.approx(depth, rel=1e-12)


def test_the_rescaled_hamiltonian():
    """Eq. 11: Delta(M^+ M)/(2 k_0 (1+z)^2 H), and w/L of the lengths' module at the resonance."""
    neutrino = Neutrino(4e5, MASSES, 0.05, 8.0, 3e-4, EXPANSION, 2 * 3e-4**2 / (12 * math.pi))
    z, squares = np.array([0.0, 0.6, 4.0]), np.square(MASSES)
    got = np.diagonal(rescaled(neutrino, z)[0], axis1=-2, axis2=-1)
    expected = (squares - squares.mean()) / (2 * 4e14) / ((1 + z) ** 2 * EXPANSION.hubble_ev(z))[:, None]
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    width_cm = crossing_length_pc(3e-4**2 / (12 * math.pi), 0.6, EXPANSION) * 3.0856775814913673e18
    lengths_cm = 4 * math.pi * H_BAR_C_EV_CM * 6.4e14 / (squares - squares[0])[1:]
    np.testing.assert_allclose(at_resonance(neutrino)[1], [0.0, *(width_cm / lengths_cm)], rtol=1e-8)


@pytest.mark.parametrize(("mixing", "mediator"), MODELS)
@pytest.mark.parametrize("target", [None, 1])
def test_collision_term_and_evolution(mixing, mediator, target):
    """Hermitian; what scatters leaves the trace, rate times tr(F R), oscillations keep it; element by element."""
    rng, matrix, levels = np.random.default_rng(5), interaction(mixing, mediator, target), np.array([0.3, -1.0, 2.0])
    f, rate = np.array([_random_density(rng) for _ in range(4)]), np.array([0.0, 0.1, 1.0, 7.0])
    lost, slope = collision_term(f, rate, matrix), evolution(f, np.diag(levels), rate, matrix)
    for got in (lost, slope):
        np.testing.assert_allclose(got, got.conj().swapaxes(-1, -2), atol=1e-13)
        expected = [-r * np.sum(one * matrix.T) for r, one in zip(rate, f, strict=True)]
        np.testing.assert_allclose(np.trace(got, axis1=-2, axis2=-1), expected, atol=1e-12)
    assert np.all(np.trace(lost, axis1=-2, axis2=-1).real[1:] < 0.0), "R is not negative"
    np.testing.assert_array_equal(lost[0], np.zeros((3, 3)))
    phases = -1j * (levels[:, None] - levels) * f
    half = np.einsum("nij,jk->nik", f, matrix)
    absorbed = -rate[:, None, None] / 2 * (half + half.conj().swapaxes(-1, -2))
    np.testing.assert_allclose(slope, phases + absorbed, atol=1e-12)


def _flight(width, splitting=0.0):
    """A crossing at z = 0.6; splittings small enough that oscillations are few."""
    masses = tuple(math.sqrt(splitting * n) for n in (0.0, 1.0, 2.5))
    return Neutrino(4e5, masses, 0.05, 8.0, 2.5e-4, EXPANSION, width)


def test_the_integration_without_oscillations_is_the_papers_crossing():
    """Eqs. 13, 17, 19: F -> T F T^+ with T = exp(-tau R/2), from far above the resonance to far below it."""
    neutrino, matrix = _flight(1e-6), interaction(PAPER, LMU_LTAU)
    f = _random_density(np.random.default_rng(3))
    tau = float(optical_depth(0.6, 8.0, 2.5e-4, EXPANSION))
    values, vectors = np.linalg.eigh(matrix)
    t = vectors @ np.diag(np.exp(-tau * values / 2)) @ vectors.conj().T
    np.testing.assert_allclose(density_matrix(f, neutrino, matrix, 1.5, 0.0), t @ f @ t.conj().T, atol=2e-5)
    missed = density_matrix(f, neutrino, matrix, 0.5, 0.0)
    np.testing.assert_allclose(missed, f, atol=2e-5)
    source = PAPER.pmns.conj().T @ np.diag([1, 2, 0]) / 3 @ PAPER.pmns  # eq. 18 averaged over phases is eq. 19
    arrived = density_matrix(np.diag(np.diag(source)), neutrino, matrix, 1.5, 0.0).diagonal().real
    expected = degenerate_transition(tau, PAPER, LMU_LTAU, "coherent") @ [1, 2, 0] / 3
    np.testing.assert_allclose(PAPER.probabilities @ arrived, expected, atol=2e-5)


def test_vacuum_oscillations():
    """Eq. 16: without a Z', the phase int dz dm^2/(2 k_0 (1+z)^2 H) by quadrature."""
    neutrino = replace(_flight(1e-4, 2e-17), g_prime=0.0)
    f = _random_density(np.random.default_rng(4))
    length = quad(lambda z: 1.0 / ((1 + z) ** 2 * float(EXPANSION.hubble_ev(z))), 0.1, 1.5)[0]
    levels = np.square(neutrino.masses_ev) / (2 * 4e14) * length
    assert 5.0 < levels[2] - levels[0] < 1000.0
    expected = np.exp(-1j * (levels[:, None] - levels)) * f
    np.testing.assert_allclose(density_matrix(f, neutrino, interaction(PAPER, LMU_LTAU), 1.5, 0.1), expected, atol=1e-6)


@pytest.mark.parametrize("target", [None, 2])
@pytest.mark.parametrize("oscillations", [0.02, 0.15])
def test_transfer_of_populations_from_eq_10_in_redshift(target, oscillations):
    """`crossing_transfer` with what `at_resonance` gives it is the integral of eq. 10, for a relative width of 1e-4.

    H and tau change by 1e-4 over it; tails beyond 125 widths absorb without interference.
    """
    neutrino, matrix = _flight(1e-4), interaction(NUFIT60_INVERTED, LMU_LTAU, target)
    per_splitting = at_resonance(_flight(1e-4, 1e-18))[1][1]
    neutrino = _flight(1e-4, 1e-18 * oscillations / per_splitting)
    depth, ratios = at_resonance(neutrino)
    assert ratios[1] == pytest.approx(oscillations, rel=1e-3)
    outside = np.exp(-depth * matrix.diagonal().real * (0.5 - math.atan(2 * 0.02 / (1.6 * 1e-4)) / math.pi))
    columns = []
    for i in range(3):
        start = np.zeros((3, 3), complex)
        start[i, i] = outside[i]
        columns.append(density_matrix(start, neutrino, matrix, 0.6 + 0.02, 0.6 - 0.02).diagonal().real * outside)
    transfer = crossing_transfer(depth, ratios, matrix)
    np.testing.assert_allclose(np.array(columns).T, transfer, atol=3e-4)
    assert np.abs(transfer - np.diag(np.diag(transfer))).max() > 3e-3, "so that interference is seen"
