"""What commands share: exit codes, the options that several have, and how answers are printed."""

import argparse
import csv
import io
import json
import logging
import math
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nuinfer.confidence import LIMIT, Convention
from nuinfer.errors import LOG, ConfigError, warn_once

OK, BUG, BAD_INPUT, NOT_CONVERGED, SIGNALLED = 0, 1, 2, 3, 128  # the last one and the number of the signal
MOST, DIGITS = 10**6, 20  # of what is counted on a command line; digits of a number there
Parser = argparse.ArgumentParser
Arguments = argparse.Namespace


# Options --------------------------------------------------------------------------------------------------------------


def numbers(text: str) -> list[float]:
    """Argument of numbers with commas between them."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not allowed, write numbers with commas") from None


def _figure(name: str) -> Path:
    """The file of a figure, whose ending says how it is written."""
    from nuinfer.plotting import style

    style.check_format(Path(name).suffix.removeprefix("."))
    return Path(name)


def _at_least(least: int, text: str) -> int:
    if not re.fullmatch(r"\s*[+-]?\d+\s*", text, re.ASCII) or len(text) > DIGITS:
        raise argparse.ArgumentTypeError(f"{text[:DIGITS]} is not allowed, it must be a whole number")
    value = int(text)
    if not least <= value <= MOST:
        raise argparse.ArgumentTypeError(f"{text} is not allowed, it must be at least {least} and at most {MOST}")
    return value


positive = partial(_at_least, 1)
"""Argument that counts something."""

natural = partial(_at_least, 0)
"""Argument that is 0 or counts something."""

FLAG: Mapping[str, Any] = {"action": "store_true"}
REPEATED: Mapping[str, Any] = {"action": "append", "default": []}
SCHEDULER = "a dask scheduler instead: its address or file, 'local' for one of this machine, or 'mpi'"
DEVICE = "where the posterior is computed (default: cpu), as --set sampler.device=..."
SHARED: Mapping[str, Mapping[str, Any]] = {
    "analysis": {"metavar": "PRESET|FILE", "help": "a preset, or the path of a TOML file"},
    "--set": {**REPEATED, "metavar": "KEY=VALUE", "help": "change a key, as in model.source=pgamma"},
    "--at": {**REPEATED, "metavar": "NAME=VALUE"},
    "--out": {"metavar": "DIR"},
    "--resume": {**FLAG, "help": "go on with a folder that exists"},
    "--force": {**FLAG, "help": "replace it"},
    "--seed": {"type": natural, "default": 1504, "metavar": "S", "help": "root seed"},
    "--level": {"type": float, "metavar": "CL", "help": "confidence level (default: 0.95)"},
    "--sigma": {"type": float, "metavar": "N", "help": "the level where ln P has fallen by N^2/2, instead"},
    "--masses": {"type": float, "nargs": 2, "metavar": ("LOW", "HIGH")},
    "--figure": {"type": _figure, "metavar": "FILE", "help": "draw it (.pdf, .png or .svg)"},
    "--jobs": {"type": positive, "metavar": "J", "help": "processes (default: one per core)"},
    "--scheduler": {"metavar": "ADDRESS", "help": SCHEDULER},
    "--device": {**REPEATED, "dest": "set", "type": "sampler.device={}".format, "metavar": "cpu|cuda", "help": DEVICE},
    "--trust": {**FLAG, "help": "run the Python files that a run folder of somebody else names"},
    "--json": {**FLAG, "help": "print JSON"},
}
"""Options of several commands, as `argparse` takes them."""


def add(parser: argparse._ActionsContainer, *names: str, **settings: Any) -> None:
    """Add options, each as `SHARED` has it, if it does, with these settings instead."""
    for name in names:
        parser.add_argument(name, **{**SHARED.get(name, {}), **settings})


def add_folder(parser: Parser, text: str) -> None:
    """Add the folder of the results and what becomes of one that exists, which without a word is refused."""
    add(parser, "--out", help=text)
    add(parser.add_mutually_exclusive_group(), "--resume", "--force")


def folder_of(arguments: Arguments, usual: str | Path | None = None) -> dict[str, Any]:
    """The options of `add_folder`, to be handed on by name."""
    if usual is None and not arguments.out and (arguments.resume or arguments.force):
        raise ConfigError(f"--{'resume' if arguments.resume else 'force'}: needs --out, no folder is kept without")
    out = arguments.out or usual
    return {"out": out and Path(out), **chosen(arguments, "resume", "force")}


def study_of(arguments: Arguments) -> dict[str, Any]:
    """Seed, folder and workers of a study that shows no progress, to be handed on by name: a process per core."""
    jobs = {} if arguments.scheduler else {"jobs": arguments.jobs or os.cpu_count()}
    return chosen(arguments, "seed", "scheduler") | folder_of(arguments) | jobs | {"progress": None}


def add_level(parser: Parser) -> None:
    """Add the confidence level, as such or in standard deviations."""
    add(parser.add_mutually_exclusive_group(), "--level", "--sigma")


def level_of(arguments: Arguments, convention: Convention = LIMIT) -> float:
    """The level that `add_level` was given."""
    if arguments.sigma is not None:
        level = convention.level(arguments.sigma)
        if level < 0.5:
            raise ConfigError(f"--sigma {arguments.sigma:g}: that is {100.0 * level:.0f} % here, and 50 % is the least")
        return level
    return 0.95 if arguments.level is None else float(arguments.level)


def add_loudness(parser: argparse.ArgumentParser) -> None:
    """Add how much is told, of every command: the level of `LOG`."""
    how = parser.add_mutually_exclusive_group()
    level: Mapping[str, Any] = {"action": "store_const", "dest": "loudness", "default": logging.INFO}
    how.add_argument("-v", "--verbose", **level, const=logging.DEBUG, help="show everything that is logged")
    how.add_argument("-q", "--quiet", **level, const=logging.ERROR, help="print results and errors alone")


def refuse_idle(arguments: Arguments, reason: str, *names: str) -> None:
    """Refuse options that are given and do nothing."""
    for name in names:
        if getattr(arguments, name) is not None:
            raise ConfigError(f"{'-' if len(name) == 1 else '--'}{name}: it does nothing {reason}")


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


def point_of(at: Iterable[str], option: str = "--at") -> dict[str, float]:
    """Names and values of every ``--at``, or another option."""
    point = {}
    for text in at:
        name, _, value = (part.strip() for part in text.partition("="))
        if name in point:
            raise ConfigError(f"{option} {text}: '{name}' is given twice")
        try:
            point[name] = float(value)
        except ValueError:
            raise ConfigError(f"{option} {text}: write it as parameter=number") from None
        if not math.isfinite(point[name]):
            raise ConfigError(f"{option} {text}: {value} is not allowed, it must be a finite number")
    return point


def warn_outside(analysis: Any, at: Mapping[str, float], option: str = "--at") -> None:
    """Warn of named values that the prior excludes: they are allowed, and may be a slip."""
    point = analysis.point(at)
    for name, (low, high) in zip(analysis.parameter_names, analysis.prior_bounds, strict=True):
        if not low <= point[name] <= high:
            warn_once(f"{option}: {name} = {point[name]:.4g} is outside its prior, {low:g} to {high:g}")


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
    return list(np.geomspace(low, high, points if low < high else 1).tolist())


# Answers --------------------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Print one line."""
    sys.stdout.write(text + "\n")


def save_figure(figure: Any, stem: Path, formats: Iterable[str] = ("pdf", "png")) -> list[Path]:
    """Write a figure in several formats; return the paths."""
    from nuinfer.plotting import style

    return [style.save(figure, stem.with_name(f"{stem.name}.{ending}")) for ending in formats]


def write(path: Path, content: str | bytes) -> Path:
    """Write a file whole or not at all, with its parents; return the path."""
    from nuinfer.inference.work import files

    files.make_folder(path.parent)
    files.write_atomic(path, content.encode() if isinstance(content, str) else content)
    return path


def write_csv(path: Path, columns: Mapping[str, Iterable[Any]], comments: Iterable[str] = ()) -> Path:
    """Write columns as CSV, an empty field for None and what is no number; return the path."""
    rows = csv.writer(made := io.StringIO(), lineterminator="\n")
    rows.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        rows.writerow("" if value is None or value != value else value for value in row)  # noqa: PLR0124 - NaN
    return write(path, "".join(f"# {text}\n" for text in comments) + made.getvalue())


def say_aside(text: str) -> None:
    """Print one line that is no result."""
    if LOG.isEnabledFor(logging.WARNING):
        say(text)


def say_written(*paths: Path) -> int:
    """Name the files that were written, with which a command is done."""
    for path in paths:
        say_aside(f"wrote {path}")
    return OK


def print_json(content: object) -> int:
    """Print JSON, with which a command is done."""
    say(json.dumps(content, indent=1))
    return OK


def say_sentence(text: str, *, stderr: bool = False) -> None:
    """Print a sentence, wrapped between words where the output has a width."""
    from nuinfer.inference.work.progress import console

    console(stderr=stderr).print(text, highlight=False, markup=False)


def say_warnings(texts: Iterable[str]) -> None:
    """Print what results come with, a sentence each."""
    for text in texts:
        say_sentence(f"warning: {text}")


def print_table(title: str, head: Iterable[str], rows: Iterable[Sequence[str]], optional: int = 0) -> None:
    """Print a table: where it is too wide its head takes two lines, then it goes without `optional` last columns.

    If that is not enough, its lines are longer than those of the terminal: no number is cut off.
    """
    from rich import box
    from rich.table import Column, Table

    from nuinfer.inference.work.progress import ENDLESS, console

    head, rows, terminal = list(head), list(rows), console()

    def table(names: Sequence[str]) -> Table:
        first, *others = names
        columns = Column(first, no_wrap=True), *(Column(name, justify="right", no_wrap=True) for name in others)
        made = Table(*columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for row in rows:
            made.add_row(*row[: len(names)])
        return made

    folded = [textwrap.fill(name, len(name) // 2 + 2, break_long_words=False) for name in head]
    tries = [head, *(folded[: len(head) - k] for k in range(optional + 1))]
    boundless = terminal.options.update(width=ENDLESS)
    widths = [(one, terminal.measure(one, options=boundless).maximum) for one in map(table, tries)]
    chosen, needed = next((pair for pair in widths if pair[1] <= terminal.width), widths[-1])
    terminal.print(title, style="italic", highlight=False, markup=False)  # not wrapped to the width of the table
    console(width=needed).print(chosen)
