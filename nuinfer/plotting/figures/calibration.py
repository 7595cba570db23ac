"""Ranks of the truth in simulation-based calibration: one panel per quantity, with the band of uniform ranks."""

from __future__ import annotations

import numpy as np

from nuinfer.plotting import Kind, sheet, style
from nuinfer.plotting.annotations import Calibration, Figure, Panels


def plot_calibration(calibration: Calibration, width_in: float = style.PAGE_IN, *, axes: Panels = None) -> Figure:
    """Difference of the cumulative distribution of the ranks from that of uniform ones, per quantity.

    The bands are one and two standard deviations, sqrt(u (1 - u)/n), of n uniform ranks.

    Parameters
    ----------
    calibration : Calibration
        Ranks by quantity.
    width_in, axes
        See `nuinfer.plotting`; one panel per quantity.
    """

    def height_in(rows: int, columns: int) -> float:
        return 1.45 * rows * (width_in / columns) / (style.PAGE_IN / 4) + 0.3

    ranks, grid = calibration.ranks, np.linspace(0.0, 1.0, 201)
    with sheet(axes, width_in, height_in, panels=len(ranks), columns=(4, 2), share="xy", legend="none") as drawn:
        for panel, (name, values) in zip(drawn.panels, ranks.items(), strict=True):
            deviation = np.sqrt(grid * (1.0 - grid) / len(values))
            for sigma in (1.0, 2.0):
                panel.fill_between(grid, -sigma * deviation, sigma * deviation, color=style.SKY, alpha=0.3, lw=0)
            cumulative = np.searchsorted(np.sort(values), grid, side="right") / len(values)
            panel.plot(grid, cumulative - grid, color=style.BLUE)
            panel.set_title(name.replace("_", " "), fontsize="small")
            panel.set_xticks([0.0, 0.5, 1.0])
        if drawn.own:
            drawn.figure.supxlabel("rank of the truth", fontsize="medium")
            drawn.figure.supylabel("cumulative share minus rank", fontsize="medium")
    return drawn.figure


CAPTION = "Ranks of the truth among the draws of simulated data sets; inside the band if the posterior is calibrated."
FIGURE = Kind("calibration", CAPTION, plot_calibration, of="calibration", order=300)
