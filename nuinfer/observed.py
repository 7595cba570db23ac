"""Data that replace the observed ones, simulated for example: counts, and the measured values of constraints."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nuinfer.build import Parts
from nuinfer.constraints.base import Constraint
from nuinfer.errors import ConfigError
from nuinfer.likelihood import log_factorials
from nuinfer.typing import ArrayLike, FloatArray, IntArray

Rows = tuple[tuple[float, ...], ...]
Measured = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class DataSets:
    """What differs between many data sets of one analysis.

    Parameters
    ----------
    counts : ndarray, shape (data set, topology, bin)
        Observed counts.
    measured : ndarray, shape (data set, constraint)
        The number that each constraint compares with: what a two-sided one measured; else it is that of the analysis.
        NaN: nothing was measured, the constraint does not count.
    """

    counts: FloatArray
    measured: FloatArray

    @cached_property
    def factorials(self) -> FloatArray:
        """Logarithms of the factorials of the counts, of their shape."""
        return log_factorials(self.counts)

    def __len__(self) -> int:
        return len(self.counts)

    def chosen(self, rows: slice | IntArray) -> DataSets:
        """Some of them."""
        return DataSets(self.counts[rows], self.measured[rows])

    def of(self, constraints: Sequence[Constraint], others: Sequence[Constraint]) -> DataSets:
        """The same data for an analysis with some of the constraints of another, in its own order."""
        names = [constraint.name for constraint in constraints]
        return DataSets(self.counts, self.measured[:, [names.index(one.name) for one in others]])


class Observed(NamedTuple):
    """The data of an analysis.

    Parameters
    ----------
    counts : ndarray, shape (topology, bin)
        Counts, or flux points.
    constraints : tuple of Constraint
        With their measured values.
    checksums : dict
        Of the files and of what is new.
    lowest : float
        Smallest value that counts or flux points can have.
    """

    counts: FloatArray
    constraints: tuple[Constraint, ...]
    checksums: dict[str, str]
    lowest: float = 0.0


def observed(parts: Parts, counts: Rows | None, measured: Measured) -> Observed:
    """The data of an analysis.

    Parameters
    ----------
    parts : Parts
        With the observed ones.
    counts : tuple of tuple of float, optional
        Counts that replace the observed ones.
    measured : tuple of (str, float)
        Names of constraints and values that replace what they measured; those that are off, or no densities, do not
        count.

    Raises
    ------
    ConfigError
        For another shape, or counts that are negative or not finite.
    """
    found, checksums = parts.model.dataset.observed, dict(parts.checksums)
    lowest = parts.model.density.lowest
    if counts is not None:
        found = _checked(counts, found.shape, lowest)
        checksums["observed counts"] = _digest(counts)
    chosen = dict(measured)
    values = {c.name: chosen[c.name] for c in parts.constraints if c.is_density and c.name in chosen}
    if values:
        checksums["measured values"] = _digest(values)
    constraints = (c.with_measured(values[c.name]) if c.name in values else c for c in parts.constraints)
    return Observed(found, tuple(constraints), checksums, lowest)


def updated(constraints: Iterable[Constraint], measured: Measured, new: Mapping[str, float]) -> Measured:
    """Measured values with some of them replaced.

    Raises
    ------
    ConfigError
        For a value that is not finite, or of something that is not among the constraints or no density.
    """
    allowed = [c.name for c in constraints if c.is_density]
    for name, value in new.items():
        if name not in allowed or not math.isfinite(value):
            text = f"a finite number for one of {', '.join(allowed) or 'none'} is needed"
            raise ConfigError(f"measured values: '{name}' = {value} is not allowed; {text}")
    return tuple((dict(measured) | {name: float(value) for name, value in new.items()}).items())


def stacked(own: Observed, drawn: Sequence[tuple[ArrayLike, Mapping[str, float]]]) -> DataSets:
    """Data sets of an analysis whose own is given, from the counts and the measured values of each; see `updated`."""
    counts = [_checked(each, own.counts.shape, own.lowest) for each, _ in drawn]
    changed = [dict(updated(own.constraints, (), values)) for _, values in drawn]
    measured = [[values.get(c.name, c.centre) for c in own.constraints] for values in changed]
    return DataSets(np.array(counts), np.array(measured).reshape(len(drawn), len(own.constraints)))


def _checked(counts: ArrayLike, shape: tuple[int, ...], lowest: float) -> FloatArray:
    found = np.array(counts, float)
    if found.shape != shape or not np.all(np.isfinite(found) & (found >= lowest)):
        least = f" >= {lowest:g}" if math.isfinite(lowest) else ""
        raise ConfigError(f"observed counts: finite numbers{least} of shape {shape} are needed, got {found.shape}")
    return found


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
