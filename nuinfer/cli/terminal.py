"""What commands share: exit codes, how they print, and options that several of them take."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from nuinfer.errors import ConfigError

OK, BUG, BAD_INPUT, NOT_CONVERGED, INTERRUPTED = 0, 1, 2, 3, 130


def say(text: str) -> None:
    """Print one line."""
    sys.stdout.write(text + "\n")


def print_json(content: object) -> None:
    """Print JSON."""
    say(json.dumps(content, indent=1))


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
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


def positive(text: str) -> int:
    """Argument that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not allowed, it must be at least 1")
    return value


def natural(text: str) -> int:
    """Argument that is 0 or counts something."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not allowed, it must be at least 0")
    return value


def split_at(text: str) -> tuple[str, float]:
    """Name and value of ``--at``."""
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise ConfigError(f"--at {text}: write it as parameter=number") from None


def takes_analysis(sub: argparse.ArgumentParser, **keywords: Any) -> None:
    """Add the preset or file, and ``--set``."""
    sub.add_argument("analysis", metavar="PRESET|FILE", help="a preset, or the path of a TOML file", **keywords)
    set_help = "change a key, as in model.source=pgamma"
    sub.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=set_help)


def takes_executor(sub: argparse.ArgumentParser) -> None:
    """Add ``--jobs`` and ``--scheduler``, for `nuinfer.inference.work.executors.open_executor`."""
    sub.add_argument("--jobs", type=positive, metavar="J", help="processes (default: one per core)")
    scheduler_help = "a dask scheduler instead: its address or file, 'local' for one of this machine, or 'mpi'"
    sub.add_argument("--scheduler", metavar="ADDRESS", help=scheduler_help)
