"""Full disks: no file may grow beyond some bytes. What was there stays, nothing is half written, fits go on."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import folders
import harness
import numpy as np

import nuinfer

WRITTEN = (
    "constraints.csv",
    "constraints.json",
    "bounds.png",
    "trace",
    "corner",
    "getdist",
    "posterior.nc",
    "cobaya.yaml",
    "page.html",
)


def prepare(folder: Path) -> folders.Given:
    """A small run."""
    return folders.prepare(folder)


def attempt(given: folders.Given, rng: random.Random, folder: Path) -> harness.Attempt:
    """One command that writes."""
    most = int(10 ** rng.uniform(0, 5.7))
    if rng.random() < 0.3:
        return _fitted(given, most, folder)
    shutil.copytree(given.runs[0], folder / "run")
    what, out = rng.choice(WRITTEN), folder / "out"
    out.mkdir()
    target = out / what
    if is_there := rng.random() < 0.5 and "." in what:
        target.write_text("as before")
    argv = {
        "constraints.csv": ["constraints", "hese7", "--points", "9", "--out", str(target)],
        "constraints.json": ["constraints", "hese7", "--points", "9", "--out", str(target)],
        "bounds.png": ["constraints", "hese7", "--points", "4", "--figure", str(target)],
        "trace": ["plot", "run", "--kind", "trace", "--format", "png", "--out", str(out)],
        "corner": ["plot", "run", "--kind", "corner", "--format", "pdf", "--out", str(out)],
        "getdist": ["export", "run", "--format", "getdist", "--out", str(out)],
        "posterior.nc": ["export", "run", "--format", "netcdf", "--out", str(target)],
        "cobaya.yaml": ["export", "run", "--format", "cobaya", "--out", str(target)],
        "page.html": ["report", "run", "--out", str(target)],
    }[what]
    before = harness.inventory(folder / "run")
    outcome = harness.called(*argv, largest_file=most)
    faults = harness.faults_of(outcome)
    if outcome.code == harness.BAD_INPUT and is_there and target.read_text(errors="replace") != "as before":
        faults.append("what was there is gone")
    if outcome.code == harness.BAD_INPUT and not is_there and "." in what and target.exists():
        faults.append("something half written")
    if left := [path.name for path in out.rglob("*") if path.name.startswith(".")]:
        faults.append(f"left over: {left}")
    after = harness.inventory(folder / "run")
    if changed := [name for name in before if before[name] != after.get(name)]:
        faults.append(f"touched: {changed}")
    return harness.Attempt(f"{' '.join(argv[:4])} with {most} bytes", harness.ended(outcome), faults)


def _fitted(given: folders.Given, most: int, folder: Path) -> harness.Attempt:
    """A fit that ends for want of space, and then goes on."""

    def sampled(*, resume: bool) -> int:
        code = folders.fitted(folder / "run", resume=resume)
        same = code or np.array_equal(nuinfer.open_run(folder / "run").samples(0, 1), again)
        return code if same else harness.BUG

    again = nuinfer.open_run(given.runs[0]).samples(0, 1)
    with harness.limited(most):
        outcome = harness.trapped(lambda: sampled(resume=False))
    faults = harness.faults_of(outcome)
    with harness.limited():
        faults += harness.faults_of(harness.trapped(lambda: sampled(resume=True)), codes=(harness.OK,))
    return harness.Attempt(f"fit with {most} bytes", harness.ended(outcome), faults)


FUZZER = harness.Fuzzer("disks", prepare, attempt)
