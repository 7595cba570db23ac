"""Density of a posterior in the plane (m_Z', g'), and its regions of highest density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nuinfer.confidence import HPD, HPD_LEVELS, percent
from nuinfer.constants import COORDINATES
from nuinfer.plotting import draws, style
from nuinfer.plotting.annotations import Analysis, ArrayLike, Axes, BoolArray, FloatArray, Look

MOST_DRAWS = 500_000
BINS, FINE = 64, 4
"""Bins of the histogram along each axis, and parts of a bin along each axis for exclusions and contours."""

NOISE, SMALL = 3.0, 0.03
"""Standard deviations that an island or a hole has to have, or else this share of the draws."""

PLATEAU, WITHIN, LEAST = 0.5, 2.0, 0.5
"""Share of the draws within so many standard deviations of a threshold from which it lies on a plateau, and how far it
is lowered at most. Of a Gaussian, and of one that an edge cuts, a quarter of 300 draws are, fewer of more; of draws
that are uniform in a box nine tenths at 68 %, more than a half at 95 %."""

TINTS, OVERLAID = (0.3, 0.65), 0.12
"""Strength of the colour of regions, outer and inner, and opacity of the inside of those that lie over each other."""

Allowed = Callable[[FloatArray, FloatArray], BoolArray]


@dataclass(frozen=True)
class Density:
    """A density in the plane and the thresholds of its highest-density regions.

    Parameters
    ----------
    x, y : ndarray, shapes (n_x,) and (n_y,)
        Nodes; the outermost lie on the edges of the range.
    value : ndarray, shape (n_y, n_x)
        Density at the nodes, zero where nothing is allowed.
    thresholds : tuple of float
        Value above which each of `nuinfer.confidence.HPD_LEVELS` lies; they differ, even on a plateau.
    held : tuple of float
        Share of the draws above each, more than its level where a region includes a plateau.
    """

    x: FloatArray
    y: FloatArray
    value: FloatArray
    thresholds: tuple[float, float]
    held: tuple[float, ...]

    @property
    def plateau(self) -> bool:
        """Whether the inner region includes a plateau."""
        return self.held[0] > HPD_LEVELS[0] + SMALL

    @property
    def statements(self) -> list[str]:
        """What each region is, with what it holds if that is more for a plateau in it."""
        each = zip(HPD, HPD_LEVELS, self.held, strict=True)
        return [
            name + f": a plateau, holds {percent(round(held, 2))}" * (held > level + SMALL)
            for name, level, held in each
        ]

    @property
    def spread(self) -> float:
        """How far the logarithm of the density falls from its maximum to the edge of the inner region."""
        return float(np.log(self.value.max() / self.thresholds[0]))


def highest_density(
    points: FloatArray,
    box: FloatArray,
    allowed: Allowed | None = None,
    effective: float | None = None,
    parts: int = FINE,
) -> Density:
    """Density of points in a box as a smoothed histogram that leaks over no edge.

    Counts and allowed area are smoothed alike and divided: at the edges of the box, and of an exclusion inside it, the
    density keeps its height. The Gaussian is as wide as Scott's rule has it, for the independent draws that there are.
    The thresholds are those above which the stated shares of the draws themselves lie, smoothed or not. On a plateau
    that share may lie anywhere: the region then includes all of it, as one of highest density does by its definition
    (everything above a threshold), and holds more (`Density.held`). Islands and holes that are noise are not there: see
    `_without_islands`.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        Draws inside the box.
    box : ndarray, shape (2, 2)
        Lower and upper end of each coordinate.
    allowed : callable, optional
        ``(x, y) -> bool``: where the density may be non-zero; by default the whole box.
    effective : float, optional
        Number of independent draws, `n` by default; the fewer, the wider the Gaussian.
    parts : int
        Parts of a bin along each axis.
    """
    from scipy import interpolate, ndimage

    allowed = allowed or (lambda x, y: np.ones(np.broadcast_shapes(x.shape, y.shape), bool))
    independent = min(float(len(points)), effective or np.inf)
    widths = np.std(points, axis=0) * independent ** (-1.0 / 6.0)
    reach = np.maximum(4.0 * widths, 1e-6)
    low = np.maximum(points.min(axis=0) - reach, box[:, 0])
    high = np.minimum(points.max(axis=0) + reach, box[:, 1])
    edges = np.linspace(low, high, BINS + 1, axis=1)
    sigma = np.maximum(widths / (edges[:, 1] - edges[:, 0]), 1.0)

    fine = np.linspace(low, high, 2 * parts * BINS + 1, axis=1)[:, 1::2]  # centres of the parts of every bin
    inside = allowed(fine[0][:, None], fine[1][None, :]).reshape(BINS, parts, BINS, parts)
    area = ndimage.gaussian_filter(inside.mean(axis=(1, 3)), sigma, mode="constant")
    counts = np.histogram2d(points[:, 0], points[:, 1], bins=(edges[0], edges[1]))[0] / len(points)
    smooth = ndimage.gaussian_filter(counts, sigma, mode="constant")
    ratio = np.divide(smooth, area, out=np.zeros_like(smooth), where=area > 1e-6)

    order = np.argsort(ratio, axis=None)[::-1]
    found = np.interp(HPD_LEVELS, np.cumsum(counts.ravel()[order]), ratio.ravel()[order])
    in_kernel = independent * 4.0 * np.pi * np.prod(sigma) * area
    below = [_below_plateau(ratio, float(threshold), in_kernel, counts) for threshold in found]
    thresholds = np.minimum.accumulate(below).tolist()
    for threshold in thresholds:
        ratio = _without_islands(ratio, threshold, in_kernel, counts)
    held = tuple(float(counts[ratio >= threshold].sum()) for threshold in thresholds)

    centres = 0.5 * (edges[:, 1:] + edges[:, :-1])
    nodes = np.concatenate([edges[:, :1], centres, edges[:, -1:]], axis=1)
    surface = interpolate.RegularGridInterpolator((nodes[0], nodes[1]), np.pad(ratio, 1, mode="edge"))
    x, y = np.linspace(low, high, parts * BINS + 1, axis=1)
    value = np.where(allowed(x[:, None], y[None, :]), surface((x[:, None], y[None, :])), 0.0)
    inner, outer = thresholds
    return Density(x, y, value.T, (max(inner, outer * (1.0 + 1e-9)), outer), held)


def _below_plateau(density: FloatArray, threshold: float, in_kernel: FloatArray, shares: FloatArray) -> float:
    """A threshold or, if a plateau has it within its noise, one that lies below this noise; arrays are (n, n)."""
    spread = np.sqrt(threshold / np.maximum(in_kernel, 1e-300))  # a standard deviation at the threshold
    on_plateau = shares[np.abs(density - threshold) < WITHIN * spread].sum() > PLATEAU
    return threshold * max(1.0 - WITHIN * float(spread.min()) / threshold, LEAST) if on_plateau else threshold


def _without_islands(density: FloatArray, threshold: float, in_kernel: FloatArray, shares: FloatArray) -> FloatArray:
    """A density (n, n) without small islands above a threshold, and small holes below it, that are no more than noise.

    One stays if it holds 3 % of the draws, of which every node has its share (n, n), or if anywhere in it the density
    is three standard deviations from the threshold; so many are the draws that a node is made of, `in_kernel` (n, n)
    for a density of 1.
    """
    from scipy import ndimage

    for sign in (1.0, -1.0):
        height = sign * (density - threshold) * np.sqrt(in_kernel / max(threshold, 1e-300))
        labels, n = ndimage.label((height > 0.0) & (in_kernel > 0.0))
        each = np.arange(1, n + 1)
        peaks, held = np.array([ndimage.maximum(height, labels, each), ndimage.sum(shares, labels, each)])
        faint = np.isin(labels, each[(peaks < NOISE) & (held < SMALL)])
        density = np.where(faint, threshold * (1.0 - sign * 1e-6), density)
    return density


def draw_regions(axes: Axes, x: FloatArray, y: FloatArray, density: Density, colour: str, alone: bool = True) -> None:
    """The regions at coordinates of the nodes (n_x,) and (n_y,): shaded or, one of several, as lines hardly filled."""
    inner, outer = density.thresholds
    levels = [outer, inner, max(float(density.value.max()), inner) * (1.0 + 1e-6)]
    fills: Look = {"colors": [style.tint(colour, tint) for tint in TINTS]} if alone else {"colors": colour}
    axes.contourf(x, y, density.value, levels=levels, alpha=None if alone else OVERLAID, zorder=2, **fills)
    draw_edges(axes, x, y, density, colors=colour, linewidths=(style.points(0.7), style.points(1.2)), zorder=3)


def draw_edges(axes: Axes, x: FloatArray, y: FloatArray, density: Density, **look: Any) -> bool:
    """Lines around the outer and the inner region; whether there is an edge, which a plateau may not have."""
    if there := bool(density.value.min() < density.thresholds[0]):
        axes.contour(x, y, density.value, levels=density.thresholds[::-1], **look)
    return there


def columns(analysis: Analysis) -> list[int]:
    """Columns of log10 m_Z' and log10 g' among the sampled parameters."""
    return [analysis.parameter_names.index(name) for name in COORDINATES]


def posterior_density(analysis: Analysis, samples: ArrayLike, effective: float | None = None) -> Density:
    """Density of (log10 m_Z', log10 g') inside the prior box and outside the exclusions of an analysis."""

    def allowed(x: FloatArray, y: FloatArray) -> BoolArray:
        inside = np.ones(np.broadcast_shapes(x.shape, y.shape), bool)
        for constraint in analysis.constraints:
            if constraint.is_exclusion and constraint.in_plane:
                inside &= constraint.log_term(10.0**x, 10.0**y) > -np.inf
        return inside

    theta, both = draws.flat(analysis, samples, MOST_DRAWS), columns(analysis)
    return highest_density(theta[:, both], analysis.prior_bounds[both], allowed, effective)
