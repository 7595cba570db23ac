"""How deep a parameter goes: frames of ours from the command to the compiled code, and no module entered twice."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import nuinfer
from nuinfer.cli import main
from nuinfer.inference.sampling.ensemble import advance
from nuinfer.inference.work.calls import Inline
from nuinfer.inference.work.executors import LocalWorkers

PACKAGE = str(Path(nuinfer.__file__).parent)
MOST = 10


def ours(frame):
    """Modules of our frames from the outermost to this one; a generator that waits is no frame."""
    found = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            found.append(frame.f_globals["__name__"])
        frame = frame.f_back
    return found[::-1]


def assert_no_turn_back(way):
    """No module is left and entered again."""
    entered = [module for module, before in zip(way, [None, *way], strict=False) if module != before]
    assert len(set(entered)) == len(entered), way


def to_the_kernel(ways):
    """The longest way to the code that propagates neutrinos; constraints have functions of their own."""
    return max((way for way in ways if way[-1].startswith("nuinfer.transport")), key=len)


@pytest.fixture
def ways(monkeypatch, tmp_path):
    """The ways to every compiled function that is called from Python, as modules from the outermost frame."""
    seen = []

    def watched(function):
        def call(*args, **kwargs):
            seen.append(ours(sys._getframe(1)))
            return function(*args, **kwargs)

        return call

    analysis = nuinfer.load("hese7")
    few = {"ensembles": 1, "walkers": 24, "max_steps": 2}
    nuinfer.fit(analysis, tmp_path / "before", **few, executor=Inline(), progress=False)  # compiles what a fit needs
    for module in [module for name, module in sys.modules.items() if name.startswith("nuinfer.")]:
        for name, value in list(vars(module).items()):
            if isinstance(value, Dispatcher):
                monkeypatch.setattr(module, name, watched(value))
    return seen


@pytest.mark.slow
def test_from_nuinfer_fit_to_the_compiled_code(ways, monkeypatch, tmp_path):
    """Parent to submit and worker to the compiled code, emcee's own frames not counted: ten frames together."""
    parents, workers = [], []

    def submit(self, function, /, *args):
        if function is advance:
            parents.append(ours(sys._getframe(1)))
        ways.clear()
        done = Inline().submit(function, *args)
        if function is advance:
            workers.extend(way[len(parents[-1]) + 1 :] for way in ways)  # without the `submit` of `Inline`
        return done

    monkeypatch.setattr(LocalWorkers, "submit", submit)
    monkeypatch.setattr("nuinfer.plotting.save_all", lambda *_, **__: [])
    settings = ["walkers=24", "ensembles=1", "max_steps=2", "seed=1"]
    options = [word for setting in settings for word in ("--set", f"sampler.{setting}")]
    assert main(["fit", "hese7", *options, "--jobs", "1", "--out", str(tmp_path / "run")]) == 3
    parent, worker = max(parents, key=len), to_the_kernel(workers)
    assert worker[0] == advance.__module__
    for way in (parent, *workers):
        assert_no_turn_back(way)
    assert len(parent) + len(worker) <= MOST, parent + worker


def test_log_prob_enters_no_module_twice(ways):
    analysis = nuinfer.load("hese7")
    ways.clear()
    analysis.log_prob(analysis.sample_prior(2, np.random.default_rng(2)))
    for way in ways:
        assert_no_turn_back(way)
    assert len(to_the_kernel(ways)) <= 4, ways
