"""Flavours at Earth of the hypotheses of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nuinfer.constants import COORDINATES
from nuinfer.plotting import Kind, style
from nuinfer.plotting.annotations import Analysis, Comparison, Evidence, Figure, FloatArray
from nuinfer.plotting.figures.flavour_triangle import LABELS, compositions
from nuinfer.plotting.ternary import draw_points, enlarge, triangles

DIP_DEPTH = 0.3
"""Optical depth of a nearby resonance above which a point counts as having a dip."""

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
        enlarge(drawn, np.concatenate(list(paths.values())))
    return drawn.figure


def at_dip(hypothesis: Evidence) -> dict[str, FloatArray]:
    """Fractions (e, mu, tau) at Earth below, in and above the dip of the likeliest draw that has one.

    Each of shape (3,); without such a draw, those of the likeliest one at the smallest coupling.
    """
    analysis, (samples, _), log_likelihood = hypothesis.analysis, hypothesis.weighted, hypothesis.log_likelihood
    has_dip, coupling = _depths(analysis, samples) > DIP_DEPTH, COORDINATES[1]
    if np.any(has_dip):
        likeliest = samples[np.argmax(np.where(has_dip, log_likelihood, -np.inf))]
    else:
        likeliest = samples[np.argmax(log_likelihood)].copy()
        if coupling in analysis.parameter_names:
            column = analysis.parameter_names.index(coupling)
            likeliest[column] = analysis.prior_bounds[column, 0]
    return {place: found[0] for place, found in compositions(analysis, likeliest[None]).items()}


def _depths(analysis: Analysis, theta: FloatArray) -> FloatArray:
    """Depth of a nearby resonance at each point, which goes as g'^2, shape (n,); 0 without absorption."""
    if not analysis.absorbs:
        return np.zeros(len(theta))
    values = analysis.values(theta)
    opaque = analysis.model.coupling_of_depth(1.0, 0.0, values["m_zprime_mev"])
    return np.broadcast_to((values["g_prime"] / opaque) ** 2, (len(theta),))


def _draw(comparison: Comparison, *, width_in: float) -> Figure:
    return plot_flavours(comparison.hypotheses, width_in=width_in)


CAPTION = "Flavour at Earth of the hypotheses below, in and above the dip."
FIGURE = Kind("flavours", CAPTION, _draw, of="comparison", order=210)
