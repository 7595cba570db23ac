"""The command line: answers, exit codes, one line for what is wrong, and nothing left behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nuinfer
from nuinfer import __main__ as command_line
from nuinfer import cli, errors
from nuinfer.cli import fit as fit_command
from nuinfer.cli import main

FAST = ["--set", "sampler.walkers=24", "--set", "sampler.ensembles=2", "--set", "sampler.max_steps=60"]


def test_help_loads_nothing_heavy():
    """No numpy, emcee, numba, matplotlib, arviz or pydantic: `nuinfer --help` has to answer at once."""
    heavy = ("numpy", "emcee", "numba", "matplotlib", "arviz", "pydantic")
    code = f"import sys, nuinfer.cli; nuinfer.cli.build_parser(); print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_predict_json_adds_up(capsys):
    assert (
        main(["predict", "hese7", "--json", "--at", "m_zprime_mev=10", "--at", "g_prime=3e-4", "--at", "gamma=2.6"])
        == 0
    )
    answer = json.loads(capsys.readouterr().out)
    assert answer["topologies"] == ["cascade", "track", "double_cascade"]
    assert answer["bin_edges_gev"][0] == 60000.0
    assert answer["parameters"]["log10_m_zprime_mev"] == pytest.approx(1.0)
    analysis = nuinfer.load("hese7")
    at = answer["parameters"]
    expected = analysis.expected_counts([at[name] for name in analysis.parameter_names])
    for t, topology in enumerate(answer["topologies"]):
        total = np.add(answer["astro"][topology], answer["background"][topology])
        np.testing.assert_allclose(total, expected[t], rtol=1e-12)
        parts = [part[topology] for part in answer["background_components"].values()]
        np.testing.assert_allclose(np.sum(parts, axis=0), answer["background"][topology])
    assert sum(sum(row) for row in answer["observed"].values()) == 60


def test_simulated_counts_are_poisson_and_repeatable(capsys):
    draws = []
    for seed in ("7", "7", "8"):
        assert main(["predict", "hese7_icecube", "--json", "--draw", "2000", "--seed", seed]) == 0
        answer = json.loads(capsys.readouterr().out)
        draws.append(np.array([draw["cascade"] for draw in answer["simulated"]]))
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    mean = np.add(answer["astro"]["cascade"], answer["background"]["cascade"])
    assert np.all(np.abs(draws[0].mean(axis=0) - mean) < 5 * np.sqrt(mean / 2000))


def test_tables_for_people(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["predict", "hese7", "--draw", "1"]) == 0
    text = capsys.readouterr().out
    assert "cascade events" in text
    assert "draw 1" in text
    assert main(["config"]) == 0
    assert "# Every key may be left out" in capsys.readouterr().out
    assert main(["config", "hese7", "--set", "model.source=pgamma"]) == 0
    assert 'source = "pgamma"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["predict"], "sampler.seed, sampler.walkers do nothing: this command samples otherwise, if at all"),
        (["constraints", "--set", "sampler.device=cpu"], "sampler.seed, sampler.walkers do nothing: this command"),
        (["config", "--resolved"], ""),
    ],
)
def test_settings_of_the_sampler_that_a_command_does_not_use_are_said(command, said, capsys):
    name, *others = command
    errors.warn_once.cache_clear()
    changed = ["--set", "sampler={seed=3}", "--set", "sampler.walkers=80"]
    assert main([name, "hese7_icecube", *changed, *others]) == 0
    err = capsys.readouterr().err
    assert said in err
    assert bool(said) == ("nothing" in err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "hese8"],
        ["predict", "hese7", "--set", "model.orderng=normal"],
        ["predict", "hese7", "--at", "gama=2"],
        ["predict", "hese7", "--at", "gamma=steep"],
        ["predict", "hese7", "--at", "g_prime=-1"],
        ["predict", "hese7", "--at", "gamma=1e9"],
        ["fit", "hese7", "--set", "data.dataset=nowhere", "--out", "RUN"],
        ["fit", "hese7", "--set", "constraints.neff.measurement=wmap", "--out", "RUN"],
        ["fit", "hese7", "--set", "parameters.log10_m_zprime_mev.high=3", "--out", "RUN"],
        ["plot", "RUN"],
        ["status", "RUN"],
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, tmp_path, capsys):
    run = tmp_path / "run"
    assert main([str(run) if a == "RUN" else a for a in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("nuinfer: error: ")
    assert captured.err.count("\n") == 1
    assert not run.exists()


def test_fit_writes_its_folder_and_keeps_it(tmp_path, capsys):
    """Too few steps: exit code 3 and a complete folder; occupied: 2; resumed: the same verdict without sampling."""
    run = str(tmp_path / "run")
    assert main(["fit", "hese7", *FAST, "--out", run, "--jobs", "1"]) == 3
    captured = capsys.readouterr()
    assert "NOT CONVERGED" in captured.out
    for name in (
        "config.input.toml",
        "config.resolved.toml",
        "run.json",
        "status.json",
        "summary.json",
        "posterior.nc",
        "log.txt",
    ):
        assert (tmp_path / "run" / name).is_file(), name
    for kind in ("corner", "region", "counts"):
        assert (tmp_path / "run" / "figures" / f"{kind}.pdf").stat().st_size > 1000
    assert main(["fit", "hese7", *FAST, "--out", run]) == 2
    assert "--resume" in capsys.readouterr().err
    assert main(["fit", "hese7", *FAST, "--out", run, "--resume"]) == 3
    assert main(["status", run]) == 0
    assert "not converged" in capsys.readouterr().out.lower()
    status, summary = (json.loads((tmp_path / "run" / f"{name}.json").read_text()) for name in ("status", "summary"))
    limits = {name: one["limit95"] for name, one in summary["parameters"].items() if "limit95" in one}
    assert {name: {**one, "profile": limits[name]["profile"]} for name, one in status["limit95"].items()} == limits
    assert main(["plot", run, "--kind", "counts", "--format", "svg", "--out", str(tmp_path / "figures")]) == 0
    assert (tmp_path / "figures" / "counts.svg").is_file()
    assert main(["plot", run, "--kind", "triangle"]) == 2


def test_the_resolved_configuration_repeats_a_run(tmp_path):
    """Bit for bit, settings given to `fit` included; and simulated data are found again."""
    with ThreadPoolExecutor(1) as pool:
        few = {"ensembles": 3, "walkers": 24, "max_steps": 12, "seed": 77}
        first = nuinfer.load("paper", ["model.source=pgamma"])
        one = nuinfer.fit(first, tmp_path / "first", executor=pool, progress=False, **few)
        again = nuinfer.load(tmp_path / "first" / "config.resolved.toml")
        two = nuinfer.fit(again, tmp_path / "again", seed=77, executor=pool, progress=False)
        assert two.samples(0, 1).shape == (3, 12, 24, 8)
        assert np.array_equal(one.samples(0, 1), two.samples(0, 1))
        simulated = first.with_observed(np.ones((2, 15)))
        run = nuinfer.fit(simulated, tmp_path / "simulated", executor=pool, progress=False, **few)
    reopened = nuinfer.open_run(run.folder).analysis
    assert np.array_equal(reopened.observed_counts, np.ones((2, 15)))
    assert run.record["config_hash"] == reopened.config_hash != first.config_hash


def test_trial_run_prints_terms_and_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "hese7", "--test"]) == 0
    assert "sn1987a" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_is_one_line(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("nuinfer.loading.load", interrupted)
    assert main(["predict", "hese7"]) == 130
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("columns", "most"), [("60", 60), ("80", 80), (None, 200)])
def test_the_summary_of_a_fit_fits_a_terminal_and_says_what_the_limit_hangs_on(columns, most, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns) if columns else monkeypatch.delenv("COLUMNS", raising=False)
    entry = {"median": -5.315, "hpd68": [-6.0, -5.034], "ess": 15677.0, "rhat": 1.0003, "unconstrained": False}
    nothing = {"median": 0.052, "hpd68": [0.023, 0.09], "ess": 4286.0, "rhat": 1.0005, "unconstrained": True}
    limit = {"side": "upper", "value": -4.387, "prior_floor": -6.0, "profile": -4.086}
    case = {
        "case": "m_Z' up to 25.1 MeV",
        "profile": 8.2e-5,
        "credible": 4.1e-5,
        "credible_by": "draws",
        "pareto_k": None,
    }
    without = {
        "case": "without neff",
        "profile": None,
        "credible": None,
        "credible_by": "needs a fit",
        "pareto_k": 0.82,
    }
    parameters = {"lightest_nu_mass_ev": nothing, "log10_g_prime": {**entry, "limit95": limit}}
    summary = {
        "converged": True,
        "steps": 2512,
        "parameters": parameters,
        "warnings": [],
        "g_prime_upper95": [case, without],
    }
    fit_command.print_summary(Path("chains/hese7"), summary)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= most
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    wide = columns != "60"
    assert ["g_prime", "4.84e-06", "1e-06 .. 9.25e-06", *(["15677", "1.0003"] if wide else [])] in rows
    assert ["lightest_nu_mass_ev", "unconstrained", "as its prior", *(["4286", "1.0005"] if wide else [])] in rows
    assert ["g_prime", "< 4.1e-05", "< 8.2e-05", "1e-06"] in rows
    assert ["m_Z' up to 25.1 MeV", "4.10e-05", "8.20e-05", *(["draws"] if wide else [])] in rows
    assert ["without neff", "-", "none", *(["needs a fit, k 0.82"] if wide else [])] in rows
    sentence = "nothing calls for a mediator, g' < 4.1e-05 (credible 95 %), < 8.2e-05 by profile likelihood (95 % CL, "
    assert sentence in " ".join(text.split())


def test_a_summary_of_an_older_version_is_printed(capsys):
    folder = Path(__file__).parents[1] / "reference" / "folders-0.1.0" / "fit"
    fit_command.print_summary(folder, json.loads((folder / "summary.json").read_text()))
    assert "Result: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "said"), [("raise SystemExit(0)", "SystemExit: 0"), ("1 / 0", "ZeroDivisionError: division by zero")]
)
def test_an_error_in_a_users_code_names_its_line(error, said, tmp_path, capsys):
    mine = tmp_path / "mine.py"
    mine.write_text(f"""
import numpy as np
from nuinfer.constraints.base import Constraint, Measurement
def build(charges, mass_range_mev):
    def predict(m, g):
        if np.any(m > 7.0):
            {error}
        return 0.0 * m
    return Constraint("mine", "exclusion", Measurement("mine", "none", limit=1.0), predict, 0.0)
""")
    assert main(["predict", "hese7_icecube", "--set", f"constraints.custom.mine.file={mine}"]) == 2
    assert capsys.readouterr().err == (
        f"nuinfer: error: constraints.custom.mine.file: '{mine}', line 7, failed at (7.07946, 5.62341e-05): {said}\n"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--at", "gamma=2", "--at", "gamma=3"], "'gamma' is given twice"),
        (["--at", "gamma=inf"], "must be a finite number"),
        (["--set", "sampler.walkers=100000000"], "less than or equal to 100000"),
        (["--set", "model.source=~nouser/mine.py"], "cannot be read"),
    ],
)
def test_values_that_no_command_can_take_are_named(given, said, capsys):
    assert main(["predict", "hese7", *given]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("number", ["1000000000000", "1" * 5000, "1_0", "\uff11"])
def test_counts_of_a_command_line_are_bounded(number, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["predict", "hese7", "--draw", number])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()[-1]) < 200


@pytest.mark.parametrize("shell", ["PYTHONIOENCODING=ascii {} limit --help", "{} config hese7 >&-"])
def test_output_that_a_terminal_cannot_show_is_no_error(shell):
    command = shell.format(f"{sys.executable} -m nuinfer")
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_interrupt_before_the_command_has_begun_is_no_traceback(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "build_parser", interrupted)
    assert command_line.run() == 130
