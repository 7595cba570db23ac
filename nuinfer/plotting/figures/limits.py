"""Upper limits on g' at fixed masses."""

from __future__ import annotations

import numpy as np

from nuinfer.confidence import LIMIT
from nuinfer.plotting import Kind, sheet, style
from nuinfer.plotting.annotations import Figure, Limits


def plot_limits(limits: Limits, width_in: float = style.COLUMN_IN) -> Figure:
    """Limits on g' against m_Z', with their Monte-Carlo errors; masses at which nothing is excluded are left out.

    Parameters
    ----------
    limits : Limits
        What is drawn.
    width_in : float
        Width in inches.
    """
    from nuinfer.physics.mediator import spelled

    mass, found, label = limits.masses_mev, limits.limits, f"{limits.method}, {LIMIT.written(limits.level)}"
    with sheet(None, width_in, (0.8 * width_in, 0.8 * width_in), legend="upper left") as drawn:
        panel = drawn.panel
        panel.plot(mass, found, color=style.BLUE, marker="o", ms=style.points(3.0), label=label, clip_on=False)
        panel.errorbar(mass, found, yerr=np.nan_to_num(limits.errors), fmt="none", ecolor=style.BLUE)
        labels = [spelled(text, limits.mediator) for text in (r"$m_{Z'}$ [MeV]", "upper limit on $g'$")]
        panel.set(xscale="log", yscale="log", xlabel=labels[0], ylabel=labels[1])
        if mass.size > 1:
            panel.set(xlim=(mass[0], mass[-1]))
        if np.isfinite(found).any():
            panel.set(ylim=(0.3 * float(np.nanmin(found)), 10.0 * float(np.nanmax(found))))  # room for the legend
        style.plain_log(panel.xaxis, (1.0, 2.0, 5.0))
        panel.set_title(limits.name)
    return drawn.figure


CAPTION = "Upper limits on the coupling at fixed masses of the mediator, relative to the best coupling at each."
FIGURE = Kind("limits", CAPTION, plot_limits, of="limits", order=420)
