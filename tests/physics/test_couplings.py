"""Any matrix of couplings: crossings against the density matrix, decays from traces, and other bases of flavour."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

from nuinfer.constants import MASS_ELECTRON_MEV, MASS_MUON_MEV, MASS_TAU_MEV
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics import cosmology, masses
from nuinfer.physics.absorption import degenerate_transition, optical_depth, resonance_redshift, split_transition
from nuinfer.physics.mediator import COUPLINGS, LMU_LTAU, Mediator
from nuinfer.physics.mixing import NUFIT60_INVERTED, NUFIT60_NORMAL, PAPER
from nuinfer.physics.propagation import species_at_earth

LEPTONS_MEV = (MASS_ELECTRON_MEV, MASS_MUON_MEV, MASS_TAU_MEV)
DEPHASING = 1e9  # per depth: phases are lost before anything is absorbed
SOURCE = (0.3, 0.1, 0.05, 0.05, 0.4, 0.1)


def drawn(spin, seed):
    """A random matrix, Hermitian or symmetric."""
    real, imaginary = np.random.default_rng(seed).normal(size=(2, 3, 3))
    matrix = real + 1j * imaginary
    return matrix + (matrix.conj().T if spin else matrix.T)


def absorbed(matrix, spin, u, target):
    """What a target of mass state j absorbs of a beam, in the flavour basis, from sums over flavours; (3, 3).

    The field nu_a annihilates the beam's nu_i with U_ai. A vector annihilates the target, an antineutrino, with the
    conjugate field, a scalar annihilates two neutrinos: the beam's flavour a has the amplitude sum_b Q_ba U_bj^*, or
    sum_b G_ab U_bj, and the density matrix loses 1/2 {R, rho} with R_ac = A_a^* A_c.
    """
    amplitude = np.zeros(3, complex)
    for a in range(3):
        for b in range(3):
            amplitude[a] += matrix[b, a] * u[b, target].conj() if spin else matrix[a, b] * u[b, target]
    return np.outer(amplitude.conj(), amplitude)


def transfer(r, tau, u, coherence):
    """Populations of mass states behind a crossing, by the exponential of the equation of the density matrix."""
    one, r = np.eye(3), u.conj().T @ r @ u
    step = -0.5 * tau * (np.kron(r, one) + np.kron(one, r.T))
    step = step - (DEPHASING * tau if coherence == "decoherent" else 0.0) * np.diag(1.0 - one.ravel())
    columns = [expm(step) @ np.diag(state).ravel() for state in one]
    return np.array([column.reshape(3, 3).diagonal().real for column in columns]).T


@pytest.mark.parametrize("coherence", ["coherent", "decoherent"])
@pytest.mark.parametrize("spin", [1, 0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_transitions_of_any_matrix_are_those_of_the_density_matrix(seed, spin, coherence):
    """Degenerate and split masses, by explicit sums over flavours and a matrix exponential in nine dimensions."""
    mixing, background = NUFIT60_INVERTED, cosmology.PLANCK18
    matrix, u = drawn(spin, seed), mixing.pmns
    mediator, weights = Mediator(spin=spin, couplings=matrix), np.abs(u) ** 2
    each = [absorbed(matrix, spin, u, j) for j in range(3)]
    for tau in (0.02, 0.3, 2.0):
        expected = weights @ transfer(sum(each), tau, u, coherence) @ weights.T
        got = degenerate_transition(tau, mixing, mediator, coherence)
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)

    energy, z_source, m_zprime, g = 4e5, 4.5, 9.0, 2e-5
    m = masses.neutrino_masses_ev(0.02, "inverted", 7.49e-5, 2.484e-3)
    z = resonance_redshift(energy, m_zprime, m)
    tau = optical_depth(z, m_zprime, g, background) * (1.0 if spin else 0.5)
    assert np.all((z > 0.0) & (z < z_source)), "the point should cross every target"
    whole = np.eye(3)
    for j in np.argsort(-z):
        whole = transfer(each[j], tau[j], u, coherence) @ whole
    got = split_transition(energy, z_source, m_zprime, g, m, mixing, mediator, background, coherence)
    expected = weights @ whole @ weights.T
    assert 0.2 < expected.sum() < 2.9, "neither nothing nor everything is absorbed"
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("masses_ev", "setting"), [
    *(((0.05,), (coherence, 5.0, True)) for coherence in ("coherent", "decoherent")),
    *(((0.02, 0.0215, 0.055), (coherence, 5.0, True)) for coherence in ("coherent", "decoherent")),
    ((0.02, 0.0215, 0.055), ("decoherent", 5.0, True, "thermal")),
])  # fmt: skip
@pytest.mark.parametrize("spin", [1, 0])
def test_another_basis_of_flavours(spin, masses_ev, setting):
    """Couplings U' V U'^dagger with another mixing U' are the same V of mass states: so is all that arrives.

    Democratic sources have the same mass states with either mixing, and sums over flavours do not know it. One side
    are charges, which are checked elsewhere, the other is a full complex matrix. Daughters are followed, below the mass
    of an electron pair, which does know flavour.
    """
    mass_basis = Mediator((1.0, -2.0, 0.5), spin).in_mass_basis(NUFIT60_NORMAL)
    to_flavour = PAPER.pmns if spin else PAPER.pmns.conj()
    rotated = Mediator(spin=spin, couplings=to_flavour @ mass_basis @ PAPER.pmns.conj().T)
    assert rotated.charges is None
    np.testing.assert_allclose(rotated.in_mass_basis(PAPER), mass_basis, atol=1e-14)

    def arriving(mixing, mediator):
        point = (np.geomspace(6e2, 4e4, 12), 0.9, 3.4e-5, masses_ev, [1.0] * 6, 2.4, "sfr")
        return species_at_earth(*point, mixing, mediator, cosmology.PLANCK18, *setting).sum(axis=-1)

    charges = arriving(NUFIT60_NORMAL, Mediator((1.0, -2.0, 0.5), spin))
    assert charges.min() < 0.9
    np.testing.assert_allclose(arriving(PAPER, rotated), charges, rtol=1e-11)


def slash(p):
    """p_mu gamma^mu, and gamma^mu, in the Dirac representation."""
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    gamma = [np.kron(np.diag([1, -1]), np.eye(2))] + [np.kron(np.array([[0, 1], [-1, 0]]), s) for s in sigma]
    return sum(s * x * g for s, x, g in zip((1, -1, -1, -1), p, gamma, strict=True)), gamma


def pair_width(mass, one, other):
    """Gamma/m of Z' -> l_a^- l_b^+ at unit coupling: |M|^2 by traces, a sum over spins, a mean over polarisations."""
    if mass <= one + other:
        return 0.0
    energy = (mass**2 + one**2 - other**2) / (2.0 * mass)
    momentum = math.sqrt(energy**2 - one**2)
    first, gamma = slash([energy, 0, 0, momentum])
    second, _ = slash([mass - energy, 0, 0, -momentum])
    metric, rest = np.diag([1.0, -1.0, -1.0, -1.0]), [mass, 0.0, 0.0, 0.0]
    total = 0.0
    for m in range(4):
        for n in range(4):
            polarisations = -metric[m, n] + rest[m] * rest[n] / mass**2  # lower indices: those of time do not change
            trace = np.trace((first + one * np.eye(4)) @ gamma[m] @ (second - other * np.eye(4)) @ gamma[n])
            total += polarisations * trace.real
    return total / 3.0 * momentum / (8.0 * math.pi * mass**2) / mass


@pytest.mark.parametrize("mass", [0.9, 5.0, 106.3, 250.0, 1800.0, 2e3, 1e6])
def test_charged_leptons_of_any_matrix(mass):
    """Branching from two-body widths of massive Dirac fermions, the longitudinal polarisation included."""
    matrix = drawn(1, 7)
    mediator = Mediator(couplings=matrix)
    widths = np.array([[pair_width(mass, one, other) for other in LEPTONS_MEV] for one in LEPTONS_MEV])
    charged = float((np.abs(matrix) ** 2 * widths).sum())
    neutrinos = float(mediator.width_over_mass(1.0))
    assert neutrinos == pytest.approx(np.abs(matrix**2).sum() / (24.0 * math.pi), rel=1e-12)
    assert mediator.neutrino_branching(mass) == pytest.approx(neutrinos / (neutrinos + charged), rel=1e-8)
    if mass == 106.3:  # above e mu, far below mu mu
        alone = Mediator(couplings=[[0, 1j, 0], [-1j, 0, 0], [0, 0, 0]])
        assert 0.99 < alone.neutrino_branching(mass) < 1.0
    scalar = Mediator(spin=0, couplings=drawn(0, 7))
    assert scalar.neutrino_branching(mass) == 1.0
    assert float(scalar.width_over_mass(1.0)) == pytest.approx(np.abs(scalar.matrix**2).sum() / (16.0 * math.pi))


@pytest.mark.parametrize("spin", [1, 0])
def test_daughters_have_the_states_of_the_decay(spin):
    """Shares of mass states among daughters: rates |V_kl|^2 of every pair, counted one by one.

    The lightest target alone is met, by which one flux is absorbed and two neutrinos of lower energy appear.
    """
    mixing, matrix = NUFIT60_NORMAL, drawn(spin, 11)
    mediator, u = Mediator(spin=spin, couplings=matrix), mixing.pmns
    shares = np.zeros(3)
    for k in range(3):
        for j in range(3):
            amplitude = sum(
                (u[a, k].conj() if spin else u[a, k]) * matrix[a, b] * u[b, j] for a in range(3) for b in range(3)
            )
            shares[k] += abs(amplitude) ** 2
    shares /= shares.sum()
    setting = (2.2, "sfr", mixing, mediator, cosmology.PLANCK18, "decoherent", 5.0)
    with_daughters, without = (
        species_at_earth(np.array([5e4, 9e4]), 8.0, 3e-4, [0.05], SOURCE, *setting, made) for made in (True, False)
    )
    gained = (with_daughters - without).reshape(2, 2, 3).sum(axis=1)
    assert gained.min() > 3e-3
    np.testing.assert_allclose(gained / gained.sum(axis=-1, keepdims=True), [np.abs(u) ** 2 @ shares] * 2, rtol=1e-10)


def test_charges_are_the_diagonal():
    """The names stand for charges; a matrix is symmetric to rounding, and without more than a diagonal has charges."""
    assert Mediator(couplings=np.diag([0.0, 1.0, -1.0])) == LMU_LTAU == Mediator(COUPLINGS["lmu_ltau"])
    for spin, partner in ((1, np.conj), (0, np.asarray)):
        matrix = drawn(spin, 5)
        assert Mediator(spin=spin, couplings=matrix * (1.0 + 1e-15)).charges is None
        exact = Mediator(spin=spin, couplings=matrix + 1e-14 * np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]])).matrix
        np.testing.assert_array_equal(exact, partner(exact.T))
        with pytest.raises(PhysicsDomainError, match=r"couplings: \[\[.*must be (Hermitian|symmetric)"):
            Mediator(spin=spin, couplings=matrix + 1e-9 * np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]]))
    phases = Mediator(spin=0, couplings=np.diag([0, 0, 1j]))
    assert phases.charges is None
    assert phases.given == phases.couplings
    assert phases.strength == 1.0
    for wrong in ("nu_tau", [[1, 0, 0], [0, 1]], [1, 2, 3], np.full((3, 3), np.nan), np.zeros((3, 3))):
        with pytest.raises(PhysicsDomainError, match=r"couplings: .*3 x 3 finite numbers, not all zero"):
            Mediator(couplings=wrong)
    with pytest.raises(PhysicsDomainError, match="one of them"):
        Mediator((0, 1, -1), couplings=np.eye(3))
