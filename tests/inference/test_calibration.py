"""Simulation-based calibration: it passes an honest posterior, it finds what is deliberately wrong (statistical)."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from nominal import FIXED
from scipy import stats

import nuinfer
from nuinfer.cli import build_parser, main
from nuinfer.errors import ConfigError, RunFolderError
from nuinfer.inference.studies.calibration import CONTROLS, Setting, calibrate, judge, simulate
from nuinfer.inference.studies.campaign import CampaignConfig, run_campaign


def outcome(toys, control="none", n=60, n_dim=2):
    setting = Setting(seed=11, min_ess=100, control=control, steps=200)
    return judge([simulate(toys.Counting(n_dim=n_dim), setting, k) for k in range(n)], "toy", setting)


def test_an_honest_posterior_passes_statistical(toys):
    result = outcome(toys)
    assert result.passed, result.markdown()
    assert set(result.ranks) == {"x0", "x1", "log_likelihood", "total_counts"}
    assert result.ess_min >= 100
    assert all(row.pull_error == pytest.approx(1 / np.sqrt(60)) for row in result.rows)


def test_a_wrong_livetime_fails_negative_control(toys):
    assert {"total_counts"} <= set(outcome(toys, "livetime").failures)


def test_an_ignored_likelihood_is_seen_by_its_own_rank_alone_negative_control(toys):
    assert outcome(toys, "prior").failures == ("log_likelihood",)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_released_snooker_move_fails_negative_control(toys):
    """The same simulations pass with our moves: the posteriors of the broken one are too narrow."""
    broken, honest = (outcome(toys, control, n=80, n_dim=8) for control in ("snooker", "none"))
    assert honest.passed, honest.markdown()
    assert not broken.passed
    rows = [row for row in broken.rows if row.name.startswith("x")]
    assert len(rows) == 8
    assert np.mean([row.dispersion for row in rows]) > 1.15


def test_statistics_of_known_ranks_analytic():
    ranks = np.random.default_rng(3).uniform(size=400)
    simulations = [{"rank": {"x": r, "region": r}, "pull": {"x": stats.norm.ppf(r)}, "ess": 500.0} for r in ranks]
    result = judge(simulations, "known", Setting())
    row = result.rows[0]
    assert row.dispersion == pytest.approx(12.0 * np.mean((ranks - 0.5) ** 2))
    assert row.dispersion_error == pytest.approx(np.sqrt(0.8 / 400))  # kurtosis 9/5 of a uniform variable
    assert row.p_values[2] == pytest.approx(stats.kstest(ranks, "uniform").pvalue)
    assert result.coverage[0.68] == np.mean(ranks < 0.68)
    assert result.passed
    narrow = [{**one, "rank": {"x": float(r > 0.5)}} for one, r in zip(simulations, ranks, strict=True)]
    assert judge(narrow, "narrow", Setting()).failures == ("x",)
    stuck = [{**one, "pull": {"x": 1e12}, "ess": 3.0} for one in simulations]
    few, many = (judge([*stuck[:k], *simulations[k:]], "poor", Setting()) for k in (4, 5))
    assert few.passed  # 1 % of the fits is left out
    assert (few.inadequate, few.simulations, few.ess_min) == (4, 396, 500.0)
    assert not many.passed
    assert not judge(stuck, "stuck", Setting()).passed
    assert judge([{**one, "mediator": "scalar"} for one in simulations], "known", Setting()).mediator == "scalar"


def test_numbers_do_not_depend_on_jobs_and_interruptions(toys, tmp_path, pool):
    toy, setting = toys.Counting(), Setting(seed=5, min_ess=10, steps=60)
    whole = calibrate(toy, tmp_path / "whole", 6, setting, executor=pool, progress=False)
    calibrate(toy, tmp_path / "cut", 2, setting, jobs=1, progress=False)
    results = tmp_path / "cut" / "results.jsonl"
    results.write_bytes(results.read_bytes()[:-20])  # as a kill in the middle of the second line would leave it
    cut = calibrate(toy, tmp_path / "cut", 6, setting, jobs=2, progress=False)
    assert cut.markdown() == whole.markdown()
    for name, ranks in whole.ranks.items():
        np.testing.assert_array_equal(ranks, cut.ranks[name])
    assert (tmp_path / "cut" / "calibration.md").read_text() == whole.markdown()
    with pytest.raises(RunFolderError, match="holds another calibration"):
        calibrate(toy, tmp_path / "cut", 6, replace(setting, seed=6), executor=pool)
    with pytest.raises(ConfigError, match="simulations: 1 is not allowed"):
        calibrate(toy, tmp_path / "new", 1, executor=pool)
    with pytest.raises(ConfigError, match="control: 'typo' is not allowed"):
        Setting(control="typo")


@pytest.mark.slow
@pytest.mark.parametrize("control", ["none", "measurements"])
def test_constraints_of_the_flagship_are_calibrated(control):
    """With mass, coupling and flux free; measured values drawn at the Standard Model instead of the truth are found
    (statistical, negative control)."""
    settings = [*FIXED, "parameters.lightest_nu_mass_ev.value=0.02", "sampler.walkers=24"]
    analysis = nuinfer.load("hese7", [*settings, "parameters.gamma.value=2.8"])
    setting = Setting(seed=11, min_ess=30, control=control, steps=200)
    result = judge([simulate(analysis, setting, k) for k in range(24)], control, setting)
    if control == "none":
        assert result.passed, result.markdown()
    else:
        assert {"log10_m_zprime_mev", "log_likelihood"} <= set(result.failures), result.markdown()


def test_what_cannot_be_simulated_is_named(tmp_path):
    """A two-sided term whose prediction is infinite, or an average over masses without a Z'."""
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "from nuinfer.constraints.base import Constraint, Measurement\n"
        "def build(charges, mass_range_mev, masses=False):\n"
        "    measured = Measurement('mine', 'my thesis', mean=0.1, sigma=0.1)\n"
        "    log, what = lambda x: np.log10(x - x), ('gamma',)\n"
        "    if masses: log, what = np.abs, ('sum_nu_masses_ev',)\n"
        "    return Constraint('mine', 'two_sided', measured, log, 0.0, arguments=what)\n"
    )
    own = f"constraints.custom.mine.file={file}"
    infinite = nuinfer.load("hese7_icecube", [own])
    averaged = nuinfer.load("hese7_icecube", [own, "constraints.custom.mine.masses=true", "model.absorption=false"])
    for analysis, why in ((infinite, "the prediction is -inf"), (averaged, "an average over sum_nu_masses_ev")):
        with pytest.raises(ConfigError, match=rf"constraints.custom.mine: its measured value cannot .* {why}"):
            calibrate(analysis, tmp_path / "out", 2, progress=False)
    jobs = {"task": "calibration", "analysis": "hese7_icecube", "set": {"constraints.custom.mine.file": str(file)}}
    with pytest.raises(ConfigError, match=r"jobs.sbc.set: constraints.custom.mine: its measured value cannot"):
        run_campaign(CampaignConfig.model_validate({"jobs": {"sbc": jobs}}), tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_the_command_offers_every_control():
    parser = build_parser()
    assert [parser.parse_args(["calibrate", "hese7", "--control", each]).control for each in CONTROLS] == list(CONTROLS)


def test_exclusions_are_kept():
    names = ("muon_g2", "borexino", "neff", "sn1987a")
    kept = nuinfer.load(
        "hese7",
        [f"constraints.{name}.form=off" for name in names]
        + ["constraints.muon_g2.form=exclusion", "constraints.muon_g2.measurement=bnl2001"],
    )
    truths = [simulate(kept, Setting(min_ess=1, control="prior", steps=20), k)["truth"] for k in range(10)]
    theta = [[one[name] for name in kept.parameter_names] for one in truths]
    assert np.all(kept.log_exclusion(theta) == 0.0)


def test_calibrate_on_the_command_line(tmp_path, capsys):
    out = tmp_path / "calibration"
    code = main(["calibrate", "hese7", "-n", "3", "--out", str(out), "--control", "prior", "--jobs", "1"])
    assert code in (0, 3)  # three simulations show that it runs, not that it is calibrated
    text = capsys.readouterr().out
    assert "control: prior, 3 simulations" in text
    assert "log_likelihood" in text
    assert (out / "ranks.png").stat().st_size > 1000
    assert len((out / "results.jsonl").read_text().splitlines()) == 3
    assert json.loads((out / "calibration.json").read_text())["simulations"] == 3
