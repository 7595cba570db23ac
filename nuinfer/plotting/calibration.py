"""Ranks of the truth in simulation-based calibration: one panel per quantity, with the band of uniform ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from nuinfer.plotting import style
from nuinfer.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
BAND_SIGMA = (1.0, 2.0)


class Calibrated(Protocol):
    """What the figure needs; `nuinfer.inference.studies.calibration.Calibration` has it."""

    @property
    def name(self) -> str:
        """What was calibrated."""
        ...

    @property
    def ranks(self) -> Mapping[str, FloatArray]:
        """Quantity to its ranks in [0, 1], shape (simulation,)."""
        ...


def plot_calibration(
    calibration: Calibrated, width_in: float = style.PAGE_IN, *, axes: Sequence[Axes] | None = None
) -> Figure:
    """Difference of the cumulative distribution of the ranks from that of uniform ones, per quantity.

    The bands are one and two standard deviations, sqrt(u (1 - u)/n), of n uniform ranks.

    Parameters
    ----------
    calibration : Calibrated
        Ranks by quantity.
    width_in : float
        Width of a new figure in inches.
    axes : sequence of Axes, optional
        One per quantity; by default a new figure.

    Returns
    -------
    Figure
    """
    names = list(calibration.ranks)
    with style.context():
        panels = list(axes) if axes is not None else _panels(len(names), width_in)
        grid = np.linspace(0.0, 1.0, 201)
        for axis, name in zip(panels, names, strict=True):
            ranks = np.sort(calibration.ranks[name])
            deviation = np.sqrt(grid * (1.0 - grid) / len(ranks))
            for sigma in BAND_SIGMA:
                axis.fill_between(grid, -sigma * deviation, sigma * deviation, color=style.SKY, alpha=0.3, lw=0)
            cumulative = np.searchsorted(ranks, grid, side="right") / len(ranks)
            axis.plot(grid, cumulative - grid, color=style.BLUE)
            axis.set_title(name.replace("_", " "), fontsize="small")
            axis.set_xticks([0.0, 0.5, 1.0])
        return style.figure_of(panels[0])


def _panels(number: int, width_in: float) -> list[Axes]:
    rows = math.ceil(number / COLUMNS)
    figure = style.new_figure(width_in, 1.45 * rows * width_in / style.PAGE_IN + 0.3)
    grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for spare in grid[number:]:
        spare.set_visible(False)
    for lowest in grid[max(0, number - COLUMNS) : number]:
        lowest.tick_params(labelbottom=True)
    figure.supxlabel("rank of the truth", fontsize="medium")
    figure.supylabel("cumulative share minus rank", fontsize="medium")
    return list(grid[:number])
