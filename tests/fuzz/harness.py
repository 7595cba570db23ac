"""What all fuzzers share: a call of the command line in this process, under limits, and what counts as a fault.

A fault is a traceback, more than 60 s, more than 2 GB, a file touched that is not ours, an error of more than one line,
or exit code 0 with something that is no number. Each attempt is made by a generator seeded with the name of its fuzzer
and its number, so that `python tests/fuzz KIND --only NUMBER` makes it again.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from nuinfer.cli import main

SECONDS, BYTES, LONGEST = 60, 2 * 1024**3, 3000
OK, BUG, BAD_INPUT, NOT_CONVERGED = 0, 1, 2, 3


class Hang(BaseException):
    """A call took too long."""


class Outcome(NamedTuple):
    """What came of a call."""

    code: int
    out: str
    err: str
    error: str


class Attempt(NamedTuple):
    """What was tried, how it ended, and what is wrong with that."""

    what: str
    ended: str
    faults: list[str]


@dataclass(frozen=True)
class Fuzzer:
    """One kind of attack.

    Parameters
    ----------
    name : str
        What it is called.
    prepare : callable
        Makes, in a folder, what attempts are made with.
    attempt : callable
        From that, a random generator and an empty folder, which is the working directory, to an `Attempt`.
    """

    name: str
    prepare: Callable[[Path], Any]
    attempt: Callable[[Any, random.Random, Path], Attempt]


@dataclass
class Found:
    """Results of a fuzzer."""

    ends: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str, str]] = field(default_factory=list)


def attack(
    fuzzer: Fuzzer, numbers: range, root: Path, say: Callable[[str], object] = lambda _: None, given: Any = None
) -> Found:
    """Make some attempts, with what was prepared if it is given; each fault is said as it is found."""
    found, before = Found(), Path.cwd()
    given = fuzzer.prepare(fresh(root / "given")) if given is None else given
    try:
        for number in numbers:
            folder = fresh(root / "attempt")
            os.chdir(folder)
            attempt = fuzzer.attempt(given, random.Random(f"{fuzzer.name} {number}"), folder)  # noqa: S311
            found.ends[attempt.ended] += 1
            for fault in attempt.faults:
                found.faults.append((number, attempt.what, fault))
                say(f"{fuzzer.name} {number}: {attempt.what[:300]}\n    {fault}")
    finally:
        os.chdir(before)
    return found


def fresh(folder: Path) -> Path:
    """An empty folder."""
    if folder.exists():
        for item in folder.rglob("*"):
            if item.is_dir() and not item.is_symlink():
                item.chmod(0o755)
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def called(*argv: str, largest_file: int | None = None) -> Outcome:
    """The command line, under limits of time, memory and, in bytes, what a file may hold."""
    with limited(largest_file):
        return trapped(lambda: main(argv))


def trapped(action: Callable[[], int]) -> Outcome:
    """What an action that gives an exit code prints and raises."""
    out, err, code, error = io.StringIO(), io.StringIO(), BUG, ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*ArviZ is undergoing.*", FutureWarning)
        try:
            code = action()
        except SystemExit as refusal:  # of argparse
            code = int(refusal.code or 0)
        except Hang:
            error = f"more than {SECONDS} s"
        except BaseException as raised:  # noqa: BLE001 - that is what is looked for
            lines = traceback.format_exception(raised)
            error = " ".join("".join([*lines[-2:], *lines[-12:-2]]).split())[:900]
    return Outcome(code, out.getvalue(), err.getvalue(), error)


@contextlib.contextmanager
def limited(largest_file: int | None = None) -> Iterator[None]:
    """Limits on what happens in this process."""

    def hang(*_: object) -> None:
        raise Hang

    old = signal.signal(signal.SIGALRM, hang)
    limits = {resource.RLIMIT_AS: _virtual() + BYTES}
    if largest_file is not None:
        limits[resource.RLIMIT_FSIZE] = largest_file
    were = {which: resource.getrlimit(which) for which in limits}
    for which, most in limits.items():
        resource.setrlimit(which, (most, were[which][1]))
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        for which, pair in were.items():
            resource.setrlimit(which, pair)
        signal.signal(signal.SIGALRM, old)


def _virtual() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def faults_of(outcome: Outcome, *, codes: tuple[int, ...] = (OK, BAD_INPUT), is_json: bool = False) -> list[str]:
    """What is wrong with an outcome, whatever was asked."""
    if outcome.error:
        return [outcome.error]
    found, lines = [], outcome.err.splitlines()
    if outcome.code not in codes:
        found.append(f"exit code {outcome.code}: {outcome.err[-300:]}")
    if outcome.code == BAD_INPUT and outcome.err.startswith("nuinfer: error") and len(lines) > 1:
        found.append(f"more than one line: {outcome.err[:300]}")
    if len(outcome.err) > LONGEST:
        found.append(f"a message of {len(outcome.err)} letters: {outcome.err[:100]}")
    if outcome.code == BAD_INPUT and not lines:
        found.append("refused without a word")
    if outcome.code == OK and is_json:
        try:
            json.loads(outcome.out, parse_constant=_no_number)
        except ValueError as error:
            found.append(f"no JSON: {error}")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} in JSON")


def ended(outcome: Outcome) -> str:
    """How a call ended, in a word."""
    return "traceback" if outcome.error else {OK: "done", BAD_INPUT: "refused"}.get(outcome.code, str(outcome.code))


def inventory(folder: Path) -> dict[str, tuple[int, int]]:
    """What lies in a folder: sizes and times of its files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        found[str(path.relative_to(folder))] = (0, 0) if path.is_dir() else (state.st_size, state.st_mtime_ns)
    return found


def timed(action: Callable[[], Any]) -> float:
    """Seconds of an action."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
