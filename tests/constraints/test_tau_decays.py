"""A scalar in leptonic decays: spectral density, phase space, cancellation of logarithms, the constraint."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad

import nuinfer
from nuinfer.constants import MASS_MUON_MEV, MASS_TAU_MEV, MASS_W_GEV
from nuinfer.constraints.limits import bound
from nuinfer.constraints.tau_decays import CONSTRAINT, coupling_ratio, lost_share
from nuinfer.errors import ConfigError, PhysicsDomainError

NU_E, NU_MU, NU_TAU = np.eye(3)


def phase_space(x: float) -> float:
    return 1.0 - 8.0 * x + 8.0 * x**3 - x**4 - 12.0 * x * x * math.log(x) if x < 1.0 else 0.0


def density(s: float, mass: float) -> float:
    """rho(s) as the docs have it."""
    return (1.0 - mass**2 / s) ** 2 / (32.0 * math.pi**2 * s)


def test_the_spectral_density_is_emission_integrated_over_directions() -> None:
    # p-slash k-slash p-slash/s^2 over the two-body phase space, times 1/(2 pi) of ds: rho(s) p-slash. In the rest frame
    # of p = (sqrt(s), 0), with k the massless neutrino; slashes as 2 x 2 matrices of Weyl spinors.
    s, mass = 7.0, 1.3
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    k0 = (s - mass**2) / (2.0 * math.sqrt(s))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    total = np.zeros((2, 2), complex)
    for c, w in zip(nodes, weights, strict=True):
        for angle in np.arange(8) * math.pi / 4.0:
            n = np.array([math.sqrt(1 - c * c) * math.cos(angle), math.sqrt(1 - c * c) * math.sin(angle), c])
            upper = k0 * (np.eye(2) - np.einsum("i,ijk", n, pauli))
            total += w / 16.0 * math.sqrt(s) * upper * math.sqrt(s) / s**2
    two_body = k0 / (4.0 * math.pi * math.sqrt(s))
    # the vertex is g between spinors, as in |M(nu nu -> phi)|^2 = g^2 s (tests/physics/test_mediator.py)
    found = total * two_body / (2.0 * math.pi)
    np.testing.assert_allclose(found, density(s, mass) * math.sqrt(s) * np.eye(2), rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("x", [0.01, 0.2, 0.7])
def test_either_neutrino_may_be_the_massive_one(x: float) -> None:
    # |M|^2 of l -> nu_l e nubar_e is (l.nubar)(e.nu_l); massless electron, mass^2 = x of the lepton's.
    def with_nubar(q2: float) -> float:
        return q2 * (1.0 + x - q2) * math.sqrt((1.0 - q2 - x) ** 2 - 4.0 * q2 * x)

    def with_nu(q2: float) -> float:
        return (q2 - x) * (1.0 - x / q2) * (1.0 - q2) ** 2

    assert 12.0 * quad(with_nu, x, 1.0)[0] == pytest.approx(phase_space(x), rel=1e-8)
    assert 12.0 * quad(with_nubar, 0.0, (1.0 - math.sqrt(x)) ** 2)[0] == pytest.approx(phase_space(x), rel=1e-7)


@pytest.mark.parametrize("mass", [1e-3, 1.0, 50.0, 104.0, 200.0, 3000.0])
@pytest.mark.parametrize("lepton", [MASS_MUON_MEV, MASS_TAU_MEV])
def test_the_closed_form_is_the_integral(mass: float, lepton: float) -> None:
    scale = 1e3 * MASS_W_GEV

    def integrand(log_s: float) -> float:
        s = math.exp(log_s)
        return s * density(s, mass) * (1.0 - phase_space(s / lepton**2))

    cuts = sorted({mass, max(mass, lepton), scale})
    parts = [quad(integrand, 2 * math.log(a), 2 * math.log(b), limit=200)[0] for a, b in itertools.pairwise(cuts)]
    assert float(lost_share(mass, lepton)) == pytest.approx(sum(parts), rel=1e-9)


def test_logarithms_of_the_scalar_mass_cancel() -> None:
    # Emission alone grows by 2 ln(1000)/(32 pi^2) from 1 MeV to 1 keV; with the loop the rate does not care.
    def emitted(mass: float) -> float:
        def integrand(log_s: float) -> float:
            s = math.exp(log_s)
            return s * density(s, mass) * phase_space(s / MASS_TAU_MEV**2)

        return quad(integrand, 2 * math.log(mass), 2 * math.log(MASS_TAU_MEV))[0]

    light, lighter = emitted(1.0), emitted(1e-3)
    assert lighter - light == pytest.approx(math.log(1e6) / (32.0 * math.pi**2), rel=1e-3)
    assert float(lost_share(1e-3, MASS_TAU_MEV) / lost_share(1.0, MASS_TAU_MEV)) == pytest.approx(1.0, abs=1e-4)


def test_flavours_and_the_scale() -> None:
    # By hand, light scalar: -(g^2/64 pi^2) [ln(Lambda^2/m_tau^2) + 31/12] for nu_tau, + the same of the muon for nu_mu,
    # and + (g^2/64 pi^2) ln(m_tau^2/m_mu^2) for nu_e, whatever Lambda is.
    g, unit = 0.3, 0.3**2 / (64.0 * math.pi**2)
    for scale in (10.0, MASS_W_GEV):
        logs = [math.log((1e3 * scale / m) ** 2) + 31.0 / 12.0 for m in (MASS_MUON_MEV, MASS_TAU_MEV)]
        expected = {"e": logs[0] - logs[1], "mu": logs[0], "tau": -logs[1]}
        for flavour, squared in zip(expected, (NU_E, NU_MU, NU_TAU), strict=True):
            found = float(coupling_ratio(1e-3, g, squared, scale))
            assert found - 1.0 == pytest.approx(unit * expected[flavour], rel=1e-6)
    every = sum(coupling_ratio(20.0, g, squared) - 1.0 for squared in (NU_E, NU_MU, NU_TAU))
    assert coupling_ratio(20.0, g, np.ones(3)) - 1.0 == pytest.approx(every, rel=1e-9)


def test_the_constraint_bounds_a_scalar_of_the_tau_neutrino() -> None:
    on = ["model.mediator=scalar", "model.couplings=nu_tau", "constraints.tau_decays.form=two_sided"]
    prior = ["parameters.log10_g_prime.low=-3", "parameters.log10_g_prime.high=-0.3"]
    analysis = nuinfer.load("hese7_icecube", [*on, *prior])
    (term,) = analysis.constraints
    # by hand: sqrt(2.706 + (9/14)^2) 0.0014 - 0.0009 below one
    fall = math.sqrt(2.7055 + (9.0 / 14.0) ** 2) * 0.0014 - 0.0009
    by_hand = math.sqrt(fall * 64.0 * math.pi**2 / (math.log((1e3 * MASS_W_GEV / MASS_TAU_MEV) ** 2) + 31.0 / 12.0))
    np.testing.assert_allclose(bound(term, [1.0, 5.0, 50.0]).upper, by_hand, rtol=5e-3)
    assert float(term.log_term(5.0, 0.4)) < float(term.log_term(5.0, 0.1))
    assert "constraints/tau_decays.toml" in analysis.checksums
    assert "constraints/tau_decays.toml" not in nuinfer.load("hese7").checksums
    off = nuinfer.load("hese7_icecube", [*on[:2], *prior, "constraints.tau_decays.measurement=hflav2018"])
    assert off.config_hash == nuinfer.load("hese7_icecube", [*on[:2], *prior]).config_hash != analysis.config_hash


def test_what_it_was_not_derived_for_is_refused() -> None:
    def build(form="two_sided", couplings=(0, 0, 1), mediator="scalar", box=(1.0, 50.0), **options):
        return CONSTRAINT.build(form, "hflav2022", couplings, box, mediator=mediator, **options)

    assert build(couplings=[[1, 0, 0], [0, 0, 1j], [0, 1j, 0]]).standard_model == 1.0
    for changes, message in (
        ({"mediator": "vector"}, "it is a scalar's; with model.mediator 'vector' it must be off"),
        ({"couplings": [[0, 0, 1], [0, 0, 0], [1, 0, 0]]}, "model.couplings .* only those of nu_e to itself"),
        ({"form": "exclusion"}, "form: 'exclusion' is not allowed, only 'two_sided'"),
        ({"scale_gev": 1.0}, "scale_gev: 1 is not allowed, it must be above the mass of the tau"),
        ({"box": (1.0, 1e5)}, r".*m_zprime_mev, \[1, 100000\], is not inside \[0, 80377\]"),
    ):
        with pytest.raises(ConfigError, match=f"constraints.tau_decays.{message}|constraints.tau_decays: {message}"):
            build(**changes)
    with pytest.raises(PhysicsDomainError, match="m_zprime_mev: 0 is outside"):
        lost_share(0.0, MASS_TAU_MEV)
