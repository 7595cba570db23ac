"""The bounds on (m_Z', g') of today: every constraint of an analysis, the opaque band and the masses of the dip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nuinfer.constraints.limits import Bound, bound
from nuinfer.errors import ConfigError
from nuinfer.physics.dip import DIP_GEV, coupling_of_depth, resonant_mass_mev
from nuinfer.plotting import style
from nuinfer.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nuinfer.analysis import Analysis
    from nuinfer.constraints.base import Constraint
    from nuinfer.parameters import Parameter

MASS_MEV = (1.0, 50.0)
"""Drawn if the prior fixes the mass."""

COUPLING = (1e-6, 10.0**-2.5)
REDSHIFTS = (0.0, 3.0)
"""Of the crossing, between which the depth of one is drawn as a band."""

POINTS = 240
_COLOURS = {
    "muon_g2": style.GREEN,
    "borexino": style.VERMILLION,
    "neff": style.PURPLE,
    "sn1987a": style.ORANGE,
    "trident": "#8C510A",
}
_NAMES = {
    "muon_g2": "muon $g-2$",
    "borexino": "Borexino",
    "neff": r"$N_\mathrm{eff}$",
    "sn1987a": "SN1987A",
    "trident": "tridents",
}
_OTHERS = (style.BLACK, style.YELLOW, style.GREY)


def plot_bounds(
    analysis: Analysis, level: float = 0.95, *, axes: Axes | None = None, width_in: float = style.PAGE_IN
) -> Figure:
    """What each constraint of an analysis excludes in (m_Z', g'), one by one (see `nuinfer.constraints.limits`).

    The band has a depth of one for a resonance crossed between redshift 0 (upper edge) and 3 (lower edge): above it the
    universe is opaque. Vertical lines enclose the masses that put the dip at Earth at 400 to 800 TeV, for a crossing
    nearby, on the heaviest neutrino, whose mass spans the prior.

    Parameters
    ----------
    analysis : Analysis
        Its constraints and cosmology.
    level : float
        Confidence level.
    axes : Axes, optional
        Where to draw; by default a new figure.
    width_in : float
        Width of a new figure in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError
        Without absorption there is no (m_Z', g').
    """
    if analysis.posterior.model.propagation is None:
        raise ConfigError("figure 'bounds': model.absorption = false, so there is no (m_Z', g') to draw")
    low, high = analysis.mass_range_mev or MASS_MEV
    masses = np.geomspace(*((low, high) if high > low else MASS_MEV), POINTS)
    with style.context():
        own, wide = axes is None, style.is_wide(width_in)
        if axes is None:
            axes = style.new_figure(width_in, 0.6 * width_in if wide else 1.5 * width_in).subplots()
        drawn = [c for c in analysis.posterior.constraints if c.in_plane]
        others = iter(_OTHERS)
        for constraint in drawn:
            colour = _COLOURS.get(constraint.name) or next(others, _OTHERS[-1])
            _draw_bound(axes, bound(constraint, masses, level), constraint, colour)
        _draw_band(axes, analysis, masses)
        _draw_dip(axes, analysis)
        _finish(axes, masses)
        return style.add_legend([axes], own=own, right=wide)


def _draw_bound(axes: Axes, found: Bound, constraint: Constraint, colour: str) -> None:
    """Edges of what is allowed, the excluded sides shaded."""
    x, (floor, ceiling) = found.m_zprime_mev, COUPLING
    everywhere = np.isnan(found.upper)
    upper, lower = np.where(everywhere, floor, found.upper), np.where(everywhere, floor, found.lower)
    top, bottom = np.clip(upper, floor, ceiling), np.clip(lower, floor, ceiling)
    axes.fill_between(x, top, ceiling, color=colour, alpha=0.12, lw=0, zorder=1)
    axes.fill_between(x, floor, bottom, where=bottom > floor, color=colour, alpha=0.12, lw=0, zorder=1)
    # the edge of a region that is excluded for every coupling is vertical
    line = np.where(np.isfinite(found.upper), found.upper, np.where(everywhere, floor / 10.0, ceiling * 10.0))
    name = _NAMES.get(constraint.name, constraint.name.partition(".")[2] or constraint.name)
    label = f"{name}: {found.statement}"
    if everywhere.all() or np.all(np.isinf(found.upper)):
        label += " (everything)" if everywhere.all() else " (nothing)"
    axes.plot(x, line, color=colour, lw=style.points(1.4), zorder=4, label=label)
    if np.any(found.lower > floor):
        axes.plot(x, np.where(found.lower > floor, found.lower, np.nan), color=colour, lw=style.points(1.4), zorder=4)


def _draw_band(axes: Axes, analysis: Analysis, masses: FloatArray) -> None:
    """Coupling at which the depth is one, for near and far crossings."""
    propagation = analysis.posterior.model.propagation
    if propagation is None:
        return
    near, far = (coupling_of_depth(1.0 / propagation.depth_factor, z, masses, propagation.cosmology) for z in REDSHIFTS)
    label = rf"$\tau = 1$ for $z = {REDSHIFTS[1]:g}$ to ${REDSHIFTS[0]:g}$"
    axes.fill_between(masses, far, near, color=style.SKY, alpha=0.5, lw=0, zorder=2, label=label)


def _draw_dip(axes: Axes, analysis: Analysis) -> None:
    """Masses of the Z' between which the dip can lie at 400 to 800 TeV."""
    low, high = (float(resonant_mass_mev(e, m)) for e, m in zip(DIP_GEV, _heaviest_ev(analysis), strict=True))
    label = f"dip at {DIP_GEV[0] / 1e3:g}-{DIP_GEV[1] / 1e3:g} TeV: {low:.1f}-{high:.1f} MeV"
    for k, mass in enumerate((low, high)):
        axes.axvline(
            mass, color=style.BLUE, lw=style.points(1.0), ls="dashed", zorder=3, label=label if k == 0 else None
        )


def _heaviest_ev(analysis: Analysis) -> tuple[float, float]:
    """Mass of the heaviest neutrino at the ends of its prior."""
    model = analysis.posterior.model
    name = "m_nu_ev" if model.degenerate else "lightest_nu_mass_ev"
    parameter: Parameter = next(p for p in analysis.posterior.space.parameters if p.name == name)
    ends = (parameter.prior.low, parameter.prior.high) if parameter.prior else (parameter.centre, parameter.centre)
    heaviest = model.masses_ev({name: np.array(ends)}).max(axis=-1)
    return float(heaviest[0]), float(heaviest[1])


def _finish(axes: Axes, masses: FloatArray) -> None:
    axes.set(xscale="log", yscale="log", xlabel=r"$m_{Z'}$ [MeV]", ylabel=r"$g'$")
    axes.set_xlim(masses[0], masses[-1])
    axes.set_ylim(*COUPLING)
    style.plain_log(axes.xaxis, (1.0, 2.0, 5.0) if masses[-1] < 100.0 * masses[0] else (1.0,))
