"""Mixing, masses, cosmology, mediator, absorption and sources against published numbers, limits and matrix algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics import cosmology, masses, mixing
from nuinfer.physics.absorption import (
    degenerate_transition,
    optical_depth,
    resonance_redshift,
    split_transition,
)
from nuinfer.physics.evolution import LAWS
from nuinfer.physics.mediator import FLAVOUR_BLIND, LMU_LTAU, Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.sources import SOURCES, source_fractions

CHARGES = [(0.0, 1.0, -1.0), (1.0, 1.0, 1.0), (1.0, -2.0, 0.5)]
angles = st.floats(0.0, 1.0)


@given(angles, angles, angles, st.floats(-10.0, 10.0))
def test_mixing_is_unitary(s12, s23, s13, delta):
    u = Mixing(s12, s23, s13, delta).pmns
    np.testing.assert_allclose(u @ u.conj().T, np.eye(3), atol=1e-14)


def test_mixing_reproduces_the_angles():
    """PDG: |U_e3|^2 = s13^2, |U_e2|^2 = s12^2 c13^2, |U_mu3|^2 = s23^2 c13^2; the Jarlskog invariant."""
    m = mixing.NUFIT60_NORMAL
    p, u = m.probabilities, m.pmns
    c13 = 1 - m.sin2_theta13
    assert p[0, 2] == pytest.approx(m.sin2_theta13, rel=1e-14)
    assert p[0, 1] == pytest.approx(m.sin2_theta12 * c13, rel=1e-14)
    assert p[1, 2] == pytest.approx(m.sin2_theta23 * c13, rel=1e-14)
    s = [m.sin2_theta12, m.sin2_theta23, m.sin2_theta13]
    jarlskog = math.prod(math.sqrt(x * (1 - x)) for x in s) * math.sqrt(c13) * math.sin(m.delta_cp)
    measured = (u[0, 0] * u[1, 1] * u[0, 1].conj() * u[1, 0].conj()).imag
    assert measured == pytest.approx(jarlskog, rel=1e-12)


@pytest.mark.parametrize(
    "bad", [(-0.1, 0.4, 0.02, 0.0), (0.3, 1.2, 0.02, 0.0), (0.3, 0.4, math.nan, 0.0), (0.3, 0.4, 0.02, math.inf)]
)
def test_mixing_refuses_nonsense(bad):
    with pytest.raises(PhysicsDomainError, match=r"sin2_theta|delta_cp"):
        Mixing(*bad)


@given(st.floats(0.0, 1.0), st.floats(1e-6, 1e-4), st.floats(1e-3, 1e-2))
def test_masses_give_back_the_splittings(lightest, d21, d3l):
    for ordering, other in (("normal", 0), ("inverted", 1)):
        m = masses.neutrino_masses_ev(lightest, ordering, d21, d3l)
        assert m.min() == lightest
        assert m[1] ** 2 - m[0] ** 2 == pytest.approx(d21, abs=1e-15)
        assert abs(m[2] ** 2 - m[other] ** 2) == pytest.approx(d3l, abs=1e-15)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((-0.1, "normal", 7e-5, 2e-3), "lightest_ev"), ((0.1, "sideways", 7e-5, 2e-3), "ordering"),
     ((0.1, "normal", math.nan, 2e-3), "delta_m2_21_ev2"), ((0.1, "inverted", 3e-3, 2e-3), "delta_m2_21_ev2")],
)  # fmt: skip
def test_masses_refuse_nonsense(arguments, name):
    with pytest.raises(PhysicsDomainError, match=name):
        masses.neutrino_masses_ev(*arguments)


def test_hubble_and_relic_temperature():
    """H0 = 67.66 km/s/Mpc is 2.1927e-18 /s (Planck 2018); T_nu0 = 1.9454 K is 1.6764e-4 eV (PDG)."""
    planck = cosmology.PLANCK18
    assert planck.hubble_ev(0.0) / 6.582119569e-16 == pytest.approx(2.1927e-18, rel=2e-5)
    assert planck.t_nu0_ev == pytest.approx(1.6764e-4, rel=5e-5)
    assert planck.hubble_ev(1e4) / planck.hubble_ev(0.0) == pytest.approx(math.sqrt(0.3111) * 1e6, rel=2e-4)


@pytest.mark.parametrize("bad", [{"h": 0.0}, {"omega_m": -1.0}, {"t_nu0_ev": math.nan}])
def test_cosmology_refuses_nonsense(bad):
    with pytest.raises(PhysicsDomainError, match=next(iter(bad))):
        cosmology.Cosmology(**{"h": 0.7, "omega_m": 0.3, "omega_lambda": 0.7, "t_nu0_ev": 1.7e-4, **bad})


def test_widths():
    """g'^2/(12 pi) for L_mu - L_tau, g'^2/(8 pi) for equal charges."""
    assert LMU_LTAU.width_over_mass(0.3) == pytest.approx(0.09 / (12 * math.pi), rel=1e-14)
    assert FLAVOUR_BLIND.width_over_mass(0.3) == pytest.approx(0.09 / (8 * math.pi), rel=1e-14)
    with pytest.raises(PhysicsDomainError, match="charges"):
        Mediator((0.0, 0.0, 0.0))


def test_the_papers_optical_depth():
    """Eq. (25): tau = (g'/1.69e-4)^2 at 8 MeV, 0.05 eV, 600 TeV, z = 0.067; the print rounds to 1.7e-4."""
    z = resonance_redshift(600e3, 8.0, 0.05)
    assert z == pytest.approx(1 / 15, rel=1e-12)
    assert optical_depth(z, 8.0, 1.69e-4, cosmology.PAPER) == pytest.approx(1.0, abs=5e-3)
    assert optical_depth(z, 8.0, 5e-4, cosmology.PAPER) == pytest.approx(8.79, abs=5e-3)


def test_massless_targets_are_never_met():
    assert resonance_redshift(1e6, 8.0, 0.0) == math.inf
    quiet = split_transition(
        1e6, 5.0, 8.0, 1e-3, [0.0, 0.0, 0.0], mixing.PAPER, LMU_LTAU, cosmology.PAPER, "decoherent"
    )
    np.testing.assert_allclose(quiet, mixing.PAPER.probabilities @ mixing.PAPER.probabilities.T, rtol=1e-14)


def test_the_papers_matrices():
    """Eqs. (24) and (26), printed to two digits and corrected in the (e, e) entry of (26); our evaluation to three."""
    p0, p_inf = degenerate_transition([0.0, np.inf], mixing.PAPER, LMU_LTAU, "coherent")
    np.testing.assert_allclose(p0[0], [0.5477, 0.2412, 0.2111], atol=5e-5)
    np.testing.assert_allclose(p_inf, [[0.30, 0.13, 0.12], [0.13, 0.06, 0.05], [0.12, 0.05, 0.04]], atol=6e-3)
    np.testing.assert_allclose(p_inf @ [1, 2, 0], [0.564, 0.248, 0.217], atol=6e-4)
    np.testing.assert_allclose(p_inf @ [1, 1, 0], [0.432, 0.190, 0.167], atol=6e-4)
    np.testing.assert_allclose(p_inf @ [0, 1, 0], [0.132, 0.058, 0.051], atol=6e-4)
    blind = degenerate_transition(0.7, mixing.PAPER, FLAVOUR_BLIND, "coherent")
    np.testing.assert_allclose(
        blind * math.exp(0.7), [[0.548, 0.241, 0.211], [0.241, 0.380, 0.379], [0.211, 0.379, 0.410]], atol=5e-4
    )


def _by_matrix_exponential(r_matrices, taus, coherence, u):
    """Transition from the definitions: expm in the mass basis, no closed form."""
    n = np.eye(3)
    for r, tau in zip(r_matrices, taus, strict=True):
        transfer = (
            np.abs(expm(-tau * r / 2)) ** 2 if coherence == "coherent" else np.diag(np.exp(-tau * np.diag(r).real))
        )
        n = transfer @ n
    weights = np.abs(u) ** 2
    return weights @ n @ weights.T


@pytest.mark.parametrize("coherence", ["coherent", "decoherent"])
@pytest.mark.parametrize("charges", CHARGES)
def test_transitions_equal_matrix_exponentials(coherence, charges):
    u = mixing.NUFIT60_INVERTED.pmns
    q = u.conj().T @ np.diag(charges) @ u
    for tau in (0.0, 0.3, 2.0, 40.0):
        expected = _by_matrix_exponential([q @ q], [tau], coherence, u)
        got = degenerate_transition(tau, mixing.NUFIT60_INVERTED, Mediator(charges), coherence)
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-14)

    energy, z_source, m_zprime, g = 4e5, 4.5, 9.0, 4e-4
    m = masses.neutrino_masses_ev(0.02, "inverted", 7.49e-5, 2.484e-3)
    z = resonance_redshift(energy, m_zprime, m)
    order = [j for j in np.argsort(-z) if 0 <= z[j] < z_source]
    assert len(order) == 3, "the point should cross every target"
    tau = optical_depth(z, m_zprime, g, cosmology.PLANCK18)
    matrices = [np.outer(q[:, j], q[:, j].conj()) for j in order]
    expected = _by_matrix_exponential(matrices, tau[order], coherence, u)
    got = split_transition(
        energy, z_source, m_zprime, g, m, mixing.NUFIT60_INVERTED, Mediator(charges), cosmology.PLANCK18, coherence
    )
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("charges", CHARGES)
def test_coherent_and_decoherent_agree_at_first_order_in_tau(charges):
    small = 1e-5
    one, other = (degenerate_transition(small, mixing.PAPER, Mediator(charges), c) for c in ("coherent", "decoherent"))
    p0 = degenerate_transition(0.0, mixing.PAPER, Mediator(charges), "coherent")
    # The decoherent loss is the loss of the diagonal; the coherent one also moves population at second order only
    np.testing.assert_allclose((one - p0).sum(), (other - p0).sum(), rtol=1e-4)


def test_absorption_outside_the_path_does_nothing():
    """A resonance in the future (z < 0) or beyond the source is not crossed."""
    p0 = mixing.PAPER.probabilities @ mixing.PAPER.probabilities.T
    m = [0.05, 0.051, 0.07]
    for energy, z_source in ((1e9, 5.0), (1e4, 5.0), (5e5, 0.01)):
        p = split_transition(energy, z_source, 8.0, 1e-3, m, mixing.PAPER, LMU_LTAU, cosmology.PAPER, "coherent")
        np.testing.assert_allclose(p, p0, rtol=1e-14)


@given(st.floats(0.0, 1e3), st.sampled_from(CHARGES), st.sampled_from(["coherent", "decoherent"]))
def test_transition_is_a_subprobability(tau, charges, coherence):
    p = degenerate_transition(tau, mixing.PAPER, Mediator(charges), coherence)
    assert np.all(p >= 0)
    assert np.all(p.sum(axis=-2) <= 1 + 1e-14)
    np.testing.assert_allclose(p, p.T, atol=1e-15)


def test_unknown_coherence_is_refused():
    with pytest.raises(PhysicsDomainError, match="coherence: 'both'"):
        degenerate_transition(1.0, mixing.PAPER, LMU_LTAU, "both")


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3)])
def test_elementwise_functions_equal_their_loop(shape):
    rng = np.random.default_rng(5)
    e, z_source = 10 ** rng.uniform(4, 7, shape), rng.uniform(0.1, 5, shape)
    m, g = 10 ** rng.uniform(0, 1.7, shape), 10 ** rng.uniform(-5, -2.5, shape)
    targets = rng.permuted(rng.uniform(0.003, 0.1, (*shape, 3)), axis=-1)
    arguments = (mixing.NUFIT60_NORMAL, LMU_LTAU, cosmology.PLANCK18, "coherent")
    batch = split_transition(e, z_source, m, g, targets, *arguments)
    depth = optical_depth(z_source, m, g, cosmology.PLANCK18)
    assert batch.shape == (*shape, 3, 3)
    for index in np.ndindex(shape):
        one = split_transition(e[index], z_source[index], m[index], g[index], targets[index], *arguments)
        np.testing.assert_allclose(batch[index], one, rtol=1e-12)
        assert depth[index] == pytest.approx(
            float(optical_depth(z_source[index], m[index], g[index], cosmology.PLANCK18)), rel=1e-12
        )
        alone = degenerate_transition(depth[index], mixing.PAPER, LMU_LTAU, "coherent")
        np.testing.assert_allclose(
            degenerate_transition(depth, mixing.PAPER, LMU_LTAU, "coherent")[index], alone, rtol=1e-12
        )


def test_sources_are_normalised():
    for source in set(SOURCES.shipped) - {"free"}:
        fractions = source_fractions(source)
        assert fractions.sum() == pytest.approx(1.0, rel=1e-15)
        assert fractions.shape == (6,)
    np.testing.assert_allclose(source_fractions("pp") * 6, [1, 2, 0, 1, 2, 0], rtol=1e-14)
    np.testing.assert_allclose(source_fractions("neutron"), [0, 0, 0, 1, 0, 0])
    with pytest.raises(PhysicsDomainError, match="blazar"):
        source_fractions("blazar")


def test_star_formation_rate():
    """Yuksel et al. 2008: W(0) = 1, slopes 3.4, -0.3, -3.5 with breaks at z = 1 and 4; the slope is the derivative."""
    sfr = LAWS.shipped["sfr"]
    assert sfr.density(0.0) == pytest.approx(1.0, abs=1e-3)
    assert sfr.density(0.5) == pytest.approx(1.5**3.4, rel=0.01)
    z = np.array([0.2, 1.0, 2.0, 4.0, 4.8])
    x, h = np.log1p(z), 1e-5
    slope = (np.log(sfr.density(np.expm1(x + h))) - np.log(sfr.density(np.expm1(x - h)))) / (2 * h)
    np.testing.assert_allclose(sfr.log_density(x)[1], slope, rtol=1e-6)
    assert sfr.log_density(np.log1p(np.array([0.01, 2.0, 30.0])))[1] == pytest.approx([3.4, -0.3, -3.5], abs=0.05)
