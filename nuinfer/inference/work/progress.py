"""What a fit shows while it runs: a bar on a terminal, plain lines elsewhere, and always ``log.txt``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from nuinfer.errors import RunFolderError


def now() -> str:
    """Time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Reporter:
    """Shows lines and steps on standard error and keeps the lines in a log file.

    Parameters
    ----------
    log : Path
        The log file, appended to.
    show : bool or None
        Whether to show anything; None shows a bar on a terminal and lines elsewhere, as True does.
    """

    def __init__(self, log: Path, show: bool | None) -> None:
        self._log = log
        self._show = show is not False
        self._bar: Progress | None = None
        if self._show and sys.stderr.isatty():
            columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("starting", total=None)

    def __enter__(self) -> Reporter:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def line(self, text: str) -> None:
        """Write one line."""
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(f"{now()} {text}\n")
        except OSError as error:
            raise RunFolderError(f"{self._log}: cannot be written ({error.strerror})") from error
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif self._show:
            sys.stderr.write(text + "\n")

    def steps(self, done: int, total: float, text: str) -> None:
        """Move the bar."""
        if self._bar:
            self._bar.update(self._task, completed=done, total=max(total, done), description=text)
