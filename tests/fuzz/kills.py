"""Kills at random moments, of a process or its group; the command with --resume then ends as if nothing had been."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import folders
import harness
import numpy as np

import nuinfer

SET = [part for text in folders.OVERRIDES for part in ("--set", text)]
FIT = ["fit", "hese7_icecube", *SET, "--out", "out", "--seed", "3", "--jobs", "1"]
SOURCES = ["--vary", "model.source=pp,pgamma", "--live", "50", "--seeds", "1", "--pseudo-experiments", "0", "--no-loo"]
JOBS = f"""[jobs.one]
task = "best_fit"
analysis = "hese7_icecube"
data = "simulated"
n = 4
[jobs.one.set]
{chr(10).join(text.replace("=", " = ") for text in folders.OVERRIDES)}
"""


PACKAGE = Path(nuinfer.__file__).parent


class Command(NamedTuple):
    """A command, how it goes on after a kill, and seconds that it takes."""

    argv: list[str]
    again: list[str]
    seconds: float


COMMANDS = {
    "fit": Command(FIT, [*FIT, "--resume"], 6.0),
    "compare": Command(
        given := ["compare", "hese7_icecube", *SET, *SOURCES, "--out", "out", "--jobs", "1"], [*given, "--resume"], 8.0
    ),
    "campaign": Command(given := ["campaign", "jobs.toml", "--out", "out", "--jobs", "1"], [*given, "--resume"], 5.0),
    "significance": Command(
        given := ["significance", "hese7_icecube", *SET, "--simulations", "3", "--out", "out", "--jobs", "1"],
        [*given, "--resume"],
        6.0,
    ),
    "limit": Command(
        given := ["limit", "hese7_icecube", *SET, "--mass", "10", "--out", "out", "--jobs", "1"],
        [*given, "--resume"],
        4.0,
    ),
    "plot": Command(given := ["plot", "RUN", "--kind", "trace", "--out", "out"], given, 3.0),
    "report": Command(given := ["report", "RUN", "--out", "out/page.html"], given, 5.0),
    "export": Command(given := ["export", "RUN", "--format", "netcdf", "--out", "out/x.nc"], given, 4.0),
    "constraints": Command(given := ["constraints", "hese7", "--out", "out/x.csv"], given, 2.5),
    "predict": Command(given := ["predict", "hese7", "--json"], given, 2.0),
}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGHUP)


def prepare(folder: Path) -> folders.Given:
    """A run that is there."""
    return folders.prepare(folder)


def attempt(given: folders.Given, rng: random.Random, folder: Path) -> harness.Attempt:
    """One kill, or several in a row."""
    name = rng.choice(list(COMMANDS))
    command = COMMANDS[name]
    (folder / "foreign.txt").write_text("mine")
    (folder / "jobs.toml").write_text(JOBS)
    faults, said = list[str](), list[str]()
    for turn in range(rng.choice((1, 1, 2))):
        sent, whole, after = rng.choice(SIGNALS), rng.random() < 0.5, command.seconds * rng.random()
        said.append(f"{sent.name} to {'all' if whole else 'one'} after {after:.1f} s")
        argv = command.argv if turn == 0 else command.again
        code, err = _run(argv, given, (after, sent, whole))
        expected = {0, 2, 3, 128 + sent, -sent}
        if code not in expected:
            faults.append(f"ended with {code} of {sorted(expected)}: {err[-300:]}")
        faults += [f"a traceback: {block[:300]} ... {block[-600:]}" for block in tracebacks(err)]
    if (folder / "out" / "status.json").exists():
        code, err = _run(["status", "out"], given)
        if code:
            faults.append(f"status: {code} {err[-300:]}")
    code, err = _run(command.again, given)
    if code not in (0, 3) or "Traceback" in err:
        faults.append(f"does not go on: {code} {err[-600:]}")
    if name == "fit" and not faults:
        chains = [nuinfer.open_run(run).samples(0, 1) for run in (folder / "out", given.runs[0])]
        if not np.array_equal(*chains):
            faults.append("other chains than without a kill")
    if left := [path.name for path in folder.rglob(".*.tmp")]:
        faults.append(f"left over after all: {left}")
    if (folder / "foreign.txt").read_text() != "mine":
        faults.append("a foreign file was touched")
    return harness.Attempt(f"{name}: {', '.join(said)}", f"{name}", faults)


def tracebacks(err: str) -> list[str]:
    """Tracebacks with something of ours in them; those of Python alone, of its tracker of resources for example, pass.

    Examples
    --------
    >>> tracebacks('x\\nTraceback (most recent call last):\\n  File "/lib/multiprocessing/spawn.py", line 1\\nKeyError')
    []
    """
    blocks = re.split(r"(?m)^(?=Traceback \(most recent call last\):$)", err)[1:]
    return [block for block in blocks if f'File "{PACKAGE}' in block]


def _run(argv: list[str], given: folders.Given, kill: tuple[float, int, bool] | None = None) -> tuple[int, str]:
    """Exit code and standard error of a command in a group of its own, which may be killed."""
    full = [sys.executable, "-m", "nuinfer", *(str(given.runs[0]) if part == "RUN" else part for part in argv)]
    with (
        Path("err").open("w+") as err,
        subprocess.Popen(
            full, stdout=subprocess.DEVNULL, stderr=err, stdin=subprocess.DEVNULL, start_new_session=True
        ) as process,
    ):
        try:
            if kill is not None:
                after, sent, whole = kill
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(after)
                with contextlib.suppress(ProcessLookupError):
                    (os.killpg if whole else os.kill)(process.pid, sent)
            code = process.wait(harness.SECONDS)
        except subprocess.TimeoutExpired:
            code = -999
        end = time.monotonic() + 20
        while _group_lives(process.pid) and time.monotonic() < end:
            time.sleep(0.05)
        if _group_lives(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
            code = -998 if code != -999 else code
        err.seek(0)
        return code, err.read()


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


FUZZER = harness.Fuzzer("kills", prepare, attempt)
