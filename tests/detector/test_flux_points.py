"""Flux points as a kind of data set: what a model expects of them, their density, and what is refused.

`tests/reference/flux_points.json` holds means of E^2 phi over segments by adaptive quadrature
(`tests/reference/make_flux_points.py`).
"""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

import nuinfer
from nuinfer.cli import main
from nuinfer.datafiles import data_root, seal
from nuinfer.detector.dataset import load_dataset
from nuinfer.errors import ConfigError, DataIntegrityError
from nuinfer.export.arviz_adapter import contents
from nuinfer.inference.runs.summary import predictive_checks
from nuinfer.likelihood import data_log_terms, two_piece

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "flux_points.json").read_text())
MESE = data_root() / "mese11"
NO_MEDIATOR = ("model.absorption=false",)


def folder_of(tmp_path, segments, name="mine", **metadata):
    """A sealed folder of flux points from rows (e_lo, e_hi, e2phi, up, low)."""
    folder = tmp_path / name
    folder.mkdir()
    rows = "\n".join(",".join(map(str, row)) for row in segments)
    (folder / "segments.csv").write_text(f"e_lo_gev,e_hi_gev,e2phi,err_up,err_lo\n{rows}\n")
    facts = {"name": name, "title": name, "kind": "flux_points", "unit": "1e-8 GeV cm^-2 s^-1 sr^-1"} | metadata
    lines = [f"{key} = {json.dumps(value)}" for key, value in facts.items() if value is not None]
    lines += [f"{key} = []" for key in ("overlaps", "approximations", "references")]
    (folder / "dataset.toml").write_text("\n".join(lines))
    seal(folder, dict.fromkeys(("segments.csv", "dataset.toml"), ("a source", "a licence")))
    return folder


# What a model expects -------------------------------------------------------------------------------------------------


def expected_of(case, dataset, *overrides):
    """Expected flux points of a reference case, with phi_total = 1."""
    keys = ("source", "evolution", "coherence", "spectrum", "source_redshift")
    settings = {f"model.{key}": case[key] for key in keys if key in case}
    settings |= {"data.dataset": dataset, "model.relic_neutrinos": "standard"}
    settings |= {"model.spectrum_frame": case.get("frame", "source")} | dict(overrides)
    if "source_redshift" in case:
        settings["model.evolution"] = "single"
    analysis = nuinfer.load("hese7_icecube", settings)
    names = ("gamma", "gamma_high", "break_gev", "beta", "m_zprime_mev", "g_prime", "m_nu_ev", "lightest_nu_mass_ev")
    case = case | {"m_nu_ev": case["masses_ev"][0], "lightest_nu_mass_ev": case.get("lightest_ev")}
    known = analysis.point()
    at = {name: case[name] for name in names if name in case and {name, f"log10_{name}"} & set(known)}
    return analysis.predict({**at, "phi_total": 1.0})["astro"]


@pytest.mark.parametrize("case", REFERENCE["survivors"], ids=lambda c: f"{c['spectrum']}-{c.get('frame')}")
def test_means_over_segments_against_adaptive_quadrature(case):
    """Every segment to 1e-5, a decade wide or with jumps of the dip and a break inside."""
    found = expected_of(case, "mese11", ("model.regeneration", False))
    assert found.shape == (1, 13)
    np.testing.assert_allclose(found[0], case["result"], rtol=1e-5)


def test_means_with_daughters_against_adaptive_quadrature(tmp_path):
    (case,) = REFERENCE["regenerated"]
    edges = case["segments_gev"]
    own = folder_of(tmp_path, [(low, high, 1, 1, 1) for low, high in pairwise(edges)])
    overrides = [("model.masses", "degenerate"), ("model.mixing", "paper"), ("model.source", "pp")]
    np.testing.assert_allclose(expected_of(case, str(own), *overrides)[0], case["result"], rtol=1e-5)


KEPT = [0, 1, 5, 6, 11]
"""Segments of the reference that a table with gaps has: the gaps hold the break, dips and more than a decade."""


@pytest.mark.parametrize("case", REFERENCE["survivors"], ids=lambda c: f"{c['spectrum']}-{c.get('frame')}")
def test_segments_with_gaps_against_adaptive_quadrature(tmp_path, case):
    ends = list(pairwise(REFERENCE["segments_gev"]))
    own = folder_of(tmp_path, [(*ends[k], 1, 1, 1) for k in KEPT])
    found = expected_of(case, str(own), ("model.regeneration", False))
    np.testing.assert_allclose(found[0], np.array(case["result"])[KEPT], rtol=1e-5)


def test_daughters_across_a_gap_against_adaptive_quadrature(tmp_path):
    (case,) = REFERENCE["regenerated"]
    ends = list(pairwise(case["segments_gev"]))
    own = folder_of(tmp_path, [(*ends[k], 1, 1, 1) for k in (0, 3)])
    overrides = [("model.masses", "degenerate"), ("model.mixing", "paper"), ("model.source", "pp")]
    np.testing.assert_allclose(expected_of(case, str(own), *overrides)[0], np.array(case["result"])[[0, 3]], rtol=1e-5)


@pytest.mark.parametrize("transport", [("model.targets=thermal",), ("model.channels=all",)])
def test_a_gap_changes_nothing_of_the_other_segments(tmp_path, transport):
    ends = [1e4, 3e4, 1e5, 1e6]
    rows = [(low, high, 1, 1, 1) for low, high in pairwise(ends)]
    at = {"m_zprime_mev": 8.0, "g_prime": 1e-3, "lightest_nu_mass_ev": 0.05}
    every, some = (
        nuinfer.load("hese7_icecube", [f"data.dataset={folder_of(tmp_path, chosen, name)}", *transport]).predict(at)
        for name, chosen in (("every", rows), ("some", [rows[0], rows[2]]))
    )
    np.testing.assert_allclose(some["astro"][0], every["astro"][0, [0, 2]], rtol=1e-4)


def test_what_an_analysis_with_a_gap_has(tmp_path, capsys):
    """Bins by their ends; edges where one begins or ends; simulated, printed and exported without the gap."""
    own = folder_of(tmp_path, [(1e4, 1e5, 3.0, 1.0, 0.5), (2e5, 1e6, 1.0, 2.0, 0.5), (1e6, 1e7, 0.0, 2.0, 0.0)])
    analysis = nuinfer.load("mese11_icecube", [f"data.dataset={own}", *NO_MEDIATOR])
    assert analysis.bin_edges_gev.tolist() == [1e4, 1e5, 2e5, 1e6, 1e7]
    assert nuinfer.simulate(analysis, seed=1).observed_counts.shape == analysis.observed_counts.shape == (1, 3)
    assert main(["predict", "mese11_icecube", "--set", f"data.dataset={own}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bins_gev"] == [[1e4, 1e5], [2e5, 1e6], [1e6, 1e7]]
    assert main(["predict", "mese11_icecube", "--set", f"data.dataset={own}"]) == 0
    printed = capsys.readouterr().out
    assert "200.0 - 1000.0" in printed
    assert "100.0 - 200.0" not in printed
    theta = analysis.sample_prior(8, np.random.default_rng(1))[None, :, None]
    bins = contents(analysis, theta, {}, prior_draws=2, seed=1).labels["bin"]
    assert bins == ["10000-100000 GeV", "200000-1000000 GeV", "1000000-10000000 GeV"]


def test_thermal_targets_and_other_units(tmp_path):
    """Warm, light targets take the same bins; a unit ten times smaller makes numbers ten times larger."""
    rows = [(1e4, 1e5, 1, 1, 1), (1e5, 1e6, 1, 1, 1)]
    one = folder_of(tmp_path, rows)
    ten = folder_of(tmp_path, rows, "other", unit="1.e-9 GeV cm^-2 s^-1 sr^-1")
    at = {"m_zprime_mev": 8.0, "g_prime": 3e-4, "lightest_nu_mass_ev": 0.06}
    rest, warm = (nuinfer.load("hese7_icecube", [f"data.dataset={one}", *thermal]).predict(at)["astro"]
                  for thermal in ([], ["model.targets=thermal"]))  # fmt: skip
    np.testing.assert_allclose(warm, rest, rtol=2e-2)
    assert not np.allclose(warm, rest, rtol=1e-6)
    tenth = nuinfer.load("hese7_icecube", [f"data.dataset={ten}"]).predict(at)["astro"]
    np.testing.assert_allclose(tenth, 10.0 * rest, rtol=1e-12)


# Their density --------------------------------------------------------------------------------------------------------

UP, LOW = np.array([0.9, 0.3, 5.2]), np.array([0.6, 1.1, 0.0])
MEANS = np.array([0.4, 2.0, 1.5])


def test_the_density_is_normalised_in_the_data_and_a_two_piece_gaussian():
    """The last is an upper limit: half a Gaussian, whose measured value is not above the mean."""
    density = two_piece(UP, LOW)
    for k in range(3):

        def of(x, k=k):
            return float(np.exp(data_log_terms(np.full(3, x), MEANS, 0.0, density))[k])

        ends = MEANS[k] - 12.0 * UP[k], MEANS[k], MEANS[k] + 12.0 * LOW[k]
        assert sum(integrate.quad(of, *pair)[0] for pair in (ends[:2], ends[1:])) == pytest.approx(1.0, rel=1e-9)
        assert of(MEANS[k] - UP[k]) / of(MEANS[k]) == pytest.approx(np.exp(-0.5))
        assert of(MEANS[k] + 1e-3) == pytest.approx(of(MEANS[k]) if LOW[k] else 0.0, rel=1e-4)
    limit = data_log_terms(np.zeros(3), MEANS, 0.0, density)[2]
    assert limit == pytest.approx(np.log(2.0) + stats.norm.logpdf(1.5, scale=5.2))
    assert np.isnan(data_log_terms(np.zeros(3), np.full(3, np.nan), 0.0, density)).all()


@pytest.mark.parametrize("other", [1.0, 1.5])
def test_draws_tails_and_the_density_agree(other):
    """The tail of what is drawn is uniform; with other errors it is not."""
    density = two_piece(UP, LOW)
    drawn = density.around(np.broadcast_to(MEANS, (20_000, 3)), np.random.default_rng(1))
    assert (drawn[:, 0] < 0.0).any()
    tails = two_piece(other * UP, LOW).tail(drawn, MEANS)
    p_values = [stats.kstest(tails[:, k], stats.uniform.cdf).pvalue for k in range(3)]
    assert min(p_values) > 1e-3 if other == 1.0 else max(p_values) < 1e-6


def test_predictive_checks_see_a_flux_that_is_too_low():
    density, means = two_piece(UP, LOW), np.broadcast_to(MEANS, (4000, 1, 3))
    right = predictive_checks([[0.2, 2.1, 0.0]], means, np.random.default_rng(2), 0.0, density)
    wrong = predictive_checks([[0.2, 9.0, 0.0]], means, np.random.default_rng(2), 0.0, density)
    assert right.deviance > 0.1
    assert not right.warnings()
    assert wrong.deviance < 1e-3
    assert wrong.bins[0, 1] < 1e-3


# The 11.4-year sample -------------------------------------------------------------------------------------------------

# arXiv:2507.22233 fits at Earth; the segments as tabulated give 2.23 per flavour, 1.65, 2.90 and 32.9 TeV (published:
# 2.28, 1.72, 2.84 and 33.1 TeV), and chi^2 35.5 for one power law, 11.1 for a log parabola, 5.8 with a break.
FITS = {
    "broken_power_law": (5.8, {"phi_total": 3 * 2.23, "gamma": 1.65, "gamma_high": 2.90, "log10_break_gev": 4.517}),
    "log_parabola": (11.1, {}),
    "power_law": (35.5, {}),
}


def chi2(analysis, theta):
    """Of the segments, written out."""
    data = load_dataset("mese11")
    apart = analysis.expected_counts(theta)[0] - data.observed[0]
    return float(np.sum(np.square(apart / np.where(apart > 0.0, data.error_up, data.error_low))))


@pytest.mark.parametrize("spectrum", FITS)
def test_refit_of_the_segments_at_earth(spectrum):
    analysis = nuinfer.load("mese11_icecube", [*NO_MEDIATOR, f"model.spectrum={spectrum}"])
    best = nuinfer.best_fit(analysis, seed=1)
    expected, numbers = FITS[spectrum]
    assert chi2(analysis, best.theta) == pytest.approx(expected, abs=0.06)
    fitted = dict(zip(analysis.parameter_names, best.theta, strict=True))
    for name, value in numbers.items():
        assert fitted[name] == pytest.approx(value, abs=0.01), name


def test_in_the_frame_of_the_source_the_break_is_higher():
    """Shells smear it: near 56 TeV, with gamma near 1.5 below."""
    analysis = nuinfer.load("mese11_icecube", [*NO_MEDIATOR, "model.spectrum_frame=source"])
    best = dict(zip(analysis.parameter_names, nuinfer.best_fit(analysis, seed=1).theta, strict=True))
    assert 10.0 ** best["log10_break_gev"] == pytest.approx(56e3, rel=0.03)
    assert best["gamma"] == pytest.approx(1.5, abs=0.05)


@pytest.fixture(scope="module")
def mese():
    return nuinfer.load("mese11_icecube")


def test_what_an_analysis_of_flux_points_has(mese):
    names = ("gamma", "phi_total", "log10_break_gev", "gamma_high")
    assert mese.parameter_names == ("log10_m_zprime_mev", "log10_g_prime", "lightest_nu_mass_ev", *names)
    assert mese.topologies == ("all_flavour",)
    assert mese.bin_edges_gev.shape == (14,)
    theta = mese.sample_prior(6, np.random.default_rng(3)).reshape(2, 3, -1)
    assert mese.expected_counts(theta).shape == (2, 3, 1, 13)
    assert mese.observed_counts.shape == (1, 13)
    terms = mese.data_terms(theta)
    np.testing.assert_allclose(terms.sum(axis=(-2, -1)), mese.log_terms(theta)["data"], rtol=1e-12)
    data = load_dataset("mese11")
    norms = np.log(np.sqrt(2.0 / np.pi) / (data.error_up + data.error_low)).sum()
    assert mese.log_terms(theta[0, 0])["data"] == pytest.approx(norms - 0.5 * chi2(mese, theta[0, 0]), rel=1e-12)
    with_constraints = nuinfer.load("mese11")
    assert {c.name for c in with_constraints.constraints} == {"muon_g2", "borexino", "neff", "sn1987a"}
    assert with_constraints.parameter_names == mese.parameter_names


def test_simulated_flux_points_may_be_negative_and_replace_the_data(mese):
    simulated = nuinfer.simulate(mese, {"g_prime": 1e-6, "phi_total": 0.5}, seed=4)
    assert (simulated.observed_counts < 0.0).any()
    assert np.isfinite(simulated.log_prob(simulated.prior_transform([0.5, 0.0, 0.5, 0.5, 0.9, 0.2, 0.5]))) in (
        True,
        False,
    )
    assert simulated.config_hash != mese.config_hash
    with pytest.raises(ConfigError, match=r"finite numbers of shape \(1, 13\)"):
        mese.with_observed(np.full((1, 13), np.nan))


def test_predict_says_what_kind_of_data_there_are(capsys):
    assert main(["predict", "mese11", "--at", "phi_total=6.7", "--draw", "2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["kind"], answer["unit"]) == ("flux_points", "1e-8 GeV cm^-2 s^-1 sr^-1")
    assert answer["topologies"] == ["all_flavour"]
    assert answer["background"] == {"all_flavour": [0.0] * 13}
    assert len(answer["simulated"]) == 2
    assert "norm_muon" not in answer["parameters"]
    assert main(["predict", "mese11"]) == 0
    printed = capsys.readouterr().out
    assert "1e-8 GeV cm^-2 s^-1 sr^-1" in printed
    assert "events" not in printed


# What is refused ------------------------------------------------------------------------------------------------------

GOOD = [(1e4, 1e5, 3.0, 1.0, 0.5), (1e5, 1e6, 0.0, 2.0, 0.0)]


def row(number, **changes):
    """The good rows with one changed."""
    names = ("e_lo_gev", "e_hi_gev", "e2phi", "err_up", "err_lo")
    rows = [dict(zip(names, each, strict=True)) for each in GOOD]
    rows[number] |= changes
    return [tuple(each.values()) for each in rows]


@pytest.mark.parametrize(("segments", "metadata", "message"), [
    (row(0, err_up=-1.0), {}, r"segments\.csv: 'err_up' is -1 at e_lo_gev = 10000; allowed: errors above 0"),
    (row(0, err_lo=-0.5), {}, r"'err_lo' is -0\.5 at e_lo_gev = 10000; allowed: errors of 0 or more"),
    (row(0, err_lo=0.0), {}, r"'err_lo' is 0 at .*; allowed: above 0; 0 marks an upper limit, with e2phi = 0"),
    (row(1, err_up=0.0), {}, r"'err_up' is 0 .*above 0"),
    (row(1, e_lo_gev=9e4), {}, r"'e_lo_gev' is 90000 after a segment that ends at 100000; allowed: rows in order"),
    (GOOD[::-1], {}, r"'e_lo_gev' is 10000 after a segment that ends at 1e\+06; allowed: rows in order of energy"),
    (row(0, e_lo_gev=2e5), {}, r"'e_lo_gev, e_hi_gev' is .*; allowed: 0 < e_lo_gev < e_hi_gev"),
    (row(0, e2phi="nan"), {}, r"segments\.csv: 'e2phi' holds NaN or infinity"),
    (row(0, e2phi="much"), {}, r"'e2phi' is a column with other things than numbers"),
    (GOOD, {"unit": None}, r"dataset\.toml: 'unit' is missing; allowed: .*1e-8 GeV cm\^-2 s\^-1 sr\^-1"),
    (GOOD, {"unit": "erg"}, r"'unit' is 'erg'; allowed: "), (GOOD, {"unit": 1.0}, r"'unit' is 1\.0; allowed: "),
    (GOOD, {"kind": "fluxes"}, r"'kind' is 'fluxes'; allowed: counts or flux_points"),
    (GOOD, {"livetime_s": 1.0}, r"'livetime_s' is not known"),
])  # fmt: skip
def test_tables_that_make_no_sense_are_refused(tmp_path, segments, metadata, message):
    with pytest.raises(DataIntegrityError, match=message) as refused:
        load_dataset(str(folder_of(tmp_path, segments, **metadata)))
    assert "\n" not in str(refused.value)


def test_a_table_that_lacks_a_column_or_was_altered_is_refused(tmp_path):
    folder = folder_of(tmp_path, GOOD)
    table = folder / "segments.csv"
    table.write_text(table.read_text().replace("err_up", "error_up"))
    with pytest.raises(DataIntegrityError, match="altered since it was sourced"):
        load_dataset(str(folder))
    seal(folder, {"segments.csv": ("a source", "a licence")}, keep=True)
    with pytest.raises(DataIntegrityError, match="'err_up' is missing"):
        load_dataset(str(folder))
    shutil.copytree(MESE, tmp_path / "copy")
    assert load_dataset(str(tmp_path / "copy")).name == "mese11"


@pytest.mark.parametrize(("override", "message"), [
    ("data.exposure=2", "data.exposure: 2.0 is not allowed, only leaving it out: 'mese11' has flux points"),
    ("data.min_deposited_energy_gev=1e5", "data.min_deposited_energy_gev: .* only leaving it out"),
    ("data.likelihood=effective", 'data.likelihood: "effective" is not allowed'),
    ("data.topologies=3", "data.topologies: 3 is not allowed"),
    ("sampler.device=cuda", "sampler.device: 'cuda' is not allowed, only 'cpu': 'mese11' has flux points"),
])  # fmt: skip
def test_what_flux_points_do_not_have_is_refused(override, message):
    with pytest.raises(ConfigError, match=message):
        nuinfer.load("mese11", [override])


def test_counts_and_flux_points_are_different_data_and_overlap():
    analyses = {name: nuinfer.load(name) for name in ("hese7_icecube", "mese11_icecube")}
    with pytest.raises(
        ConfigError, match=r"13 flux points of mese11 above 1000 GeV: different data.*they overlap in time"
    ):
        nuinfer.compare(analyses)
