"""Flavours at Earth of the hypotheses of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nuinfer.plotting import style
from nuinfer.plotting.annotations import Analysis, Comparison, Evidence, Figure
from nuinfer.plotting.figures.flavour_triangle import LABELS, compositions
from nuinfer.plotting.kind import Kind
from nuinfer.plotting.needs import COORDINATES
from nuinfer.plotting.ternary import draw_points, enlarge, triangles
from nuinfer.typing import FloatArray

DIP_DEPTH = 0.3
"""Optical depth of a nearby resonance above which a point counts as having a dip."""

ENLARGED = 0.12
"""Greatest distance in any fraction from the middle of the points that the second triangle is made for."""

_MARKS = {"below": "v", "in": "o", "above": "^"}


def plot_flavours(hypotheses: Sequence[Evidence], *, width_in: float = style.PAGE_IN) -> Figure:
    """Flavour composition at Earth of each hypothesis below, in and above its dip, in a ternary plot.

    The point of each is the likeliest of its draws that has a dip (depth of a nearby resonance above 0.3); without
    absorption, or where the data leave no such draw, all three are the composition of standard mixing.

    Parameters
    ----------
    hypotheses : sequence of Evidence
        What is shown.
    width_in : float
        Width in inches.
    """
    paths = {hypothesis.name: np.array(list(at_dip(hypothesis).values())) for hypothesis in hypotheses}
    size = style.points(4.5)
    with triangles(None, width_in) as drawn:
        for panel in drawn.panels:
            for (name, path), colour in zip(paths.items(), style.colours(len(paths)), strict=True):
                draw_points(panel, path, "-", color=colour, lw=style.points(0.9), label=name)
                for point, mark in zip(path, _MARKS.values(), strict=True):
                    draw_points(panel, point[None], mark, color=colour, ms=size, mec="white", mew=0.3)
            for place, mark in _MARKS.items():
                draw_points(panel, np.empty((0, 3)), mark, color=style.GREY, ms=size, label=LABELS[place])
        every = np.concatenate(list(paths.values()))
        near = np.max(np.abs(every - np.median(every, axis=0)), axis=1) < ENLARGED
        outline = enlarge(drawn.panels[-1], every[near])
        draw_points(drawn.panel, outline, "-", color=style.GREY, lw=style.points(0.6), label="enlarged")
    return drawn.figure


def at_dip(hypothesis: Evidence) -> dict[str, FloatArray]:
    """Fractions (e, mu, tau) at Earth below, in and above the dip of the likeliest draw that has one.

    Each of shape (3,); without such a draw, those of the likeliest one at the smallest coupling.
    """
    analysis, (samples, _), log_likelihood = hypothesis.analysis, hypothesis.weighted, hypothesis.log_likelihood
    has_dip = _depths(analysis, samples) > DIP_DEPTH
    if np.any(has_dip):
        likeliest = samples[np.argmax(np.where(has_dip, log_likelihood, -np.inf))]
    else:
        likeliest = _with_least_coupling(analysis, samples[np.argmax(log_likelihood)])
    found = compositions(analysis, likeliest[None])
    return {place: found[place][0] for place in _MARKS}


def _depths(analysis: Analysis, theta: FloatArray) -> FloatArray:
    """Depth of a nearby resonance at each point, which goes as g'^2, shape (n,); 0 without absorption."""
    if not analysis.absorbs:
        return np.zeros(len(theta))
    values = analysis.values(theta)
    opaque = analysis.coupling_of_depth(1.0, 0.0, values["m_zprime_mev"])
    return np.broadcast_to((values["g_prime"] / opaque) ** 2, (len(theta),))


def _with_least_coupling(analysis: Analysis, theta: FloatArray) -> FloatArray:
    """A point with the smallest coupling of the prior, if there is one."""
    moved, name = theta.copy(), COORDINATES[1]
    if name in analysis.parameter_names:
        column = analysis.parameter_names.index(name)
        moved[column] = analysis.prior_bounds[column, 0]
    return moved


def _draw(comparison: Comparison, *, width_in: float) -> Figure:
    return plot_flavours(comparison.hypotheses, width_in=width_in)


FIGURE = Kind(
    "flavours", "Flavour at Earth of the hypotheses below, in and above the dip.", _draw, of="comparison", order=210
)
