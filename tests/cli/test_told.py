"""What is handed around tells nothing of the machine and its user: no path above the folder, no names, no kernel."""

from __future__ import annotations

import contextlib
import getpass
import io
import logging
import os
import platform
import re
import socket
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

import nuinfer
from nuinfer import plotting
from nuinfer.cli import main
from nuinfer.errors import LOG, shortened, warn_once
from nuinfer.inference.evidence.nested import Setting
from nuinfer.inference.work.progress import this_command

FIXED = {
    f"parameters.{name}.value": value
    for name, value in (
        ("energy_scale", 1.0), ("detector_scale", 1.0), ("norm_prompt", 1.0), ("norm_muon", 1.0), ("gamma", 2.5),
        ("norm_conventional", 1.0), ("lightest_nu_mass_ev", 0.05),
    )
}  # fmt: skip
SMALL = FIXED | {"sampler.walkers": 12, "sampler.ensembles": 2, "sampler.max_steps": 12}
JOBS = f"""[jobs.one]
task = "best_fit"
analysis = "hese7_icecube"
[jobs.two]
task = "mine.py"
analysis = "hese7_icecube"
[jobs.one.set]
{chr(10).join(f'"{key}" = {value}' for key, value in FIXED.items())}
"""
MINE = """from nuinfer.inference.studies.jobs import JobKind

def run(work):
    raise ValueError(f"{work.folder}, {__file__}: no")

JOB = JobKind("mine", run)
"""
TEXTS = {".json", ".jsonl", ".toml", ".txt", ".yaml", ".paramnames"}
USER, HOST, KERNEL = "zzuser", "zzhost", "9.9.9-zzkernel"
NAMES = [USER, HOST, KERNEL, platform.node(), platform.release(), platform.version()]


def contents(folder):
    """All files by name, those in archives too."""
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        held = path.read_bytes()
        yield path.relative_to(folder), held
        if path.suffix == ".npz":
            with zipfile.ZipFile(io.BytesIO(held)) as archive:
                yield from ((path / name, archive.read(name)) for name in archive.namelist())


@contextlib.contextmanager
def machine(home):
    """A machine and a user with names that can be found, in a folder of that user's; threads that work there."""
    (home / "work").mkdir()
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        for name in ("USER", "LOGNAME", "USERNAME"):
            patch.setenv(name, USER)
        patch.setenv("HOME", str(home))
        patch.chdir(home / "work")
        for module, name, value in (
            (platform, "node", HOST), (socket, "gethostname", HOST), (socket, "getfqdn", HOST),
            (getpass, "getuser", USER), (platform, "release", KERNEL), (platform, "platform", KERNEL),
            (os, "uname", os.uname_result(("Linux", HOST, KERNEL, KERNEL, "x86_64"))),
        ):  # fmt: skip
            patch.setattr(module, name, lambda *_, value=value, **__: value)
        patch.setattr(sys, "argv", [f"{home}/bin/nuinfer", "fit", "hese7", "--out", str(home / "work" / "run")])
        patch.setattr(
            "nuinfer.inference.sampling.fit.complete_summary",
            lambda run, _, meanwhile: (meanwhile([].append), run.summary())[1],
        )
        patch.setattr(plotting, "KINDS", {"acceptance": plotting.KINDS["acceptance"]})
        yield home / "work", pool


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """What commands leave that are given full paths."""
    with machine(tmp_path_factory.mktemp(USER)) as (work, pool):
        (work / "jobs.toml").write_text(JOBS)
        (work / "mine.py").write_text(MINE)
        nuinfer.fit(nuinfer.load("hese7_icecube", SMALL), work / "run", seed=3, executor=pool, progress=False)
        nuinfer.run_campaign(work / "jobs.toml", work / "campaign", executor=pool, progress=False)
        assert main(["report", str(work / "run")]) == 0
        assert main(["plot", str(work / "run"), "--kind", "acceptance", "--format", "svg"]) == 0
        for what in ("getdist", "netcdf", "cobaya"):
            assert main(["export", str(work / "run"), "--format", what]) == 0
    return work


def tells(work):
    """Files that tell something, and what."""
    home, found = work.parent, {}
    secrets = [str(home), str(home.parent), *(name for name in NAMES if len(name) > 3)]
    for path, held in contents(work):
        told = [secret for secret in secrets if secret.encode() in held]
        if path.suffix in TEXTS:
            told += re.findall(rb"""["'\s=]/(?:home|root|tmp|usr|opt|var|Users)/""", held)
        if told:
            found[str(path)] = told
    return found


def test_nothing_tells_of_the_machine(work):
    assert {path.suffix for path, _ in contents(work)} >= {*TEXTS, ".npz", ".npy", ".nc", ".html", ".svg"}
    assert tells(work) == {}
    assert b'"nuinfer fit hese7 --out run"' in (work / "run" / "run.json").read_bytes()
    assert b"mine.py" in (work / "campaign" / "results.jsonl").read_bytes()  # why a job has failed
    (work / "log.txt").write_text(f"on {HOST}")
    try:
        assert tells(work) == {"log.txt": [HOST]}
    finally:
        (work / "log.txt").unlink()


@pytest.mark.slow
def test_a_comparison_does_not_tell_either(tmp_path):
    with machine(tmp_path) as (work, pool):
        pair = {name: nuinfer.load("hese7_icecube", FIXED | {"model.source": name}) for name in ("pp", "pgamma")}
        asked = {"setting": Setting(live=50), "seeds": 1, "pseudo_experiments": 2, "loo": False}
        nuinfer.compare(pair, work / "comparison", executor=pool, command=this_command(), **asked)
        assert tells(work) == {}


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("{home}/work/run", "run"),
        ("{home}/data/mine", "~/data/mine"),
        ("data.dataset={home}/data/mine", "data.dataset=~/data/mine"),
        ('model={{source="{home}/work/a.py", z_max=3}}', 'model={{source="a.py", z_max=3}}'),
        ("model.source=pp", "model.source=pp"),
        ("../run", "../run"),
        ("chains/a/b", "chains/a/b"),
        ("/scratch/x", "/scratch/x"),
        ("tcp://host:8786", "tcp://host:8786"),
    ],
)
def test_a_command_is_recorded_without_the_folders_above(word, kept, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/nuinfer", word.format(home=tmp_path)])
    assert this_command().replace("'", "") == f"nuinfer {kept.format()}"
    assert shortened(tmp_path / "work" / "x", from_here=False) == "~/work/x"
    (tmp_path / "work").rmdir()
    assert shortened("/scratch/x") == "/scratch/x"


def test_other_packages_do_not_silence_warnings(caplog, monkeypatch):
    """Cobaya raises the level of the root logger; what is ours is told all the same, and `-q` is what silences it."""
    monkeypatch.setattr(logging.root, "level", logging.CRITICAL)  # what it does
    warn_once("a warning of this test")
    LOG.setLevel(logging.ERROR)
    try:
        warn_once("a warning that -q silences")
    finally:
        LOG.setLevel(logging.WARNING)
    assert caplog.messages == ["warning: a warning of this test"]
