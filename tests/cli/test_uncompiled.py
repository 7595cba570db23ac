"""A command that computes a few points, where nothing is compiled yet: plain Python answers, sooner than a compiler."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import nuinfer
from nuinfer import cli, compiled

numba = pytest.importorskip("numba")

AT = ("--at", "gamma=2.6", "--at", "log10_g_prime=-3")


def predicted(cache, *words):
    command = [sys.executable, "-m", "nuinfer", "predict", "hese7_icecube", *words]
    empty = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=empty)


def test_a_first_prediction_does_not_compile_and_is_that_of_compiled_code(tmp_path):
    done = predicted(tmp_path, *AT, "--json", "-v")
    assert done.returncode == 0
    assert "compiling" not in done.stderr
    assert "in plain Python" in done.stderr
    assert not list(tmp_path.rglob("*.nbc")), "nothing is compiled"
    expected = nuinfer.load("hese7_icecube").expected_at({"gamma": 2.6, "log10_g_prime": -3.0})
    answer = json.loads(done.stdout)
    np.testing.assert_allclose(list(answer["astro"].values()), expected.components[0], rtol=1e-10)


def test_bad_input_is_still_one_line_and_exit_code_2(tmp_path):
    done = predicted(tmp_path, "--at", "energy_scale=0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("nuinfer: error: parameters.energy_scale")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("code", [1, -9, None])
def test_where_plain_python_fails_it_is_compiled_after_all(monkeypatch, capfd, code):
    @contextlib.contextmanager
    def refused():
        raise compiled.Uncompiled
        yield

    commands = []

    def run(command, **_):
        commands.append(command)
        if code is None:
            raise BlockingIOError("no process can be started")
        return subprocess.CompletedProcess(command, code, stderr=b"Traceback")

    monkeypatch.setattr(compiled, "nothing_compiled", refused)
    monkeypatch.setattr(cli.subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["nuinfer", "predict", "hese7_icecube"])
    assert cli.main() == 0
    assert len(commands) == 1
    out, err = capfd.readouterr()
    assert "total" in out
    assert "Traceback" not in err


def test_what_is_refused_can_be_compiled_afterwards():
    twice = numba.njit(lambda x: 2.0 * x)
    with compiled.nothing_compiled(), pytest.raises(compiled.Uncompiled):
        twice(1.0)
    assert twice(1.0) == 2.0
    with compiled.nothing_compiled():
        assert twice(3.0) == 6.0
