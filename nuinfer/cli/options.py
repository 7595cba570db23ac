"""Options that several commands take, and what their values mean."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from typing import Any

from nuinfer.errors import ConfigError


def chosen(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Some of the arguments, to be handed on by name."""
    return {name: getattr(arguments, name) for name in names}


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


def add_analysis(parser: argparse.ArgumentParser, **keywords: Any) -> None:
    """Add the preset or file, and ``--set``."""
    parser.add_argument("analysis", metavar="PRESET|FILE", help="a preset, or the path of a TOML file", **keywords)
    add_set(parser, "change a key, as in model.source=pgamma")


def add_set(parser: argparse.ArgumentParser, text: str) -> None:
    """Add ``--set``."""
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=text)


def add_at(parser: argparse.ArgumentParser, text: str) -> None:
    """Add ``--at``, for `point_of`."""
    parser.add_argument("--at", action="append", default=[], metavar="NAME=VALUE", help=text)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_executor(parser: argparse.ArgumentParser) -> None:
    """Add ``--jobs`` and ``--scheduler``, for `nuinfer.inference.work.executors.open_executor`."""
    parser.add_argument("--jobs", type=positive, metavar="J", help="processes (default: one per core)")
    scheduler_help = "a dask scheduler instead: its address or file, 'local' for one of this machine, or 'mpi'"
    parser.add_argument("--scheduler", metavar="ADDRESS", help=scheduler_help)
