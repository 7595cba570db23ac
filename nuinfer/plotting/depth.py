"""What happens on the way: optical depth of each target, and the transition matrix, against energy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.plotting import draws, style
from nuinfer.typing import ArrayLike, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nuinfer.analysis import Analysis

MOST_DRAWS = 400
ENERGY_GEV = (2e4, 1e7)
POINTS = 160
DEPTH = (1e-4, 3e1)
"""Range of the optical depth; its upper end is raised to the best fit."""

GEV_PER_TEV = 1e3
NAMES = ("e", r"\mu", r"\tau")
COLOURS = (style.BLUE, style.VERMILLION, style.GREEN)
_TARGET_LINES = ("solid", "dashed", "dotted")
_BAND_ALPHAS = (0.15, 0.3)


def plot_depth(
    analysis: Analysis,
    samples: ArrayLike,
    *,
    best_fit: ArrayLike | None = None,
    axes: Sequence[Axes] | None = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """Optical depth and transition matrix against energy: best fit as lines, central 68 and 95 % as bands.

    First panel: depth of a unit entry of R at each target between the farthest source and Earth, its band that of the
    sum over targets. The others: P(b to a) of `nuinfer.flux.transition_at_earth`, averaged over the sources, one panel
    per flavour b at the source, one colour per flavour a at Earth.

    Parameters
    ----------
    analysis : Analysis
        Model.
    samples : array_like, shape (..., n_dim)
        Posterior draws.
    best_fit : array_like, shape (n_dim,), optional
        Point of the lines; searched if not given.
    axes : sequence of Axes, optional
        Four; by default a new figure.
    width_in : float
        Width of a new figure in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError
        Without absorption, and for samples that do not belong to `analysis`.
    """
    from nuinfer.flux import transition_at_earth

    if analysis.posterior.model.propagation is None:
        raise ConfigError("figure 'depth': model.absorption = false, so there is no optical depth to draw")
    theta = draws.flat_for_flux(analysis, samples, MOST_DRAWS)
    point = draws.best_fit(analysis, samples) if best_fit is None else np.asarray(best_fit, float)
    grid = np.geomspace(*ENERGY_GEV, POINTS)
    fine = draws.with_edges(analysis, point, grid)
    with style.context():
        panels = list(axes) if axes is not None else _panels(width_in)
        _draw_depths(panels[0], analysis, theta, point, grid, fine)
        line, band = transition_at_earth(analysis, point, fine), transition_at_earth(analysis, theta, grid)
        for source, panel in enumerate(panels[1:]):
            for flavour, colour in enumerate(COLOURS):
                ends = np.nanquantile(band[..., flavour, source], [0.025, 0.16, 0.84, 0.975], axis=0)
                for k, alpha in enumerate(_BAND_ALPHAS):
                    panel.fill_between(grid / GEV_PER_TEV, ends[k], ends[3 - k], color=colour, alpha=alpha, lw=0)
                label = rf"arriving as $\nu_{{{NAMES[flavour]}}}$"
                panel.plot(fine / GEV_PER_TEV, line[:, flavour, source], color=colour, label=label)
            panel.set(ylabel=rf"$P(\nu_{{{NAMES[source]}}}\to\nu_\alpha)$", ylim=(0.0, 0.85))
        for panel in panels:
            panel.set(xscale="log", xlabel="energy at Earth [TeV]")
            panel.set_xlim(ENERGY_GEV[0] / GEV_PER_TEV, ENERGY_GEV[1] / GEV_PER_TEV)
            style.plain_log(panel.xaxis)
        if axes is None:
            for panel in panels[: -2 if style.is_wide(width_in) else -1]:
                panel.set_xlabel("")
                panel.tick_params(labelbottom=False)
        return style.add_legend(panels, own=axes is None)


def _panels(width_in: float) -> list[Axes]:
    wide = style.is_wide(width_in)
    figure = style.new_figure(width_in, 0.75 * width_in if wide else style.points(7.6))
    grid: Any = figure.subplots(*((2, 2) if wide else (4, 1)), sharex=True)
    return list(grid.ravel())


def _draw_depths(
    panel: Axes, analysis: Analysis, theta: FloatArray, point: FloatArray, grid: FloatArray, fine: FloatArray
) -> None:
    """Depth of each target at the best fit, and the band of their sum."""
    from nuinfer.flux import depths_at_earth

    band = depths_at_earth(analysis, theta, grid).sum(axis=-1)
    style.draw_band(panel, grid / GEV_PER_TEV, np.maximum(band, DEPTH[0] * 1e-9))
    line = depths_at_earth(analysis, point, fine)
    for target, dashes in zip(range(line.shape[-1]), _TARGET_LINES, strict=False):
        label = rf"$\tau$ at $m_{target + 1}$, best fit" if line.shape[-1] > 1 else r"$\tau$, best fit"
        drawn = np.where(line[:, target] > 0.0, line[:, target], np.nan)
        label += " (off the axis)" if not np.any(drawn > DEPTH[0]) else ""
        panel.plot(fine / GEV_PER_TEV, drawn, color=style.BLACK, ls=dashes, label=label)
    panel.axhline(1.0, color=style.GREY, lw=style.points(0.5))
    panel.set(yscale="log", ylabel=r"optical depth $\tau$", ylim=(DEPTH[0], max(DEPTH[1], 3.0 * float(line.max()))))
