"""A scale of deposited energies: counts per deposited bin become counts of scaled energies per bin.

The response is known per bin of deposited energy. What an event does inside its bin is taken from the neighbours: the
counts above an energy are a monotone cubic in its logarithm (PCHIP; Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5
(1984) 300), the rule that also cuts the first bin at the threshold of the analysis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nuinfer.parameters import PARAMETERS
from nuinfer.typing import ArrayLike, FloatArray

SCALES = PARAMETERS["energy_scale"].domain
"""Scales that are allowed."""

_ENDS = [0, -1]


@dataclass(frozen=True)
class EnergyScale:
    """What a scale of deposited energies does to counts.

    Parameters
    ----------
    column_edges_gev : ndarray, shape (n_column + 1,)
        Edges of the columns that are known; nothing comes in from outside of them.
    bin_edges_gev : ndarray, shape (n_bin + 1,)
        Edges of the bins to fill.

    Examples
    --------
    >>> scale = EnergyScale(np.array([1.0, 2.0, 4.0, 8.0]), np.array([2.0, 4.0, 8.0]))
    >>> scale.counts([8.0, 4.0, 2.0], [1.0, 2.0]).round(9).tolist()
    [[4.0, 2.0], [8.0, 4.0]]
    """

    column_edges_gev: FloatArray
    bin_edges_gev: FloatArray

    @cached_property
    def _edges(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Logarithms of the edges of columns and bins, and widths of the columns."""
        edges = np.log(self.column_edges_gev)
        return edges, np.log(self.bin_edges_gev), np.diff(edges)

    @cached_property
    def _means(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Weights of the densities beside an edge in their harmonic mean, and lean of the outermost slopes."""
        _, _, widths = self._edges
        left, right = 2.0 * widths[1:] + widths[:-1], widths[1:] + 2.0 * widths[:-1]
        lean = widths[_ENDS] / (widths[_ENDS] + widths[self._inner])
        return left / (left + right), right / (left + right), lean

    @property
    def _inner(self) -> list[int]:
        """The columns beside the outermost."""
        return [1, -2] if self.column_edges_gev.size > 2 else _ENDS

    def counts(self, nominal: ArrayLike, energy_scale: ArrayLike) -> FloatArray:
        """Counts per bin after every deposited energy is multiplied by a scale.

        Parameters
        ----------
        nominal : array_like, shape (*batch, n_column)
            Counts per column at scale 1, none of them negative.
        energy_scale : array_like, shape (*batch,)
            Scale of the energies, positive.

        Returns
        -------
        ndarray, shape (*batch, n_bin)
            Where a bin is a column, exactly its counts at scale 1.
        """
        edges, bins, widths = self._edges
        per_column = np.asarray(nominal, float)
        above = np.zeros((*per_column.shape[:-1], edges.size))
        np.cumsum(per_column[..., ::-1], axis=-1, out=above[..., -2::-1])
        slopes = self._slopes(per_column / widths)
        x = np.minimum(np.maximum(bins - np.log(energy_scale)[..., None], edges[0]), edges[-1])
        left = np.minimum(edges.searchsorted(x, side="right") - 1, widths.size - 1)
        width = widths[left]
        t = (x - edges[left]) / width
        at = left + np.arange(0, above.size, edges.size).reshape(*per_column.shape[:-1], 1)
        value, slope, next_slope = above.take(at), width * slopes.take(at), width * slopes.take(at + 1)
        rise = above.take(at + 1) - value
        bend, twist = 3.0 * rise - 2.0 * slope - next_slope, slope + next_slope - 2.0 * rise
        value += t * (slope + t * (bend + t * twist))
        return np.asarray(value[..., :-1] - value[..., 1:])

    def _slopes(self, density: FloatArray) -> FloatArray:
        """Slopes of the counts above the edges that keep them monotone, shape (*batch, n_column + 1)."""
        left, right, lean = self._means
        slopes = np.empty((*density.shape[:-1], density.shape[-1] + 1))
        with np.errstate(divide="ignore"):  # an empty column makes the slope zero
            slopes[..., 1:-1] = -1.0 / (left / density[..., :-1] + right / density[..., 1:])
        ends = density[..., _ENDS]
        slopes[..., _ENDS] = np.minimum((density[..., self._inner] - ends) * lean - ends, 0.0)
        return slopes
