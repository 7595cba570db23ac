"""The bounds on (m_Z', g') of today: every constraint of an analysis, the opaque band and the masses of the dip."""

from __future__ import annotations

import numpy as np

from nuinfer.confidence import LIMIT, Convention
from nuinfer.plotting import Kind, needs, plane, sheet, style
from nuinfer.plotting.annotations import Analysis, Axes, Bound, Figure, Look, Panel
from nuinfer.plotting.plane import BoundLook

MASS_MEV = (1.0, 50.0)
"""Drawn if the prior fixes the mass."""

COUPLING = (1e-6, 10.0**-2.5)


def plot_bounds(
    analysis: Analysis,
    level: float = 0.95,
    convention: Convention = LIMIT,
    *,
    axes: Panel = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """What each constraint of an analysis excludes in (m_Z', g'), one by one (see `nuinfer.constraints.limits`).

    The band has a depth of one for a resonance crossed between redshift 0 (upper edge) and 3 (lower edge): above it the
    universe is opaque. Vertical lines enclose the masses that put the dip at Earth at 400 to 800 TeV, for a crossing
    nearby, on the heaviest neutrino, whose mass spans the prior.

    Parameters
    ----------
    analysis : Analysis
        Its constraints and cosmology.
    level, convention : float, Convention
        Confidence level, and what it means (`nuinfer.confidence`).
    axes, width_in
        See `nuinfer.plotting`.

    Raises
    ------
    ConfigError
        Without absorption there is no (m_Z', g').
    """
    from nuinfer.constraints.limits import bound

    FIGURE.require(analysis)
    low, high = analysis.mass_range_mev or MASS_MEV
    strongest = next(p for p in analysis.space.parameters if p.name == "log10_g_prime").range[1]
    couplings = COUPLING[0], max(COUPLING[1], 10.0**strongest)
    masses = np.geomspace(*((low, high) if high > low else MASS_MEV), plane.GRID)
    near, far = (analysis.model.coupling_of_depth(1.0, redshift, masses) for redshift in (0.0, 3.0))
    opaque: Look = {"color": style.SKY, "alpha": 0.5, "lw": 0, "zorder": 2, "label": r"$\tau = 1$ for $z = 3$ to $0$"}
    with sheet(axes, width_in, (0.6 * width_in, 1.5 * width_in), legend="right") as drawn:
        for constraint, look in plane.looks(analysis.constraints):
            found = bound(constraint, masses, level, convention)
            _draw_bound(drawn.panel, found, plane.label_of(constraint), couplings, look)
        drawn.panel.fill_between(masses, far, near, **opaque)
        _draw_dip(drawn.panel, analysis)
        plane.frame(drawn.panel, (masses[0], masses[-1]), couplings, analysis.spelled)
    return drawn.figure


def _draw_bound(axes: Axes, found: Bound, name: str, couplings: tuple[float, float], look: BoundLook) -> None:
    """Edges of what is allowed, the excluded sides shaded."""
    x, (floor, ceiling) = found.m_zprime_mev, couplings
    everywhere = np.isnan(found.upper)
    top, bottom = (np.clip(np.where(everywhere, floor, edge), floor, ceiling) for edge in (found.upper, found.lower))
    shade: Look = {"lw": 0, "zorder": 1, **look.shade}
    axes.fill_between(x, top, ceiling, **shade)
    axes.fill_between(x, floor, bottom, where=bottom > floor, **shade)
    # the edge of a region that is excluded for every coupling is vertical
    line = np.where(np.isfinite(found.upper), found.upper, np.where(everywhere, floor / 10.0, ceiling * 10.0))
    label = f"{name}: {found.statement}"
    if everywhere.all() or np.all(np.isinf(found.upper)):
        label += " (everything)" if everywhere.all() else " (nothing)"
    edge: Look = {"zorder": 4, **look.line}
    axes.plot(x, line, label=label, **edge)
    axes.plot(x, np.where(found.lower > floor, found.lower, np.nan), **edge)


def _draw_dip(axes: Axes, analysis: Analysis) -> None:
    """Masses of the Z' between which the dip can lie at 400 to 800 TeV, at the ends of the prior of the masses."""
    from nuinfer.parameters import MASSES
    from nuinfer.physics.dip import DIP_GEV, resonant_mass_mev

    ends = {p.name: np.array(p.range) for p in analysis.space.parameters if p.name in MASSES}
    heaviest_ev = analysis.model.masses_ev(ends).max(axis=-1)
    low, high = resonant_mass_mev(np.array(DIP_GEV), heaviest_ev)
    label = f"dip at {DIP_GEV[0] / 1e3:g}-{DIP_GEV[1] / 1e3:g} TeV: {low:.1f}-{high:.1f} MeV"
    plane.draw_dip(axes, (low, high), label, lw=style.points(1.0), ls="dashed", zorder=3)


CAPTION = "What each constraint excludes of mediator mass and coupling, the opaque band and the masses of the dip."
FIGURE = Kind("bounds", CAPTION, plot_bounds, of="analysis", needs=(needs.absorption,), order=150)
