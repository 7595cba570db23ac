"""Limits on g' at fixed masses, and the significance of absorption: published tables, coverage, p-values, bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from nominal import FIXED
from scipy import stats

import nuinfer
from nuinfer.cli import main
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.profile import Profile
from nuinfer.inference.profile.search import best_fits
from nuinfer.inference.studies import limits
from nuinfer.inference.studies.limits import upper_end
from nuinfer.inference.studies.significance import Significance

TABLE = json.loads((Path(__file__).parents[1] / "reference" / "feldman_cousins.json").read_text())
SMALL = [*FIXED, "parameters.lightest_nu_mass_ev.value=0.02"]
ONLY_G = [*SMALL, "parameters.log10_m_zprime_mev.value=1.0", "parameters.gamma.value=2.6"]


def constructed(toys, observed, simulations):
    """Limit by simulations for the counting experiment of the table, 90 %."""
    toy = toys.OneBin(observed=float(observed))
    found = nuinfer.limit(toy, [10.0], "feldman-cousins", TABLE["level"], simulations=simulations)
    return float(found.limits[0]), float(found.errors[0])


def test_the_reference_construction_is_the_published_table():
    """Phys. Rev. D 57 (1998) 3873, Table IV, to its two digits; n = 0 was raised there to be monotonic in b."""
    for n, published in TABLE["published"].items():
        assert TABLE["limits"][n] == pytest.approx(published, abs=0.011 if n != "0" else 0.14)


def test_limits_by_simulation_are_those_of_the_table_statistical(toys):
    """Three events over a background of 3: 4.42. The limit by Wilks' theorem is another one (negative control)."""
    found, error = constructed(toys, 3, 100)
    assert 0.05 < error < 1.5
    assert abs(found - TABLE["limits"]["3"]) < 3.0 * error
    wilks = nuinfer.limit(toys.OneBin(observed=3.0), [10.0], "profile", TABLE["level"]).limits[0]
    assert wilks < 3.6  # by hand: 3 ln(6/3) - 3.6 + 3... falls by 0.82 at mu = 2.8


@pytest.mark.slow
def test_every_limit_of_the_table_and_their_coverage_statistical(toys):
    """All eight within their Monte-Carlo errors; they cover signals in 90 % of the data, half as large do not."""
    found = {int(n): constructed(toys, n, 400) for n in TABLE["limits"]}
    for n, (value, error) in found.items():
        assert abs(value - TABLE["limits"][str(n)]) < 3.0 * error + (0.3 if n == 0 else 0.0)  # p is not monotonic there
    for mu in (0.5, 2.0, 4.0):
        covers, halved = (
            sum(stats.poisson.pmf(n, mu + 3.0) for n in range(60) if n not in found or factor * found[n][0] >= mu)
            for factor in (1.0, 0.5)
        )
        assert covers > TABLE["level"] - 0.05
        assert mu < 4.0 or halved < TABLE["level"] - 0.05


def test_the_end_of_what_is_allowed_analytic():
    """An exact p-value, 2 (1 - Phi(x)), falls to 0.05 at x = 1.96; with noise the spread is the error that is given."""

    def p_value(x):
        return float(2.0 * stats.norm.sf(x))

    where, _ = upper_end(p_value, (0.0, 6.0), 1.0, 0.05, 10**6)
    assert where == pytest.approx(1.95996, abs=2e-3)
    assert all(math.isnan(x) for x in upper_end(p_value, (0.0, 1.5), 1.0, 0.05, 10**6))
    rng = np.random.default_rng(1)
    noisy = [upper_end(lambda x: rng.binomial(400, p_value(x)) / 400, (0.0, 6.0), 1.0, 0.05, 400) for _ in range(200)]
    pulls = [(where - 1.95996) / error for where, error in noisy]
    assert abs(np.mean(pulls)) < 0.5
    assert 0.3 < np.std(pulls) < 1.3  # several trials make the line, the error is that of one


def test_profile_limits_are_those_of_the_profile_at_that_mass(tmp_path):
    """One mechanism: the same searches as by hand; the folder is gone on with, and has nothing left to do."""
    analysis = nuinfer.load("hese7", SMALL)
    found = nuinfer.limit(analysis, [5.0, 10.0], out=tmp_path / "out", progress=False)
    at = analysis.with_overrides({"parameters.log10_m_zprime_mev.value": 1.0})
    assert math.log10(found.limits[1]) == Profile(at, 1504).limit("log10_g_prime", "upper")
    results = (tmp_path / "out" / "results.jsonl").read_bytes()
    again = nuinfer.limit(analysis, [5.0, 10.0], out=tmp_path / "out", progress=False)
    np.testing.assert_array_equal(again.limits, found.limits)
    assert (tmp_path / "out" / "results.jsonl").read_bytes() == results
    assert set(found.to_json()) == {"analysis", "method", "level", "masses_mev", "limits", "errors", "warnings"}


def test_credible_limits_are_quantiles_of_the_posterior_by_quadrature(monkeypatch):
    """Coupling and normalisation alone: 95 % of the posterior on a grid, at 10 MeV."""
    analysis = nuinfer.load("hese7", ONLY_G)
    monkeypatch.setattr(limits, "ESS", 300.0)
    found = nuinfer.limit(analysis, [10.0], "credible")
    g, phi = (np.linspace(*bounds, 401)[1:-1] for bounds in analysis.prior_bounds)
    grid = np.stack(np.meshgrid(g, phi, indexing="ij"), axis=-1)
    weights = np.exp(analysis.log_prob(grid) - analysis.log_prob(grid).max()).sum(axis=1)
    exact = float(np.interp(0.95, np.cumsum(weights) / weights.sum(), g))
    error = found.errors[0] / found.limits[0] / math.log(10.0)
    assert abs(math.log10(found.limits[0]) - exact) < 4.0 * error + 0.01


def test_a_mass_that_the_data_disfavour_is_warned_of_and_nothing_excluded_is_said():
    """At 1 MeV g-2 and N_eff disfavour the whole slice of hese7 by tens in ln P."""
    found = nuinfer.limit(nuinfer.load("hese7", SMALL), [1.0])
    assert "in ln L worse than at" in found.warnings[0]
    weak = nuinfer.limit(nuinfer.load("hese7_icecube", [*ONLY_G, "parameters.log10_g_prime.high=-4.5"]), [10.0])
    assert np.isnan(weak.limits[0])
    assert weak.to_json()["limits"] == [None]
    assert "no coupling inside the prior, up to 3.16e-05, is excluded" in weak.warnings[0]


def test_a_table_and_a_figure_are_written(tmp_path, capsys):
    """An empty field where nothing is excluded; masses are spaced evenly in their logarithm."""
    files = ["--csv", str(tmp_path / "limits.csv"), "--figure", str(tmp_path / "limits.pdf")]
    options = [*(f"--set={each}" for each in SMALL), "--set=parameters.gamma.value=2.6", "--jobs", "1"]
    assert main(["limit", "hese7", "--masses", "8", "32", "2", *options, *files]) == 0
    assert "95 % CL, one-sided" in capsys.readouterr().out
    head, *rows = (tmp_path / "limits.csv").read_text().split()
    assert head == "m_zprime_mev,g_prime_upper,monte_carlo_error"
    assert [float(row.split(",")[0]) for row in rows] == pytest.approx([8.0, 32.0])
    assert all(row.endswith(",") for row in rows)
    assert (tmp_path / "limits.pdf").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["limit", "hese7", "--mass", "0.5"], "masses_mev: 0.5 is not allowed; it must be in the prior"),
        (["limit", "hese7", "--masses", "9", "5", "3"], "--masses 9 5: two positive masses"),
        (["limit", "hese7", "--masses", "5", "9", "2.5"], "write two masses and how many"),
        (["limit", "hese7", "--masses", "5", "9", "inf"], "write two masses and how many"),
        (["limit", "hese7", "--masses", "5", "9", "1e300"], "write two masses and how many"),
        (["limit", "hese7", "--mass", "8", "--level", "1.5"], r"level: 1.5 is outside the allowed \[0.5, 1\)"),
        (["limit", "hese7", "--mass", "8", "--set", "model.absorption=false"], "limit: model.absorption = false"),
        (["limit", "hese7", "--mass", "8", "--set", "parameters.log10_g_prime.value=-4"], "log10_g_prime is fixed"),
        (["limit", "hese7", "--mass", "8", "--figure", "x.doc"], "doc"),
        (["limit", "hese7", "--mass", "8", "--method", "feldman-cousins", "--simulations", "3"], "at least 10"),
        (["significance", "hese7", "--set", "model.absorption=false"], "significance: model.absorption = false"),
        (["significance", "hese7", "--set", "parameters.log10_g_prime.value=-4"], "log10_g_prime is fixed"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(error)


@pytest.mark.parametrize("masses", [[9.0, 5.0], [], [5.0, 5.0], [math.nan]])
def test_masses_that_do_not_increase_are_refused(masses):
    with pytest.raises(ConfigError, match="increasing masses are needed"):
        nuinfer.limit(nuinfer.load("hese7"), masses)
    with pytest.raises(ConfigError, match="simulations: -1 is not allowed"):
        nuinfer.significance(nuinfer.load("hese7"), -1)
    with pytest.raises(
        ConfigError, match="method: 'x' is not allowed; it is one of profile, credible, feldman-cousins"
    ):
        nuinfer.limit(nuinfer.load("hese7"), [8.0], "x")


# Significance ---------------------------------------------------------------------------------------------------------


def test_p_values_of_a_known_distribution_analytic():
    """Half the time zero, else chi^2_1: q = 4 has 0.0228 in the simulations too, within the interval that is given."""
    rng = np.random.default_rng(1)
    simulated = np.where(rng.random(4000) < 0.5, 0.0, rng.chisquare(1, 4000))
    found = Significance("toy", 4.0, 8.0, 1e-3, simulated)
    assert found.local_p_value == pytest.approx(stats.norm.sf(2.0), rel=1e-9)
    low, high = found.global_interval
    assert low < found.reached / 4000 < high
    assert abs(found.global_p_value - stats.norm.sf(2.0)) < 2.0 * (high - low)
    assert found.trials == pytest.approx(1.0, abs=0.2)
    none = Significance("toy", 40.0, 8.0, 1e-3, simulated[:50])
    # Clopper and Pearson: no success in n has an upper end of 1 - (tail)^(1/n)
    assert none.global_interval == (0.0, pytest.approx(1.0 - 0.15865525 ** (1.0 / 50), rel=1e-6))
    assert "is a bound" in none.warnings[0]


def test_the_command_gives_what_the_function_does_and_goes_on(tmp_path, capsys):
    """Two data sets, then three: the first two are kept; without simulations there is a warning."""
    options = ["hese7_icecube", *(f"--set={each}" for each in ONLY_G), "--jobs", "1"]
    kept = ["--out", str(tmp_path / "out")]
    assert main(["significance", *options, *kept, "--simulations", "2", "--json"]) == 0
    two = json.loads(capsys.readouterr().out)
    assert main(["significance", *options, *kept, "--simulations", "3"]) == 2
    assert "already holds a significance; --resume continues it, --force starts over" in capsys.readouterr().err
    assert main(["significance", *options, "--resume", "--simulations", "3"]) == 2
    assert "--resume: needs --out" in capsys.readouterr().err
    assert main(["significance", *options, *kept, "--resume", "--simulations", "3", "--json"]) == 0
    captured = capsys.readouterr()
    three = json.loads(captured.out)
    assert "3 of 4 data sets are there" in captured.err
    assert (two["q"], two["simulations"], three["simulations"]) == (three["q"], 2, 3)
    found = nuinfer.significance(nuinfer.load("hese7_icecube", ONLY_G), 2)
    assert json.loads(json.dumps(found.to_json())) == two
    assert main(["significance", *options, *kept, "--force", "--simulations", "0"]) == 0
    assert "warning: without simulations" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_global_p_values_are_uniform_under_the_null_statistical():
    """Thirty data sets without absorption, each with simulations of its own; with a strong Z' the p-value is small."""
    analysis = nuinfer.load("hese7_icecube", [*SMALL, "parameters.gamma.value=2.6", "data.exposure=4"])
    standard = analysis.with_overrides({"model.absorption": False})
    p_values = []
    for k in range(30):
        counts = nuinfer.simulate(standard, {"phi_total": 6.0}, seed=k).observed_counts
        p_values.append(nuinfer.significance(analysis.with_observed(counts), 20, seed=k).global_p_value)
    # discrete: multiples of 1/21, and ties at q = 0 make some of them 1
    assert stats.binomtest(int(np.sum(np.array(p_values) <= 0.5)), 30, 10 / 21).pvalue > 1e-3
    assert np.sum(np.array(p_values) <= 0.1) <= 9
    more = analysis.with_overrides(["data.exposure=40"])
    strong = nuinfer.simulate(more, {"m_zprime_mev": 8.0, "g_prime": 3e-3, "phi_total": 15.0}, seed=1)
    assert nuinfer.significance(strong, 20).global_p_value <= 3 / 21


# Lockstep -------------------------------------------------------------------------------------------------------------


def test_best_fits_are_those_of_each_to_the_bit():
    """Three data sets together, in other batches, and each alone."""
    analysis, rng = nuinfer.load("hese7_icecube", ONLY_G), np.random.default_rng(2)
    drawn = [(rng.poisson(analysis.expected_counts(analysis.prior_transform([0.5, 0.5]))), {}) for _ in range(3)]
    together = best_fits(analysis, analysis.data_sets(drawn), seed=5, batch=777)
    for found, one in zip(together, drawn, strict=True):
        alone = nuinfer.best_fit(analysis.with_observed(*one), seed=5)
        np.testing.assert_array_equal(found.theta, alone.theta)
        assert found.log_prob == alone.log_prob
