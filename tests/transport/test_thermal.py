"""Moving targets: against independent quadratures, limits, the flux at Earth and the counts."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from beams import finer, values_at
from scipy.integrate import quad
from scipy.special import zeta

import nuinfer
from nuinfer.errors import ConfigError, PhysicsDomainError
from nuinfer.physics import absorption
from nuinfer.physics.absorption import optical_depth, resonance_redshift
from nuinfer.physics.cosmology import PLANCK18, Cosmology
from nuinfer.physics.mediator import LMU_LTAU, Mediator
from nuinfer.physics.mixing import NUFIT60_NORMAL, Mixing
from nuinfer.physics.propagation import flavour_at_earth
from nuinfer.physics.shells import FINE_INTERVALS, make_shells
from nuinfer.physics.thermal import A_STEPS, B_STEPS, relic, relic_integral, relic_table, thermal_optical_depth
from nuinfer.transport.moving import CHUNK, Moving
from nuinfer.transport.points import Propagation
from nuinfer.transport.survival import FINE

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "thermal.json").read_text())


def cases(kind):
    return pytest.mark.parametrize("case", REFERENCE[kind], ids=lambda _: "")


@cases("thermal_optical_depth")
def test_optical_depth(case):
    """Nested adaptive quadrature over redshift and momentum."""
    names = ("energy_gev", "source_redshift", "m_zprime_mev", "g_prime", "m_nu_ev")
    got = thermal_optical_depth(*(case[name] for name in names), Cosmology(**case["cosmology"]))
    np.testing.assert_allclose(got, case["result"], rtol=1e-10)


@cases("flavour_at_earth")
def test_flavour_at_earth(case):
    """Dense sums over redshift and momentum."""
    got = flavour_at_earth(
        case["energy_gev"], case["m_zprime_mev"], case["g_prime"], case["masses_ev"], case["source_fractions"],
        case["gamma"], case["evolution"], Mixing(*case["mixing"]["sin2"], case["mixing"]["delta_cp"]),
        Mediator(tuple(case["charges"])), Cosmology(**case["cosmology"]), "decoherent", case["z_max"],
        targets="thermal",
    )  # fmt: skip
    np.testing.assert_allclose(got, case["result"], rtol=1e-6)


def test_relic_integral_and_its_table():
    """J against adaptive quadrature, J(b, 0) = ln(1 + e^-b), J(0, a) -> zeta(2)/(2 a); the table against J."""
    for b, a in ((0.0, 0.3), (0.02, 0.01), (1.5, 5.0), (8.0, 200.0), (30.0, 1.0)):
        exact = quad(lambda q, a=a: q / np.hypot(q, a) / (np.exp(q) + 1.0), b, b + 60.0, epsabs=0, epsrel=1e-12,
                     limit=400, points=[b + 0.1, b + 1.0, b + 5.0])[0]  # fmt: skip
        np.testing.assert_allclose(relic_integral(b, a), exact, rtol=1e-10)
    b = np.array([0.0, 1e-3, 0.5, 4.0, 100.0])
    np.testing.assert_allclose(relic_integral(b, 0.0), np.log1p(np.exp(-b)), rtol=1e-11)
    np.testing.assert_allclose(relic_integral(0.0, 1e6) * 1e6, zeta(2) / 2.0, rtol=1e-10)
    table = relic_table()
    assert table.shape == (A_STEPS + 1, B_STEPS + 1, 4)
    np.testing.assert_allclose(relic(1.0, np.log(1e7), 1e7, table), relic_integral(1.0, 1e7), rtol=1e-6)
    rng = np.random.default_rng(4)
    b, a = rng.uniform(0.0, 10.0, 2000), 10.0 ** rng.uniform(-2.0, 3.5, 2000)
    interpolated = [relic(*at, table) for at in zip(b, np.log(a), a, strict=True)]
    np.testing.assert_allclose(interpolated, relic_integral(b, a), rtol=1e-6)


@pytest.mark.parametrize("m_nu_ev", [0.0005, 0.003, 0.05])
def test_integral_over_energy_is_that_of_targets_at_rest(m_nu_ev):
    """int dE Gamma_abs = (6 Gamma/m_Z') T^2 int q^2 f/w dq, at rest 9 zeta(3) T^3 Gamma/(m_Z' m)."""
    mass, coupling, z_source = 8.0, 3e-4, 1e-4
    temperature, m_zprime = PLANCK18.t_nu0_ev, mass * 1e6
    ln_edge = np.log(m_zprime**2 / (2.0 * m_nu_ev))
    ends = np.arcsinh(45.0 * temperature / m_nu_ev)  # where p_min reaches 45 T
    ends = ln_edge + np.linspace(-ends, ends, 40)
    x, w = np.polynomial.legendre.leggauss(16)
    ln_e = (ends[:-1, None] + 0.5 * np.diff(ends)[:, None] * (x + 1.0)).ravel()
    weight = (0.5 * np.diff(ends)[:, None] * w).ravel()
    depth = thermal_optical_depth(np.exp(ln_e) / 1e9, z_source, mass, coupling, m_nu_ev, PLANCK18)
    total = np.sum(weight * np.exp(ln_e) * depth)
    a = m_nu_ev / temperature
    slowed = quad(lambda q: q * q / np.hypot(q, a) / (np.exp(q) + 1.0), 0.0, 60.0, epsrel=1e-11)[0]
    width = coupling**2 / (12.0 * np.pi)
    rate = 6.0 * width * temperature**2 * slowed
    if m_nu_ev == 0.05:  # at rest: 9 zeta(3) T^3 Gamma/(m_Z' m)
        np.testing.assert_allclose(rate, 9.0 * zeta(3) * temperature**3 * width / m_nu_ev, rtol=2e-4)
    np.testing.assert_allclose(total, rate * z_source / PLANCK18.hubble_ev(0.0), rtol=5e-4)  # 1 + z is nearly one


@pytest.mark.parametrize("energy_gev", [1.5e5, 3e5, 5.9e5])
def test_cold_targets_are_targets_at_rest(energy_gev):
    """tau/T^3 tends to that at rest like T^2, and the edge is sharp."""
    cold = Cosmology(PLANCK18.h, PLANCK18.omega_m, PLANCK18.omega_lambda, 1e-8)
    at_rest = optical_depth(resonance_redshift(energy_gev, 8.0, 0.05), 8.0, 3e-4, cold)
    np.testing.assert_allclose(thermal_optical_depth(energy_gev, 5.0, 8.0, 3e-4, 0.05, cold), at_rest, rtol=1e-8)
    assert thermal_optical_depth(6.401e5, 5.0, 8.0, 3e-4, 0.05, cold) < 1e-20 * at_rest
    near = resonance_redshift(energy_gev, 8.0, 0.05) * 0.999
    assert thermal_optical_depth(energy_gev, near, 8.0, 3e-4, 0.05, cold) < 1e-20 * at_rest


def test_optical_depth_broadcasts_and_is_exported():
    assert absorption.thermal_optical_depth is thermal_optical_depth
    energy, mass = np.geomspace(1e3, 1e8, 7)[:, None], np.array([0.0, 1e-5, 0.004, 0.1])
    whole = thermal_optical_depth(energy, 3.0, 6.0, 3e-4, mass, PLANCK18)
    each = [[thermal_optical_depth(e, 3.0, 6.0, 3e-4, m, PLANCK18) for m in mass] for e in energy[:, 0]]
    assert whole.shape == (7, 4)
    np.testing.assert_allclose(whole, each, rtol=1e-12)
    assert thermal_optical_depth(3e5, 0.0, 6.0, 3e-4, 0.01, PLANCK18) == 0.0
    with pytest.raises(PhysicsDomainError, match=r"m_nu_ev: -0\.1"):
        thermal_optical_depth(1e5, 1.0, 8.0, 1e-4, -0.1, PLANCK18)


def test_cold_targets_give_the_flux_of_targets_at_rest():
    """Relics of 5e-8 eV, with the coupling that keeps the depth: the difference is of the order of T/m."""
    cold = dataclasses.replace(PLANCK18, t_nu0_ev=5e-8)
    coupling = 3e-4 * (PLANCK18.t_nu0_ev / cold.t_nu0_ev) ** 1.5
    point = ([1.5e5, 2.2e5, 4.9e5, 9e5], 8.0, coupling, [0.03, 0.0312, 0.0585], [1, 2, 0], 2.5, "sfr", NUFIT60_NORMAL,
             LMU_LTAU, cold, "decoherent")  # fmt: skip
    still = flavour_at_earth(*point)
    assert still.sum(axis=-1).min() < 0.7
    np.testing.assert_allclose(flavour_at_earth(*point, targets="thermal"), still, rtol=3e-5)


@pytest.mark.parametrize("evolution", ["sfr", "single"])
def test_flux_of_a_batch_is_that_of_its_points(evolution):
    masses = np.array([[0.0, 0.0087, 0.0501], [0.02, 0.0218, 0.054]])
    mass, energy = np.array([[5.0], [9.0]]), np.geomspace(1e5, 2e6, 5)
    rest = ([1, 2, 0], 2.5, evolution, NUFIT60_NORMAL, LMU_LTAU, PLANCK18, "decoherent")
    whole = flavour_at_earth(energy, mass, 4e-4, masses, *rest, z_max=2.0, targets="thermal")
    assert whole.shape == (2, 2, 5, 3)
    each = [
        [flavour_at_earth(energy, m[0], 4e-4, t, *rest, z_max=2.0, targets="thermal") for t in masses] for m in mass
    ]
    np.testing.assert_allclose(whole, each, rtol=1e-12)
    if evolution == "single":
        weights = np.abs(NUFIT60_NORMAL.pmns.conj().T @ np.diag([0, 1, -1]) @ NUFIT60_NORMAL.pmns) ** 2
        depths = np.array([thermal_optical_depth(energy, 2.0, 5.0, 4e-4, m, PLANCK18) for m in masses[1]])
        mixed = NUFIT60_NORMAL.probabilities
        exact = (np.exp(-depths.T @ weights) * (mixed.T @ [1 / 3, 2 / 3, 0.0])) @ mixed.T
        np.testing.assert_allclose(whole[0, 1], exact, rtol=1e-5)


@pytest.fixture(scope="module")
def analysis():
    return nuinfer.load("hese7_icecube", [
        "model.regeneration=false", "model.targets=thermal", "parameters.lightest_nu_mass_ev.low=0"])  # fmt: skip


POINTS = [(8.0, 3e-4, 0.0), (5.0, 1e-3, 0.01), (7.4, 2e-3, 0.014), (12.0, 6e-4, 0.003), (6.0, 4e-4, 0.09)]


@pytest.mark.parametrize("at", POINTS)
def test_counts_of_every_bin(analysis, at):
    """Default accuracy against finer tables, 16 nodes per piece of path and 12 per piece of energy: below 1e-4."""
    at = dict(zip(("m_zprime_mev", "g_prime", "lightest_nu_mass_ev"), at, strict=True))
    fine = finer(analysis, FINE_INTERVALS, 12, path_rule=FINE)
    exact = fine.expected(values_at(analysis, at)).components[0, 0]
    np.testing.assert_allclose(analysis.predict(at)["astro"], exact, rtol=1e-4)


@pytest.mark.parametrize("overrides", [
    [], ["model.masses=degenerate"],
    ["model.evolution=single", "model.source_redshift=1.5", "model.source=pgamma", "model.ordering=inverted"],
])  # fmt: skip
def test_counts_do_not_depend_on_the_batch(analysis, overrides):
    """Not even across the points that are followed together."""
    other = analysis.with_overrides(overrides)
    theta = other.sample_prior(CHUNK + 2, np.random.default_rng(6))
    whole = other.expected_counts(theta)
    for k in (0, 3, CHUNK - 1, CHUNK, CHUNK + 1):
        np.testing.assert_array_equal(other.expected_counts(theta[k]), whole[k])


def test_log_likelihood_has_no_steps_in_the_mediator_mass(analysis):
    theta = np.tile(analysis.prior_transform([0.5] * len(analysis.parameter_names)), (800, 1))
    theta[:, 0] = 0.75 + 2.5e-4 * np.arange(800)
    theta[:, 1], theta[:, 2] = -3.2, 0.02
    log_likelihood = analysis.log_likelihood(theta)
    assert np.ptp(log_likelihood) > 1.0
    assert np.abs(np.diff(log_likelihood, 2)).max() < 2e-3


def test_heavy_targets_give_the_counts_of_targets_at_rest(analysis):
    at = {"m_zprime_mev": 9.0, "g_prime": 3e-4, "lightest_nu_mass_ev": 0.1}
    at_rest = analysis.with_overrides(["model.targets=at_rest", "parameters.lightest_nu_mass_ev.low=0.01"])
    free = analysis.predict({**at, "g_prime": 1e-9})["astro"]
    moving, still = analysis.predict(at)["astro"], at_rest.predict(at)["astro"]
    assert np.abs(still / free - 1.0).max() > 0.1
    np.testing.assert_allclose(moving, still, rtol=1e-2)  # the smearing itself


@pytest.mark.parametrize(("override", "key"), [
    ("model.coherence=coherent", "model.coherence"), ("model.neutrino=dirac", "model.neutrino"),
])  # fmt: skip
def test_what_moving_targets_exclude(analysis, override, key):
    with pytest.raises(ConfigError, match=f"{key}.*model.targets 'thermal'"):
        analysis.with_overrides([override]).log_prob(np.zeros(len(analysis.parameter_names)))


def test_massless_neutrinos_need_moving_targets(analysis):
    assert np.all(np.isfinite(analysis.predict({"lightest_nu_mass_ev": 0.0})["astro"]))
    with pytest.raises(ConfigError, match=r"at rest need at least 0\.003 eV"):
        analysis.with_overrides(["model.targets=at_rest"]).log_prob(np.zeros(len(analysis.parameter_names)))
    with pytest.raises(PhysicsDomainError, match="'thermal' is not allowed with coherence 'coherent'"):
        Moving(
            make_shells("sfr", PLANCK18, 5.0, 16), Propagation(NUFIT60_NORMAL, LMU_LTAU, PLANCK18, "coherent", True),
            regeneration=False,
        )  # fmt: skip
