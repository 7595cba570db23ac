"""The second edition of the 7.5-year response: topologies by flavour, its variance, backgrounds that follow a scale."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import nuinfer
from nuinfer.datafiles import DataFolder, data_root, seal
from nuinfer.detector.dataset import load_dataset
from nuinfer.errors import ConfigError, DataIntegrityError

REFERENCE = Path(__file__).parents[1] / "reference"
SHARES = json.loads((REFERENCE / "hese7_shares.json").read_text())
NO_Z = ["model.absorption=false"]


@pytest.fixture(scope="module")
def hese7():
    return DataFolder.open(data_root() / "hese7").read_arrays("response.npz")


def area(arrays, flavour, topology):
    """Of nu and nubar, all interactions and deposited energies, where the reference has a true energy."""
    ours = [str(name).startswith((f"nu{flavour}_", f"nu{flavour}bar_")) for name in arrays["channels"]]
    edges = np.log10(arrays["true_edges_gev"])
    kept = np.flatnonzero(0.5 * (edges[1:] + edges[:-1]) > SHARES["log10_gev"][0] - 0.01)
    return arrays["area_m2"][ours][:, kept][:, :, arrays["topologies"].tolist().index(topology)].sum(axis=(0, -1))


def pulls(arrays, name, flavour, part, *rest):
    value, error = np.array(SHARES[name])
    areas = [area(arrays, flavour, topology) for topology in (part, *rest)]
    return (areas[0] / np.sum(areas, axis=0) - value) / error


@pytest.mark.parametrize("flavour", ["mu", "tau"])
def test_track_shares_are_those_of_the_release(hese7, flavour):
    """Within the errors of its Monte Carlo, which the response smooths; the first edition is the negative control."""
    got = pulls(hese7, f"nu{flavour}_track", flavour, "track", "cascade", "double_cascade")
    assert np.sqrt(np.mean(got**2)) < 1.2
    assert np.abs(got).max() < 3.5
    first = DataFolder.open(REFERENCE / "hese7-first-edition").read_arrays("response.npz")
    assert np.sqrt(np.mean(pulls(first, f"nu{flavour}_track", flavour, "track", "cascade") ** 2)) > 5.0


def test_double_cascades_are_those_of_the_release(hese7):
    got = pulls(hese7, "nutau_double_cascade", "tau", "double_cascade", "cascade")
    assert np.sqrt(np.mean(got**2)) < 1.2


def test_double_cascades_at_the_published_fit():
    """A calculation without this package gives 1.5 of nu_tau, 0.2 of nu_mu, 0.2 of nu_e for three equal flavours."""
    hese = load_dataset("hese7")
    edges = hese.true_edges_gev / 1e5
    flux = 6.36488608e-18 / 6.0 * 1e5 * np.diff(edges**-1.87375956) / -1.87375956
    counts = hese.livetime_s * 4e4 * np.pi * np.einsum("sed,e->s", hese.area_m2[:, :, 2], flux)
    np.testing.assert_allclose(counts[:3] + counts[3:], [0.2, 0.2, 1.5], atol=0.05)


def test_two_topologies_count_double_cascades_as_cascades():
    three, two = nuinfer.load("hese7"), nuinfer.load("hese7", ["data.topologies=2"])
    assert two.topologies == ("cascade", "track")
    np.testing.assert_array_equal(
        two.observed_counts, [three.observed_counts[[0, 2]].sum(axis=0), three.observed_counts[1]]
    )
    theta = three.sample_prior(4, np.random.default_rng(2))
    theta[:, three.parameter_names.index("energy_scale")] = 1.0
    for got, whole in zip(two.expected(theta), three.expected(theta), strict=True):
        merged = np.stack([whole[..., 0, :] + whole[..., 2, :], whole[..., 1, :]], axis=-2)
        np.testing.assert_allclose(got, merged, rtol=1e-12)


# The variance of the response


@pytest.mark.parametrize("source", ["pp", "pgamma"])
def test_variance_is_that_of_weighted_events(hese7, source):
    """From the file, by plain sums: the square of the flux of each channel's species; a cut column counts squared."""
    analysis = nuinfer.load("hese7_icecube", [*NO_Z, f"model.source={source}"])
    at = {"gamma": 2.6, "phi_total": 5.0, "energy_scale": 1.0}
    p = analysis.mixing.probabilities @ analysis.mixing.probabilities.T
    nu, nubar = ([1 / 6, 1 / 3, 0], [1 / 6, 1 / 3, 0]) if source == "pp" else ([1 / 3, 1 / 3, 0], [0, 1 / 3, 0])
    share = dict(zip(("nue", "numu", "nutau", "nuebar", "numubar", "nutaubar"), [*(p @ nu), *(p @ nubar)], strict=True))
    edges = hese7["true_edges_gev"]
    integral = 1e5**2.6 * (edges[:-1] ** -1.6 - edges[1:] ** -1.6) / 1.6
    weight = analysis.dataset.livetime_s * 4 * np.pi * 1e4 * 5e-18
    species = [str(name).partition("_")[0] for name in hese7["channels"]]
    flux = np.array([share[name] for name in species])[:, None] * integral
    expected = weight**2 * np.einsum("cetd,ce->td", hese7["area_variance_m4"], flux**2)[:, 5:]
    cut = DataFolder.open(data_root() / "hese7").read_toml("dataset.toml")["threshold_fraction"]
    expected[:, 0] *= np.array([cut[name] for name in analysis.topologies]) ** 2
    np.testing.assert_allclose(analysis.expected_at(at).variance, expected, rtol=1e-5)


def test_variance_follows_every_factor_on_astrophysical_counts():
    """Scales of the detector by their square, that of energies as the counts themselves; backgrounds have none."""
    analysis = nuinfer.load("hese7", ["data.exposure=3"])
    at = {"m_zprime_mev": 8.0, "g_prime": 3e-4, "energy_scale": 1.0}
    nominal, astro = analysis.expected_at(at).variance, analysis.predict(at)["astro"]
    larger = {**at, "phi_total": 2.0 * analysis.point(at)["phi_total"], "detector_scale": 1.1, "norm_conventional": 2.0}
    np.testing.assert_allclose(analysis.expected_at(larger).variance, 2.2**2 * nominal, rtol=1e-12)
    scaled = {**at, "energy_scale": 1.17}
    ratio = analysis.predict(scaled)["astro"] / astro
    np.testing.assert_allclose(analysis.expected_at(scaled).variance, ratio * nominal, rtol=1e-12)
    once, wide = (nuinfer.load("hese7", [f"data.effective_area_scale={factor}"]) for factor in (1.0, 3.0))
    np.testing.assert_allclose(9.0 * once.expected_at(at).variance, nominal, rtol=1e-12)
    np.testing.assert_allclose(wide.expected_at(at).variance, nominal, rtol=1e-12)


def test_effective_and_poisson():
    """Without the variance it is Poisson; with it the log-likelihood moves a little, and both are chosen by a key."""
    effective, poisson = (nuinfer.load("hese7", [f"data.likelihood={name}"]) for name in ("effective", "poisson"))
    assert nuinfer.load("hese7").config == effective.config
    theta = effective.sample_prior(50, np.random.default_rng(4))
    mean, variance = effective.expected_counts(theta), effective.expected(theta).variance
    assert not poisson.expected(theta).variance.any()
    terms = [analysis.log_terms(theta)["data"] for analysis in (effective, poisson)]
    apart = terms[0] - terms[1]
    n, safe = effective.observed_counts, np.maximum(mean, 1e-300)
    first = variance * (0.5 - (n + 1.0) / safe + n * (n + 1.0) / (2.0 * safe**2))  # of the expansion in the variance
    small = np.all(variance < 1e-3 * mean, axis=(1, 2))
    assert small.any()
    np.testing.assert_allclose(apart[small], first.sum(axis=(1, 2))[small], rtol=0.05, atol=1e-4)
    np.testing.assert_allclose(effective.data_terms(theta).sum(axis=(1, 2)), terms[0], rtol=1e-12)


# Backgrounds under a scale of energies


def by_hand(component, topology, deposited_gev, scale):
    """Factor from the table, by numpy on its own."""
    with (data_root() / "hese7" / "energy_scale.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    mine = [row for row in rows if (row["component"], row["topology"]) == (component, topology)]
    scales = sorted({float(row["energy_scale"]) for row in mine})
    at = []
    for each in scales:
        column = [row for row in mine if float(row["energy_scale"]) == each]
        energies, values = ([float(row[key]) for row in column] for key in ("deposited_energy_gev", "log10_factor"))
        at.append(np.interp(np.log10(deposited_gev), np.log10(energies), values))
    k = min(max(np.searchsorted(scales, scale) - 1, 0), len(scales) - 2)
    slope = (at[k + 1] - at[k]) / (scales[k + 1] - scales[k])
    return 10.0 ** (at[k] + slope * (scale - scales[k]))


def test_ten_per_cent_are_half_as_many_again():
    """The splines of the release: an efficiency of 1.09 gives 49 % more conventional showers at 63 TeV."""
    assert by_hand("conventional", "cascade", 10**4.8, 1.09 / 0.99) == pytest.approx(1.49, abs=0.005)


@pytest.mark.parametrize("scale", [0.8, 0.93, 1.0, 1.02, 1.25])
@pytest.mark.parametrize("topologies", [3, 2])
def test_atmospheric_neutrinos_follow_the_optical_modules(topologies, scale):
    """Linear between tabulated scales and on beyond them, at the centres of the bins; muons do not change."""
    analysis = nuinfer.load("hese7_icecube", [f"data.topologies={topologies}"])
    at = {"norm_prompt": 1.0, "energy_scale": 1.0}
    nominal, scaled = analysis.predict(at), analysis.predict({**at, "energy_scale": scale})
    np.testing.assert_array_equal(scaled["muon"], nominal["muon"])
    centres = np.sqrt(analysis.bin_edges_gev[1:] * analysis.bin_edges_gev[:-1])
    for name in ("conventional", "prompt"):
        for t, topology in enumerate(analysis.topologies):
            factor = np.array([by_hand(name, topology, centre, scale) for centre in centres])
            np.testing.assert_allclose(scaled[name][t], factor * nominal[name][t], rtol=1e-9)


def test_tilt_of_conventional_neutrinos():
    """(E/2020 GeV)^-d at the centre of the bin, that background alone; fixed to 0 where no file names it."""
    analysis = nuinfer.load("hese7_icecube")
    before, after = analysis.predict({"tilt_conventional": 0.0}), analysis.predict({"tilt_conventional": 0.07})
    centres = np.sqrt(analysis.bin_edges_gev[1:] * analysis.bin_edges_gev[:-1])
    np.testing.assert_allclose(after["conventional"], before["conventional"] * (centres / 2020.0) ** -0.07, rtol=1e-12)
    assert all(np.array_equal(before[name], after[name]) for name in ("astro", "prompt", "muon"))
    fixed = nuinfer.load("paper").space.parameters
    assert {p.name: p.value for p in fixed if p.name in ("tilt_conventional", "norm_prompt")} == {
        "norm_prompt": 0.0, "tilt_conventional": 0.0,
    }  # fmt: skip


# 12 years


def test_twelve_years_are_the_published_list():
    """arXiv:2307.13878: 164 events; 92 of them from 60 TeV to 10 PeV, 63 showers and 29 tracks."""
    hese = load_dataset("hese12")
    assert hese.observed.sum(axis=1).tolist() == [63.0, 29.0]
    assert len(DataFolder.open(data_root() / "hese12").read_csv("events.csv")["id"]) == 164
    assert hese.livetime_s == 12 * 365 * 86400.0
    assert {"hese7", "hese4", "hese3"} < set(hese.overlaps)
    before = nuinfer.load("hese7_icecube", ["data.topologies=2"]).dataset
    np.testing.assert_allclose(hese.area_m2, before.area_m2, rtol=1e-14)
    np.testing.assert_allclose(hese.area_variance_m4, before.area_variance_m4, rtol=1e-14)
    for name, counts in hese.backgrounds.items():
        np.testing.assert_allclose(counts, before.backgrounds[name] * hese.livetime_s / before.livetime_s, rtol=1e-7)
    assert any("livetime" in text for text in hese.approximations)


def test_twelve_years_without_absorption():
    """Fits of others to the same list: gamma about 2.90, phi_total about 5.5."""
    analysis = nuinfer.load("hese12_icecube", NO_Z)
    best = dict(zip(analysis.parameter_names, nuinfer.best_fit(analysis).theta.tolist(), strict=True))
    assert 2.8 < best["gamma"] < 3.0
    assert 5.2 < best["phi_total"] < 5.8


def test_presets_of_both_differ_in_the_data_alone():
    for name in ("{}", "{}_icecube"):
        seven, twelve = (nuinfer.load(name.format(data)).config for data in ("hese7", "hese12"))
        assert (seven.model, seven.constraints, seven.parameters) == (
            twelve.model,
            twelve.constraints,
            twelve.parameters,
        )


# What must not load


@pytest.mark.parametrize(("preset", "override", "message"), [
    ("paper", "data.topologies=3", "data.topologies: 3 is not allowed, only 2: data set 'hese3' has cascade, track,"),
    ("hese12", "data.topologies=3", "data.topologies: 3 is not allowed, only 2: data set 'hese12' has cascade, track,"),
    ("paper", "data.likelihood=effective", "data.likelihood: \"effective\" is not allowed, only \"poisson\": the resp"),
])  # fmt: skip
def test_what_the_data_lack_is_refused(preset, override, message):
    with pytest.raises(ConfigError) as refusal:
        nuinfer.load(preset, [override])
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def arrays(**changed):
    def change(folder):
        with np.load(folder / "response.npz") as file:
            held = dict(file)
        np.savez(folder / "response.npz", **held | {name: make(held[name]) for name, make in changed.items()})

    return change


def scales(old, new):
    def change(folder):
        text = (folder / "energy_scale.csv").read_text()
        assert old in text
        (folder / "energy_scale.csv").write_text(text.replace(old, new, 1))

    return change


ROW = "conventional,track,125892.5412,1,0.0\n"


@pytest.mark.parametrize(("change", "message"), [
    (arrays(area_variance_m4=lambda v: v[:, :, :2]), "'area_variance_m4' is float64 of shape (13, 60, 2, 20); allowed"),
    (arrays(area_variance_m4=lambda v: -v), "'area_variance_m4' is -"),
    (arrays(area_variance_m4=lambda v: v * np.nan), "'area_variance_m4' holds NaN"),
    (arrays(topologies=lambda v: v[:2]), "'topologies' is ['cascade', 'track']; allowed: those of dataset.toml"),
    (scales(ROW, ""), "'component' is 74 rows of conventional, track; allowed: one for each of 15 energies and"),
    (scales(ROW, ROW.replace(",0.0", ",0.1")), "'log10_factor' is not 0 at scale 1 of conventional; allowed: 0 there"),
    (scales(ROW, ROW.replace("conventional", "muon")), "'component' is muon; allowed: conventional, prompt"),
    (scales(ROW, ROW.replace("track", "trac")), "'topology' is trac; allowed: cascade, track, double_cascade"),
    (scales(ROW, ROW.replace("125892.5412", "-3")), "'deposited_energy_gev' is -3.0; allowed: energies above 0"),
    (scales(ROW, ROW.replace(",1,", ",-1,")), "'energy_scale' is [-1.0, "),
    (scales(ROW, ROW.replace("125892.5412", "many")), "'deposited_energy_gev' is a column with other things than"),
])  # fmt: skip
def test_impossible_contents_are_refused(tmp_path, change, message):
    folder = shutil.copytree(data_root() / "hese7", tmp_path / "mine")
    files = DataFolder.open(folder).files
    change(folder)
    seal(folder, {name: (entry["source"], entry["licence"]) for name, entry in files.items()})
    with pytest.raises(DataIntegrityError) as refusal:
        load_dataset(str(folder))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
