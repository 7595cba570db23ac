"""Forecasts: projected data sets, likelihood ratios against closed forms, years, bands, and their command."""

from __future__ import annotations

import contextlib
import json
import math

import mpmath
import numpy as np
import pytest
from nominal import NOMINAL
from scipy import optimize

import nuinfer
from nuinfer.cli import main
from nuinfer.inference.profile.profile import against, p_value, significance, threshold
from nuinfer.inference.studies.forecast import Band, crossing, forecast, forecast_band
from nuinfer.inference.work import store
from nuinfer.inference.work.calls import Inline
from nuinfer.plotting import plot_expected_limits, plot_forecast

MASS, COUPLING = 8.0, 5e-4
ONLY_G = {f"parameters.{name}.value": float(value) for name, value in NOMINAL.items() if name != "norm_muon"}
ONLY_G |= {
    "parameters.gamma.value": 2.9,
    "parameters.phi_total.value": 6.4,
    "parameters.lightest_nu_mass_ev.value": 0.05,
    "data.likelihood": "poisson",
}
ONLY_G |= {"parameters.norm_muon.sigma": 1e-6}  # as good as known: the Standard Model needs a parameter too
POINT = {"m_zprime_mev": MASS, "g_prime": COUPLING}
QUIET = {"executor": Inline(), "progress": False}


@pytest.fixture(scope="module")
def only_g():
    """HESE where nothing but g' is unknown: the best fit of expected counts is their truth, and q has a closed form."""
    return nuinfer.load("hese7_icecube", ONLY_G | {"parameters.log10_m_zprime_mev.value": math.log10(MASS)})


def counts(analysis, g_prime):
    return np.sum(list(analysis.predict({"g_prime": g_prime}).values()), axis=0)


def ratio(data, of, against):
    """Twice the logarithm of the ratio of Poisson likelihoods of two expectations."""
    return 2.0 * float(np.sum(data * np.log(of / against) - of + against))


# Projected data sets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys",
    [
        {"data.exposure": 6.0},
        {"data.effective_area_scale": 6.0},
        {"data.exposure": 3.0, "data.effective_area_scale": 2.0},
    ],
)
def test_every_count_grows_with_exposure_and_area(keys):
    """Neutrinos and backgrounds, at any energy scale, whole batches; the observed counts stand in for data."""
    now, later = nuinfer.load("hese7"), nuinfer.load("hese7", keys)
    theta = now.sample_prior(5, np.random.default_rng(1))
    np.testing.assert_allclose(later.expected_counts(theta), 6.0 * now.expected_counts(theta), rtol=1e-12)
    for name, part in later.predict({"energy_scale": 1.1}).items():
        np.testing.assert_allclose(part, 6.0 * now.predict({"energy_scale": 1.1})[name], rtol=1e-12)
    assert np.array_equal(later.observed_counts, 6.0 * now.observed_counts)
    assert later.config_hash != now.config_hash
    assert "projection" in later.dataset.approximations[-1]


@pytest.mark.parametrize("value", ["0", "-1", "nan", "many"])
@pytest.mark.parametrize("key", ["data.exposure", "data.effective_area_scale"])
def test_factors_are_positive_numbers(key, value, capsys):
    assert main(["predict", "hese7", "--set", f"{key}={value}"]) == 2
    assert key in capsys.readouterr().err


# Likelihood ratios ----------------------------------------------------------------------------------------------------


def test_significance_of_expected_counts_analytic(only_g):
    """With everything but g' known, max L is at the truth: q = 2 ln L(truth)/L(no Z')."""
    with_zprime, without = counts(only_g, COUPLING), counts(only_g, 1e-12)
    expected = ratio(with_zprime, with_zprime, without)
    assert significance(only_g.with_observed(with_zprime)) == pytest.approx(expected, rel=1e-5)


def test_exclusion_of_expected_counts_analytic(only_g):
    """Without a Z' the best fit is at the floor of the prior, where it does nothing."""
    with_zprime, without = counts(only_g, COUPLING), counts(only_g, 1e-12)
    found = against(only_g, only_g.data_sets([(without, {})]), MASS, COUPLING)
    assert found.ratio == pytest.approx([ratio(without, without, with_zprime)], rel=1e-5)
    assert not found.larger
    assert against(only_g, only_g.data_sets([(counts(only_g, 2e-3), {})]), MASS, 1e-5).larger  # more Z' than is tested


def test_p_value_is_half_a_chi_square_independent():
    assert threshold(0.95) == pytest.approx(2.705543, rel=1e-6)
    for q in (0.3, 2.7, 11.0):  # P(chi^2_1 > q) = erfc(sqrt(q/2))
        assert p_value(q) == pytest.approx(float(mpmath.erfc(mpmath.sqrt(q / 2))) / 2, rel=1e-12)
    assert p_value(0.0) == 1.0


# Forecasts ------------------------------------------------------------------------------------------------------------


def test_years_until_it_is_excluded_analytic(only_g, tmp_path):
    """q is proportional to the exposure, so that the years follow from one closed form."""
    with_zprime, without = counts(only_g, COUPLING), counts(only_g, 1e-12)
    each = ratio(without, without, with_zprime)
    livetime = 227708167.68 / 31557600.0  # years of HESE 7.5, data/hese7
    found = forecast(
        "hese7_icecube",
        POINT,
        tmp_path,
        overrides=ONLY_G,
        exposures=(1, 4, 30),
        **QUIET,
    )
    relation, years = found.years_until("excluded")
    assert relation == "="
    assert years == pytest.approx(threshold(0.95) / each * livetime, rel=1e-3)
    assert found.years[0] == pytest.approx(livetime)
    np.testing.assert_allclose(found.statistics["excluded"], each * np.array([1, 4, 30]), rtol=1e-4)
    assert json.loads(json.dumps(found.to_json()))["years_until"]["excluded"] == {"relation": "=", "years": years}
    figure = plot_forecast(found, threshold(0.95))
    (axes,) = figure.axes
    assert [line.get_label().split(":")[0] for line in axes.lines[:2]] == [
        "seen, if there is one",
        "excluded, if there is none",
    ]
    assert axes.get_xscale() == axes.get_yscale() == "log"


def test_crossing_says_what_it_does_not_know():
    years, q = np.array([1.0, 10.0, 100.0]), np.array([0.1, 1.0, 10.0])
    assert crossing(years, q, 0.05) == ("<", 1.0)
    assert crossing(years, q, 20.0) == (">", 100.0)
    assert crossing(years, q, 1.0) == ("=", 10.0)


def test_expected_limit_is_where_the_closed_form_reaches_its_threshold(only_g, tmp_path):
    """At 30 times the exposure; simulated data sets spread around it, and their quantiles are ordered."""
    keys = ONLY_G | {"data.exposure": 30.0}
    band = forecast_band("hese7_icecube", [MASS], tmp_path, 3, overrides=keys, **QUIET)
    without = counts(only_g, 1e-12)

    def excess(log10_g):
        return 30.0 * ratio(without, without, counts(only_g, 10.0**log10_g)) - threshold(0.95)

    assert band.asimov[0] == pytest.approx(10.0 ** optimize.brentq(excess, -5.0, -2.6), rel=5e-3)
    assert band.limits.shape == (1, 3)
    assert np.all(np.diff(band.quantiles()[:, 0]) >= 0.0)
    assert np.any(band.limits < band.asimov)
    assert np.any(band.limits > band.asimov)


def test_a_band_above_the_prior_is_open():
    limits = np.array([[1e-4, 2e-4, np.inf], [np.inf, np.inf, np.inf]])
    band = Band("toy", 0.95, 10.0, np.array([5.0, 10.0]), limits, limits[:, 0], 3e-3)
    assert band.to_json()["quantiles"]["0.5"] == [2e-4, None]
    axes = plot_expected_limits(band).axes[0]
    assert len([text for text in axes.texts if text.arrow_patch is not None]) == 1
    assert axes.get_ylim()[1] > 3e-3


@pytest.mark.slow
def test_simulated_data_follow_the_assumed_distribution_statistical(tmp_path):
    """g' alone unknown, 30 times the exposure: 5 % pass by chance, half where the expected q is at the threshold."""
    found = forecast("hese7_icecube", POINT, tmp_path, overrides=ONLY_G, exposures=(10, 20, 30), check=100, **QUIET)
    for check in found.checks:
        assert abs(check.false_rate - 0.05) < 4.0 * math.sqrt(0.05 * 0.95 / 100)
        shift = math.sqrt(check.expected) - math.sqrt(
            threshold(0.95)
        )  # sqrt(q) is a unit normal around its expectation
        power = float(mpmath.ncdf(shift))
        assert abs(check.power - power) < 4.0 * math.sqrt(0.25 / 100)


# The command ----------------------------------------------------------------------------------------------------------

FIXED = [part for name, value in ONLY_G.items() for part in ("--set", f"{name}={value}")]


@pytest.fixture
def in_this_process(monkeypatch):
    """Workers of their own are tested elsewhere; here they would only cost their start."""
    monkeypatch.setattr(store, "open_executor", lambda *_: contextlib.nullcontext(Inline()))


@pytest.mark.usefixtures("in_this_process")
def test_forecast_from_the_command_line(tmp_path, capsys):
    arguments = ["forecast", "hese7_icecube", *FIXED, "--at", "m_zprime_mev=8", "--at", "g_prime=5e-4", "--jobs", "1"]
    arguments += ["--exposures", "1,30", "--out", str(tmp_path / "out"), "--figure", str(tmp_path / "q.pdf")]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "excluded at 95 % after" in out
    assert "half the time 0" in out
    assert (tmp_path / "q.pdf").stat().st_size > 1000
    assert main([*arguments, "--json", "--resume"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["years"]) == 2
    assert "4 of 4 jobs are there" in captured.err
    assert main([*arguments, "--check", "1", "--force"]) == 0  # which does a second lot of jobs in its folder
    assert capsys.readouterr().out.count("1 simulated data sets") == 2
    assert main(["status", str(tmp_path / "out")]) == 0
    band = ["forecast", "hese7_icecube", *FIXED, "--set", "data.exposure=30", "--band", "--masses", "8", "9"]
    band += ["--points", "2", "-n", "1", "--jobs", "1", "--out", str(tmp_path / "band")]
    band += ["--figure", str(tmp_path / "b.pdf")]
    assert main(band) == 0
    assert "limits on g' at 95 %" in capsys.readouterr().out
    assert (tmp_path / "b.pdf").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--at", "m_zprime_mev=8"], "give m_zprime_mev and g_prime"),
        (["--at", "m_zprime_mev=8", "--at", "g_prim=1"], "parameter 'g_prim': not one of"),
        (["--at", "m_zprime_mev=8", "--at", "g_prime=1e-3", "--exposures", "2,1"], "increasing positive numbers"),
        (["--at", "m_zprime_mev=8", "--at", "g_prime=1e-3", "--level", "2"], "--level 2: it must be between"),
        (["--set", "model.absorption=false", "--at", "gamma=2"], "model.absorption is false"),
        (["--band", "--masses", "9", "3"], "--masses 9 3: two positive masses"),
        (["--band", "--figure", "band.txt"], "format 'txt'"),
        (["--band", "--figure", "band.pdf", "--points", "1"], "a band needs two masses or more"),
        (["--band", "--figure", "band.pdf", "--masses", "5", "5"], "a band needs two masses or more"),
        (["--band", "--masses", "3", "100"], "is not allowed; it must be in the prior, from 1 to 50"),
        (["--band", "--check", "3"], "--check: it does nothing with --band"),
        (["--band", "--at", "m_zprime_mev=8"], "the truth of a band has no Z'"),
        (["-n", "7"], "-n: it does nothing without --band"),
        (["--at", "m_zprime_mev=8", "--at", "g_prime=1e-3", "--exposures", "nan"], "increasing positive numbers"),
        (["--at", "m_zprime_mev=8", "--at", "g_prime=1e-3", "--exposures", "1,inf"], "increasing positive numbers"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, message, tmp_path, capsys):
    assert main(["forecast", "hese7_icecube", *arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
