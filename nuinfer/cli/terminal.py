"""What commands share: what a command is, exit codes, and how they print."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

OK, BUG, BAD_INPUT, NOT_CONVERGED, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True)
class Command:
    """A command of ``nuinfer``, named like the module that holds it as ``COMMAND``.

    Parameters
    ----------
    help : str
        One line.
    add_options : callable
        Adds its arguments to its parser.
    run : callable
        Does it; returns the exit code.
    """

    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def say(text: str) -> None:
    """Print one line."""
    sys.stdout.write(text + "\n")


def say_written(*paths: Path) -> None:
    """Name the files that were written."""
    for path in paths:
        say(f"wrote {path}")


def print_json(content: object) -> None:
    """Print JSON."""
    say(json.dumps(content, indent=1))


def print_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, as wide as it needs where the output is no terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for k, name in enumerate(head):
        table.add_column(name, justify="left" if k == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(title, style="italic", highlight=False, markup=False)  # not wrapped to the width of the table
    console.print(table)


def this_command() -> str:
    """The command line as it was typed, for records."""
    return shlex.join(["nuinfer", *sys.argv[1:]])
