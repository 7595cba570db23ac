"""What commands share: exit codes, the options that several have, and how answers are printed."""

import argparse
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nuinfer.errors import ConfigError, warn_once

OK, BUG, BAD_INPUT, NOT_CONVERGED, SIGNALLED = 0, 1, 2, 3, 128  # the last one and the number of the signal
MOST, DIGITS = 10**6, 20  # of what is counted on a command line; digits of a number there
Parser = argparse.ArgumentParser
Arguments = argparse.Namespace


# Options --------------------------------------------------------------------------------------------------------------


def positive(text: str) -> int:
    """Argument that counts something."""
    return _at_least(1, text)


def natural(text: str) -> int:
    """Argument that is 0 or counts something."""
    return _at_least(0, text)


def numbers(text: str) -> list[float]:
    """Argument of numbers with commas between them."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not allowed, write numbers with commas") from None


def _device(name: str) -> str:
    """A device as a change of a key."""
    return f"sampler.device={name}"


def _at_least(least: int, text: str) -> int:
    if not text.isascii() or not text.strip().lstrip("+-").isdigit() or len(text) > DIGITS:
        raise argparse.ArgumentTypeError(f"{text[:DIGITS]} is not allowed, it must be a whole number")
    value = int(text)
    if not least <= value <= MOST:
        raise argparse.ArgumentTypeError(f"{text} is not allowed, it must be at least {least} and at most {MOST}")
    return value


FLAG: Mapping[str, Any] = {"action": "store_true"}
REPEATED: Mapping[str, Any] = {"action": "append", "default": []}
SCHEDULER = "a dask scheduler instead: its address or file, 'local' for one of this machine, or 'mpi'"
SHARED: Mapping[str, Mapping[str, Any]] = {
    "analysis": {"metavar": "PRESET|FILE", "help": "a preset, or the path of a TOML file"},
    "--set": {
        "action": "append",
        "default": [],
        "metavar": "KEY=VALUE",
        "help": "change a key, as in model.source=pgamma",
    },
    "--at": {**REPEATED, "metavar": "NAME=VALUE"},
    "--out": {"metavar": "DIR"},
    "--seed": {"type": natural, "default": 1504, "metavar": "S", "help": "root seed"},
    "--level": {"type": float, "default": 0.95, "metavar": "CL", "help": "confidence level (default: 0.95)"},
    "--masses": {"type": float, "nargs": 2, "metavar": ("LOW", "HIGH")},
    "--figure": {"metavar": "FILE", "help": "draw it (.pdf, .png or .svg)"},
    "--jobs": {"type": positive, "metavar": "J", "help": "processes (default: one per core)"},
    "--scheduler": {"metavar": "ADDRESS", "help": SCHEDULER},
    "--device": {
        "dest": "set",
        "action": "append",
        "default": [],
        "type": _device,
        "metavar": "cpu|cuda",
        "help": "where the posterior is computed (default: cpu), as --set sampler.device=...",
    },
    "--trust": {**FLAG, "help": "run the Python files that a run folder of somebody else names"},
    "--json": {**FLAG, "help": "print JSON"},
}
"""Options of several commands, as `argparse` takes them."""


def add(parser: argparse._ActionsContainer, *names: str, **settings: Any) -> None:
    """Add options, each as `SHARED` has it, if it does, with these settings instead."""
    for name in names:
        parser.add_argument(name, **{**SHARED.get(name, {}), **settings})


def chosen(arguments: Arguments, *names: str) -> dict[str, Any]:
    """Some of the arguments, to be handed on by name."""
    return {name: getattr(arguments, name) for name in names}


def warn_of_idle(overrides: Sequence[str], used: Iterable[str]) -> None:
    """Say which keys of ``[sampler]`` a command is given and does not use."""
    if any(text.strip().startswith("sampler") for text in overrides):
        from nuinfer.config import typed

        known = {f"sampler.{name}" for name in used}
        idle = [key for key in typed("", overrides) if key.startswith("sampler.") and key not in known]
        if idle:
            warn_once(
                f"{', '.join(idle)} {'do' if idle[1:] else 'does'} nothing: this command samples otherwise, if at all"
            )


def point_of(at: Iterable[str]) -> dict[str, float]:
    """Names and values of every ``--at``."""
    point = {}
    for text in at:
        name, _, value = (part.strip() for part in text.partition("="))
        if name in point:
            raise ConfigError(f"--at {text}: '{name}' is given twice")
        try:
            point[name] = float(value)
        except ValueError:
            raise ConfigError(f"--at {text}: write it as parameter=number") from None
        if not math.isfinite(point[name]):
            raise ConfigError(f"--at {text}: {value} is not allowed, it must be a finite number")
    return point


def analysis_of(given: str, overrides: Sequence[str], *, trust: bool = False) -> Any:
    """The analysis of a preset, a file or a run folder, with keys changed."""
    import nuinfer
    from nuinfer.loading import changed

    if not Path(given).is_dir():
        return nuinfer.load(given, overrides)
    return changed(nuinfer.open_run(given, trust=trust).analysis, overrides)


def mass_grid(ends: Iterable[float], points: int) -> list[float]:
    """Masses in MeV between the two of ``--masses``, evenly spaced in their logarithm."""
    import numpy as np

    low, high = ends
    if not 0.0 < low <= high < math.inf:
        raise ConfigError(f"--masses {low:g} {high:g}: two positive masses are needed, the lower one first")
    return list(np.unique(np.geomspace(low, high, points)).tolist())


# Answers --------------------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Print one line."""
    sys.stdout.write(text + "\n")


def save_figure(figure: Any, stem: Path, formats: Iterable[str] = ("pdf", "png")) -> list[Path]:
    """Write a figure in several formats; return the paths."""
    from nuinfer.plotting import style

    return [style.save(figure, stem.with_name(f"{stem.name}.{ending}")) for ending in formats]


def write_text(path: Path, text: str) -> Path:
    """Write a file whole or not at all, with its parents; return the path."""
    from nuinfer.inference.work import files

    files.make_folder(path.parent)
    files.write_atomic(path, text.encode())
    return path


def say_written(*paths: Path) -> int:
    """Name the files that were written, with which a command is done."""
    for path in paths:
        say(f"wrote {path}")
    return OK


def print_json(content: object) -> int:
    """Print JSON, with which a command is done."""
    say(json.dumps(content, indent=1))
    return OK


def print_table(title: str, head: Iterable[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, as wide as it needs where the output is no terminal."""
    from rich.console import Console
    from rich.table import Column, Table

    first, *others = head
    table = Table(Column(first, no_wrap=True), *(Column(name, justify="right", no_wrap=True) for name in others))
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(title, style="italic", highlight=False, markup=False)  # not wrapped to the width of the table
    console.print(table)
