"""The allowed region in (m_Z', g') with the external constraints drawn over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nuinfer.constants import COORDINATES
from nuinfer.plotting import Kind, density, draws, needs, plane, sheet, style
from nuinfer.plotting.annotations import Analysis, Constraint, Draws, Figure, Look, Panel, Point, Run


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
    shaded: where an exclusion begins, or where a likelihood is 1.353 below its maximum inside the prior box.

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
    from matplotlib.patches import Rectangle

    FIGURE.require(analysis)
    found = density.posterior_density(analysis, samples, effective)
    columns = density.columns(analysis)
    point = 10.0 ** draws.best_fit(analysis, samples, best_fit)[columns]
    box = analysis.prior_bounds[columns]
    (left, right), (bottom, top) = (10.0**box).tolist()
    mass = 10.0 ** np.linspace(box[0, 0], box[0, 1], plane.GRID)
    with sheet(axes, width_in, (0.56 * width_in, style.points(1.35 * width_in)), legend="right") as drawn:
        thin = style.points(0.8)
        opaque: Look = {"color": style.BLACK, "lw": thin, "ls": (0, (4, 2)), "label": r"$\tau(z=0) = 1$"}
        star: Look = {
            "mec": "white",
            "mew": style.points(0.5),
            "ms": style.points(8),
            "ls": "none",
            "clip_on": False,
            "zorder": 6,
        }
        frame: Look = {"fill": False, "ec": style.GREY, "lw": thin, "zorder": 5, "label": "prior box"}
        plane.draw_posterior(drawn.panel, found)
        shown = analysis.constraints if constraints is None else constraints
        for constraint, look in plane.looks(shown):
            plane.draw_constraint(drawn.panel, constraint, box, look)
        drawn.panel.plot(mass, analysis.model.coupling_of_depth(1.0, 0.0, mass), zorder=4, **opaque)
        drawn.panel.plot(*point, "*", color=style.BLACK, label="best fit", **star)
        truth = dict(analysis.truth)
        if all(name in truth for name in COORDINATES):
            cross: Look = {"color": style.VERMILLION, "ls": "none", "label": "simulated", "zorder": 6}
            drawn.panel.plot(*(10.0 ** truth[name] for name in COORDINATES), "x", **cross)
        drawn.panel.add_patch(Rectangle((left, bottom), right - left, top - bottom, **frame))
        plane.finish(drawn.panel, box, analysis.spelled)
    return drawn.figure


def _draw(run: Run, *, width_in: float) -> Figure:
    effective = density.effective(run.summary())
    return plot_region(run.analysis, run.samples(), best_fit=run.best_fit, effective=effective, width_in=width_in)


CAPTION = "Posterior in the plane of mediator mass and coupling, with the external bounds."
FIGURE = Kind("region", CAPTION, _draw, needs=(needs.plane,), quick=True, order=20)
