"""The standard set of hypotheses: one change at a time around a baseline, on data sets that are compared separately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nuinfer.analysis import Analysis, load

BASELINE = "pp"
GROUPS = ("source", "evolution", "neutrinos", "mediator", "modelling")
"""Kinds of change; those of the last are sensitivities to how propagation is computed, not alternatives."""

_CHANGES: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "source": {
            "pgamma": ("model.source=pgamma",),
            "muon_damped": ("model.source=muon_damped",),
            "muon_damped_pgamma": ("model.source=muon_damped_pgamma",),
            "neutron": ("model.source=neutron",),
            "free flavour": ("model.source=free",),
        },
        "evolution": {name: (f"model.evolution={name}",) for name in ("flat", "bllac", "quasar", "grb")},
        "neutrinos": {
            "inverted ordering": ("model.ordering=inverted",),
            "Dirac": ("model.neutrino=dirac",),
        },
        "mediator": {
            "no absorption": ("model.absorption=false",),
            "no absorption, pgamma": ("model.absorption=false", "model.source=pgamma"),
            "no absorption, neutron": ("model.absorption=false", "model.source=neutron"),
        },
        "modelling": {
            "no regeneration": ("model.regeneration=false",),
            "degenerate masses": ("model.masses=degenerate",),
            "coherent": ("model.coherence=coherent",),
            "moving targets, no regeneration": ("model.targets=thermal", "model.regeneration=false"),
        },
    }
)
_ALONE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "no absorption": ("model.absorption=false",),
        "flavour-blind": ("model.charges=[1, 1, 1]",),
        "dip of 2014": (  # arXiv:1504.00711: 5 to 12 MeV, and a resonance at least as deep as 1
            "parameters.log10_m_zprime_mev.low=0.7",
            "parameters.log10_m_zprime_mev.high=1.08",
            "parameters.log10_g_prime.low=-3.77",
            "parameters.log10_g_prime.high=-3.0",
        ),
    }
)


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
    around = {name: change for changes in _CHANGES.values() for name, change in changes.items()}
    groups = {name: group for group, changes in _CHANGES.items() for name in changes}
    return (
        *(_block(data, "hese7", data, around, groups) for data in ("hese7", "hese3")),
        *(
            _block(f"{data}, IceCube alone", "hese7_icecube", data, _ALONE, dict.fromkeys(_ALONE, "mediator"))
            for data in ("hese7", "hese3")
        ),
    )


def _block(
    name: str, preset: str, data: str, changes: Mapping[str, tuple[str, ...]], groups: Mapping[str, str]
) -> Block:
    every = {BASELINE: (), **changes}
    return Block(name, {n: load(preset, [f"data.dataset={data}", *change]) for n, change in every.items()}, groups)
