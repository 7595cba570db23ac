"""The allowed region in (m_Z', g') with the external constraints drawn over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nuinfer.plotting import density, draws, needs, plane, style
from nuinfer.plotting.annotations import Analysis, Axes, Constraint, Draws, Figure, Panel, Point, Run
from nuinfer.plotting.kind import Kind
from nuinfer.plotting.scaffold import sheet
from nuinfer.typing import FloatArray


def plot_region(
    analysis: Analysis,
    samples: Draws,
    *,
    best_fit: Point = None,
    effective: float | None = None,
    constraints: Sequence[Constraint] | None = None,
    axes: Panel = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """Posterior of (m_Z', g') on logarithmic axes: 68 and 95 % HPD regions, prior box, best fit and constraints.

    The density is that of the sampled coordinates (log10 of both). Each constraint is a line with its excluded side
    shaded: where an exclusion begins, or where a likelihood is 1.92 below its maximum inside the prior box.

    Parameters
    ----------
    analysis, samples, best_fit, axes, width_in
        See `nuinfer.plotting`.
    effective : float, optional
        Effective sample size, which decides the smoothing; by default the number of draws.
    constraints : sequence of Constraint, optional
        Those drawn; by default the ones of the analysis.

    Raises
    ------
    ConfigError
        If mass and coupling are not both sampled, as without absorption.
    """
    FIGURE.require(analysis)
    found = density.posterior_density(analysis, samples, effective)
    columns = density.columns(analysis)
    point = 10.0 ** draws.best_fit(analysis, samples, best_fit)[columns]
    box = analysis.prior_bounds[columns]
    star: dict[str, Any] = {"mec": "white", "mew": style.points(0.5), "ms": style.points(8), "ls": "none"}
    with sheet(axes, width_in, (0.56 * width_in, style.points(1.35 * width_in)), legend="right") as drawn:
        plane.draw_posterior(drawn.panel, found)
        shown = analysis.constraints if constraints is None else constraints
        looks = plane.looks(shown)
        for constraint in (c for c in shown if c.in_plane):
            plane.draw_constraint(drawn.panel, constraint, box, looks[constraint.name])
        _draw_opaque_line(drawn.panel, analysis, box)
        drawn.panel.plot(*point, "*", color=style.BLACK, label="best fit", **star)
        _draw_prior(drawn.panel, box)
        plane.finish(drawn.panel, box)
    return drawn.figure


def _draw_opaque_line(axes: Axes, analysis: Analysis, box: FloatArray) -> None:
    """Coupling at which the depth of a nearby resonance is one."""
    mass = 10.0 ** np.linspace(box[0, 0], box[0, 1], plane.GRID)
    coupling = analysis.coupling_of_depth(1.0, 0.0, mass)
    look: dict[str, Any] = {"color": style.BLACK, "lw": style.points(0.8), "ls": (0, (4, 2)), "zorder": 4}
    axes.plot(mass, coupling, label=r"$\tau(z=0) = 1$", **look)


def _draw_prior(axes: Axes, box: FloatArray) -> None:
    from matplotlib.patches import Rectangle

    (left, right), (bottom, top) = (10.0**box).tolist()
    look: dict[str, Any] = {"fill": False, "ec": style.GREY, "lw": style.points(0.8), "zorder": 5, "label": "prior box"}
    axes.add_patch(Rectangle((left, bottom), right - left, top - bottom, **look))


def _draw(run: Run, *, width_in: float) -> Figure:
    effective = density.effective(run.summary())
    return plot_region(run.analysis, run.samples(), best_fit=run.best_fit, effective=effective, width_in=width_in)


CAPTION = "Posterior in the plane of mediator mass and coupling, with the external bounds."
FIGURE = Kind("region", CAPTION, _draw, needs=(needs.plane,), quick=True, order=20)
