"""Flavour composition at Earth below, in and above the dip, in a ternary plot."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nuinfer.plotting import draws, style
from nuinfer.typing import ArrayLike, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nuinfer.analysis import Analysis

MOST_DRAWS = 400
DIP_GEV = (1e4, 1e7)
"""Where the dip is searched."""

DECADES, PER_DECADE = 5, 30
POINTS = 120
LEAST_SEEN = 0.1
"""Share of the unabsorbed flux below which compositions are not shown."""

TINY_FLUX = 1e-60
"""In GeV^-1 cm^-2 s^-1 sr^-1; below it, beyond a cut-off, there is no composition."""

ZOOM = (0.03, 0.4)
"""Least and greatest side of the second triangle."""

LABELS = MappingProxyType({"below": "a decade below the dip", "in": "in the dip", "above": "a decade above it"})

SOURCES = MappingProxyType(
    {
        "pion decay (pp, p$\\gamma$)": (("pp", "pgamma"), "o"),
        "muon-damped": (("muon_damped", "muon_damped_pgamma"), "s"),
        "neutron decay": (("neutron",), "D"),
    }
)
"""Label to the sources, alike in nu + nubar, and their marker."""

_COLOURS = MappingProxyType({"below": style.VERMILLION, "in": style.BLUE, "above": style.GREEN})


def standard_composition(analysis: Analysis, source: str) -> FloatArray:
    """Fractions (e, mu, tau), nu + nubar, of a source at Earth after standard mixing, shape (3,)."""
    from nuinfer.physics.propagation import source_populations
    from nuinfer.physics.sources import source_fractions

    mixing = analysis.posterior.model.mixing
    return np.asarray(source_populations(source_fractions(source), mixing)[0] @ mixing.probabilities.T)


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

    energy = np.geomspace(DIP_GEV[0] / 10.0, DIP_GEV[1] * 10.0, DECADES * PER_DECADE + 1)
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
    analysis: Analysis,
    samples: ArrayLike,
    *,
    best_fit: ArrayLike | None = None,
    axes: Sequence[Axes] | None = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """Flavour composition (nu + nubar) at Earth: posterior draws below, in and above the dip, and standard mixing.

    Each draw is shown in the dip (see `compositions`), a decade below and a decade above. The line is the best fit from
    10 TeV to 10 PeV, where at least a tenth of the flux is left. Sources are where standard mixing alone puts them; the
    one of the analysis is filled. The second panel enlarges the region of the draws.

    Parameters
    ----------
    analysis : Analysis
        Model.
    samples : array_like, shape (..., n_dim)
        Posterior draws.
    best_fit : array_like, shape (n_dim,), optional
        Point of the line; searched if not given.
    axes : sequence of Axes, optional
        Two with ``projection="ternary"`` (`import mpltern` provides it); by default a new figure.
    width_in : float
        Width of a new figure in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError
        For samples that do not belong to `analysis`.
    """
    from nuinfer.flux import flux_at_earth, unabsorbed_flux

    theta = draws.flat_for_flux(analysis, samples, MOST_DRAWS)
    point = draws.best_fit(analysis, samples) if best_fit is None else np.asarray(best_fit, float)
    at = compositions(analysis, theta)
    energy = draws.with_edges(analysis, point, np.geomspace(*DIP_GEV, POINTS))
    track, whole = flux_at_earth(analysis, point, energy), unabsorbed_flux(analysis, point, energy).sum(axis=-1)
    total = track.sum(axis=-1)
    seen = (total > LEAST_SEEN * whole) & (total > TINY_FLUX)
    track = np.where(seen, track.T, np.nan).T / np.where(seen, total, 1.0)[:, None]
    with style.context():
        panels = list(axes) if axes is not None else new_panels(width_in)
        for panel in panels:
            draw_points(panel, track, "-", color=style.BLACK, lw=style.points(0.8), label="best fit, 10 TeV to 10 PeV")
            for name, (sources, mark) in SOURCES.items():
                look = {
                    "mfc": style.BLACK if analysis.config.model.source in sources else "none",
                    "ms": style.points(4.0),
                }
                draw_points(
                    panel, standard_composition(analysis, sources[0])[None], mark, color=style.BLACK, label=name, **look
                )
            for name, where in at.items():
                draw_points(panel, where, ".", color=_COLOURS[name], ms=style.points(2.2), mec="none", alpha=0.5)
                draw_points(
                    panel, where[:0], "o", color=_COLOURS[name], ms=style.points(3.0), mec="none", label=LABELS[name]
                )
            label_panel(panel)
        corners = enlarge(panels[-1], np.concatenate(list(at.values())))
        draw_points(panels[0], corners, "-", color=style.GREY, lw=style.points(0.6), label="enlarged")
        return style.add_legend(panels, own=axes is None)


def new_panels(width_in: float) -> list[Axes]:
    """Two triangles of a new figure."""
    import mpltern  # noqa: F401 - registers the projection

    wide = style.is_wide(width_in)
    height_in = 0.52 * width_in + style.points(0.6) if wide else style.points(1.1) + 1.75 * width_in
    figure = style.new_figure(width_in, height_in)
    figure.set_layout_engine("constrained", rect=(0.02, 0.0, 0.96, 0.96))  # room for labels that the axes do not report
    shape = (1, 2) if wide else (2, 1)
    return [figure.add_subplot(*shape, k + 1, projection="ternary", ternary_sum=1.0) for k in range(2)]


def draw_points(panel: Any, fractions: FloatArray, mark: str, **look: Any) -> None:
    """Points (n, 3) of fractions (e, mu, tau): tau at the top, e on the left, mu on the right."""
    electron, muon, tau = fractions.T
    panel.plot(tau, electron, muon, mark, **look)


def label_panel(panel: Any) -> None:
    """Labels, ticks and grid of a triangle."""
    panel.set_tlabel(r"$f_\tau$")
    panel.set_llabel(r"$f_e$")
    panel.set_rlabel(r"$f_\mu$")
    for axis in (panel.taxis, panel.laxis, panel.raxis):
        axis.set_label_position("tick1")
        axis.set_major_locator(_locator())
        axis.set_tick_params(which="both", direction="out", top=False, right=False)
    panel.grid(lw=style.points(0.3), color="#DDDDDD")


def _locator() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5)


def enlarge(panel: Any, fractions: FloatArray) -> FloatArray:
    """Limit a panel to a triangle around points (n, 3), inside the whole one; return its outline, shape (4, 3)."""
    low, high = np.quantile(fractions, [0.05, 0.95], axis=0)
    size = float(np.clip(4.0 * np.max(high - low), *ZOOM))
    least = np.maximum(0.5 * (low + high) - size / 3.0, 0.0)
    least *= (1.0 - size) / max(float(least.sum()), 1e-9)  # the three sides must leave `size`
    panel.set_ternary_min(least[2], least[0], least[1])
    return np.asarray(least + size * np.eye(3)[[0, 1, 2, 0]])
