"""A scale of deposited energies: counts per deposited bin become counts of scaled energies per bin.

The response is known per bin of deposited energy. What an event does inside its bin is taken from the neighbours: the
counts above an energy are a monotone cubic in its logarithm (PCHIP; Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5
(1984) 300), the rule that also cuts the first bin at the threshold of the analysis.
"""

from __future__ import annotations

import numpy as np

from nuinfer.typing import ArrayLike, FloatArray

SCALES = (0.5, 1.5)
"""Scales that are allowed."""


def scaled_counts(
    counts: ArrayLike, column_edges_gev: ArrayLike, bin_edges_gev: ArrayLike, energy_scale: ArrayLike
) -> FloatArray:
    """Counts per bin after every deposited energy is multiplied by a scale.

    Parameters
    ----------
    counts : array_like, shape (*batch, n_column)
        Counts at scale 1, none of them negative.
    column_edges_gev : array_like, shape (n_column + 1,)
        Edges of their columns in GeV; nothing is known, and nothing comes in, from outside of them.
    bin_edges_gev : array_like, shape (n_bin + 1,)
        Edges of the bins to fill in GeV.
    energy_scale : array_like, shape (*batch,)
        Scale of the energies, positive.

    Returns
    -------
    ndarray, shape (*batch, n_bin)
        Where a bin is a column, exactly its counts at scale 1.

    Examples
    --------
    >>> scaled_counts([8.0, 4.0, 2.0], [1.0, 2.0, 4.0, 8.0], [2.0, 4.0, 8.0], [1.0, 2.0]).round(9).tolist()
    [[4.0, 2.0], [8.0, 4.0]]
    """
    per_column, edges = np.asarray(counts, float), np.log(column_edges_gev)
    widths = edges[1:] - edges[:-1]
    above = np.zeros((*per_column.shape[:-1], edges.size))
    np.cumsum(per_column[..., ::-1], axis=-1, out=above[..., -2::-1])
    slopes = _slopes(widths, per_column)
    x = np.log(bin_edges_gev) - np.log(energy_scale)[..., None]
    x = np.minimum(np.maximum(x, edges[0]), edges[-1])
    left = np.minimum(np.searchsorted(edges, x, side="right") - 1, widths.size - 1)
    width = widths[left]
    t = (x - edges[left]) / width
    rows = np.arange(0, above.size, edges.size).reshape(*per_column.shape[:-1], 1)
    at = rows + left
    value, slope, next_slope = above.take(at), width * slopes.take(at), width * slopes.take(at + 1)
    rise = above.take(at + 1) - value
    value = value + t * (slope + t * ((3.0 * rise - 2.0 * slope - next_slope) + t * (slope + next_slope - 2.0 * rise)))
    return np.asarray(value[..., :-1] - value[..., 1:])


def _slopes(widths: FloatArray, counts: FloatArray) -> FloatArray:
    """Slopes of the counts above the edges that keep them monotone, shape (*batch, n_column + 1)."""
    density = counts / widths
    slopes = np.zeros((*counts.shape[:-1], widths.size + 1))
    if widths.size == 1:
        slopes[...] = -density
        return slopes
    left, right = 2.0 * widths[1:] + widths[:-1], widths[1:] + 2.0 * widths[:-1]
    with np.errstate(divide="ignore"):  # an empty column makes the slope zero
        slopes[..., 1:-1] = -(left + right) / (left / density[..., :-1] + right / density[..., 1:])
    for end, (first, second) in ((0, (0, 1)), (-1, (-1, -2))):
        lean = widths[first] / (widths[first] + widths[second])
        slopes[..., end] = -np.maximum(density[..., first] * (1.0 + lean) - density[..., second] * lean, 0.0)
    return slopes
