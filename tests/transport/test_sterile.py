"""A sterile state among the relics: a fourth target, and a way for daughters to be lost."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from beams import one_point, populations

import nuinfer
from nuinfer import plotting
from nuinfer.config import ModelConfig, mediator_of
from nuinfer.errors import ConfigError, PhysicsDomainError, warn_once
from nuinfer.flux import depths_at_earth
from nuinfer.physics import cosmology, mixing
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.propagation import flavour_at_earth, source_populations
from nuinfer.physics.shells import make_shells
from nuinfer.transport.points import Propagation
from nuinfer.transport.resonant import Resonant

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "sterile.json").read_text())
SOURCE = source_populations([1, 2, 0, 1, 2, 0], mixing.NUFIT60_NORMAL)[:1]
ON = ("model.sterile=true", "model.sterile_density=2", "model.sterile_coupling=[0, 0.5, 1]")
DIP = {"m_zprime_mev": 23.0, "g_prime": 1e-3, "sterile_mass_ev": 0.5}
ACTIVE = (0.1, 0.1004, 0.1119)


def transport(mediator, intervals=1024, coherence="decoherent", split=True, density=1.0, evolution="flat", z_max=4.0):
    passed = Propagation(mixing.NUFIT60_NORMAL, mediator, cosmology.PLANCK18, coherence, split, 1.0, density)
    return Resonant(make_shells(evolution, cosmology.PLANCK18, z_max), passed, intervals)


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda _: "")
@pytest.mark.parametrize(("intervals", "what"), [(0, "survived"), (1024, "total")])
def test_agrees_with_explicit_sums(case, intervals, what):
    """Of another code, tests/reference/make_sterile.py: survival, and with daughters, within its grid's error."""
    sterile = tuple(complex(*entry) for entry in case["sterile"])
    mediator = Mediator(tuple(case["charges"]), 0 if case["scalar"] else 1, sterile=sterile)
    coherence, split = "coherent" if case["coherent"] else "decoherent", len(case["masses_ev"]) == 4
    path = transport(mediator, intervals, coherence, split, case["density"], z_max=REFERENCE["z_max"])
    at = REFERENCE["energies_gev"], case["m_mev"], case["g"], case["masses_ev"], REFERENCE["gamma"], SOURCE
    expected = np.array(case[what])
    assert np.abs(expected.sum(axis=0) - 1.0).max() > 0.2
    np.testing.assert_allclose(populations(path, *at)[0], expected, rtol=1e-6)


def test_the_dip_of_arxiv_2409_12145():
    """0.5 eV and 23 MeV put the resonance at 529 TeV; it is the heaviest target's, and the last one of all."""
    analysis = nuinfer.load("hese7_icecube", [*ON, "parameters.sterile_mass_ev.value=0.5"])
    theta = analysis.prior_transform(np.full(len(analysis.parameter_names), 0.5))
    theta[analysis.parameter_names.index("log10_m_zprime_mev")] = np.log10(23.0)
    assert 10.0 ** float(analysis.derived(theta)["log10_e_res_gev"]) == pytest.approx(529e3, rel=1e-3)
    assert analysis.edges_gev(theta).shape == (8,)
    assert analysis.edges_gev(theta)[3] == pytest.approx(529e3, rel=1e-3)
    depth = depths_at_earth(analysis, theta, [528e3, 530e3])
    assert depth.shape == (2, 4)
    np.testing.assert_array_equal(depth[:, 3] > 0.0, [True, False])


@pytest.mark.parametrize("spin", [1, 0])
@pytest.mark.parametrize("coherence", ["coherent", "decoherent"])
def test_numbers_are_conserved_where_every_decay_gives_one_active_neutrino(spin, coherence):
    """Without other couplings a mediator decays to one active and one sterile: as many come as go, half the energy."""
    mediator = Mediator((0.0, 0.0, 1e-9), spin, sterile=(0.0, 1.0, 0.5))
    path, gamma, masses = transport(mediator, coherence=coherence), 2.3, (*ACTIVE, 0.5)
    assert path.propagation.daughters.sum() == pytest.approx(0.5, rel=1e-12)
    edges = np.sort(path.edges_gev(one_point(23.0, 2e-3, masses, gamma, SOURCE))[0]) / 1e5
    last = edges[np.isclose(edges, 5.29, rtol=1e-3)][0]  # nothing else absorbs
    low = last / 5.0
    x, w = np.polynomial.legendre.leggauss(60)
    energy = np.concatenate([0.5 * low * (x + 1.0), low + 0.5 * (last - low) * (x + 1.0)])
    weight = np.concatenate([0.5 * low * w, 0.5 * (last - low) * w])
    arriving = populations(path, energy * 1e5, 23.0, 2e-3, masses, gamma, SOURCE)[0].sum(axis=0)
    change = weight * energy**-gamma * (arriving - 1.0)
    assert np.abs(change).sum() > 1e-2
    assert abs(change.sum()) < 1e-7 * np.abs(change).sum()
    lost = change @ energy / np.minimum(change, 0.0).dot(energy)
    assert 0.1 < lost < 1.0, "energy goes with the sterile daughters"


def test_without_its_coupling_nothing_is_left_of_it():
    plain, faint = Mediator((0.0, 1.0, -1.0)), Mediator((0.0, 1.0, -1.0), sterile=(0.0, 0.0, 1e-8))
    at = REFERENCE["energies_gev"], 23.0, 2e-3
    for split, masses in ((True, ACTIVE), (False, ACTIVE[:1])):
        for coherence in ("coherent", "decoherent"):
            three, four = (
                populations(transport(one, 64, coherence, split), *at, where, 2.4, SOURCE)
                for one, where in ((plain, masses), (faint, (*masses, 0.5)))
            )
            np.testing.assert_allclose(four, three, rtol=1e-12)


def test_without_its_relics_daughters_are_still_lost():
    """One resonance of degenerate masses, which no daughter meets again: the share of daughters is all that changes."""
    q, c = 2.0, 0.25 + 1.0  # sums of squares; of 4 x 4 entries those of c are there twice
    plain, both = Mediator((0.0, 1.0, -1.0)), Mediator((0.0, 1.0, -1.0), sterile=(0.0, 0.5, -1.0j))
    at, rest = (REFERENCE["energies_gev"], 23.0, 2e-3), (2.4, SOURCE)
    survived = populations(transport(plain, 0, split=False), *at, ACTIVE[:1], *rest)
    whole = populations(transport(plain, 512, split=False), *at, ACTIVE[:1], *rest) - survived
    thin = transport(both, 512, split=False, density=1e-13)
    left = populations(thin, *at, (*ACTIVE[:1], 0.5), *rest) - survived
    share = (q + c) / (q + 2.0 * c)
    assert whole.sum() > 0.1
    np.testing.assert_allclose(left.sum(axis=1), share * whole.sum(axis=1), rtol=1e-9, atol=1e-12)


def test_the_width_is_that_of_the_whole_matrix():
    """Every entry of the 4 x 4 matrix counts, those with the sterile state twice."""
    couplings, sterile = np.array([[1.0, 0.5j, 0.0], [-0.5j, 0.0, 0.2], [0.0, 0.2, -1.0]]), (0.3, 1j, 0.0)
    whole = np.zeros((4, 4), complex)
    whole[:3, :3], whole[:3, 3], whole[3, :3] = couplings, sterile, np.conj(sterile)
    mediator = Mediator(couplings=couplings, sterile=sterile)
    assert mediator.width_over_mass(1.0) == pytest.approx(np.trace(whole @ whole).real / (24.0 * np.pi), rel=1e-12)
    weights = np.abs(mixing.NUFIT60_NORMAL.pmns.conj().T @ np.array(sterile)) ** 2
    np.testing.assert_allclose(np.abs(mediator.in_mass_basis(mixing.NUFIT60_NORMAL)[:, 3]) ** 2, weights, rtol=1e-12)


def test_moving_targets_are_those_at_rest_where_they_are_heavy():
    """Edges are smeared by p/m, so that counts come nearer like the inverse of the mass."""
    settings = [*ON, "model.charges=[0, 1e-6, -1e-6]", "parameters.lightest_nu_mass_ev.value=0.1"]
    rest, moving = (nuinfer.load("hese7_icecube", [*settings, *more]) for more in ([], ["model.targets=thermal"]))
    apart = []
    for mass in (0.5, 2.0, 5.0):
        at = {"m_zprime_mev": 23.0 * np.sqrt(mass / 0.5), "g_prime": 1e-3, "sterile_mass_ev": mass}
        counts, smeared, none = (
            analysis.expected_at(point).total
            for analysis, point in ((rest, at), (moving, at), (rest, {**at, "g_prime": 1e-7}))
        )
        assert np.abs(counts / none - 1.0).max() > 0.1
        apart.append(np.abs(smeared / counts - 1.0).max())
    assert apart[0] < 5e-3
    assert apart[0] > 3.0 * apart[1] > 6.0 * apart[2]


def test_the_density_scales_the_depth_of_its_target_alone():
    analyses = [nuinfer.load("hese7_icecube", [*ON, f"model.sterile_density={d}"]) for d in (1.0, 3.0)]
    theta = analyses[0].prior_transform(np.full(len(analyses[0].parameter_names), 0.5))
    one, three = (depths_at_earth(analysis, theta, np.geomspace(1e3, 1e7, 200)) for analysis in analyses)
    assert one[:, 3].any()
    np.testing.assert_allclose(three, one * [1.0, 1.0, 1.0, 3.0], rtol=1e-12)


def test_the_sum_of_the_masses_is_that_of_active_neutrinos():
    with_it, without = (
        nuinfer.load("hese7_icecube", [*more, "constraints.neutrino_mass.form=one_sided"]) for more in (ON, ())
    )
    theta = with_it.sample_prior(5, np.random.default_rng(4))
    others = np.delete(theta, with_it.parameter_names.index("sterile_mass_ev"), axis=-1)
    found, expected = (
        analysis.log_terms(at)["neutrino_mass"] for analysis, at in ((with_it, theta), (without, others))
    )
    np.testing.assert_array_equal(found, expected)


def test_the_public_front_takes_its_mass_last():
    model = ("sfr", mixing.NUFIT60_NORMAL, Mediator((0, 1, -1), sterile=(0, 0, 1)), cosmology.PLANCK18, "decoherent")
    fluxes = flavour_at_earth([4e5, 6e5], 23.0, 2e-3, (*ACTIVE, 0.5), [1, 2, 0], 2.5, *model).sum(axis=-1)
    assert fluxes[0] < 0.8
    with pytest.raises(
        PhysicsDomainError, match=r"masses_ev: shape \(3,\) must end in 4 \(split\) or 2 \(degenerate\)"
    ):
        flavour_at_earth([4e5, 6e5], 23.0, 2e-3, ACTIVE, [1, 2, 0], 2.5, *model)


def test_figures_show_it():
    analysis = nuinfer.load("hese7_icecube", ON)
    theta = analysis.sample_prior(60, np.random.default_rng(3))
    depth = plotting.plot_depth(analysis, theta, best_fit=theta[0]).axes[0]
    labels = [str(line.get_label()) for line in depth.lines]
    assert sum("m_s$" in label for label in [*labels, *(text.get_text() for text in depth.texts)]) == 1
    bounds = plotting.plot_bounds(nuinfer.load("hese7", [*ON, "parameters.sterile_mass_ev.value=0.5"]))
    assert any("20.0–28.3 MeV" in str(line.get_label()) for line in bounds.axes[0].lines)


@pytest.mark.parametrize(("overrides", "message"), [
    (ON[:1], "model.sterile_density, model.sterile_coupling: missing; needed with model.sterile = true"),
    (ON[:2], "model.sterile_coupling: missing; needed with model.sterile = true"),
    (ON[1:2], "model.sterile_density: 2.0 is not allowed without model.sterile = true"),
    (ON[2:], r"model.sterile_coupling: \[0.0, 0.5, 1.0\] is not allowed without model.sterile = true"),
    ((*ON, "model.sterile_density=0"), "model.sterile_density: 0 is not allowed; it should be greater than 0"),
    ((*ON, "model.sterile_coupling=[0, 0, 0]"), r"model.sterile_coupling: \[0, 0, 0\] is not allowed; .* not all zero"),
    ((*ON, "model.sterile_coupling=[0, 1]"), r"model.sterile_coupling: \[0, 1\] .* should be 3 entries"),
    ((*ON, "model.sterile_coupling=[0, 1, nan]"), "model.sterile_coupling: .* should be 3 entries .* finite"),
    ((*ON, "model.sterile_coupling=[0, 1, [0, 1, 2]]"), "model.sterile_coupling: .* should be 3 entries"),
    ((*ON, "parameters.sterile_mass_ev.low=0"), "parameters.sterile_mass_ev: 0.0 .* targets at rest need at least"),
])  # fmt: skip
def test_what_does_not_go_together_is_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        nuinfer.load("hese7_icecube", overrides)


def test_all_channels_are_refused():
    given = {"sterile": True, "sterile_density": 1.0, "sterile_coupling": (0.0, 0.0, 1.0), "channels": "all"}
    with pytest.raises(ConfigError, match=r"model.channels: 'all' is not allowed with model.sterile"):
        ModelConfig.model_construct(**given)._sterile_keys()


def test_a_configuration_comes_back_from_its_own_text():
    analysis = nuinfer.load("hese7_icecube", [*ON, "model.sterile_coupling=[0, [0.5, -1], 2]"])
    assert analysis.parameter_names[2:4] == ("lightest_nu_mass_ev", "sterile_mass_ev")
    assert analysis.with_overrides([]).config == analysis.config
    assert mediator_of(analysis.config.model).sterile == (0.0, 0.5 - 1j, 2.0)
    assert any("arXiv:2409.12145" in reference for reference in analysis.references())
    standard = analysis.with_overrides(["model.absorption=false"])
    assert "sterile_mass_ev" not in standard.parameter_names
    assert not any("arXiv:2409.12145" in reference for reference in standard.references())


@pytest.mark.parametrize(("overrides", "named"), [
    (["constraints.neff.form=two_sided"], "constraints.neff"), (["constraints.neff.form=off"], "'heated'"),
])  # fmt: skip
def test_what_neff_does_not_know(caplog, overrides, named):
    """It is that of three active neutrinos, which is said once, and only where it counts."""
    warn_once.cache_clear()
    with caplog.at_level(logging.WARNING, "nuinfer"):
        nuinfer.load("hese7", overrides)
        nuinfer.load("hese7", [*ON, "constraints.neff.form=off", "model.relic_neutrinos=standard"])
        assert "sterile" not in caplog.text
        nuinfer.load("hese7", [*overrides, *ON])
    assert f"{named} knows active neutrinos alone" in caplog.text
