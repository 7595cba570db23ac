"""What happens on the way: optical depth of each target, and the transition matrix, against energy."""

from __future__ import annotations

import numpy as np

from nuinfer.plotting import Kind, draws, energies, needs, of_posterior, sheet, style
from nuinfer.plotting.annotations import Analysis, Axes, Draws, Figure, FloatArray, Panels, Point
from nuinfer.plotting.energies import ENERGY_GEV, GEV_PER_TEV

MOST_DRAWS = 400
DEPTH = (1e-4, 3e1)
"""Range of the optical depth; its upper end is raised to the best fit."""

NAMES = ("e", r"\mu", r"\tau")
Curves = tuple[FloatArray, FloatArray]
"""Energies, and what is drawn against them."""

COLOURS = (style.BLUE, style.VERMILLION, style.GREEN)


def plot_depth(
    analysis: Analysis, samples: Draws, *, best_fit: Point = None, axes: Panels = None, width_in: float = style.PAGE_IN
) -> Figure:
    """Optical depth and transition matrix against energy: best fit as lines, central 68 and 95 % as bands.

    First panel: depth of a unit entry of R at each target between the farthest source and Earth, its band that of the
    sum over targets. The others: P(b to a) of `nuinfer.flux.transition_at_earth`, averaged over the sources, one panel
    per flavour b at the source, one colour per flavour a at Earth.

    Parameters
    ----------
    analysis, samples, best_fit, axes, width_in
        See `nuinfer.plotting`; four panels.

    Raises
    ------
    ConfigError
        Without absorption, and for samples that do not belong to `analysis`.
    """
    from nuinfer.flux import depths_at_earth, transition_at_earth

    FIGURE.require(analysis)
    theta = draws.flat_for_flux(analysis, samples, MOST_DRAWS)
    point = draws.best_fit(analysis, samples, best_fit)
    grid = np.geomspace(*ENERGY_GEV, 160)
    fine = energies.with_edges(analysis, point, grid)
    depths, all_depths = depths_at_earth(analysis, point, fine), depths_at_earth(analysis, theta, grid).sum(axis=-1)
    line, band = transition_at_earth(analysis, point, fine), transition_at_earth(analysis, theta, grid)
    with sheet(axes, width_in, (0.75 * width_in, style.points(7.6)), panels=4, columns=(2, 1), share="x") as drawn:
        names = ["1", "2", "3"][: depths.shape[-1]] if analysis.config.model.masses == "split" else [r"\nu"]
        names += ["s"] * (depths.shape[-1] - len(names))
        _draw_depths(drawn.panel, (grid, all_depths), (fine, depths), names)
        for source, panel in enumerate(drawn.panels[1:]):
            for flavour, colour in enumerate(COLOURS):
                ends = np.nanquantile(band[..., flavour, source], style.CENTRAL, axis=0)
                for k, alpha in enumerate((0.15, 0.3)):
                    panel.fill_between(grid / GEV_PER_TEV, ends[k], ends[3 - k], color=colour, alpha=alpha, lw=0)
                label = rf"arriving as $\nu_{{{NAMES[flavour]}}}$"
                panel.plot(fine / GEV_PER_TEV, line[:, flavour, source], color=colour, label=label)
            panel.set(ylabel=rf"$P(\nu_{{{NAMES[source]}}}\to\nu_\alpha)$", ylim=(0.0, 0.85))
        for panel in drawn.panels:
            energies.finish(panel)
    return drawn.figure


def _draw_depths(panel: Axes, band: Curves, line: Curves, names: list[str]) -> None:
    """The band (draw, energy) of the depth of all targets, and that of each at the best fit, (energy, target)."""
    style.draw_band(panel, band[0] / GEV_PER_TEV, np.maximum(band[1], DEPTH[0] * 1e-9))
    low = []
    for name, depth, dashes in zip(names, line[1].T, ("solid", "dashed", "dotted", "dashdot"), strict=False):
        at = f" at $m_{name}$" if len(names) > 1 else ""
        if np.any(depth > DEPTH[0]):
            seen, label = np.where(depth > 0.0, depth, np.nan), rf"$\tau${at}, best fit"
            panel.plot(line[0] / GEV_PER_TEV, seen, color=style.BLACK, ls=dashes, label=label)
        else:
            low.append(at.removeprefix(" at "))
    if low:
        where = f" at {', '.join(low)}" if len(names) > 1 else ""
        style.write(panel, 0.97, 0.95, rf"best fit: $\tau${where}" + "\nbelow the axis", fontsize="small")
    panel.axhline(1.0, color=style.GREY, lw=style.points(0.5))
    panel.set(yscale="log", ylabel=r"optical depth $\tau$", ylim=(DEPTH[0], max(DEPTH[1], 3.0 * float(line[1].max()))))


CAPTION = "Optical depth, and the probabilities of flavours to arrive, against energy."
FIGURE = Kind("depth", CAPTION, of_posterior(plot_depth), needs=(needs.absorption,), order=60)
