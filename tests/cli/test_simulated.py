"""Fits of simulated counts and of counts in a file, from the command line: what was drawn is recorded and drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nuinfer
from nuinfer.cli import main
from nuinfer.cli.counts import read_counts

FAST = ["--set", "sampler.walkers=24", "--set", "sampler.max_steps=12", "--ensembles", "1", "--jobs", "1"]
TRUTH = {"m_zprime_mev": 8.0, "g_prime": 1e-3, "gamma": 2.5}
AT = [part for name, value in TRUTH.items() for part in ("--simulate", f"{name}={value}")]


def test_a_fit_of_simulated_data_knows_its_truth(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["fit", "paper", *AT, "--seed", "5", *FAST, "--out", str(run)]) == 3
    again = nuinfer.open_run(run)
    expected = nuinfer.simulate(nuinfer.load("paper"), TRUTH, 5)
    np.testing.assert_array_equal(again.analysis.observed_counts, expected.observed_counts)
    assert again.analysis.config_hash == expected.with_overrides(["sampler.walkers=24"]).config_hash
    truth = json.loads((run / "run.json").read_text())["truth"]
    assert truth == dict(expected.truth) == dict(again.analysis.truth)
    assert truth["log10_m_zprime_mev"] == pytest.approx(np.log10(8.0))
    assert main(["plot", str(run), "--kind", "region", "--format", "svg", "--out", str(tmp_path / "figures")]) == 0
    assert "simulated" in (tmp_path / "figures" / "region.svg").read_text()
    capsys.readouterr()
    assert main(["fit", "paper", "--simulate", "gamma=9", "--test"]) == 0
    assert "--simulate: gamma = 9 is outside its prior" in capsys.readouterr().err


def test_counts_go_through_a_file(tmp_path, capsys):
    file = tmp_path / "counts.csv"
    assert main(["predict", "paper", "--draw", "1", "--seed", "3", "--csv", str(file), "--json"]) == 0
    drawn = json.loads(capsys.readouterr().out)["simulated"][0]
    analysis = nuinfer.load("paper")
    counts = read_counts(file, analysis)
    np.testing.assert_array_equal(counts, [drawn[name] for name in analysis.topologies])
    assert main(["fit", "paper", "--observed", str(file), "--test"]) == 0
    shown = capsys.readouterr().out
    likely = analysis.with_observed(counts).log_terms(analysis.prior_transform([0.5] * 8))["data"]
    assert f"{float(likely):.3f}" in shown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("count", "n", 1), "the columns topology, bin, count are needed, count is missing"),
        (lambda text: text.replace("track,3,", "tracks,3,"), "topology tracks, bin 3 is not one of cascade, track"),
        (lambda text: text.replace("track,3,", "track,2,"), "topology track, bin 2 is there twice"),
        (lambda text: text.replace("track,3,", "track,3,-"), "topology track, bin 3: -"),
        (lambda text: text.rpartition("track,14")[0], "topology track, bin 14 is missing"),
        (lambda text: text.replace("track,3,", "track,3.5,"), "topology track, bin 3.5 is not one of"),
        (lambda text: text + "\0,", "not a table"),
    ],
)
def test_a_table_that_is_wrong_is_one_line(change, said, tmp_path, capsys):
    file = tmp_path / "counts.csv"
    assert main(["predict", "paper", "--csv", str(file), "--json"]) == 0
    file.write_text(change(file.read_text()))
    capsys.readouterr()
    assert main(["fit", "paper", "--observed", str(file), "--test"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_one_kind_of_data_at_a_time(capsys):
    assert main(["fit", "paper", "--observed", "x.csv", "--simulate", "gamma=2", "--test"]) == 2
    assert "only one of them" in capsys.readouterr().err
