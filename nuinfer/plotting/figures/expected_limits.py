"""The band of limits on g' that are expected without a Z'."""

from __future__ import annotations

import numpy as np

from nuinfer.plotting import style
from nuinfer.plotting.annotations import Band, Figure
from nuinfer.plotting.figures.forecast import detector
from nuinfer.plotting.kind import Kind
from nuinfer.plotting.scaffold import sheet


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
    mass, edge, quantiles = band.m_zprime_mev, band.g_prime_max, band.quantiles()
    limits = np.minimum(quantiles, edge)
    arrow = {"arrowstyle": "->", "color": style.BLUE}
    with sheet(None, width_in, (0.8 * width_in, 0.8 * width_in), legend="upper left") as drawn:
        panel = drawn.panel
        for pair, share, colour in ((0, 95, style.BANDS[0]), (1, 68, style.BANDS[1])):
            low, high = limits[pair], limits[-1 - pair]
            panel.fill_between(mass, low, high, color=colour, lw=0, label=f"{share} % of data sets")
        panel.plot(mass, limits[2], color=style.BLUE, label=f"median limit, {band.level:.0%} CL")
        panel.axhline(edge, color=style.GREY, lw=style.points(0.8), ls="dashed", label="largest $g'$ of the prior")
        for at in mass[~np.isfinite(quantiles[2])]:
            panel.annotate("", (at, 1.45 * edge), (at, edge), arrowprops=arrow)
        panel.set(xscale="log", yscale="log", xlabel=r"$m_{Z'}$ [MeV]", ylabel="limit on $g'$")
        panel.set_xlim(mass[0], mass[-1])
        panel.set_ylim(0.6 * float(limits.min()), 30.0 * edge)  # room for the legend
        style.plain_log(panel.xaxis, (1.0, 2.0, 5.0))
        panel.set_title(f"{detector(band)}, {band.years:.3g} yr, no Z'")
    return drawn.figure


CAPTION = "Limits on the coupling that are expected without a mediator, and their spread over data sets."
FIGURE = Kind("expected_limits", CAPTION, plot_expected_limits, of="band", order=410)
