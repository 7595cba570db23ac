"""The axis of energies at Earth, on which fluxes, depths and probabilities are drawn."""

from __future__ import annotations

import numpy as np

from nuinfer.plotting import style
from nuinfer.plotting.annotations import Analysis, Axes, FloatArray

GEV_PER_TEV = 1e3
ENERGY_GEV = (2e4, 1e7)
MOST_DECADES = 1e4
"""Ratio of the ends of an axis from which every second power of ten is labelled."""


def finish(panel: Axes, ends_gev: tuple[float, float] = ENERGY_GEV) -> None:
    """Scale, label and limits of an axis of energies."""
    panel.set(xscale="log", xlabel="energy at Earth [TeV]", xlim=np.divide(ends_gev, GEV_PER_TEV))
    style.plain_log(panel.xaxis, base=10.0 if ends_gev[1] < MOST_DECADES * ends_gev[0] else 100.0)


def span(*analyses: Analysis) -> tuple[float, float]:
    """Ends of the axis, GeV: the usual ones, or those of the flux points that analyses fit, if they go further."""
    fitted = (each.bin_edges_gev for each in analyses if each.dataset.kind == "flux_points")
    ends = np.concatenate([ENERGY_GEV, *fitted])
    return float(ends.min()), float(ends.max())


def with_edges(analysis: Analysis, point: FloatArray, energy_gev: FloatArray) -> FloatArray:
    """Energies, and pairs of them on either side of the jumps of the spectrum at one point, in order.

    Parameters
    ----------
    analysis : Analysis
        Model.
    point : ndarray, shape (n_dim,)
        Parameters.
    energy_gev : ndarray, shape (energy,)
        Energies at Earth in GeV.
    """
    edges = np.ravel(analysis.edges_gev(point))
    inside = edges[(edges > energy_gev[0]) & (edges < energy_gev[-1])]
    return np.sort(np.concatenate([energy_gev, *(inside * (1.0 + side) for side in (-1e-9, 1e-9))]))
