"""What work shows while it runs: a bar on a terminal, plain lines elsewhere, always ``log.txt`` and ``status.json``."""

from __future__ import annotations

import logging
import math
import os
import shlex
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import nuinfer
from nuinfer.errors import LOG, shortened_in
from nuinfer.inference.work.calls import Ended
from nuinfer.inference.work.files import STATUS, appending, refusing, write_record

STATUS_SECONDS, LINE_SECONDS = 1.0, 30.0
ENDLESS = 1000  # columns of what is no terminal
GOES_ON = ("sampling", "running")  # states that do not last
SILENT_SECONDS = 120.0  # a process at work writes its status every few seconds, but not while it judges the chains
FEW = 60  # jobs, of which each is worth a line of the log


def this_command() -> str:
    """The command line of this process for records: paths in it are as short as they are for people."""
    program = Path(sys.argv[0]).name.replace("__main__.py", nuinfer.__name__)
    return shlex.join([program, *map(shortened_in, sys.argv[1:])])


def now() -> str:
    """Time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def silence(status: Mapping[str, Any]) -> float:
    """Seconds since a process that should be at work wrote its status; 0 if that is not long, or if it has ended."""
    if status["state"] not in GOES_ON:
        return 0.0
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(status["updated"])).total_seconds()
    except (TypeError, ValueError):
        return math.inf
    return seconds if seconds > SILENT_SECONDS else 0.0


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """Where people read: as wide as asked, else as a terminal is or ``COLUMNS`` says, else without an end."""
    made = Console(stderr=stderr, width=width, emoji=False)
    endless = not (width or made.is_terminal or "COLUMNS" in os.environ)
    return Console(stderr=stderr, width=ENDLESS, emoji=False) if endless else made


class Reporter:
    """Shows lines and steps on standard error and keeps the lines in a log file.

    Parameters
    ----------
    log : Path
        The log file, appended to.
    show : bool or None
        Whether to show anything; None shows a bar on a terminal and lines elsewhere, as True does, unless the level of
        `LOG` is above WARNING.
    """

    def __init__(self, log: Path, show: bool | None) -> None:
        self._log, self._show = log, LOG.isEnabledFor(logging.WARNING) if show is None else show
        times = TextColumn("spent"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(compact=True)
        columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), *times
        hidden = not (self._show and sys.stderr.isatty())
        self._bar = Progress(*columns, console=console(stderr=True), transient=True, disable=hidden)
        self._task = self._bar.add_task("starting", total=None)

    def __enter__(self) -> Reporter:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def line(self, text: str, *details: str) -> None:
        """Write one line, and into the log its details, which are shown if the level of `LOG` is DEBUG."""
        at, texts = now(), (text, *(f"  {detail}" for detail in details))
        with refusing(self._log, "written"), appending(self._log) as file:
            file.write("".join(f"{at} {shortened_in(one)}\n" for one in texts).encode())
        self.show(*texts[: len(texts) if LOG.isEnabledFor(logging.DEBUG) else 1])

    def show(self, *texts: str) -> None:
        """Lines that are of no use in the log."""
        for text in texts if self._show else ():
            self._bar.console.print(text, markup=False, highlight=False)

    def steps(self, done: int, total: float, text: str) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done, total=max(total, done), description=text)


class Tally:
    """How far some jobs are: in the log, on the terminal, and in ``status.json``.

    Parameters
    ----------
    folder : Path
        Where the status is written.
    reporter : Reporter
        Writes and shows lines.
    what : str
        What the jobs are called.
    jobs, missing : int
        Number of jobs, and of those to do.
    """

    def __init__(self, folder: Path, reporter: Reporter, what: str, jobs: int, missing: int) -> None:
        self._folder, self._reporter, self._what, self._jobs = folder, reporter, what, jobs
        self._done = self._before = jobs - missing
        self.failed: list[str] = []
        self._begin = self._written = self._said = time.monotonic()
        reporter.line(f"{self._done} of {jobs} {what} are there")
        self.write("running")

    def step(self, ended: Ended) -> None:
        """Count a job that has ended, and tell if it is time to."""
        at = time.monotonic()
        self._done += ended.error is None
        if ended.error is not None:
            self.failed.append(f"{ended.label}: {ended.reason}")
            self._reporter.line(f"failed: {ended.label} ({ended.key}): {ended.reason}")
        elif self._jobs <= FEW:
            self._reporter.line(f"{self._what}, {self._done} of {self._jobs}: {ended.label}")
        if self._jobs > FEW and (at - self._said >= LINE_SECONDS or not self._left):
            self._said = at
            self._reporter.line(self._so_far())
        if at - self._written >= STATUS_SECONDS:
            self.write("running")

    @property
    def _left(self) -> int:
        return self._jobs - self._done - len(self.failed)

    @property
    def _rate(self) -> float:
        return (self._done - self._before) / max(time.monotonic() - self._begin, 1e-9)

    def _so_far(self) -> str:
        to_go = f", {self._left / self._rate:.0f} s to go" if self._left and self._rate else ""
        return f"{self._done} of {self._jobs} {self._what} done, {len(self.failed)} failed{to_go}"

    def write(self, state: str) -> None:
        """Tell readers how far it is."""
        self._written = time.monotonic()
        eta = self._left / self._rate if state == "running" and self._rate > 0.0 else None
        content = {"state": state, "what": self._what, "jobs": self._jobs, "done": self._done}
        content |= {"failed": len(self.failed), "left": self._left, "failures": self.failed[:10]}
        content |= {"jobs_per_second": self._rate or None, "eta_seconds": eta, "updated": now()}
        write_record(self._folder / STATUS, content, durable=False)
        self._reporter.steps(self._done, self._jobs, self._so_far())
