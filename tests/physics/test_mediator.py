"""Spin and decays of the mediator: widths and cross-sections by hand, Breit-Wigner integrals, and what uses them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

import nuinfer
from nuinfer.constants import ZETA3
from nuinfer.errors import ConfigError, PhysicsDomainError
from nuinfer.physics import cosmology, masses, mixing
from nuinfer.physics.absorption import optical_depth, split_transition
from nuinfer.physics.crossings import degenerate_crossings, split_crossings
from nuinfer.physics.mediator import LMU_LTAU, Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.propagation import flavour_at_earth, species_at_earth
from nuinfer.physics.regeneration import SCALAR_SPECTRUM, decay_spectrum

SCALAR = Mediator((0.0, 1.0, -1.0), spin=0)
MASSES = [0.01, 0.0132, 0.0511]


def _slash(p):
    """p_mu gamma^mu in the Dirac representation."""
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    gamma = [np.kron(np.diag([1, -1]), np.eye(2))] + [np.kron(np.array([[0, 1], [-1, 0]]), s) for s in sigma]
    metric = (1, -1, -1, -1)
    return sum(metric[i] * p[i] * gamma[i] for i in range(4)), gamma


def _squared_amplitudes(m):
    """Sum over helicities of |M|^2 for unit coupling: vector (left-handed current), and scalar -phi nubar nu / 2."""
    p1, p2 = (m / 2 * np.array([1, 0, 0, s]) for s in (1, -1))
    slash1, gamma = _slash(p1)
    slash2 = _slash(p2)[0]
    left = (np.eye(4) - 1j * gamma[0] @ gamma[1] @ gamma[2] @ gamma[3]) / 2
    metric = (1, -1, -1, -1)
    vector = -sum(metric[i] * np.trace(slash2 @ gamma[i] @ slash1 @ gamma[i] @ left) for i in range(4))
    return vector.real, np.trace(slash1 @ slash2).real


def test_widths_from_traces():
    """Gamma = |M|^2/(16 pi m) for a pair: a vector's polarisation average is 1/3, identical particles give 1/2."""
    m = 1.7
    vector, scalar = _squared_amplitudes(m)
    assert vector == pytest.approx(2 * m**2, rel=1e-12), "nu nubar -> Z': 2 s, one combination of helicities"
    assert scalar == pytest.approx(2 * m**2, rel=1e-12), "nu nu -> phi: s for each of two combinations"
    assert Mediator((1, 0, 0)).width_over_mass(0.3) == pytest.approx(
        0.09 * vector / 3 / (16 * math.pi * m**2), rel=1e-12
    )
    assert Mediator((1, 0, 0), spin=0).width_over_mass(0.3) == pytest.approx(
        0.09 * scalar / 2 / (16 * math.pi * m**2), rel=1e-12
    )
    assert SCALAR.width_over_mass([0.1, 0.2])[1] == pytest.approx(2 * 0.04 / (16 * math.pi), rel=1e-14)


@pytest.mark.parametrize("neutrino", ["majorana", "dirac"])
@pytest.mark.parametrize("spin", [0, 1])
def test_depth_from_the_breit_wigner_cross_section(spin, neutrino):
    """The rate n sigma integrated through the resonance, in E of a neutrino on a target at rest, for both spins.

    sigma = (2J+1) (16 pi/s) (Gamma^2/4)/((sqrt(s) - m)^2 + Gamma^2/4) B_in, at its peak the unitarity limit, for given
    helicities; B_in is the branching into those, doubled if the particles are identical. Density of relics of one
    helicity: 3 zeta(3) T^3/(4 pi^2), of Dirac antineutrinos half of that. The depth is int c n sigma dt with
    dE/dt = -H E.
    """
    g, m_ev, z = 3e-4, 8e6, 0.4
    mediator, background = Mediator((0.0, 1.0, -1.0), spin, neutrino=neutrino), cosmology.PLANCK18
    width = {  # of two flavours; Dirac: nu_L nubar_R and nu_R nubar_L of a vector, nu_L nubar_L and nu_R nubar_R
        (1, "majorana"): g**2 / (12 * math.pi), (1, "dirac"): g**2 / (6 * math.pi),
        (0, "majorana"): g**2 / (8 * math.pi), (0, "dirac"): g**2 / (4 * math.pi),
    }[spin, neutrino] * m_ev  # fmt: skip
    assert float(mediator.width_over_mass(g)) * m_ev == pytest.approx(width, rel=1e-12)
    # One of two flavours; a scalar's flavour is two helicities, each of a pair of identical particles.
    branching = 0.25 if neutrino == "dirac" else 0.5 if spin else 0.5 * 0.5 * 2.0
    peak = (2 * spin + 1) * 16 * math.pi / m_ev**2 * branching

    def line(u):  # sqrt(s) = m + u Gamma/2, and s is proportional to E: dE/E = Gamma du/sqrt(s)
        root = m_ev + u * width / 2
        return (m_ev / root) ** 2 / (1 + u * u) * width / root

    reach = 1e5
    area = 2 * quad(lambda t: line(math.tan(t)) / math.cos(t) ** 2, 0, math.atan(reach), epsrel=1e-10)[0]
    density = (
        3 * ZETA3 * (background.t_nu0_ev * (1 + z)) ** 3 / (4 * math.pi**2) * (0.5 if neutrino == "dirac" else 1.0)
    )
    expected = density * peak * area / float(background.hubble_ev(z))
    got = mediator.depth_over_vector * optical_depth(z, 8.0, g, background)
    assert got == pytest.approx(expected, rel=1e-4), "tails beyond 1e5 widths: 1e-5"


def test_scalar_absorbs_half_and_not_on_the_same_states():
    """Degenerate masses: a scalar is a vector of half the depth. Split targets see U^T Q U instead of U^dagger Q U."""
    real = Mixing(0.308, 0.470, 0.02215, 0.0)
    for coherence in ("coherent", "decoherent"):
        scalar, vector = (split_crossings(real, m, coherence) for m in (SCALAR, LMU_LTAU))
        np.testing.assert_allclose(scalar.rates, vector.rates, rtol=1e-12)
    u = mixing.NUFIT60_NORMAL.pmns
    by_hand = np.array(
        [[abs(sum(u[a, i] * q * u[a, j] for a, q in ((1, 1), (2, -1)))) ** 2 for i in range(3)] for j in range(3)]
    )
    crossings = split_crossings(mixing.NUFIT60_NORMAL, SCALAR, "decoherent")
    np.testing.assert_allclose(crossings.rates, by_hand, rtol=1e-12)
    assert np.abs(crossings.rates - split_crossings(mixing.NUFIT60_NORMAL, LMU_LTAU, "decoherent").rates).max() > 5e-3
    np.testing.assert_allclose(
        crossings.rates.sum(axis=0),
        degenerate_crossings(mixing.NUFIT60_NORMAL, SCALAR, "decoherent").rates[0],
        rtol=1e-12,
    )
    model = (cosmology.PLANCK18, "decoherent")
    energy = np.geomspace(1e5, 2e6, 30)
    scalar = flavour_at_earth(energy, 8.0, 3e-4, [0.05], [1, 2, 0], 2.5, "sfr", mixing.PAPER, SCALAR, *model)
    weaker = flavour_at_earth(
        energy, 8.0, 3e-4 / math.sqrt(2), [0.05], [1, 2, 0], 2.5, "sfr", mixing.PAPER, LMU_LTAU, *model
    )
    np.testing.assert_allclose(scalar, weaker, rtol=1e-12)
    scalar, weaker = (
        split_transition(3e5, 2.0, 8.0, g, MASSES, real, m, *model)
        for m, g in ((SCALAR, 3e-4), (LMU_LTAU, 3e-4 / math.sqrt(2)))
    )
    np.testing.assert_allclose(scalar, weaker, rtol=1e-12)


def test_scalar_daughters():
    """Two per decay, with all of its energy; nu and nubar alike, so a pure nu source gets daughters of both."""
    sums = SCALAR_SPECTRUM @ (1 / np.array([[1, 2], [2, 3], [3, 4]]))  # int f dx, int x f dx
    np.testing.assert_allclose(sums, [[2, 1], [0, 0]], atol=1e-15)
    vector = decay_spectrum(LMU_LTAU) @ (1 / np.array([[1, 2], [2, 3], [3, 4]]))
    np.testing.assert_allclose(vector, [[2, 1], [0, 0.5]], atol=1e-15)
    args = (2.0, "sfr", mixing.NUFIT60_NORMAL, SCALAR, cosmology.PLANCK18, "decoherent", 5.0)
    energy = np.geomspace(3e4, 3e6, 40)
    with_daughters, without = (
        species_at_earth(energy, 8.0, 3e-4, MASSES, [1, 1, 0, 0, 0, 0], *args, r) for r in (True, False)
    )
    made = with_daughters - without
    assert made[:20].min() > 0.0
    np.testing.assert_allclose(made[:, :3], made[:, 3:], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("mass", "charges", "expected"), [
    (0.9, (1, 0, 0), 1.0),
    (5.0, (0, 1, -1), 1.0),
    (8.0, (1, 1, 1), 3 / (3 + 2 * (1 + 2 * (0.51099895 / 8) ** 2) * math.sqrt(1 - 4 * (0.51099895 / 8) ** 2))),
    (1e6, (1, 1, 1), 1 / 3),
    (1e6, (0, 2, 0), 1 / 3),
])  # fmt: skip
def test_branching(mass, charges, expected):
    """Thresholds, the e+e- width by hand, and far above all thresholds one third: a charged lepton counts twice."""
    assert Mediator(charges).neutrino_branching(mass) == pytest.approx(expected, rel=1e-8)
    assert Mediator(charges, spin=0).neutrino_branching(mass) == 1.0
    masses = np.array([[0.5, 1.1, 3.0], [20.0, 250.0, 4000.0]])
    together = Mediator(charges).neutrino_branching(masses)
    np.testing.assert_allclose(
        together, [[Mediator(charges).neutrino_branching(m) for m in row] for row in masses], rtol=1e-12
    )


def test_daughters_carry_the_branching(monkeypatch):
    """One target is crossed once: its daughters scale with the branching into neutrinos, the rest does not.

    At each mass of a batch with its own: below the threshold of electrons, above it, above that of muons.
    """
    mediator, mass = Mediator((1.0, 1.0, 1.0)), np.array([0.9, 8.0, 300.0])
    energy, coupling = np.geomspace(5e4, 1e6, 30) * (mass[:, None] / 8.0) ** 2, 3e-4 * mass / 8.0
    setting = (2.2, "sfr", mixing.PAPER, mediator, cosmology.PLANCK18, "decoherent", 5.0)
    absorbed, some = (
        species_at_earth(energy, mass, coupling, [0.05], [1] * 6, *setting, daughters) for daughters in (False, True)
    )
    factor = mediator.neutrino_branching(mass)
    np.testing.assert_allclose(factor, [1.0, 0.6, 0.443], atol=1e-3)
    monkeypatch.setattr(Mediator, "charged_leptons", np.zeros((3, 3)))
    everything = species_at_earth(energy, mass, coupling, [0.05], [1] * 6, *setting, True)
    assert np.abs(everything - absorbed).max() > 0.01
    np.testing.assert_allclose(some - absorbed, factor[:, None, None] * (everything - absorbed), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("charges", [(0.0, 1.0, -1.0), (1.0, 1.0, 1.0)])
@pytest.mark.parametrize("spin", [0, 1])
def test_dirac_neutrinos_halve_depth_and_daughters(spin, charges):
    """At sqrt(2) times the coupling the same is absorbed, and half of the daughters, or the widths' share, arrives.

    Widths in units of one flavour's: three to active, three to inert neutrinos, 2 x 1 to e+e- below the muon.
    """
    majorana, dirac = (Mediator(charges, spin, neutrino=neutrino) for neutrino in ("majorana", "dirac"))
    energy, targets = np.geomspace(5e4, 1e6, 30), masses.neutrino_masses_ev(0.01, "normal", 7.5e-5, 2.4e-3)
    setting = ("decoherent", 5.0)

    def flux(mediator, coupling, masses_ev, daughters):
        given = (masses_ev, [0.2, 0.3, 0, 0.1, 0, 0.4], 2.2, "sfr", mixing.PAPER, mediator, cosmology.PLANCK18)
        return species_at_earth(energy, 8.0, coupling, *given, *setting, daughters)

    removed = flux(majorana, 2e-4, [0.05], False)
    np.testing.assert_allclose(flux(dirac, 2e-4 * math.sqrt(2), [0.05], False), removed, rtol=1e-12)
    np.testing.assert_allclose(
        flux(dirac, 2e-4 * math.sqrt(2), targets, False), flux(majorana, 2e-4, targets, False), rtol=1e-12
    )
    gain = flux(majorana, 2e-4, [0.05], True) - removed
    share = 0.5 if spin == 0 or charges[0] == 0.0 else (3 / (6 + 2)) / (3 / (3 + 2))
    got = flux(dirac, 2e-4 * math.sqrt(2), [0.05], True) - removed
    assert np.abs(gain).max() > 0.01
    np.testing.assert_allclose(got, share * gain, rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("overrides", [
    ["model.mediator=scalar"],
    ["model.mediator=scalar", "model.source=pgamma", "model.charges=[1, 0.5, -1]"],
    ["model.charges=[1, 1, 1]"],
])  # fmt: skip
def test_every_point_has_its_own_branching(overrides):
    """Counts of a batch of masses are those of its points, bit for bit."""
    analysis = nuinfer.load("hese7_icecube", overrides)
    theta = analysis.sample_prior(20, np.random.default_rng(3))
    whole = analysis.expected_counts(theta)
    np.testing.assert_array_equal([analysis.expected_counts(point) for point in theta], whole)


def test_refusals():
    with pytest.raises(PhysicsDomainError, match=r"spin: 2"):
        Mediator((0.0, 1.0, -1.0), spin=2)
    with pytest.raises(ConfigError, match=r"constraints\.\w+: .*scalar"):
        nuinfer.load("hese7", ["model.mediator=scalar"])
    with pytest.raises(PhysicsDomainError, match=r"neutrino: 'weyl'"):
        Mediator((0.0, 1.0, -1.0), neutrino="weyl")
    with pytest.raises(ConfigError, match=r"constraints\.neff: .*'dirac' it must be off: .*Delta N_eff > 1"):
        nuinfer.load("hese7", ["model.neutrino=dirac"])
    nuinfer.load("hese7", ["model.neutrino=dirac", "constraints.neff.form=off"])
    nuinfer.load("hese7", ["model.neutrino=dirac", "model.absorption=false"])
    with pytest.raises(ConfigError, match=r"model\.mediator: .*tensor"):
        nuinfer.load("hese7_icecube", ["model.mediator=tensor"])
