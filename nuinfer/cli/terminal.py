"""What commands share: what a command is, exit codes, how they print, and options that several of them take."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nuinfer.errors import ConfigError

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


def positive(text: str) -> int:
    """Argument that counts something."""
    return _at_least(1, text)


def natural(text: str) -> int:
    """Argument that is 0 or counts something."""
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    value = int(text)
    if value < least:
        raise argparse.ArgumentTypeError(f"{text} is not allowed, it must be at least {least}")
    return value


def point_of(at: Iterable[str]) -> dict[str, float]:
    """Names and values of every ``--at``."""
    return dict(map(_split_at, at))


def _split_at(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise ConfigError(f"--at {text}: write it as parameter=number") from None


def mass_grid(ends: Iterable[float], points: int) -> list[float]:
    """Masses in MeV between the two of ``--masses``, evenly spaced in their logarithm."""
    import numpy as np

    low, high = ends
    if not 0.0 < low <= high < math.inf:
        raise ConfigError(f"--masses {low:g} {high:g}: two positive masses are needed, the lower one first")
    return list(np.unique(np.geomspace(low, high, points)).tolist())


def takes_analysis(parser: argparse.ArgumentParser, **keywords: Any) -> None:
    """Add the preset or file, and ``--set``."""
    parser.add_argument("analysis", metavar="PRESET|FILE", help="a preset, or the path of a TOML file", **keywords)
    takes_set(parser, "change a key, as in model.source=pgamma")


def takes_set(parser: argparse.ArgumentParser, text: str) -> None:
    """Add ``--set``."""
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=text)


def takes_at(parser: argparse.ArgumentParser, text: str) -> None:
    """Add ``--at``, for `point_of`."""
    parser.add_argument("--at", action="append", default=[], metavar="NAME=VALUE", help=text)


def takes_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def takes_executor(parser: argparse.ArgumentParser) -> None:
    """Add ``--jobs`` and ``--scheduler``, for `nuinfer.inference.work.executors.open_executor`."""
    parser.add_argument("--jobs", type=positive, metavar="J", help="processes (default: one per core)")
    scheduler_help = "a dask scheduler instead: its address or file, 'local' for one of this machine, or 'mpi'"
    parser.add_argument("--scheduler", metavar="ADDRESS", help=scheduler_help)
