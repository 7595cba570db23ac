"""Density of a posterior in the plane (m_Z', g'), and its regions of highest density."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nuinfer.confidence import HPD_LEVELS
from nuinfer.constants import COORDINATES
from nuinfer.plotting import draws
from nuinfer.plotting.annotations import Analysis, ArrayLike, BoolArray, FloatArray

MOST_DRAWS = 500_000
BINS, FINE = 64, 4
"""Bins of the histogram along each axis, and parts of a bin along each axis for exclusions and contours."""

NOISE, SMALL = 3.0, 0.03
"""Standard deviations that an island or a hole has to have, or else this share of the draws."""

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
        Value above which each of `nuinfer.confidence.HPD_LEVELS` lies.
    """

    x: FloatArray
    y: FloatArray
    value: FloatArray
    thresholds: tuple[float, ...]


def highest_density(
    points: FloatArray, box: FloatArray, allowed: Allowed | None = None, effective: float | None = None
) -> Density:
    """Density of points in a box as a smoothed histogram that leaks over no edge.

    Counts and allowed area are smoothed alike and divided: at the edges of the box, and of an exclusion inside it, the
    density keeps its height. The Gaussian is narrower than the optimal one for smooth densities (0.7 of Scott's rule).
    The thresholds are those above which the stated shares of the draws themselves lie, smoothed or not. Islands and
    holes that are noise, on a plateau for example, are not there: see `_without_islands`.

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
    """
    from scipy import interpolate, ndimage

    allowed = allowed or (lambda x, y: np.ones(np.broadcast_shapes(x.shape, y.shape), bool))
    widths = 0.7 * np.std(points, axis=0) * min(float(len(points)), effective or np.inf) ** (-1.0 / 6.0)
    reach = np.maximum(4.0 * widths, 1e-6)
    low = np.maximum(points.min(axis=0) - reach, box[:, 0])
    high = np.minimum(points.max(axis=0) + reach, box[:, 1])
    edges = np.linspace(low, high, BINS + 1, axis=1)
    sigma = np.maximum(widths / (edges[:, 1] - edges[:, 0]), 1.0)

    fine = np.linspace(low, high, 2 * FINE * BINS + 1, axis=1)[:, 1::2]  # centres of FINE x FINE parts of every bin
    parts = allowed(fine[0][:, None], fine[1][None, :]).reshape(BINS, FINE, BINS, FINE)
    area = ndimage.gaussian_filter(parts.mean(axis=(1, 3)), sigma, mode="constant")
    counts = np.histogram2d(points[:, 0], points[:, 1], bins=(edges[0], edges[1]))[0] / len(points)
    smooth = ndimage.gaussian_filter(counts, sigma, mode="constant")
    ratio = np.divide(smooth, area, out=np.zeros_like(smooth), where=area > 1e-6)

    order = np.argsort(ratio, axis=None)[::-1]
    thresholds = np.interp(HPD_LEVELS, np.cumsum(counts.ravel()[order]), ratio.ravel()[order])
    in_kernel = min(float(len(points)), effective or np.inf) * 4.0 * np.pi * np.prod(sigma) * area
    for threshold in thresholds:
        ratio = _without_islands(ratio, float(threshold), in_kernel, counts)

    centres = 0.5 * (edges[:, 1:] + edges[:, :-1])
    nodes = np.concatenate([edges[:, :1], centres, edges[:, -1:]], axis=1)
    surface = interpolate.RegularGridInterpolator((nodes[0], nodes[1]), np.pad(ratio, 1, mode="edge"))
    x, y = np.linspace(low, high, FINE * BINS + 1, axis=1)
    value = np.where(allowed(x[:, None], y[None, :]), surface((x[:, None], y[None, :])), 0.0)
    return Density(x, y, value.T, tuple(thresholds.tolist()))


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
        peaks, held = (
            np.atleast_1d(ndimage.maximum(height, labels, each)),
            np.atleast_1d(ndimage.sum(shares, labels, each)),
        )
        faint = np.isin(labels, each[(peaks < NOISE) & (held < SMALL)])
        density = np.where(faint, threshold * (1.0 - sign * 1e-6), density)
    return density


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


def effective(summary: Mapping[str, Any]) -> float:
    """Effective sample size of the plane, from the summary of a run."""
    return float(min(summary["parameters"][name]["ess"] for name in COORDINATES))
