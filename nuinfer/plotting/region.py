"""The allowed region in (m_Z', g') with the external constraints drawn over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.plotting import draws, style
from nuinfer.typing import ArrayLike, BoolArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nuinfer.analysis import Analysis
    from nuinfer.constraints.base import Constraint

COORDINATES = ("log10_m_zprime_mev", "log10_g_prime")
PROBABILITIES = (0.68, 0.95)
DROP_95 = 1.92
"""Fall of ln L that bounds 95 % confidence for one degree of freedom (half the 95 % quantile of chi^2)."""

MOST_DRAWS = 500_000
BINS, FINE = 64, 4
"""Bins of the histogram along each axis, and parts of a bin along each axis for exclusions and contours."""

GRID = 240
"""Points along each axis at which constraints are evaluated."""

_FILLS = ("#B3D4EA", style.SKY)  # outer, inner
_MARGIN_DEX = 0.06  # of the axes around the prior box

NAMES = MappingProxyType(
    {"muon_g2": "muon $g-2$", "borexino": "Borexino", "neff": r"$\Delta N_\mathrm{eff}$", "sn1987a": "SN1987A"}
)
_LINES = MappingProxyType(
    {
        "muon_g2": (style.GREEN, "solid"),
        "borexino": (style.VERMILLION, "dashed"),
        "neff": (style.PURPLE, "dashdot"),
        "sn1987a": (style.ORANGE, (0, (1, 1))),
    }
)
_OTHER_LINES = ((style.SKY, "solid"), (style.YELLOW, "dashed"), (style.GREY, "dashdot"))


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
        Value above which each of `PROBABILITIES` lies.
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
    The thresholds are those above which the stated shares of the draws themselves lie, smoothed or not.

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
    thresholds = np.interp(PROBABILITIES, np.cumsum(counts.ravel()[order]), ratio.ravel()[order])

    centres = 0.5 * (edges[:, 1:] + edges[:, :-1])
    nodes = np.concatenate([edges[:, :1], centres, edges[:, -1:]], axis=1)
    surface = interpolate.RegularGridInterpolator((nodes[0], nodes[1]), np.pad(ratio, 1, mode="edge"))
    x, y = np.linspace(low, high, FINE * BINS + 1, axis=1)
    value = np.where(allowed(x[:, None], y[None, :]), surface((x[:, None], y[None, :])), 0.0)
    return Density(x, y, value.T, tuple(thresholds.tolist()))


def excess(constraint: Constraint, m_zprime_mev: FloatArray, g_prime: FloatArray) -> FloatArray:
    """How far beyond its boundary a constraint is at each point: positive where it excludes.

    An exclusion: the predicted observable minus its limit. A likelihood: its fall below its maximum over the points,
    minus the 1.92 of 95 % confidence.
    """
    if constraint.is_exclusion:
        return np.asarray(constraint.predict(m_zprime_mev, g_prime) - constraint.limit)
    term = constraint.log_term(m_zprime_mev, g_prime)
    return np.asarray(np.max(term) - term - DROP_95)


def plot_region(
    analysis: Analysis,
    samples: ArrayLike,
    *,
    best_fit: ArrayLike | None = None,
    effective: float | None = None,
    constraints: Sequence[Constraint] | None = None,
    axes: Axes | None = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """Posterior of (m_Z', g') on logarithmic axes: 68 and 95 % HPD regions, prior box, best fit and constraints.

    The density is that of the sampled coordinates (log10 of both). Each constraint is a line with its excluded side
    shaded: where an exclusion begins, or where a likelihood is 1.92 below its maximum inside the prior box.

    Parameters
    ----------
    analysis : Analysis
        Model, priors and constraints.
    samples : array_like, shape (..., n_dim)
        Posterior draws.
    best_fit : array_like, shape (n_dim,), optional
        The point marked; searched if not given.
    effective : float, optional
        Effective sample size, which decides the smoothing; by default the number of draws.
    constraints : sequence of Constraint, optional
        Those drawn; by default the ones of the analysis.
    axes : Axes, optional
        Where to draw; by default a new figure.
    width_in : float
        Width of a new figure in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError
        If mass and coupling are not both sampled, as without absorption.
    """
    columns = mass_and_coupling(analysis)
    density = posterior_density(analysis, samples, effective)
    point = draws.best_fit(analysis, samples) if best_fit is None else np.asarray(best_fit, float)
    box = analysis.prior_bounds[columns]
    with style.context():
        own = axes is None
        if axes is None:
            axes = style.new_figure(
                width_in, 0.56 * width_in if style.is_wide(width_in) else style.points(1.35 * width_in)
            ).subplots()
        draw_posterior(axes, density)
        draw_constraints(axes, analysis.posterior.constraints if constraints is None else constraints, box)
        _draw_opaque_line(axes, analysis, box)
        axes.plot(
            *10.0 ** point[columns],
            "*",
            color=style.BLACK,
            mec="white",
            mew=style.points(0.5),
            ms=style.points(8),
            label="best fit",
            ls="none",
        )
        _draw_prior(axes, box)
        finish(axes, box)
        return style.add_legend([axes], own=own, right=style.is_wide(width_in))


def posterior_density(analysis: Analysis, samples: ArrayLike, effective: float | None = None) -> Density:
    """Density of (log10 m_Z', log10 g') inside the prior box and outside the exclusions of an analysis."""
    columns = mass_and_coupling(analysis)
    theta = draws.flat(analysis, samples, MOST_DRAWS)
    return highest_density(theta[:, columns], analysis.prior_bounds[columns], _allowed(analysis), effective)


def mass_and_coupling(analysis: Analysis, kind: str = "region") -> list[int]:
    """Columns of log10 m_Z' and log10 g' among the sampled parameters, for a kind of figure.

    Raises
    ------
    ConfigError
        If one of them is not sampled.
    """
    if analysis.posterior.model.propagation is None:
        raise ConfigError(
            f"figure '{kind}': model.absorption = false, so there is no (m_Z', g') to draw; use corner or counts"
        )
    names = analysis.parameter_names
    for name in COORDINATES:
        if name not in names:
            raise ConfigError(f"figure '{kind}': parameters.{name} is fixed; it must be sampled")
    return [names.index(name) for name in COORDINATES]


def _allowed(analysis: Analysis) -> Allowed:
    """Where no exclusion of the analysis applies, in log10 coordinates."""
    exclusions = [c for c in analysis.posterior.constraints if c.is_exclusion and c.in_plane]

    def allowed(x: FloatArray, y: FloatArray) -> BoolArray:
        inside = np.ones(np.broadcast_shapes(x.shape, y.shape), bool)
        for constraint in exclusions:
            inside &= constraint.log_term(10.0**x, 10.0**y) > -np.inf
        return inside

    return allowed


def draw_posterior(axes: Axes, density: Density) -> None:
    """Filled regions, the inner one darker, with an entry in the legend each."""
    x, y = 10.0**density.x, 10.0**density.y
    inner, outer = density.thresholds
    inner = max(inner, outer * (1.0 + 1e-9))  # levels must increase, even on a plateau
    top = max(float(density.value.max()), inner) * (1.0 + 1e-6)
    axes.contourf(x, y, density.value, levels=[outer, inner, top], colors=_FILLS, alpha=0.75, zorder=2)
    axes.contour(
        x,
        y,
        density.value,
        levels=[outer, inner],
        colors=style.BLUE,
        linewidths=(style.points(0.7), style.points(1.1)),
        zorder=3,
    )
    for fill, probability in zip(reversed(_FILLS), PROBABILITIES, strict=True):
        label = f"posterior, {100 * probability:.0f} % HPD"
        axes.fill([], [], facecolor=fill, edgecolor=style.BLUE, alpha=0.75, label=label)


def draw_constraints(axes: Axes, constraints: Sequence[Constraint], box: FloatArray) -> None:
    """Boundary of each constraint on (m_Z', g') inside the prior box, with a light shade on the excluded side."""
    from matplotlib.lines import Line2D

    mass, coupling = np.meshgrid(*10.0 ** np.linspace(box[:, 0], box[:, 1], GRID, axis=1))
    others = iter(_OTHER_LINES)
    for constraint in (c for c in constraints if c.in_plane):
        colour, dashes = _LINES.get(constraint.name) or next(others, _OTHER_LINES[-1])
        beyond = excess(constraint, mass, coupling)
        label = f"{NAMES.get(constraint.name, constraint.name)}, {_statement(constraint, beyond)}"
        if beyond.min() <= 0.0 < beyond.max():
            axes.contourf(mass, coupling, beyond, levels=[0.0, np.inf], colors=[colour], alpha=0.12, zorder=1)
            axes.contour(
                mass,
                coupling,
                beyond,
                levels=[0.0],
                colors=[colour],
                linestyles=[dashes],
                linewidths=style.points(1.2),
                zorder=4,
            )
        axes.add_line(Line2D([], [], color=colour, ls=dashes, lw=style.points(1.2), label=label))


def _statement(constraint: Constraint, beyond: FloatArray) -> str:
    """What a boundary means, or why there is none."""
    if beyond.max() <= 0.0:
        return "excludes nothing here"
    if beyond.min() > 0.0:
        return "excludes all of this"
    return "exclusion" if constraint.is_exclusion else "95 % CL"


def _draw_opaque_line(axes: Axes, analysis: Analysis, box: FloatArray) -> None:
    """Coupling at which the depth of a nearby resonance is one; the depth goes as g'^2."""
    from nuinfer.physics.absorption import optical_depth

    propagation = analysis.posterior.model.propagation
    if propagation is None:
        return
    mass = 10.0 ** np.linspace(box[0, 0], box[0, 1], GRID)
    unit = propagation.depth_factor * optical_depth(0.0, mass, 1.0, propagation.cosmology)
    axes.plot(
        mass,
        1.0 / np.sqrt(unit),
        color=style.BLACK,
        lw=style.points(0.8),
        ls=(0, (4, 2)),
        zorder=4,
        label=r"$\tau(z=0) = 1$",
    )


def _draw_prior(axes: Axes, box: FloatArray) -> None:
    from matplotlib.patches import Rectangle

    (left, right), (bottom, top) = (10.0**box).tolist()
    axes.add_patch(
        Rectangle(
            (left, bottom),
            right - left,
            top - bottom,
            fill=False,
            ec=style.GREY,
            lw=style.points(0.8),
            zorder=5,
            label="prior box",
        )
    )


def finish(axes: Axes, box: FloatArray) -> None:
    """Scales, labels and limits of the plane, a little wider than the prior box (2, 2) in log10."""
    axes.set(xscale="log", yscale="log", xlabel=r"$m_{Z'}$ [MeV]", ylabel=r"$g'$")
    axes.set_xlim(*10.0 ** (box[0] + [-_MARGIN_DEX / 2.0, _MARGIN_DEX / 2.0]))
    axes.set_ylim(*10.0 ** (box[1] + [-_MARGIN_DEX, _MARGIN_DEX]))
    style.plain_log(axes.xaxis, (1.0, 2.0, 5.0) if np.ptp(box[0]) < 2.0 else (1.0,))
