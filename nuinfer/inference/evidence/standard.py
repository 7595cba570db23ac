"""The standard set of hypotheses: one change at a time around a baseline, on data sets that are compared separately.

They stand in ``standard.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nuinfer.analysis import Analysis, load

BASELINE, DATA = "pp", ("hese7", "hese3")
GROUPS = ("source", "evolution", "neutrinos", "mediator", "modelling")
"""Kinds of change; those of the last are sensitivities to how propagation is computed, not alternatives."""


@dataclass(frozen=True)
class Block:
    """Hypotheses about one data set.

    Parameters
    ----------
    name : str
        Of the data and constraints.
    hypotheses : mapping of str to Analysis
        The baseline `BASELINE` first.
    groups : mapping of str to str
        Name of each hypothesis to its kind of change; the baseline is in none.
    """

    name: str
    hypotheses: Mapping[str, Analysis]
    groups: Mapping[str, str]

    @property
    def folder(self) -> str:
        """Name of the folder of its results."""
        return self.name.replace(", ", "-").replace(" ", "-").lower()

    def alternatives(self) -> list[str]:
        """The baseline and the hypotheses about the source: exclusive, of equal prior odds."""
        return [BASELINE, *(name for name, group in self.groups.items() if group == "source")]


def standard_blocks() -> tuple[Block, ...]:
    """Around ``hese7`` with 7.5 and 3 years of data, then around the same without external constraints.

    IceCube alone says what its data say about a dip, and takes charges for which the constraints do not hold.
    """
    held = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    groups = {name: group for group in GROUPS for name in held["around"][group]}
    around = {name: held["around"][group][name] for name, group in groups.items()}
    alone = held["alone"]
    return (
        *(_block(data, "hese7", data, around, groups) for data in DATA),
        *(
            _block(f"{data}, IceCube alone", "hese7_icecube", data, alone, dict.fromkeys(alone, "mediator"))
            for data in DATA
        ),
    )


def _block(name: str, preset: str, data: str, changes: Mapping[str, Sequence[str]], groups: Mapping[str, str]) -> Block:
    every = {BASELINE: (), **changes}
    return Block(name, {n: load(preset, [f"data.dataset={data}", *change]) for n, change in every.items()}, groups)
