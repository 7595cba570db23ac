"""Regions in (m_Z', g') of the hypotheses of a comparison, over each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from nuinfer.plotting import Kind, density, needs, plane, sheet, style
from nuinfer.plotting.annotations import Comparison, Evidence, Figure, FloatArray, Look
from nuinfer.plotting.density import Density

SMOOTHING = 300.0
"""Independent draws for which regions are smoothed at most: they are compared by eye, their details are noise."""

DASHES = ("solid", "dashed", "dashdot", "dotted")
ROOM = 0.15
"""Room on either side of the regions, in units of their extent."""


def plot_overlaid_regions(hypotheses: Sequence[Evidence], *, width_in: float = style.PAGE_IN) -> Figure:
    """68 and 95 % HPD regions in (m_Z', g') of several hypotheses, as lines.

    A region that fills its prior has no edge, and its name says so. The axes hold the regions, and as much of the
    prior as is near them.

    Parameters
    ----------
    hypotheses : sequence of Evidence
        Those without absorption are left out.
    width_in : float
        Width in inches.

    Raises
    ------
    ConfigError
        If none of them samples mass and coupling.
    """
    FIGURE.require(hypotheses)
    shown = [hypothesis for hypothesis in hypotheses if not needs.plane(hypothesis.analysis)]
    boxes = np.array([each.analysis.prior_bounds[density.columns(each.analysis)] for each in shown])
    with sheet(None, width_in, (0.62 * width_in, 0.9 * width_in)) as drawn:
        windows = []
        looks = zip(style.colours(len(shown)), itertools.cycle(DASHES))  # lines may lie over each other
        for hypothesis, box, (colour, dashes) in zip(shown, boxes, looks, strict=False):
            effective = min(hypothesis.effective, SMOOTHING)
            found = density.posterior_density(hypothesis.analysis, hypothesis.draws(20_000), effective)
            thick = style.points(1.5)
            line: Look = {"colors": colour, "linestyles": [dashes], "linewidths": (0.5 * thick, thick)}
            says_something = density.draw_edges(drawn.panel, 10.0**found.x, 10.0**found.y, found, **line)
            label = hypothesis.name + " (flat)" * (not says_something)
            drawn.panel.plot([], [], color=colour, ls=dashes, lw=thick, label=label)
            windows += [_window(found, box)] if says_something else []
        held = np.array(windows or boxes)
        ends = np.stack([held[..., 0].min(axis=0), held[..., 1].max(axis=0)], axis=-1)
        plane.finish(drawn.panel, ends, shown[0].analysis.spelled)
        drawn.panel.set_title("credible (HPD): 68 % thick, 95 % thin", fontsize="medium")
    return drawn.figure


def _window(found: Density, box: FloatArray) -> FloatArray:
    """What holds the outer region, with some room around it inside the prior box, both (2, 2) in log10."""
    inside = found.value >= found.thresholds[1]
    held = found.x[inside.any(axis=0)], found.y[inside.any(axis=1)]
    ends = np.array([[axis.min(), axis.max()] for axis in held])
    room = ROOM * np.ptp(ends, axis=1)[:, None] * np.array([-1.0, 1.0])
    return np.asarray(np.clip(ends + room, box[:, :1], box[:, 1:]))


def _a_plane(given: Any) -> str:
    """At least one hypothesis with a plane, of a comparison or a sequence."""
    hypotheses = getattr(given, "hypotheses", given)
    some = any(not needs.plane(hypothesis.analysis) for hypothesis in hypotheses)
    return "" if some else "none of the hypotheses samples mass and coupling"


def _draw(comparison: Comparison, *, width_in: float) -> Figure:
    return plot_overlaid_regions(comparison.hypotheses, width_in=width_in)


CAPTION = "Regions of mediator mass and coupling of the hypotheses, over each other."
FIGURE = Kind("regions", CAPTION, _draw, of="comparison", needs=(_a_plane,), order=220)
