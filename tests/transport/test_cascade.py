"""Regeneration on moving targets: limits, conservation of energy, a Monte Carlo of single neutrinos, and the counts."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from beams import finer, populations, values_at

import nuinfer
from nuinfer.cli import main
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics import cosmology, masses, mixing
from nuinfer.physics.mediator import LMU_LTAU, Mediator
from nuinfer.physics.propagation import flavour_at_earth, source_populations, species_at_earth
from nuinfer.physics.shells import FINE_INTERVALS, make_shells
from nuinfer.transport.cascade import march
from nuinfer.transport.cascade_grid import FIT_CASCADE, CascadeRule, cascade_lines
from nuinfer.transport.moving import CHUNK, Moving
from nuinfer.transport.points import Propagation
from nuinfer.transport.survival import FINE

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "cascade.json").read_text())
LIGHT = masses.neutrino_masses_ev(0.0, "normal", 7.49e-5, 2.513e-3)
PION = source_populations([1, 2, 0, 1, 2, 0], mixing.NUFIT60_NORMAL)[:1]


def _transport(rule, evolution="sfr", charges=(0, 1, -1), spin=1, z_max=5.0):
    passed = Propagation(mixing.NUFIT60_NORMAL, Mediator(charges, spin), cosmology.PLANCK18, "decoherent", True)
    return Moving(make_shells(evolution, cosmology.PLANCK18, z_max), passed, True, FINE, rule)


@pytest.mark.parametrize(("evolution", "z_max"), [("sfr", 5.0), ("flat", 0.3)])
def test_cold_targets_regenerate_as_targets_at_rest(evolution, z_max):
    """Relics of 5e-7 eV, with the coupling that keeps the depth: resonances are 1e-5 wide, the grid in x 3e-2.

    The difference is of the order of T/m.
    """
    cold = dataclasses.replace(cosmology.PLANCK18, t_nu0_ev=5e-7)
    coupling = 3e-4 * (cosmology.PLANCK18.t_nu0_ev / cold.t_nu0_ev) ** 1.5
    targets = masses.neutrino_masses_ev(0.03, "normal", 7.49e-5, 2.513e-3)
    energy = [3e4, 8e4, 1.3e5, 1.5e5, 2.6e5, 4.5e5, 5.2e5, 9e5]
    rest = (evolution, mixing.NUFIT60_NORMAL, LMU_LTAU, cold, "decoherent", z_max, True)
    point = (energy, 8.0, coupling, targets, [1, 1, 0, 0, 1, 0], 2.5)
    still, moving = (species_at_earth(*point, *rest, targets) for targets in ("at_rest", "thermal"))
    removed = species_at_earth(*point, *rest[:-1], False)
    assert (still - removed).sum(axis=-1).max() > 0.1
    np.testing.assert_allclose(moving, still, atol=2e-4)


@pytest.mark.parametrize(("lightest", "spin", "evolution", "z_max", "tolerance"), [
    (0.0, 1, "sfr", 5.0, 2e-5), (0.05, 1, "sfr", 5.0, 2e-5), (0.01, 0, "single", 1.7, 2e-4),
])  # fmt: skip
def test_energy_is_conserved(lightest, spin, evolution, z_max, tolerance):
    """Redshifting aside, daughters carry the energy of what is absorbed; integrals by Gauss-Legendre in ln E.

    Tolerances are of the absorbed energy, a tenth to a quarter of all.
    """
    gamma, targets = 1.8, masses.neutrino_masses_ev(lightest, "normal", 7.49e-5, 2.513e-3)
    transport = _transport(CascadeRule(1500, 0.014, 1e-4), evolution, spin=spin, z_max=z_max)
    x, w = np.polynomial.legendre.leggauss(4)
    ends = np.concatenate([np.arange(0.0, 9.0, 0.5), np.arange(9.0, 15.0, 0.02), np.arange(15.0, 27.0, 0.1)])
    half = 0.5 * np.diff(ends)[:, None]
    ln_energy = (ends[:-1, None] + half * (1.0 + x)).ravel()
    weight = (half * w).ravel() * np.exp((2.0 - gamma) * ln_energy)
    absorbing = dataclasses.replace(transport, regeneration=False)
    point = (np.exp(ln_energy), 8.0, 4e-4, targets, gamma, PION)
    arriving, surviving = (populations(way, *point)[0].sum(axis=0) for way in (transport, absorbing))
    made, lost = arriving - surviving, 1.0 - surviving
    whole = weight @ lost
    assert whole > 0.05 * weight[ln_energy < 16.0].sum()
    assert weight @ made == pytest.approx(whole, rel=tolerance)


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda _: "")
def test_agrees_with_a_monte_carlo_of_single_neutrinos(case):
    """Bins x states x (nu, nubar) within the Monte-Carlo error, which is below 0.5 % of every bin's total."""
    edges, gamma = np.array(REFERENCE["bins_gev"]), case["gamma"]
    transport = _transport(CascadeRule(288, 0.028, 1e-3), charges=tuple(case["charges"]), spin=case.get("spin", 1))
    x, w = np.polynomial.legendre.leggauss(4)
    ends = np.linspace(np.log(edges[0]), np.log(edges[-1]), 16 * (len(edges) - 1) + 1)
    half = 0.5 * (ends[1] - ends[0])
    energy = np.exp(ends[:-1, None] + half * (1.0 + x))
    weight = w * (energy / 1e5) ** (1.0 - gamma)
    source = source_populations(case["source"], mixing.NUFIT60_NORMAL)
    point = (case["m_zprime_mev"], case["g_prime"], case["masses_ev"], gamma, source)
    arriving = populations(transport, energy.ravel(), *point).reshape(2, 3, *energy.shape)
    both = np.stack([arriving[0] + arriving[1], arriving[0] - arriving[1]]) / 2.0
    counts = np.sum(both * weight, axis=-1).reshape(2, 3, len(edges) - 1, -1).sum(axis=-1)
    unabsorbed = weight.sum(axis=-1).reshape(len(edges) - 1, -1).sum(axis=-1)
    result, error = np.array(case["result"]), np.array(case["error"])
    assert (np.sqrt((error**2).sum(axis=(0, 1))) / result.sum(axis=(0, 1))).max() < 5e-3
    pulls = (counts / unabsorbed - result) / np.maximum(error, 1e-6)
    assert np.abs(pulls).max() < 5.5, "ten batches per error: Student's t with nine degrees of freedom"
    assert np.abs(pulls).mean() < 1.2


def test_flux_of_a_batch_is_that_of_its_points():
    targets = np.array([[0.0, 0.0087, 0.0501], [0.02, 0.0218, 0.054]])
    mass, energy = np.array([5.0, 9.0]), np.geomspace(1e4, 2e6, 3)
    rest = ([1, 2, 0], 2.5, "sfr", mixing.NUFIT60_NORMAL, LMU_LTAU, cosmology.PLANCK18, "decoherent", 0.4, True)
    whole = flavour_at_earth(energy, mass, 4e-4, targets, *rest, "thermal")
    assert whole.shape == (2, 3, 3)
    each = [flavour_at_earth(energy, m, 4e-4, t, *rest, "thermal") for m, t in zip(mass, targets, strict=True)]
    np.testing.assert_allclose(whole, each, rtol=1e-12)
    alone = flavour_at_earth(energy[1:2], 5.0, 4e-4, targets[0], *rest, "thermal")
    np.testing.assert_allclose(alone, whole[0, 1:2], rtol=1e-12)


def test_daughters_are_below_what_was_absorbed():
    """Nothing above the energies that massless relics absorb; below all resonances a sum of powers of the energy.

    The lowest energies get E^gamma (3 - 6 E/E' + ...): at E -> 0 the slope in ln E is gamma. From a source of one mass
    state alone, the others at Earth are daughters.
    """
    transport = _transport(CascadeRule(288, 0.056, 1e-3))
    energy, source = [1.0, 1.01, 1e12], [[0.0, 1.0, 0.0]]
    made = populations(transport, energy, 8.0, 4e-4, LIGHT, 2.3, source)[0, [0, 2]].sum(axis=0)
    assert made[0] > 0.0
    assert made[2] == 0.0
    assert np.log(made[1] / made[0]) / np.log(1.01) == pytest.approx(2.3, abs=1e-4)
    np.testing.assert_array_equal(
        populations(transport, energy, 8.0, 0.0, LIGHT, 2.3, source)[0], np.array(source).T * np.ones(3)
    )


def test_masses_far_above_the_temperature_are_refused():
    with pytest.raises(PhysicsDomainError, match=r"masses_ev: .* too heavy"):
        cascade_lines(np.array([[0.0, 0.0, 1e30]]), np.array([10.0]), 1.8, FIT_CASCADE)


@pytest.fixture(scope="module")
def analysis():
    return nuinfer.load("hese7_icecube", ["model.targets=thermal", "parameters.lightest_nu_mass_ev.low=0"])


POINTS = [(8.0, 3e-4, 0.0), (5.0, 3e-4, 0.01), (7.4, 6e-4, 0.014), (12.0, 6e-4, 0.003), (6.0, 4e-4, 0.09)]


def test_counts_of_every_bin(analysis):
    """Default accuracy against twice the nodes in x and energy and four times the lines: below 1e-4."""
    names = ("m_zprime_mev", "g_prime", "lightest_nu_mass_ev")
    values = values_at(analysis, *(dict(zip(names, point, strict=True)) for point in POINTS))
    fine = finer(analysis, FINE_INTERVALS, 6, cascade_rule=CascadeRule(1152, 0.028, 1e-3))
    exact, counts = (model.expected(values).components[:, 0] for model in (fine, analysis.model))
    np.testing.assert_allclose(counts, exact, rtol=1e-4)
    removed = analysis.with_overrides(["model.regeneration=false"]).model.expected(values).components[:, 0]
    assert (counts / removed).max() > 1.2


@pytest.mark.parametrize("overrides", [
    [], ["model.masses=degenerate"],
    ["model.evolution=single", "model.source_redshift=1.5", "model.source=pgamma", "model.ordering=inverted"],
])  # fmt: skip
def test_counts_do_not_depend_on_the_batch(analysis, overrides):
    """Not even across the points that are followed together."""
    other = analysis.with_overrides(overrides)
    theta = other.sample_prior(CHUNK + 2, np.random.default_rng(5))
    whole = other.expected_counts(theta)
    kinds = len(march.signatures)  # what is compiled twice, for arrays of another kind, may round in another way
    for k in (0, 2, CHUNK - 1, CHUNK, CHUNK + 1):
        np.testing.assert_array_equal(other.expected_counts(theta[k]), whole[k])
    assert len(march.signatures) == kinds


def test_log_likelihood_has_no_steps_in_the_mediator_mass(analysis):
    theta = np.tile(analysis.prior_transform([0.5] * len(analysis.parameter_names)), (200, 1))
    theta[:, 0] = 0.75 + 1e-3 * np.arange(200)
    theta[:, 1], theta[:, 2] = -3.2, 0.02
    log_likelihood = analysis.log_likelihood(theta)
    assert np.ptp(log_likelihood) > 0.5
    assert np.abs(np.diff(log_likelihood, 2)).max() < 4e-3


def test_predict_with_moving_targets(capsys):
    """The preset has regeneration: setting the targets alone is enough."""
    assert main(["predict", "hese7", "--set", "model.targets=thermal", "--at", "g_prime=3e-4", "--json"]) == 0
    assert min(min(bins) for bins in json.loads(capsys.readouterr().out)["astro"].values()) > 0.0
