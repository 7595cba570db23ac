"""A run that is watched: until it ends, in one place or in lines."""

from __future__ import annotations

import time

import pytest

from nuinfer.cli import main
from nuinfer.inference.work.files import write_record
from nuinfer.inference.work.progress import now

BEGUN = {
    "state": "sampling", "missing": ["gamma: effective sample size 430 of 2000", "and so on"], "steps": 400,
    "rhat_max": 1.0213, "ess_min": 430.2, "target_ess": 2000, "updated": "2026-01-01T00:00:00+00:00",
    "steps_per_second": 812.4, "eta_seconds": 71.6, "ensembles": [{"steps": 400, "acceptance": 0.25}],
    "limit95": {"log10_g_prime": {"side": "upper", "value": -4.0, "prior_floor": -6.0}},
}  # fmt: skip
ENDED = {**BEGUN, "state": "done", "missing": [], "ess_min": 2100.0, "eta_seconds": None, "steps_per_second": None}


@pytest.fixture
def running(tmp_path, monkeypatch):
    """The folder of a fit that goes on while one waits: no status yet, two of them, the end."""
    left = [BEGUN, {**BEGUN, "ess_min": 997.0}, ENDED]
    monkeypatch.setattr(time, "sleep", lambda _: write_record(tmp_path / "status.json", left.pop(0)))
    return tmp_path


def test_lines_where_there_is_no_terminal(running, capsys):
    """One for each change: ESS, R-hat, rate, time to go, limits in physical units; then it ends."""
    assert main(["status", str(running), "--watch"]) == 0
    starting, *lines = capsys.readouterr().out.splitlines()
    assert starting == "state sampling"
    assert [line.split(";")[0] for line in lines] == ["state sampling", "state sampling", "state done"]
    for text in ("ESS 430.2", "R-hat 1.021", "steps per second 812.4", "seconds to go 71.6", "g_prime < 0.0001"):
        assert text in lines[0]
    assert "missing gamma: effective sample size 430 of 2000 (and 1 more)" in lines[0]
    assert "ESS 997" in lines[1]
    assert "seconds to go" not in lines[2]


def test_a_run_that_nobody_writes_any_more_says_so(tmp_path, capsys):
    """A process that was killed leaves a status that says nothing of it."""
    for status, silent in ((BEGUN, True), ({**BEGUN, "updated": now()}, False), (ENDED, False)):
        write_record(tmp_path / "status.json", status)
        assert main(["status", str(tmp_path)]) == 0
        assert ("silent: for" in capsys.readouterr().out) == silent


def test_one_place_on_a_terminal(running, capsys, monkeypatch):
    """The same entries, drawn over the ones before."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["status", str(running), "--watch"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b[1A" in shown  # the cursor goes up
    assert "g_prime < 0.0001" in shown
    assert shown.rindex("done") > shown.rindex("sampling")


def test_a_run_that_has_ended_and_ctrl_c(tmp_path, capsys, monkeypatch):
    """Either ends it with exit code 0; a folder that is not there is refused, and so is JSON."""
    write_record(tmp_path / "status.json", ENDED)
    assert main(["status", str(tmp_path), "--watch"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    write_record(tmp_path / "status.json", BEGUN)

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    assert main(["status", str(tmp_path), "--watch"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["status", str(tmp_path / "nowhere"), "--watch"]) == 2
    assert main(["status", str(tmp_path), "--watch", "--json"]) == 2
