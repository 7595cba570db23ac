"""Run folders of others: flipped bits, files exchanged, records with other types. Nothing may be read wrong."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import harness
import numpy as np
import values

import nuinfer
from nuinfer.errors import NuinferError, warn_once
from nuinfer.inference.runs import run_folder as files_of
from nuinfer.inference.work import files

OVERRIDES = (
    "sampler.walkers=24", "sampler.ensembles=2", "sampler.max_steps=12", "parameters.norm_muon.value=1",
    "parameters.norm_prompt.value=1", "parameters.detector_scale.value=1", "parameters.energy_scale.value=1",
    "parameters.tilt_conventional.value=0", "parameters.norm_conventional.value=1",
    "parameters.lightest_nu_mass_ev.value=0.01",
)  # fmt: skip
COMPUTED = ("report.html", "figures", "log.txt", "lock")  # nobody reads them


class Given(NamedTuple):
    """A run, one that is not finished, and what they say."""

    runs: tuple[Path, ...]
    said: dict[Path, dict[str, Any]]


def prepare(folder: Path) -> Given:
    """Two small runs."""
    code = fitted(folder / "done", resume=False)
    shutil.copytree(folder / "done", folder / "half")
    for name in ("summary.json", "posterior.nc"):
        (folder / "half" / name).unlink()
    record = files.read_json(folder / "half" / files_of.RECORD)
    files.write_record(folder / "half" / files_of.RECORD, {**record, "complete": False})
    runs = folder / "done", folder / "half"
    return Given(runs, {run: said(run) for run in runs if code == harness.OK})


def fitted(run: Path, *, resume: bool) -> int:
    """Exit code of a small fit, sampled in this process."""
    try:
        with ThreadPoolExecutor(1) as executor:
            how: dict[str, Any] = {"executor": executor, "progress": False, "resume": resume}
            nuinfer.fit(nuinfer.load("hese7_icecube", OVERRIDES), run, seed=3, **how)
    except NuinferError as error:
        sys.stderr.write(f"nuinfer: error: {error}\n")
        return harness.BAD_INPUT
    return harness.OK


def said(run: Path) -> dict[str, Any]:
    """What a run says, by way of asking."""
    opened = nuinfer.open_run(run)
    everything = [opened.samples(0, 1), opened.log_prob(0, 1), *opened.log_terms(0, 1).values()]
    return {
        "chains": [array.tobytes() for array in everything],
        "names": opened.parameter_names,
        "bounds": opened.prior_bounds.tobytes(),
        "summary": json.dumps(opened.summary()),
    }


def attempt(given: Given, rng: random.Random, folder: Path) -> harness.Attempt:
    """One file changed, then something asked."""
    run = rng.choice(given.runs)
    shutil.copytree(run, folder / "run")
    (folder / "foreign.txt").write_text("mine")
    paths = [path for path in (folder / "run").rglob("*") if path.is_file() and not set(path.parts) & set(COMPUTED)]
    path = rng.choice(sorted(paths))
    change = rng.choice((_flip, _flip, _other, *CHANGES.get(path.suffix, ())))
    what = f"{run.name}/{path.relative_to(folder / 'run')}: {change(rng, path)}"
    foreign = (folder / "foreign.txt").stat().st_mtime_ns
    if rng.random() < 0.5:
        before = {} if change in (_record, _block) else given.said[run]  # what is written anew is read
        asked, outcome, faults = "read", *_read(folder / "run", before)
    elif rng.random() < 0.2:
        asked = "fit --resume"
        with harness.limited():
            outcome = harness.trapped(lambda: fitted(folder / "run", resume=True))
        faults = harness.faults_of(outcome)
    else:
        argv = _asked(rng, folder)
        asked, outcome = " ".join(argv), harness.called(*argv)
        faults = harness.faults_of(outcome, codes=(0, 2, 3), is_json="--json" in argv)
    if (folder / "foreign.txt").stat().st_mtime_ns != foreign:
        faults.append("a foreign file was touched")
    return harness.Attempt(f"{what}; {asked}", harness.ended(outcome), faults)


def _asked(rng: random.Random, folder: Path) -> list[str]:
    out = str(folder / "out")
    changed = [part for text in OVERRIDES for part in ("--set", text)]
    return rng.choice((
        ["status", "run", "--json"],
        ["status", "run"],
        ["export", "run", "--format", "getdist", "--out", out],
        ["export", "run", "--format", "cobaya", "--out", f"{out}.yaml"],
        ["plot", "run", "--kind", "trace", "--format", "png", "--out", out],
        ["fit", "hese7_icecube", *changed, "--out", "run"],
        ["predict", "run/config.resolved.toml", "--json"],
    ))  # fmt: skip


def _read(run: Path, before: dict[str, Any]) -> tuple[harness.Outcome, list[str]]:
    """What is read now must be what was written, or refused."""
    found: dict[str, Any] = {}

    def read() -> int:
        try:
            found.update(said(run))
        except NuinferError as error:
            sys.stderr.write(f"nuinfer: error: {error}\n")
            return harness.BAD_INPUT
        return harness.OK

    heard = _Listener()
    logging.getLogger("nuinfer").addHandler(heard)
    warn_once.cache_clear()
    with harness.limited():
        outcome = harness.trapped(read)
    logging.getLogger("nuinfer").removeHandler(heard)
    differing = [key for key in before if found.get(key, before[key]) != before[key]]
    unnoticed = differing and not heard.said
    return outcome, harness.faults_of(outcome) + [f"read without a word: {differing}"] * bool(unnoticed)


class _Listener(logging.Handler):
    """Hears warnings."""

    said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said += record.getMessage()


def _flip(rng: random.Random, path: Path) -> str:
    path.write_bytes(values.flipped(rng, path.read_bytes(), 1))
    return "one bit flipped"


def _other(rng: random.Random, path: Path) -> str:
    """Another thing in its place."""
    content = path.read_bytes()
    run = next(parent for parent in path.parents if parent.name == "run")
    twin = rng.choice(sorted(p for p in run.rglob(f"*{path.suffix}") if p.is_file()))

    def numpy_array() -> None:
        with path.open("wb") as file:
            np.save(file, np.ones(3))

    makers: dict[str, Callable[[], object]] = {
        "cut off": lambda: path.write_bytes(content[: rng.randrange(len(content) + 1)]),
        "missing": path.unlink,
        "a folder": lambda: (path.unlink(), path.mkdir()),
        "a pipe": lambda: (path.unlink(), os.mkfifo(path)),
        "a loop": lambda: (path.unlink(), path.symlink_to(path)),
        "noise": lambda: path.write_bytes(rng.randbytes(200)),
        "empty": lambda: path.write_bytes(b""),
        "an npy": numpy_array,
        f"{twin.name} of {twin.parent.name}": lambda: path.write_bytes(twin.read_bytes()),
    }
    kind = rng.choice(list(makers))
    makers[kind]()
    return kind


def _record(rng: random.Random, path: Path) -> str:
    """Another type somewhere in a record, as somebody else's program would write it."""
    try:
        content = json.loads(path.read_text())
    except ValueError:
        return "as it is"
    content.pop("check", None)
    node, trail = content, []
    while isinstance(node, dict | list) and node and (not trail or rng.random() < 0.4):
        key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
        trail.append((node, key))
        node = node[key]
    if not trail:
        return "as it is"
    table, key = trail[-1]
    value = rng.choice(
        (None, True, -1, 0, 3, 10**12, 1e300, "text", "x" * 5000, [], [1], {}, {"a": 1}, [[None]], -0.5, 10**400)
    )
    if rng.random() < 0.15:
        del table[key]
        value = "missing"
    else:
        table[key] = value
    path.write_text(json.dumps(content))
    return f"{[step for _, step in trail]} is {str(value)[:30]}"


def _block(rng: random.Random, path: Path) -> str:
    """A block with another array."""
    with np.load(path) as archive:
        arrays = dict(archive)
    name = rng.choice(list(arrays))
    shape, other = arrays[name].shape, arrays[rng.choice(list(arrays))]
    numbers = [np.array(one) for one in (1, "text", [], 1.5, [2, 3], 10**18)]
    others = [arrays[name][None], np.array({}, dtype=object), np.full(shape, -7), np.full(shape, np.nan), other]
    arrays[name] = rng.choice([*numbers, *others])
    np.savez(path, **arrays)
    return f"{name} is {str(arrays[name])[:30]!r}"


CHANGES: dict[str, tuple[Callable[[random.Random, Path], str], ...]] = {".json": (_record, _record), ".npz": (_block,)}
FUZZER = harness.Fuzzer("folders", prepare, attempt)
