"""The allowed region in (m_Z', g') with the external constraints drawn over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nuinfer.confidence import HPD_LEVELS, credible
from nuinfer.constants import COORDINATES
from nuinfer.plotting import Kind, density, draws, needs, plane, sheet, style
from nuinfer.plotting.annotations import Analysis, Constraint, Draws, Figure, Look, Panel, Point, Run
from nuinfer.plotting.draws import Others, Posterior
from nuinfer.plotting.kind import overlaid

STAR: Look = {"color": style.BLACK, "mec": "white", "ls": "none", "zorder": 6, "clip_on": False}


def plot_region(  # noqa: PLR0913 - one of the public names
    analysis: Analysis,
    samples: Draws,
    *,
    label: str = "posterior",
    best_fit: Point = None,
    effective: float | None = None,
    others: Others = draws.ALONE,
    constraints: Sequence[Constraint] | None = None,
    axes: Panel = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """Posterior of (m_Z', g') on logarithmic axes: 68 and 95 % HPD regions, prior box, best fit and constraints.

    The density is that of the sampled coordinates (log10 of both). Each constraint is a line with its excluded side
    shaded: where an exclusion begins, or where a likelihood is 1.353 below its maximum inside the prior box; an
    estimate of the order of magnitude is dashed. On a plateau, or on the edge of the prior, no best fit is marked, and
    the legend says so.

    Parameters
    ----------
    analysis, samples, best_fit, axes, width_in
        See `nuinfer.plotting`.
    label : str
        Name of this posterior, where there are others.
    effective : float, optional
        Effective sample size, which decides the smoothing; by default the number of draws.
    others : mapping
        Name to `Posterior`, or to (analysis, samples), of those drawn over this one.
    constraints : sequence of Constraint, optional
        Those drawn; by default the ones of the analyses.

    Raises
    ------
    ConfigError
        If mass and coupling are not both sampled, as without absorption.
    """
    from matplotlib.patches import Rectangle

    runs = draws.together(label, Posterior(analysis, samples, best_fit), others)
    for each in runs.values():
        FIGURE.require(each.analysis)
    boxes = np.array([each.analysis.prior_bounds[density.columns(each.analysis)] for each in runs.values()])
    widest = np.stack([boxes[..., 0].min(axis=0), boxes[..., 1].max(axis=0)], axis=-1)
    mass, thin = 10.0 ** np.linspace(widest[0, 0], widest[0, 1], plane.GRID), style.points(0.8)
    of_runs = {(plane.whose(c), c.form): c for each in runs.values() for c in each.analysis.constraints}
    every = of_runs.values() if constraints is None else constraints
    heights = (0.56 * width_in, style.points(1.5 * width_in + 0.6 * len(others)))
    with sheet(axes, width_in, heights, legend="right") as drawn:
        panel, alone = drawn.panel, not others
        if others:
            style.heading(panel, f"{credible(*HPD_LEVELS, kind='HPD')}, thick and thin:")
        for (name, each), box, colour in zip(runs.items(), boxes, style.colours(len(runs)), strict=True):
            smoothing = effective if name == label else draws.effective(each.summary)
            found = density.posterior_density(each.analysis, each.samples, smoothing)
            at = draws.best_fit(each.analysis, each.samples, each.best_fit)[density.columns(each.analysis)]
            unmarked = plane.no_best_fit(found, at, box, each.analysis.spelled)
            if alone:
                plane.draw_posterior(panel, found)
                style.heading(panel, unmarked)
            else:
                density.draw_regions(panel, 10.0**found.x, 10.0**found.y, found, colour, alone=False)
                said = [*_lines(name, each.analysis), found.statements[0] if found.plateau else "", unmarked]
                line: Look = {"marker": "" if unmarked else "*", "lw": style.points(1.5)}
                panel.plot([], [], color=colour, label="\n".join(filter(None, said)), **line)
            if not unmarked:
                own: Look = {"label": "best fit"} if alone else {"color": colour}
                panel.plot(*10.0**at, "*", ms=style.points(8.0), mew=style.points(0.5), **STAR | own)
        for truth in {each.analysis.truth for each in runs.values()}:
            if all(name in dict(truth) for name in COORDINATES):
                cross: Look = {"color": style.BLACK, "ls": "none", "label": style.TRUTH, "zorder": 6}
                panel.plot(*(10.0 ** dict(truth)[name] for name in COORDINATES), "x", **cross)
        if every:
            plane.head_bounds(panel)
        for constraint, look in plane.looks(every, coloured=alone):
            plane.draw_constraint(panel, constraint, widest, look)
        opaque: Look = {"color": style.BLACK, "lw": thin, "label": r"$\tau(z=0) = 1$"}
        panel.plot(mass, analysis.model.coupling_of_depth(1.0, 0.0, mass), zorder=4, **opaque)
        frame: Look = {"fill": False, "ec": style.GREY, "lw": thin, "zorder": 5, "label": "prior box"}
        (left, bottom), (right, top) = 10.0**widest.T
        panel.add_patch(Rectangle((left, bottom), right - left, top - bottom, **frame))
        plane.finish(panel, widest, analysis.spelled)
        if alone:
            room_in = width_in - (style.points(2.8) if drawn.wide else 0.6) if drawn.own else 4.0
            size = style.points(7.5)
            panel.set_title("\n".join(style.fitting_lines(plane.contents(analysis), size, room_in)), loc="left")
    return drawn.figure


def _lines(name: str, analysis: Analysis) -> list[str]:
    """What the legend says of one of several, in lines as long as there is room."""
    return style.fitting_lines(f"{name}: {plane.contents(analysis)}", style.points(6.5), style.points(2.1))


def _draw(run: Run, *others: Run, width_in: float) -> Figure:
    first: Look = {"best_fit": run.best_fit, "effective": draws.effective(run.summary()), "width_in": width_in}
    return plot_region(run.analysis, run.samples(), **first, **overlaid(run, *others) if others else {})


CAPTION = "Posterior in the plane of mediator mass and coupling, with the external bounds."
ALIKE = (needs.same_mediator,)
FIGURE = Kind("region", CAPTION, _draw, needs=(needs.plane,), several=ALIKE, quick=True, order=20)
