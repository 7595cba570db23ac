"""What does each constraint do: the allowed region with one of them left out per panel."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from nuinfer.confidence import HPD, HPD_LEVELS, credible
from nuinfer.errors import ConfigError
from nuinfer.plotting import Kind, density, draws, needs, plane, sheet, style
from nuinfer.plotting.annotations import Analysis, Draws, Figure, Look, Panels, Run, ShortRun

FEWEST_EFFECTIVE, LARGEST_RHAT = 500.0, 1.05
"""What a panel must reach not to be called rough."""

_GREY = "#444444"


def plot_leave_one_out(
    analysis: Analysis,
    samples: Draws,
    left_out: Mapping[str, ShortRun],
    *,
    effective: float | None = None,
    axes: Panels = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """Posterior of (m_Z', g') without one constraint per panel, beside that with all of them.

    Filled: 68 and 95 % HPD regions without the constraint; grey lines: those with all; coloured: the bound of the
    constraint that is left out. Where the short run behind a panel is not good enough, the panel says so.

    Parameters
    ----------
    analysis, samples, axes, width_in
        See `nuinfer.plotting`; the analysis and the draws with all constraints, one panel per constraint.
    left_out : mapping
        Constraint to the posterior without it, as `nuinfer.inference.sampling.short` samples it.
    effective : float, optional
        Effective sample size of `samples`; by default the number of draws.

    Raises
    ------
    ConfigError
        If there is nothing to leave out, or mass and coupling are not both sampled.
    """
    FIGURE.require(analysis)
    constraints = {c.name: c for c in analysis.constraints if c.name in left_out}
    if not constraints:
        raise ConfigError("figure 'leave_one_out': the analysis has no constraint that could be left out")
    box = analysis.prior_bounds[density.columns(analysis)]
    full = density.posterior_density(analysis, samples, effective)
    looks = {constraint.name: look for constraint, look in plane.looks(analysis.constraints)}
    grey: Look = {"linewidths": (style.points(0.6), style.points(1.0)), "colors": _GREY, "zorder": 4}

    def height_in(rows: int, columns: int) -> float:
        return style.points(0.9) + rows * 0.68 * width_in / columns

    with sheet(axes, width_in, height_in, panels=len(constraints), columns=(2, 1), share="xy") as drawn:
        for panel, (name, constraint) in zip(drawn.panels, constraints.items(), strict=True):
            without, found = analysis.with_overrides([f"constraints.{name}.form=off"]), left_out[name]
            alone = density.posterior_density(without, found.samples, found.ess)
            plane.draw_posterior(panel, alone, HPD)
            density.draw_edges(panel, 10.0**full.x, 10.0**full.y, full, **grey)
            panel.plot([], [], color=_GREY, label=f"with all: {credible(*HPD_LEVELS, kind='HPD')}")
            plane.head_bounds(panel)
            if constraint.in_plane:
                plane.draw_constraint(panel, constraint, box, looks[name])
            plane.finish(panel, box, analysis.spelled)
            panel.set_title(f"without {plane.label_of(constraint)}", pad=style.points(3.0))
            rough = found.ess < FEWEST_EFFECTIVE or found.rhat > LARGEST_RHAT
            note = f"rough: ESS {found.ess:.0f}, R-hat {found.rhat:.2f}" if rough else f"ESS {found.ess:.0f}"
            colour = style.VERMILLION if rough else style.BLACK
            note += f"\n68 %: a plateau, holds {100 * alone.held[0]:.0f} %" if alone.plateau else ""
            style.write(panel, 0.03, 0.95, note, ha="left", fontsize="x-small", color=colour)
    return drawn.figure


@functools.lru_cache(maxsize=1)
def sampled(run: Run) -> Mapping[str, ShortRun]:
    """The posteriors without each constraint, once for all widths of a page."""
    from nuinfer.inference.sampling.short import leave_one_out

    return leave_one_out(run.analysis, run.record["seed"])


def _draw(run: Run, *, width_in: float) -> Figure:
    effective = draws.effective(run.summary())
    return plot_leave_one_out(run.analysis, run.samples(), sampled(run), effective=effective, width_in=width_in)


CAPTION = "The allowed region again, each time without one of the constraints: what each of them does."
FIGURE = Kind("leave_one_out", CAPTION, _draw, needs=(needs.plane, needs.constraints), order=50)
