"""What does each constraint do: the allowed region with one of them left out per panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from nuinfer.errors import ConfigError
from nuinfer.plotting import region, style
from nuinfer.typing import ArrayLike, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nuinfer.analysis import Analysis

FEWEST_EFFECTIVE, LARGEST_RHAT = 500.0, 1.05
"""What a panel must reach not to be called rough."""


class LeftOut(Protocol):
    """A posterior without one constraint; `nuinfer.inference.sampling.leave_one_out.LeftOut` is one."""

    @property
    def samples(self) -> FloatArray:
        """Draws, shape (..., n_dim)."""
        ...

    @property
    def ess(self) -> float:
        """Effective sample size."""
        ...

    @property
    def rhat(self) -> float:
        """Largest R-hat between the ensembles."""
        ...


def plot_leave_one_out(
    analysis: Analysis,
    samples: ArrayLike,
    left_out: Mapping[str, LeftOut],
    *,
    effective: float | None = None,
    axes: Sequence[Axes] | None = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """Posterior of (m_Z', g') without one constraint per panel, beside that with all of them.

    Filled: 68 and 95 % HPD regions without the constraint; grey lines: those with all; coloured: the bound of the
    constraint that is left out. Where the short run behind a panel is not good enough, the panel says so.

    Parameters
    ----------
    analysis : Analysis
        With all its constraints.
    samples : array_like, shape (..., n_dim)
        Posterior draws with all constraints.
    left_out : mapping
        Constraint to the posterior without it, as `Run.left_out` gives.
    effective : float, optional
        Effective sample size of `samples`; by default the number of draws.
    axes : sequence of Axes, optional
        One per constraint; by default a new figure.
    width_in : float
        Width of a new figure in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError
        If there is nothing to leave out, or mass and coupling are not both sampled.
    """
    columns = region.mass_and_coupling(analysis, "leave_one_out")
    constraints = {c.name: c for c in analysis.posterior.constraints if c.name in left_out}
    if not constraints:
        raise ConfigError("figure 'leave_one_out': the analysis has no constraint that could be left out")
    box = analysis.prior_bounds[columns]
    full = region.posterior_density(analysis, samples, effective)
    with style.context():
        panels = list(axes) if axes is not None else _panels(len(constraints), width_in)
        for panel, (name, constraint) in zip(panels, constraints.items(), strict=True):
            without = analysis.with_overrides([f"constraints.{name}.form=off"])
            found = left_out[name]
            region.draw_posterior(panel, region.posterior_density(without, found.samples, found.ess))
            levels = sorted(full.thresholds)
            if levels[0] < levels[1]:
                panel.contour(
                    10.0**full.x, 10.0**full.y, full.value, levels=levels, colors="#444444",
                    linewidths=(style.points(0.6), style.points(1.0)), zorder=4,
                )  # fmt: skip
            panel.plot([], [], color="#444444", label="with all constraints, 68 and 95 %")
            region.draw_constraints(panel, [constraint], box)
            region.finish(panel, box)
            rough = found.ess < FEWEST_EFFECTIVE or found.rhat > LARGEST_RHAT
            note = f"rough: ESS {found.ess:.0f}, R-hat {found.rhat:.2f}" if rough else f"ESS {found.ess:.0f}"
            panel.text(
                0.03, 0.95, note, transform=panel.transAxes, va="top", fontsize="x-small",
                color=style.VERMILLION if rough else style.BLACK,
            )  # fmt: skip
            panel.set_title(f"without {region.NAMES.get(name, name)}", pad=style.points(3.0))
            if axes is None:
                panel.label_outer()
        return style.add_legend(panels, own=axes is None)


def _panels(number: int, width_in: float) -> list[Axes]:
    columns = min(number, 2) if style.is_wide(width_in) else 1
    rows = -(-number // columns)
    figure = style.new_figure(width_in, style.points(0.9) + rows * 0.68 * width_in / columns)
    grid: Any = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for spare in grid.ravel()[number:]:
        spare.remove()
    return list(grid.ravel()[:number])
