"""A scale of deposited energies: counts per deposited bin become counts of scaled energies per bin.

The response is known per bin of deposited energy. What an event does inside its bin is taken from the neighbours: the
counts above an energy are a monotone cubic in its logarithm (PCHIP; Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5
(1984) 300), the rule that also cuts the first bin at the threshold of the analysis.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nuinfer.compiled import compiled
from nuinfer.parameters import PARAMETERS
from nuinfer.physics.hermite import hermite
from nuinfer.typing import FloatArray

SCALES = PARAMETERS["energy_scale"].domain
"""Scales that are allowed."""


class EnergyScale(NamedTuple):
    """What a scale of deposited energies needs to know.

    Parameters
    ----------
    columns, bins : ndarray, shape (n_column + 1,) and (n_bin + 1,)
        Logarithms of the edges of the columns that are known (nothing comes in from outside of them) and of the bins to
        fill; the last bins are columns.
    widths : ndarray, shape (n_column,)
        Widths of the columns.
    means : ndarray, shape (2, n_column - 1)
        Weights of the densities beside an edge in their harmonic mean.
    lean : ndarray, shape (2,)
        Lean of the outermost slopes.
    """

    columns: FloatArray
    bins: FloatArray
    widths: FloatArray
    means: FloatArray
    lean: FloatArray


def make_energy_scale(column_edges_gev: FloatArray, bin_edges_gev: FloatArray) -> EnergyScale:
    """For columns and bins between edges in GeV."""
    columns, bins = np.log(column_edges_gev), np.log(bin_edges_gev)
    widths = np.diff(columns)
    left, right = 2.0 * widths[1:] + widths[:-1], widths[1:] + 2.0 * widths[:-1]
    ends, inner = [0, -1], [1, -2] if widths.size > 1 else [0, -1]
    lean = widths[ends] / (widths[ends] + widths[inner])
    return EnergyScale(columns, bins, widths, np.stack([left, right]) / (left + right), lean)


@compiled
def rescale(setting: EnergyScale, nominal: FloatArray, scale: float, slopes: FloatArray, out: FloatArray) -> None:
    """Counts per bin after every deposited energy is multiplied by a scale; at scale 1 those of the last columns.

    Parameters
    ----------
    setting : EnergyScale
        Columns and bins.
    nominal : ndarray, shape (n_column,)
        Counts per column at scale 1, none of them negative.
    scale : float
        Scale of the energies, positive.
    slopes : ndarray, shape (3, n_column + 1)
        Workspace.
    out : ndarray, shape (n_bin,)
        Written.
    """
    edges, widths, n, n_bin = setting.columns, setting.widths, nominal.size, out.size
    if scale == 1.0:
        for k in range(n_bin):
            out[k] = nominal[n - n_bin + k]
        return
    above, slope, density = slopes[0], slopes[1], slopes[2]
    for k in range(n):
        density[k] = nominal[k] / widths[k]
    above[n] = 0.0
    for k in range(n - 1, -1, -1):
        above[k] = above[k + 1] + nominal[k]
    for k in range(1, n):  # an empty column makes the slope zero
        both = density[k - 1] * density[k]
        mean = both / (setting.means[0, k - 1] * density[k] + setting.means[1, k - 1] * density[k - 1])
        slope[k] = 0.0 if both == 0.0 else -mean
    for side in range(2):
        end, inner = (0, min(1, n - 1)) if side == 0 else (n - 1, max(n - 2, 0))
        at_end, inside = density[end], density[inner]
        slope[0 if side == 0 else n] = min((inside - at_end) * setting.lean[side] - at_end, 0.0)
    shift, last, left = math.log(scale), 0.0, 0
    for k in range(n_bin + 1):
        x = min(max(setting.bins[k] - shift, edges[0]), edges[n])
        while left < n - 1 and x >= edges[left + 1]:
            left += 1
        at_left, at_right, of_left, of_right = hermite((x - edges[left]) / widths[left])
        value = at_left * above[left] + at_right * above[left + 1]
        value += widths[left] * (of_left * slope[left] + of_right * slope[left + 1])
        if k > 0:
            out[k - 1] = last - value
        last = value
