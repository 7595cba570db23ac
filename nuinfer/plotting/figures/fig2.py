"""Fig. 2 of arXiv:1504.00711: the parameter space of the L_mu - L_tau Z' with every bound of the paper."""

from __future__ import annotations

import numpy as np

from nuinfer.plotting import Kind, plane, sheet, style
from nuinfer.plotting.annotations import Analysis, Axes, Constraint, Figure, FloatArray, Look, Panel

MASS_MEV = (1.0, 50.0)
COUPLING = (1e-6, 3e-3)
REDSHIFTS = {0.0: "solid", 1.0: (0, (5, 2)), 3.0: (0, (2, 2))}
"""Redshift of the crossing to the dashes of its line of unit depth."""

NEUTRINO_MASSES_EV = (0.05, 0.25 / 3.0)
"""Lightest and heaviest quasi-degenerate neutrinos of the paper."""

_LINES: dict[str, Look] = {
    "borexino": {"color": "#8C510A", "ls": "dotted", "label": "Borexino"},
    "neff": {"color": style.GREY, "ls": "solid", "label": r"$\Delta N_\mathrm{eff} = 0.7$"},
    "sn1987a": {"color": style.BLACK, "ls": "solid", "label": r"$\tau_\mathrm{diff} = 10$ s"},
}


def plot_fig2(analysis: Analysis, *, axes: Panel = None, width_in: float = style.PAGE_IN) -> Figure:
    """Bounds on (m_Z', g'): muon g-2, Borexino, Delta N_eff, SN1987A, tau = 1 and the mass range of the dip.

    The excluded side of each constraint of the analysis is shaded. The red band is the coupling that explains the muon
    anomaly of 2001 within one standard deviation.

    Parameters
    ----------
    analysis : Analysis
        Its constraints must be the paper's four exclusions, as in the preset ``paper``; its cosmology gives the depth.
    axes, width_in
        See `nuinfer.plotting`.

    Raises
    ------
    ConfigError
        If a constraint of the paper is not an exclusion of the analysis.
    """
    FIGURE.require(analysis)
    constraints = {c.name: c for c in analysis.constraints}
    mass, coupling = np.geomspace(*MASS_MEV, 300), np.geomspace(*COUPLING, 300)
    with sheet(axes, width_in, (0.56 * width_in, style.points(1.4 * width_in)), legend="right") as drawn:
        _draw_muon(drawn.panel, constraints["muon_g2"], mass)
        for name, look in _LINES.items():
            _draw_exclusion(drawn.panel, constraints[name], mass, coupling, look)
            if name == "neff":
                _draw_smaller_neff(drawn.panel)
        for redshift, dashes in REDSHIFTS.items() if analysis.absorbs else ():
            line: Look = {"color": style.GREEN, "ls": dashes, "label": rf"$\tau(z = {redshift:g}) = 1$"}
            drawn.panel.plot(mass, analysis.model.coupling_of_depth(1.0, redshift, mass), lw=style.points(1.1), **line)
        _draw_mass_range(drawn.panel)
        plane.frame(drawn.panel, MASS_MEV, COUPLING, analysis.spelled)
    return drawn.figure


def _the_papers_exclusions(analysis: Analysis) -> str:
    found = {c.name for c in analysis.constraints if c.is_exclusion}
    missing = next((name for name in ("muon_g2", *_LINES) if name not in found), "")
    return f"constraints.{missing}.form must be 'exclusion', as in the preset 'paper'" if missing else ""


def _draw_muon(axes: Axes, constraint: Constraint, mass: FloatArray) -> None:
    """The limit, and the band that explains the measurement; the shift goes as g'^2."""
    from nuinfer.constraints.muon_g2 import UNIT, delta_a_mu

    per_coupling = delta_a_mu(mass, 1.0) / UNIT
    measured = constraint.measurement
    if measured.mean is not None and measured.sigma is not None:
        low, high = (np.sqrt((measured.mean + s * measured.sigma) / per_coupling) for s in (-1.0, 1.0))
        axes.fill_between(mass, low, high, color="#CC3311", alpha=0.35, lw=0, label=r"muon $g-2$, $\pm 1\sigma$")
    limit = np.sqrt(constraint.limit / per_coupling)
    axes.plot(mass, limit, color="#CC3311", lw=style.points(1.2), label=r"muon $g-2$, limit")


def _draw_exclusion(axes: Axes, constraint: Constraint, mass: FloatArray, coupling: FloatArray, look: Look) -> None:
    """Boundary of an exclusion, its excluded side shaded."""
    x, y = np.meshgrid(mass, coupling)
    beyond = np.broadcast_to(constraint.predict(x, y), x.shape) - constraint.limit
    line: Look = {"linestyles": [look["ls"]], "linewidths": [style.points(1.5)]}
    axes.contourf(x, y, beyond, levels=[0.0, np.inf], colors=[look["color"]], alpha=0.1)
    axes.contour(x, y, beyond, levels=[0.0], colors=[look["color"]], **line).set_gid(constraint.name)
    axes.plot([], [], lw=style.points(1.5), **look)


def _draw_smaller_neff(axes: Axes) -> None:
    """Where Delta N_eff is still 0.1: between the two lines it is 0.1 to 0.7."""
    from nuinfer.constraints.neff import delta_neff_paper

    mass = np.geomspace(5.0, 20.0, 2000)
    last = float(mass[delta_neff_paper(mass) > 0.1][-1])
    look: Look = {"color": style.GREY, "ls": (0, (1, 2)), "label": r"$\Delta N_\mathrm{eff} = 0.1$"}
    axes.axvline(last, lw=style.points(1.0), **look)


def _draw_mass_range(axes: Axes) -> None:
    """Masses that put the resonance at 400-800 TeV today; at redshift z they grow by sqrt(1+z)."""
    from nuinfer.physics.dip import DIP_GEV, resonant_mass_mev

    low, high = resonant_mass_mev(DIP_GEV, NEUTRINO_MASSES_EV)
    axes.axvspan(low, high, color=style.BLUE, alpha=0.08, lw=0)
    label = "dip at 400–800 TeV for $z = 0$;\n" + r"grows as $\sqrt{1 + z}$"
    plane.draw_dip(axes, (low, high), label, lw=style.points(1.1), ls=(0, (6, 2)))


CAPTION = "Fig. 2 of arXiv:1504.00711: the parameter space with every bound of the paper."
FIGURE = Kind("fig2", CAPTION, plot_fig2, of="analysis", needs=(_the_papers_exclusions,), order=510)
