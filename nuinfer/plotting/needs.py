"""What figures need of an analysis: functions that answer what it lacks, or nothing."""

from __future__ import annotations

import numpy as np

from nuinfer.constants import COORDINATES
from nuinfer.plotting.annotations import Analysis, FloatArray


def absorption(analysis: Analysis) -> str:
    """A mediator that absorbs, whose mass and coupling may be sampled or fixed."""
    lacking = "model.absorption = false, so there is no (m_Z', g') to draw; use corner or counts"
    return "" if analysis.absorbs else lacking


def plane(analysis: Analysis) -> str:
    """A mass and a coupling that are both sampled."""
    fixed = [name for name in COORDINATES if name not in analysis.parameter_names]
    return absorption(analysis) or (f"parameters.{fixed[0]} is fixed; it must be sampled" if fixed else "")


def counts(analysis: Analysis) -> str:
    """Events, counted."""
    return "" if analysis.dataset.kind == "counts" else "the data are flux points, not events; use flux_points"


def flux_points(analysis: Analysis) -> str:
    """Measured fluxes."""
    return "" if analysis.dataset.kind == "flux_points" else "the data are events, not flux points; use counts"


def same_mediator(first: Analysis, other: Analysis) -> str:
    """Mediators of one kind, whose mass and coupling are the same axes."""
    kinds = first.mediator, other.mediator
    return "" if kinds[0] == kinds[1] else f"the mediator of one is a {kinds[0]}, of the other a {kinds[1]}"


def same_counts(first: Analysis, other: Analysis) -> str:
    """The same events in the same topologies and bins."""
    both = first, other
    facts = {
        "data sets": [each.dataset.name for each in both],
        "topologies": [", ".join(each.topologies) for each in both],
        "bins of deposited energy": [_bins(each.bin_edges_gev) for each in both],
    }
    differing = (f"their {what} differ ({one}; {two})" for what, (one, two) in facts.items() if one != two)
    same = np.array_equal(first.observed_counts, other.observed_counts)
    return next(differing, "" if same else "their counts differ, as simulated ones do")


def _bins(edges_gev: FloatArray) -> str:
    return f"{len(edges_gev) - 1} from {edges_gev[0] / 1e3:g} to {edges_gev[-1] / 1e3:g} TeV"


def constraints(analysis: Analysis) -> str:
    """External constraints."""
    return "" if analysis.constraints else "the analysis has no constraint that could be left out"
