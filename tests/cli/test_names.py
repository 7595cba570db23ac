"""Commands that list what there is, and what is said of names that are almost right."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess

import pytest

import nuinfer
from nuinfer import config
from nuinfer.cli import build_parser, commands, main
from nuinfer.plotting import KINDS


def listed(capsys, *arguments):
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def leaves(table, prefix=""):
    for key, value in table.items():
        yield from leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]


def test_keys_are_those_of_the_configuration(capsys):
    """All that a resolved configuration has are listed, and each that is listed is known."""
    keys = {one["key"]: one for one in listed(capsys, "keys")}
    tables = config.parse(config.read_text("hese7")).model_dump(mode="json")
    of_each = {"confidence_level", "limit", "low", "high"}  # of every constraint, of every normal prior
    known = set(leaves(tables))
    assert {key for key in known - keys.keys() if key.rpartition(".")[2] not in of_each} == set()
    assert {key for key in keys.keys() - known if ".limit_curve." not in key and ".custom." not in key} == set()
    assert keys["model.coherence"]["value"] == '"decoherent"'
    assert keys["model.coherence"]["comment"] == '"coherent": the paper\'s treatment of the resonance'
    assert main(["keys", "lightest", "low"]) == 0
    assert capsys.readouterr().out == "parameters.lightest_nu_mass_ev.low = 0.003\n"
    assert main(["keys", "no", "such"]) == 2


def test_presets_and_kinds_are_all_there(capsys):
    presets = listed(capsys, "presets")
    assert tuple(presets) == config.presets()
    assert all(text.endswith(".") and len(text) > 20 for text in presets.values())
    kinds = listed(capsys, "kinds")
    assert set(KINDS) == {name for what, names in kinds.items() if what.startswith("figures") for name in names}
    assert kinds["model.source"]["pp"] == "pion decay (pp)"
    assert main(["kinds"]) == 0
    assert "  region: Posterior in the plane" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prdict", "hese7"], "(did you mean 'predict'?)"),
        (["limit", "hese7", "--method", "profil"], "(did you mean 'profile'?)"),
        (["fit", "hese7", "--sed", "3"], "fit: error: unrecognized arguments: --sed 3 (did you mean '--seed'?)"),
    ],
)
def test_a_slip_is_said_before_any_work(arguments, said, capsys, monkeypatch):
    monkeypatch.setattr(nuinfer, "load", None, raising=False)
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_the_ending_of_a_figure_is_looked_at_before_any_work(capsys, monkeypatch):
    monkeypatch.setattr(nuinfer, "load", None, raising=False)
    assert main(["constraints", "hese7", "--figure", "x.xyz"]) == 2
    assert "format 'xyz' of a figure: allowed are pdf, png, svg" in capsys.readouterr().err


def test_a_point_outside_the_prior_is_said(capsys):
    assert main(["predict", "hese7_icecube", "--at", "gamma=4.25"]) == 0
    assert "warning: --at: gamma = 4.25 is outside its prior, 1.5 to 4" in capsys.readouterr().err


def test_an_analysis_is_shown_in_a_few_lines():
    hermitian = "[[0, [0, 1], 0], [[0, -1], 0, 0], [0, 0, 1]]"
    analysis = nuinfer.load("hese7", [f"model.couplings={hermitian}", "constraints.all.form=off"])
    text = repr(analysis)
    assert len(text.splitlines()) <= 12
    assert max(map(len, text.splitlines())) <= 100
    assert f"couplings {hermitian}" in text
    assert analysis.config_hash in text
    assert "60 events" in analysis._repr_html_()
    assert {"load", "fit", "limit", "simulate", "physics", "plotting"} <= set(dir(nuinfer))
    assert "mixing" in dir(nuinfer.physics)
    assert all(getattr(nuinfer, name).__doc__ for name in dir(nuinfer) if not name.startswith("_"))


@pytest.mark.parametrize("name", commands())
def test_help_has_examples_that_are_commands(name, capsys):
    """Every line of them is understood, what a `#` begins left out; they stay as they are at 60 columns."""
    with pytest.raises(SystemExit):
        main([name, "--help"])
    printed = capsys.readouterr().out
    lines = [line.strip() for line in printed.partition("examples:\n")[2].splitlines()]
    assert lines
    for line in lines:
        command, *words = shlex.split(line.partition(" > ")[0], comments=True)
        assert command == "nuinfer"
        assert build_parser().parse_args(words).run.__module__ == f"nuinfer.cli.{name}"


BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("nuinfer sig", "significance"),
        ("nuinfer fit --target", "--target-ess"),
        ("nuinfer fit hese7_ice", "hese7_icecube"),
        ("nuinfer export --format get", "getdist"),
    ],
)
def test_bash_completes_commands_options_choices_and_presets(words, answer, tmp_path, capsys):
    assert main(["completion", "bash"]) == 0
    asked = f"COMP_WORDS=({words}); COMP_CWORD={words.count(' ')}; _shtab_nuinfer; echo ${{COMPREPLY[*]}}"
    script = f"{capsys.readouterr().out}\n{asked}\n"
    done = subprocess.run([str(BASH)], input=script, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout.split() == [answer], done.stderr
