"""What figures need of an analysis: functions that answer what it lacks, or nothing."""

from __future__ import annotations

from nuinfer.constants import COORDINATES
from nuinfer.plotting.annotations import Analysis


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


def constraints(analysis: Analysis) -> str:
    """External constraints."""
    return "" if analysis.constraints else "the analysis has no constraint that could be left out"
