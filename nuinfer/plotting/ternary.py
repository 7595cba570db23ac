"""Triangles of flavour fractions: tau at the top, e on the left, mu on the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from nuinfer.plotting import style
from nuinfer.plotting.annotations import Axes, FloatArray, Look
from nuinfer.plotting.scaffold import Sheet, sheet

ROOM = 0.03
"""Fraction of a flavour between what is enlarged and the sides of its triangle."""


@contextmanager
def triangles(axes: Sequence[Axes] | None, width_in: float) -> Iterator[Sheet]:
    """Two triangles, the second one for an enlarged part, as `sheet` gives panels."""
    import mpltern  # noqa: F401 - registers the projection

    heights = (0.45 * width_in + style.points(0.85), style.points(1.1) + 1.65 * width_in)
    ternary: Look = {"subplot_kw": {"projection": "ternary", "ternary_sum": 1.0}}
    with sheet(axes, width_in, heights, panels=2, columns=(2, 1), **ternary) as drawn:
        if drawn.own:  # room for labels that the axes do not report
            drawn.figure.set_layout_engine("constrained", rect=(0.02, 0.0, 0.96, 0.96), h_pad=style.points(0.06))
        yield drawn
        for panel in drawn.panels:
            _label(panel)


def draw_points(panel: Any, fractions: FloatArray, mark: str, **look: Any) -> None:
    """Points (n, 3) of fractions (e, mu, tau): tau at the top, e on the left, mu on the right."""
    electron, muon, tau = fractions.T
    panel.plot(tau, electron, muon, mark, **look)


def fill(panel: Any, corners: FloatArray, **look: Any) -> None:
    """The inside of points (n, 3) of fractions (e, mu, tau)."""
    electron, muon, tau = corners.T
    panel.fill(tau, electron, muon, **look)


def _label(panel: Any) -> None:
    """Labels, ticks and grid of a triangle."""
    from matplotlib.ticker import MaxNLocator

    for axis, label in ((panel.taxis, r"$f_\tau$"), (panel.laxis, "$f_e$"), (panel.raxis, r"$f_\mu$")):
        axis.set_label_text(label)
        axis.set_label_position("tick1")
        axis.set_major_locator(MaxNLocator(5))
        axis.set_tick_params(which="both", direction="out", top=False, right=False)
    panel.grid(lw=style.points(0.3), color="#DDDDDD")


def enlarge(drawn: Sheet, fractions: FloatArray) -> None:
    """Limit the second triangle to the smallest one around points (n, 3), with room, and outline it in the whole."""
    least = np.maximum(np.min(fractions, axis=0) - ROOM, 0.0)
    size = 1.0 - float(least.sum())
    whole, enlarged = drawn.panels[0], drawn.panels[-1]
    enlarged.set_ternary_min(least[2], least[0], least[1])  # type: ignore[attr-defined]
    outline = least + size * np.eye(3)[[0, 1, 2, 0]]
    draw_points(whole, outline, ":", color=style.BLACK, lw=style.points(0.7), label="enlarged")
