"""The band of limits on g' that are expected without a Z'."""

from __future__ import annotations

import numpy as np

from nuinfer.confidence import LIMIT
from nuinfer.plotting import Kind, sheet, style
from nuinfer.plotting.annotations import Band, Figure
from nuinfer.plotting.figures.forecast import detector


def plot_expected_limits(band: Band, width_in: float = style.COLUMN_IN) -> Figure:
    """Median limit on g' against m_Z' without a Z', with the bands of 68 and 95 % of the data sets.

    A limit above the prior is drawn at its edge, where an arrow says so.

    Parameters
    ----------
    band : Band
        Limits.
    width_in : float
        Width in inches.
    """
    from nuinfer.physics.mediator import spelled

    mass, edge, quantiles = band.m_zprime_mev, band.g_prime_max, band.quantiles()
    limits = np.minimum(quantiles, edge)
    with sheet(None, width_in, (0.8 * width_in, 0.8 * width_in), legend="upper left") as drawn:
        panel = drawn.panel
        for k, label in enumerate(("95 % of data sets", "68 % of data sets")):
            panel.fill_between(mass, limits[k], limits[-1 - k], color=style.BANDS[k], lw=0, label=label)
        panel.plot(mass, limits[2], color=style.BLUE, label=f"median limit, {LIMIT.label(band.level)}")
        labels = r"$m_{Z'}$ [MeV]", "limit on $g'$", "largest $g'$ of the prior", "no Z'"
        across, up, largest, none = (spelled(text, band.mediator) for text in labels)
        panel.axhline(edge, color=style.GREY, lw=style.points(0.8), ls="dashed", label=largest)
        for at in mass[~np.isfinite(quantiles[2])]:
            panel.annotate("", (at, 1.45 * edge), (at, edge), arrowprops={"arrowstyle": "->", "color": style.BLUE})
        panel.set(xscale="log", yscale="log", xlabel=across, ylabel=up)
        panel.set(xlim=(mass[0], mass[-1]), ylim=(0.6 * float(limits.min()), 30.0 * edge))  # room for the legend
        style.plain_log(panel.xaxis, (1.0, 2.0, 5.0))
        panel.set_title(f"{detector(band)}, {band.years:.3g} yr, {none}")
    return drawn.figure


CAPTION = "Limits on the coupling that are expected without a mediator, and their spread over data sets."
FIGURE = Kind("expected_limits", CAPTION, plot_expected_limits, of="band", order=410)
