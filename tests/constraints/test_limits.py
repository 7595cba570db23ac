"""Limits on g' against m_Z': their definition, the command and the figure."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from plotting_checks import Constrained

import nuinfer
from nuinfer.cli import main
from nuinfer.confidence import CONVENTIONS, INTERVAL, LIMIT, ONE_SIGMA, PLANE
from nuinfer.constraints import CONSTRAINTS, base, limits, muon_g2
from nuinfer.constraints.base import Constraint, Measurement
from nuinfer.errors import ConfigError
from nuinfer.inference.studies.limits import Limits
from nuinfer.plotting import plot_bounds, style

DEFINITIONS = CONSTRAINTS.shipped
LMU_LTAU = (0.0, 1.0, -1.0)
BOX = (1.0, 50.0)
Z_ONE, Z_TWO = 1.6448536269514722, 1.959963984540054  # 95 %, one- and two-sided


def saturating(shift: float, mass: float) -> float:
    """Coupling that gives a shift of a_mu in 1e-10; the shift goes as g'^2."""
    return math.sqrt(shift * 1e-10 / float(muon_g2.delta_a_mu(mass, 1.0)))


@pytest.mark.parametrize(
    ("form", "options", "shift"),
    [
        ("exclusion", {}, 3.8 + Z_ONE * 6.3),
        ("exclusion", {"limit": 42.6}, 42.6),
        ("two_sided", {}, 3.8 + Z_ONE * 6.3),
        ("one_sided", {}, 3.8 + Z_ONE * 6.3),
    ],
)
def test_the_limit_is_where_the_observable_reaches_it(form: base.Form, options: dict[str, float], shift: float) -> None:
    term = DEFINITIONS["muon_g2"].build(form, "wp2025", LMU_LTAU, BOX, **options)
    found = limits.bound(term, [1.0, 10.0, 50.0])
    np.testing.assert_allclose(found.upper, [saturating(shift, m) for m in (1.0, 10.0, 50.0)], rtol=1e-10)
    assert found.lower.tolist() == [0.0] * 3


def test_a_measured_anomaly_has_two_ends() -> None:
    term = DEFINITIONS["muon_g2"].build("two_sided", "bnl2001", LMU_LTAU, BOX)
    for convention, z in ((LIMIT, Z_ONE), (INTERVAL, Z_TWO)):
        found = limits.bound(term, [10.0], convention=convention)
        assert found.lower[0] == pytest.approx(saturating(42.6 - z * 16.5, 10.0), rel=1e-10)
        assert found.upper[0] == pytest.approx(saturating(42.6 + z * 16.5, 10.0), rel=1e-10)


def test_one_convention_holds_for_likelihoods_and_exclusions() -> None:
    """Published table: the fall of chi^2 of PDG 2024, Table 40.2; whatever acts, a bound lies as many sigma away."""
    published = {"limit": 2.7055, "interval": 3.8415, "plane": 5.9915}
    for name, fall in published.items():
        assert 2.0 * CONVENTIONS[name].drop(0.95) == pytest.approx(fall, abs=1e-4)
        shift = 3.8 + math.sqrt(fall) * 6.3
        for form in ("exclusion", "two_sided", "one_sided"):
            term = DEFINITIONS["muon_g2"].build(form, "wp2025", LMU_LTAU, BOX)
            found = limits.bound(term, [10.0], convention=CONVENTIONS[name])
            assert found.upper[0] == pytest.approx(saturating(shift, 10.0), rel=1e-5)
            assert CONVENTIONS[name].words in found.statement
    assert 2.0 * PLANE.drop(ONE_SIGMA) == pytest.approx(2.2957, abs=1e-4)
    assert 2.0 * INTERVAL.drop(ONE_SIGMA) == pytest.approx(1.0, abs=1e-12)


def test_excess_is_measured_from_the_largest_likelihood_within_reach() -> None:
    """A figure and the search at each mass share it: the measured value, or the prediction nearest to it."""
    term = DEFINITIONS["muon_g2"].build("two_sided", "bnl2001", LMU_LTAU, BOX)
    edge = saturating(42.6 + Z_ONE * 16.5, 10.0)
    assert limits.excess(term, 10.0, [edge / 3.0, edge])[1] == pytest.approx(0.0, abs=1e-9)  # encloses the mean
    strong = limits.excess(term, 10.0, [2.0 * edge])  # the Standard Model is better than everything drawn
    assert strong[0] == pytest.approx(
        float(term.log_term_of(42.6) - term.log_term(10.0, 2.0 * edge)) - LIMIT.drop(0.95), rel=1e-9
    )
    weak = limits.excess(term, 10.0, [0.01 * edge])
    assert weak[0] == pytest.approx(-LIMIT.drop(0.95), rel=1e-9)
    cut = DEFINITIONS["muon_g2"].build("exclusion", "wp2025", LMU_LTAU, BOX, confidence_level=0.8)
    assert limits.excess(cut, 10.0, saturating(cut.limit, 10.0), level=0.95) == pytest.approx(0.0, abs=1e-9)


def test_the_level_moves_it() -> None:
    term = DEFINITIONS["muon_g2"].build("exclusion", "wp2025", LMU_LTAU, BOX, confidence_level=0.95)
    assert limits.bound(term, [10.0], level=0.5).upper[0] == pytest.approx(saturating(3.8, 10.0), rel=1e-10)
    fixed = DEFINITIONS["muon_g2"].build("exclusion", "wp2025", LMU_LTAU, BOX, limit=42.6)
    assert limits.bound(fixed, [10.0], level=0.5).upper[0] == pytest.approx(saturating(42.6, 10.0), rel=1e-10)
    with pytest.raises(ConfigError, match=r"level: 1.0 is outside"):
        limits.bound(DEFINITIONS["muon_g2"].build("two_sided", "wp2025", LMU_LTAU, BOX), [10.0], level=1.0)


def toy(predict: object, limit: float) -> base.Constraint:
    return base.Constraint("toy", "exclusion", base.Measurement("m", "nowhere", limit=limit), predict, 0.0)


def test_everything_or_nothing_excluded() -> None:
    found = limits.bound(toy(lambda m, g: np.where(m < 5.0, 2.0, 0.0) + 0.0 * g, 1.0), [1.0, 10.0])
    assert math.isnan(found.upper[0])
    assert math.isinf(found.upper[1])
    assert math.isnan(found.lower[0])
    assert found.lower[1] == 0.0


def test_one_that_does_not_depend_on_the_coupling_is_refused() -> None:
    term = DEFINITIONS["neutrino_mass"].build("one_sided", "planck2018", LMU_LTAU, BOX)
    with pytest.raises(ConfigError, match=r"constraints.neutrino_mass: it depends on sum_nu_masses_ev, not on g'"):
        limits.bound(term, [1.0])


def test_the_command_prints_saves_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, figure = tmp_path / "limits.csv", tmp_path / "bounds.png"
    more = ["--set", "constraints.trident.form=two_sided", "--set", "constraints.neutrino_mass.form=one_sided"]
    assert main(["constraints", "hese7", "--points", "4", "--out", str(table), "--figure", str(figure), *more]) == 0
    text = capsys.readouterr().out
    assert f"wrote {table}" in text
    assert f"wrote {figure}" in text
    assert "arXiv:1707.09279" in text
    assert "none: no g' is allowed at this mass, however small" in text
    assert "any: at this mass the constraint allows every g'" in text
    rows = list(csv.DictReader(line for line in table.read_text().splitlines() if not line.startswith("#")))
    assert [float(row["m_zprime_mev"]) for row in rows] == pytest.approx(np.geomspace(1.0, 10.0**1.7, 4).tolist())
    assert main(["constraints", "hese7", "--points", "4", "--json", *more]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["level"], answer["convention"]) == (0.95, "limit")
    assert answer["drop_in_ln_l"] == pytest.approx(1.353, abs=5e-4)
    assert main(["constraints", "hese7", "--points", "2", "--sigma", "5"]) == 0  # of which 100 - 2.9e-5 % is no name
    assert "hese7: g' allowed at 5 sigma, one-sided" in capsys.readouterr().out
    assert main(["constraints", "hese7", "--points", "4", "--sigma", "1.6448536269514722", "--json", *more]) == 0
    assert json.loads(capsys.readouterr().out)["level"] == pytest.approx(0.95, rel=1e-12)
    assert answer["not_on_g_prime"] == ["neutrino_mass"]
    assert set(answer["constraints"]) == {"muon_g2", "borexino", "neff", "sn1987a", "trident"}
    for name, found in answer["constraints"].items():
        column = [float(row[f"{name}_upper"]) if row[f"{name}_upper"] else None for row in rows]
        assert found["g_prime_upper"] == column
    assert answer["constraints"]["neff"]["g_prime_upper"][0] == 0.0  # every coupling is excluded
    assert answer["constraints"]["neff"]["g_prime_upper"][-1] is None  # none is
    assert figure.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--masses", "5", "1"], "--masses 5 1: two positive masses are needed"),
        (["--level", "2"], "level: 2.0 is outside the allowed"),
        (["--sigma", "1", "--convention", "plane"], "--sigma 1: that is 39 % here, and 50 % is the least"),
        (["--sigma", "8"], "sigma: 8 is outside the allowed (0, 7]"),
        (["--out", "limits.txt"], "the name must end in .json or .csv"),
        (["--figure", "bounds.bmp"], "format 'bmp' of a figure"),
        (["--set", "model.absorption=false"], "model.absorption: false"),
        (["--set", "constraints.borexino.measurement=phase3"], "'phase3' is unknown; known: phase2, phase1, bauer2018"),
    ],
)
def test_bad_input_gets_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["constraints", "hese7", "--points", "2", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_figure_has_every_bound_the_band_and_the_dip() -> None:
    analysis = nuinfer.load("hese7", ["constraints.trident.form=two_sided", "constraints.neutrino_mass.form=one_sided"])
    figure = plot_bounds(analysis)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    for name in ("muon", "Borexino", "N_\\mathrm{eff}", "SN1987A", "tridents", "tau = 1", "dip at 400–800 TeV"):
        assert any(name in label for label in labels), name
    assert not any("mass" in label for label in labels)
    assert "external bounds, 95 % CL, one-sided:" in labels
    assert "SN1987A (Hirata et al. 1987, estimate)" in labels
    assert not any(constraint.measurement.name in label for constraint in analysis.constraints for label in labels)
    # sqrt(2 m E) of the heaviest target: normal ordering, lightest 0.003 to 0.1 eV, 400 and 800 TeV
    low, high = (math.sqrt(2.0 * math.sqrt(m**2 + 2.513e-3) * e) / 1e6 for m, e in ((0.003, 4e14), (0.1, 8e14)))
    vertical = sorted({line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 2})
    np.testing.assert_allclose(vertical, [low, high], rtol=1e-9)


def test_the_axis_of_couplings_follows_what_is_drawn() -> None:
    """Bounds of a scalar lie at 0.3; without any, the opaque band is all there is."""
    ends = {}
    for form in ("off", "two_sided"):
        figure = plot_bounds(nuinfer.load("hese7_nutau_scalar", [f"constraints.tau_decays.form={form}"]))
        ends[form] = figure.axes[0].get_ylim()
    assert ends["off"][1] < 1e-2
    assert 0.3 < ends["two_sided"][1] < 1.0
    assert ends["off"][0] == ends["two_sided"][0]


def test_a_curve_ends_where_nothing_bounds_it() -> None:
    """Without a vertical line; that of a bound on every coupling has one."""
    toy = Constraint("toy", "exclusion", Measurement("m", "r", limit=1.0), lambda m, g: g / 1e-3 * (m < 12.0), 0.0)
    figure = plot_bounds(Constrained(nuinfer.load("hese7_icecube"), toy))
    mass, coupling = next(line for line in figure.axes[0].lines if "toy" in str(line.get_label())).get_data()
    np.testing.assert_allclose(coupling, np.where(np.asarray(mass) < 12.0, 1e-3, np.nan), rtol=1e-6)
    paper = plot_bounds(nuinfer.load("paper")).axes[0]
    n_eff = next(line for line in paper.lines if "N_\\mathrm{eff}" in str(line.get_label())).get_ydata()
    assert np.nanmin(n_eff) < paper.get_ylim()[0] < paper.get_ylim()[1] < np.nanmax(n_eff)


def test_the_limit_of_the_data_is_drawn_over_the_bounds() -> None:
    masses, limits = np.array([3.0, 6.0, 12.0]), np.array([1e-3, 2e-7, np.nan])
    of_data = Limits("the data", "profile", 0.95, masses, limits, np.full(3, np.nan), ())
    figure = plot_bounds(nuinfer.load("hese7_icecube"), data=of_data)
    drawn = next(line for line in figure.axes[0].lines if line.get_label() == "the data:\nprofile limit, 95 %")
    np.testing.assert_array_equal(drawn.get_ydata(), limits)
    assert figure.axes[0].get_ylim()[0] < 2e-7


def test_the_figure_needs_a_zprime_and_fits_a_column() -> None:
    with pytest.raises(ConfigError, match=r"model.absorption = false"):
        plot_bounds(nuinfer.load("hese7", ["model.absorption=false"]))
    figure = plot_bounds(nuinfer.load("hese7"), width_in=style.COLUMN_IN)
    assert figure.get_figwidth() == pytest.approx(style.COLUMN_IN)
