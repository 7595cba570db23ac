"""The bounds on (m_Z', g') of today: every constraint of an analysis, the opaque band and the masses of the dip."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nuinfer.confidence import LIMIT, Convention, percent
from nuinfer.plotting import Kind, needs, plane, sheet, style
from nuinfer.plotting.annotations import Analysis, Axes, Bound, Figure, FloatArray, Limits, Look, Panel
from nuinfer.plotting.plane import BoundLook

MASS_MEV = (1.0, 50.0)
"""Drawn if the prior fixes the mass."""

CROSSED = ((0.0,), (3.0,))
"""Redshifts of the crossing at the edges of the opaque band, for each a row of masses."""

STEEP = 1e4
"""Range of couplings of a curve from which it goes through the figure, and does not say where that ends."""

MARGIN = 2.0
"""Factor between what is drawn and the ends of the axis of couplings."""


def plot_bounds(
    analysis: Analysis,
    level: float = 0.95,
    convention: Convention = LIMIT,
    *,
    data: Limits | None = None,
    axes: Panel = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """What each constraint of an analysis excludes in (m_Z', g'), one by one (see `nuinfer.constraints.limits`).

    The band has a depth of one for a resonance crossed between redshift 0 (upper edge) and 3 (lower edge): above it the
    universe is opaque. Vertical lines enclose the masses that put the dip at Earth at 400 to 800 TeV, for a crossing
    nearby, on the heaviest neutrino, whose mass spans the prior. A curve ends where its table does.

    Parameters
    ----------
    analysis : Analysis
        Its constraints and cosmology.
    level, convention : float, Convention
        Confidence level, and what it means (`nuinfer.confidence`).
    data : Limits, optional
        Limits of the data, as `nuinfer.limit` gives them.
    axes, width_in
        See `nuinfer.plotting`.

    Raises
    ------
    ConfigError
        Without absorption there is no (m_Z', g').
    """
    from nuinfer.constraints.limits import bound

    FIGURE.require(analysis)
    masses = np.geomspace(*masses_of(analysis), plane.GRID)
    near, far = analysis.model.coupling_of_depth(1.0, CROSSED, masses)
    shade: Look = {"color": style.SKY, "alpha": 0.5, "lw": 0, "zorder": 2, "label": r"$\tau = 1$ for $z = 3$ to $0$"}
    found = [bound(constraint, masses, level, convention) for constraint, _ in plane.looks(analysis.constraints)]
    shown = [near, far, *(each.upper for each in found), *([data.limits] if data else [])]
    couplings, meaning = _ends(shown), convention.label(level)
    meanings = [each.statement.partition(", ")[2].removeprefix("exclusion at ") for each in found]
    with sheet(axes, width_in, (0.6 * width_in, 1.5 * width_in), legend="right") as drawn:
        if data:
            _draw_data(drawn.panel, data)
        if found:
            style.heading(drawn.panel, "external bounds" + f", {meaning}" * (meaning in meanings) + ":")
        for (constraint, look), each, said in zip(plane.looks(analysis.constraints), found, meanings, strict=True):
            _draw_bound(drawn.panel, each, [plane.whose(constraint), said * (said != meaning)], couplings, look)
        drawn.panel.fill_between(masses, far, near, **shade)
        _draw_dip(drawn.panel, analysis)
        plane.frame(drawn.panel, (masses[0], masses[-1]), couplings, analysis.spelled)
    return drawn.figure


def masses_of(analysis: Analysis) -> tuple[float, float]:
    """Ends of the axis of masses in MeV: those of the prior, unless it fixes the mass."""
    low, high = analysis.mass_range_mev or MASS_MEV
    return (low, high) if high > low else MASS_MEV


def _ends(curves: Iterable[FloatArray]) -> tuple[float, float]:
    """Couplings that hold every curve, but for steep ones, which go through whatever is drawn."""
    values = [curve[np.isfinite(curve) & (curve > 0.0)] for curve in curves]
    inside = np.concatenate([each for each in values if each.size and np.ptp(np.log(each)) < np.log(STEEP)])
    return float(inside.min()) / MARGIN, float(inside.max()) * MARGIN


def _draw_data(axes: Axes, data: Limits) -> None:
    """Limits of the data with their Monte-Carlo errors, and a gap where nothing is excluded."""
    label = f"{data.name}:\n{data.method} limit, {percent(data.level)}"
    label += ", nothing excluded" * bool(np.isnan(data.limits).all())
    line: Look = {"color": style.BLACK, "lw": style.points(1.8), "marker": "o", "ms": style.points(2.5), "zorder": 5}
    axes.plot(data.masses_mev, data.limits, label=label, **line)
    axes.errorbar(data.masses_mev, data.limits, yerr=np.nan_to_num(data.errors), fmt="none", ecolor=style.BLACK)


def _draw_bound(axes: Axes, found: Bound, said: list[str], couplings: tuple[float, float], look: BoundLook) -> None:
    """Edges of what is allowed, the excluded sides shaded."""
    x, (floor, ceiling) = found.m_zprime_mev, couplings
    everywhere, nowhere = np.isnan(found.upper), np.isinf(found.upper)
    top, bottom = (np.clip(np.where(everywhere, floor, edge), floor, ceiling) for edge in (found.upper, found.lower))
    shade: Look = {"lw": 0, "zorder": 1, "color": look.line["color"], "alpha": look.opacity}
    axes.fill_between(x, top, ceiling, **shade)
    axes.fill_between(x, floor, bottom, where=bottom > floor, **shade)
    # the edge of a region that is excluded for every coupling is vertical; any other curve just ends
    beside = np.convolve(everywhere, [1, 1, 1], "same") > 0
    line = np.select([everywhere, nowhere & beside, nowhere], [floor / 10.0, ceiling * 10.0, np.nan], found.upper)
    if everywhere.all() or nowhere.all():
        said = [*said, "everything" if everywhere.all() else "excludes nothing here"]
    axes.plot(x, line, label=", ".join(filter(None, said)), zorder=4, **look.line)
    axes.plot(x, np.where(found.lower > floor, found.lower, np.nan), zorder=4, **look.line)


def _draw_dip(axes: Axes, analysis: Analysis) -> None:
    """Masses of the Z' between which the dip can lie at 400 to 800 TeV, at the ends of the prior of the masses."""
    from nuinfer.parameters import MASSES
    from nuinfer.physics.dip import DIP_GEV, resonant_mass_mev

    ends = {p.name: np.array(p.range) for p in analysis.space.parameters if p.name in MASSES}
    heaviest_ev = analysis.model.masses_ev(ends).max(axis=-1)
    low, high = resonant_mass_mev(np.array(DIP_GEV), heaviest_ev)
    label = f"dip at {DIP_GEV[0] / 1e3:g}–{DIP_GEV[1] / 1e3:g} TeV:\n{low:.1f}–{high:.1f} MeV"
    plane.draw_dip(axes, (low, high), label, lw=style.points(0.8), ls=(0, (1, 2)), zorder=3)


CAPTION = "What each constraint excludes of mediator mass and coupling, the opaque band and the masses of the dip."
FIGURE = Kind("bounds", CAPTION, plot_bounds, of="analysis", needs=(needs.absorption,), order=150)
