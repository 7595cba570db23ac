"""Flavour composition at Earth below, in and above the dip, in a ternary plot."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nuinfer.plotting import Kind, draws, energies, of_posterior, style
from nuinfer.plotting.annotations import Analysis, Draws, Figure, FloatArray, Look, Panels, Point
from nuinfer.plotting.ternary import draw_points, enlarge, fill, triangles

MOST_DRAWS = 400
DIP_GEV = (1e4, 1e7)
"""Where the dip is searched."""

PER_DECADE = 30
LEAST_SEEN = 0.1
"""Share of the unabsorbed flux below which compositions are not shown."""

TINY_FLUX = 1e-60
"""In GeV^-1 cm^-2 s^-1 sr^-1; below it, beyond a cut-off, there is no composition."""

OUTER = 0.01
"""Share of the draws that may lie beyond a side of what is enlarged."""

LABELS = {"below": "a decade below the dip", "in": "in the dip", "above": "a decade above it"}

SOURCES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "pion decay (pp, p$\\gamma$)": (("pp", "pgamma"), "o"),
    "muon-damped": (("muon_damped", "muon_damped_pgamma"), "s"),
    "neutron decay": (("neutron",), "D"),
}
"""Label to the sources, alike in nu + nubar, and their marker."""


def standard_composition(analysis: Analysis, source: str) -> FloatArray:
    """Fractions (e, mu, tau), nu + nubar, of a source at Earth after standard mixing, shape (3,)."""
    from nuinfer.physics import propagation, sources

    arriving = propagation.source_populations(sources.source_fractions(source), analysis.mixing)[0]
    return np.asarray(arriving @ analysis.mixing.probabilities.T)


def compositions(analysis: Analysis, theta: FloatArray) -> dict[str, FloatArray]:
    """Composition of each draw in its dip, and a decade below and above.

    In the dip is where the flux is absorbed most, or the lowest energy at which less than a tenth is left: the
    composition of next to nothing would not be seen.

    Parameters
    ----------
    analysis : Analysis
        Model.
    theta : ndarray, shape (n, n_dim)
        Points.

    Returns
    -------
    dict
        ``below``, ``in`` and ``above`` the dip: fractions (e, mu, tau), ndarray of shape (n, 3),
        without draws that have no flux there.
    """
    from nuinfer.flux import flux_at_earth, unabsorbed_flux

    energy = np.geomspace(DIP_GEV[0] / 10.0, DIP_GEV[1] * 10.0, 5 * PER_DECADE + 1)
    flux, unabsorbed = flux_at_earth(analysis, theta, energy), unabsorbed_flux(analysis, theta, energy)
    inside = slice(PER_DECADE, len(energy) - PER_DECADE)
    survival = flux.sum(axis=-1)[:, inside] / np.maximum(unabsorbed.sum(axis=-1)[:, inside], TINY_FLUX)
    deepest = PER_DECADE + np.argmin(np.maximum(survival, LEAST_SEEN), axis=-1)
    found = {}
    for name, step in (("below", -PER_DECADE), ("in", 0), ("above", PER_DECADE)):
        at = flux[np.arange(len(flux)), deepest + step]
        seen = at.sum(axis=-1) > TINY_FLUX
        found[name] = at[seen] / at[seen].sum(axis=-1, keepdims=True)
    return found


def plot_flavour_triangle(
    analysis: Analysis, samples: Draws, *, best_fit: Point = None, axes: Panels = None, width_in: float = style.PAGE_IN
) -> Figure:
    """Flavour composition (nu + nubar) at Earth: posterior draws below, in and above the dip, and standard mixing.

    Each draw is shown in the dip (see `compositions`), a decade below and a decade above. The line is the best fit from
    10 TeV to 10 PeV, where at least a tenth of the flux is left. Sources are where standard mixing alone puts them; the
    one of the analysis is filled; the grey triangle holds every source. The second panel enlarges the region of
    sources and draws.

    Parameters
    ----------
    analysis, samples, best_fit, axes, width_in
        See `nuinfer.plotting`; two panels with ``projection="ternary"`` (`import mpltern` provides it).

    Raises
    ------
    ConfigError
        For samples that do not belong to `analysis`.
    """
    theta = draws.flat_for_flux(analysis, samples, MOST_DRAWS)
    at = compositions(analysis, theta)
    track = _track(analysis, draws.best_fit(analysis, samples, best_fit))
    any_source: Look = {"color": "#E4E4E4", "lw": 0, "zorder": 0, "label": "any source, standard mixing"}
    marks = {label: standard_composition(analysis, sources[0]) for label, (sources, _) in SOURCES.items()}
    with triangles(axes, width_in) as drawn:
        for panel in drawn.panels:
            fill(panel, analysis.mixing.probabilities.T, **any_source)
            draw_points(panel, track, "-", color=style.BLACK, lw=style.points(0.8), label="best fit, 10 TeV to 10 PeV")
            for label, (sources, mark) in SOURCES.items():
                inside = style.BLACK if analysis.config.model.source in sources else "none"
                outlined: Look = {"color": style.BLACK, "label": label, "mfc": inside, "ms": style.points(4.0)}
                draw_points(panel, marks[label][None], mark, **outlined)
            for (name, where), colour in zip(at.items(), (style.VERMILLION, style.BLUE, style.GREEN), strict=True):
                draw_points(panel, where, ".", color=colour, ms=style.points(2.2), mec="none", alpha=0.5)
                draw_points(panel, where[:0], "o", color=colour, ms=style.points(3.0), mec="none", label=LABELS[name])
        outermost = np.quantile(np.concatenate(list(at.values())), OUTER, axis=0)
        enlarge(drawn, np.stack([*marks.values(), outermost]))
    return drawn.figure


def _track(analysis: Analysis, point: FloatArray) -> FloatArray:
    """Composition at one point from energy to energy, shape (energy, 3), NaN where too little of the flux is left."""
    from nuinfer.flux import flux_at_earth, unabsorbed_flux

    energy = energies.with_edges(analysis, point, np.geomspace(*DIP_GEV, 120))
    flux, whole = flux_at_earth(analysis, point, energy), unabsorbed_flux(analysis, point, energy).sum(axis=-1)
    total = flux.sum(axis=-1)
    seen = (total > LEAST_SEEN * whole) & (total > TINY_FLUX)
    return np.asarray(np.where(seen, flux.T, np.nan).T / np.where(seen, total, 1.0)[:, None])


CAPTION = "Flavour at Earth as the energy goes through the dip."
FIGURE = Kind("flavour_triangle", CAPTION, of_posterior(plot_flavour_triangle), order=70)
