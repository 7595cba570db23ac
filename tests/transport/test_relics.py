"""Relics that our own Delta N_eff has heated, and relics that are denser."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nuinfer
from nuinfer import config
from nuinfer.constraints import neff
from nuinfer.errors import ConfigError, PhysicsDomainError, RunFolderError
from nuinfer.flux import depths_at_earth
from nuinfer.provenance import config_hash

FOLDERS = Path(__file__).parents[1] / "reference" / "folders-0.1.0"
STANDARD = "model.relic_neutrinos=standard"
SPLIT = ["constraints.neff.temperatures=split", "constraints.neff.mixing=false"]


def theta_at(analysis, m_zprime_mev, g_prime):
    theta = analysis.prior_transform(np.full(len(analysis.parameter_names), 0.5))
    theta[analysis.parameter_names.index("log10_m_zprime_mev")] = np.log10(m_zprime_mev)
    theta[analysis.parameter_names.index("log10_g_prime")] = np.log10(g_prime)
    return theta


@pytest.mark.parametrize(
    ("m_zprime_mev", "g_prime", "expected"), [(12.0, 1e-4, 1.08), (8.0, 3e-4, 1.23), (5.0, 1e-4, 1.50)]
)
@pytest.mark.parametrize("preset", ["hese7", "hese7_icecube"])
def test_depths_grow(preset, m_zprime_mev, g_prime, expected):
    """By factors computed with another code, to their digits; whether the constraint is on or off."""
    heated, standard = nuinfer.load(preset), nuinfer.load(preset, [STANDARD])
    energy = np.geomspace(1e4, 3e6, 60)
    theta = theta_at(heated, m_zprime_mev, g_prime)
    depth, before = (depths_at_earth(analysis, theta, energy) for analysis in (heated, standard))
    assert np.count_nonzero(before) > 20
    factor = depth[before > 0.0] / before[before > 0.0]
    np.testing.assert_allclose(factor, expected, atol=0.005)
    exact = (1.0 + float(neff.delta_neff(m_zprime_mev, g_prime)) / 3.044) ** 0.75
    np.testing.assert_allclose(factor, exact, rtol=1e-12)


@pytest.mark.parametrize("overrides", [
    [], ["model.coherence=coherent", "model.source=pgamma"], ["model.masses=degenerate", "model.evolution=single",
    "model.source_redshift=1"], ["model.spectrum=cutoff", "model.charges=[0, 2, -2]"], SPLIT,
    ["model.targets=thermal"], ["model.targets=thermal", "model.regeneration=false", *SPLIT],
])  # fmt: skip
def test_counts_are_those_of_a_hotter_universe(overrides):
    """At every point those of a cosmology with T_nu0 (1 + Delta N_eff/3.044)^(1/4), one universe for each."""
    analysis = nuinfer.load("hese7_icecube", overrides)
    charge = analysis.config.model.charges[1]
    theta = analysis.sample_prior(6, np.random.default_rng(7))
    theta[:, analysis.parameter_names.index("log10_g_prime")] = np.linspace(-4.5, -3.0, 6)
    values = analysis.values(theta)
    coupling = np.zeros(6) if overrides[-2:] == SPLIT else charge * values["g_prime"]
    extra = neff.delta_neff(values["m_zprime_mev"], coupling, "split" if overrides[-2:] == SPLIT else "common")
    transport = analysis.model.transport
    for row in range(6):
        hotter = transport.propagation.cosmology.t_nu0_ev * (1.0 + extra[row] / 3.044) ** 0.25
        passed = replace(
            transport.propagation, cosmology=replace(transport.propagation.cosmology, t_nu0_ev=float(hotter))
        )
        model = replace(analysis.model, transport=replace(transport, propagation=passed), heating=None)
        alone = {name: value[row : row + 1] for name, value in values.items()}
        got = analysis.model.expected({name: value.copy() for name, value in values.items()}).components[row]
        np.testing.assert_allclose(got, model.expected(alone).components[0], rtol=1e-10)
        edges = model.transport.edges_gev(model.points(alone))[0]
        np.testing.assert_allclose(analysis.edges_gev(theta[row]), edges, rtol=1e-12)
        at = np.array([[1e5, 3e5]])
        depth = model.transport.depths(model.points(alone), at)[0]
        np.testing.assert_allclose(depths_at_earth(analysis, theta[row], at[0]), depth, rtol=1e-9, atol=1e-30)
    one_by_one = [analysis.log_prob(point) for point in theta]
    np.testing.assert_array_equal(one_by_one, analysis.log_prob(theta))


@pytest.mark.parametrize("settings", [
    ["model.targets=at_rest", STANDARD], ["model.targets=thermal", STANDARD], SPLIT, ["model.targets=thermal", *SPLIT],
    ["model.coherence=coherent", "model.masses=degenerate", "model.mediator=scalar", "model.couplings=nu_tau"],
    ["model.neutrino=dirac", "model.spectrum=cutoff"],
])  # fmt: skip
def test_denser_relics_are_a_stronger_coupling(settings):
    """Twice the density is sqrt(2) times the coupling, daughters included, and whatever heats by its mass alone."""
    mean, dense = (nuinfer.load("hese7_icecube", [*settings, *more]) for more in ([], ["model.relic_overdensity=2"]))
    expected = mean.expected_counts(theta_at(mean, 8.0, 3e-4 * np.sqrt(2.0)))
    np.testing.assert_allclose(dense.expected_counts(theta_at(dense, 8.0, 3e-4)), expected, rtol=1e-9)


@pytest.mark.parametrize("overrides", [[], ["model.relic_overdensity=3"], SPLIT])
def test_the_coupling_of_a_depth_has_that_depth(overrides):
    analysis = nuinfer.load("hese7", overrides)
    mass = np.array([1.0, 3.0, 8.0, 30.0])
    coupling = analysis.model.coupling_of_depth(2.0, 0.0, mass)
    for m, g in zip(mass, coupling, strict=True):
        theta = theta_at(analysis, m, g)
        highest = analysis.edges_gev(theta)[:3]
        depth = depths_at_earth(analysis, theta, highest * (1.0 - 1e-9))
        np.testing.assert_allclose(np.diag(depth), 2.0, rtol=1e-6)


@pytest.mark.parametrize(("preset", "overrides", "expected"), [
    ("hese7", [], "heated"), ("hese7_icecube", [], "heated"), ("paper", [], "standard"),
    ("hese7", [STANDARD], "standard"), ("hese7_icecube", ["model.charges=[0, -2, 2]"], "heated"),
    ("hese7_icecube", ["model.charges=[1, 1, 1]"], "standard"),
    ("hese7_icecube", ["model.mediator=scalar"], "standard"), ("hese7_icecube", ["model.neutrino=dirac"], "standard"),
    ("hese7_icecube", ["parameters.log10_m_zprime_mev.low=-1.1"], "standard"),
    ("hese7_icecube", ["parameters.log10_m_zprime_mev.high=2.5"], "heated"),
    ("paper", ["model.relic_neutrinos=heated"], "heated"),
])  # fmt: skip
def test_what_a_left_out_key_stands_for(preset, overrides, expected):
    analysis = nuinfer.load(preset, overrides)
    assert analysis.config.model.relic_neutrinos == expected
    assert f'relic_neutrinos = "{expected}"' in analysis.config_toml()
    assert (analysis.model.heating is not None) == (expected == "heated")
    again = analysis.with_overrides([])
    assert again.config == analysis.config
    assert again.config_hash == analysis.config_hash


@pytest.mark.parametrize(("override", "because"), [
    ("model.charges=[1, 1, 1]", r"charges \(0, q, -q\)"), ("model.mediator=scalar", "for a vector"),
    ("model.neutrino=dirac", "'dirac'"), ("parameters.log10_m_zprime_mev.low=-1.1", "0.0794328 is below 0.1"),
])  # fmt: skip
def test_heated_elsewhere_is_refused(override, because):
    with pytest.raises(ConfigError, match=rf"model\.relic_neutrinos: 'heated' is not allowed.*{because}"):
        nuinfer.load("hese7_icecube", ["model.relic_neutrinos=heated", override])


def test_overrides_choose_again_what_was_left_out():
    """What the user wrote stays, what was left out follows the new model, as if it had been loaded so."""
    analysis = nuinfer.load("hese7_icecube")
    changed = analysis.with_overrides(["model.mediator=scalar"])
    assert changed.config_hash == nuinfer.load("hese7_icecube", ["model.mediator=scalar"]).config_hash
    assert changed.with_overrides(["model.mediator=vector"]).config.model.relic_neutrinos == "heated"
    chosen = nuinfer.load("hese7_icecube", [STANDARD]).with_overrides(["model.source=pgamma"])
    assert chosen.config.model.relic_neutrinos == "standard"


def test_above_and_below_the_table():
    """No Z' is left to decay above 100 MeV; below 0.1 MeV, outside such a prior, nothing is known."""
    analysis = nuinfer.load("hese7_icecube", ["parameters.log10_m_zprime_mev.high=2.5"])
    standard = nuinfer.load("hese7_icecube", ["parameters.log10_m_zprime_mev.high=2.5", STANDARD])
    at = {"m_zprime_mev": 150.0, "g_prime": 3e-3}
    np.testing.assert_array_equal(analysis.predict(at)["astro"], standard.predict(at)["astro"])
    with pytest.raises(PhysicsDomainError, match=r"m_zprime_mev: 0\.05 is outside"):
        analysis.predict({"m_zprime_mev": 0.05, "g_prime": 1e-4})


def test_old_runs_have_relics_as_they_were(tmp_path):
    """A resolved configuration without the key is one of 0.1.0; the same text as a user's file is today's."""
    run = nuinfer.open_run(shutil.copytree(FOLDERS / "fit", tmp_path / "fit"))
    assert run.described.config.model.relic_neutrinos == "standard"
    resolved = tmp_path / "fit" / config.CONFIG_RESOLVED
    assert nuinfer.load(resolved).config.model.relic_neutrinos == "standard"
    assert nuinfer.load(shutil.copy(resolved, tmp_path / "mine.toml")).config.model.relic_neutrinos == "heated"
    assert run.record["config_hash"] == config_hash(run.described.config, run.record["checksums"])
    with pytest.raises(RunFolderError, match="today's model gives other log-probabilities than its chains"):
        _ = run.analysis  # its data set has a second edition; the chains still open
    assert run.samples(0, 1).shape[-1] == len(run.parameter_names)
