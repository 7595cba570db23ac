"""The flux at Earth by flavour: posterior band, best fit, and the piecewise fluxes that IceCube has published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuinfer.datafiles import DataFolder, data_root
from nuinfer.plotting import Kind, draws, energies, of_posterior, sheet, style
from nuinfer.plotting.annotations import Analysis, Axes, Draws, Figure, FloatArray, Look, Panels, Point
from nuinfer.plotting.energies import ENERGY_GEV, GEV_PER_TEV

MOST_DRAWS = 600
DATA = "fluxes"
"""Folder of the published fluxes."""

FLUX = (2e-10, 1e-7)
"""Range of E^2 phi in GeV cm^-2 s^-1 sr^-1."""

FLAVOURS = {"e": r"$\nu_e + \bar\nu_e$", "mu": r"$\nu_\mu + \bar\nu_\mu$", "tau": r"$\nu_\tau + \bar\nu_\tau$"}
LABELS = {"hese7": "HESE 7.5 yr, flavours alike", "tracks9": "northern tracks 9.5 yr", "glashow": "Glashow event"}
_MARKS = {"hese7": ("o", style.BLACK), "tracks9": ("s", style.VERMILLION), "glashow": ("D", style.PURPLE)}


@dataclass(frozen=True)
class Segments:
    """A published piecewise flux.

    Parameters
    ----------
    sample : str
        Key in `LABELS`.
    flavour : str
        Flavour that it measures, ``all`` if it assumes that they are alike.
    low_gev, high_gev : ndarray, shape (segment,)
        Energies in GeV.
    e2_flux, minus, plus : ndarray, shape (segment,)
        E^2 phi per flavour (nu + nubar) and its 68 % errors in GeV cm^-2 s^-1 sr^-1; `plus` = 0 marks an upper limit.
    """

    sample: str
    flavour: str
    low_gev: FloatArray
    high_gev: FloatArray
    e2_flux: FloatArray
    minus: FloatArray
    plus: FloatArray


def published_segments() -> list[Segments]:
    """The published piecewise fluxes, one entry per sample.

    Examples
    --------
    >>> [(s.sample, len(s.e2_flux)) for s in published_segments()]
    [('hese7', 7), ('tracks9', 4), ('glashow', 1)]
    """
    table = DataFolder.open(data_root() / DATA).read_csv("segments.csv")
    rows = {sample: table["sample"] == sample for sample in LABELS}
    numbers = [table[name] for name in ("low_gev", "high_gev", "e2_flux", "minus", "plus")]
    return [Segments(key, str(table["flavour"][at][0]), *(each[at] for each in numbers)) for key, at in rows.items()]


def plot_spectrum(
    analysis: Analysis, samples: Draws, *, best_fit: Point = None, axes: Panels = None, width_in: float = style.PAGE_IN
) -> Figure:
    """E^2 phi of each flavour at Earth against energy, one panel per flavour.

    The bands are the central 68 and 95 % of the posterior at each energy, the line is the best fit, dashed without
    absorption. The published fluxes are piecewise power laws of index 2; HESE's assumes that flavours are alike, and
    shares its events with the fit.

    Parameters
    ----------
    analysis, samples, best_fit, axes, width_in
        See `nuinfer.plotting`; three panels.

    Raises
    ------
    ConfigError
        For samples that do not belong to `analysis`.
    """
    from nuinfer.flux import flux_at_earth, unabsorbed_flux

    theta = draws.flat_for_flux(analysis, samples, MOST_DRAWS)
    point = draws.best_fit(analysis, samples, best_fit)
    grid = np.geomspace(*ENERGY_GEV, 200)
    fine = energies.with_edges(analysis, point, grid)
    band = flux_at_earth(analysis, theta, grid) * np.square(grid)[:, None]
    line, smooth = (make(analysis, point, fine) * np.square(fine)[:, None] for make in (flux_at_earth, unabsorbed_flux))
    without: Look = {"ls": "dashed", "lw": style.points(0.8), "label": "best fit without absorption"}
    heights = (0.36 * width_in + style.points(0.6), style.points(5.55))
    with sheet(axes, width_in, heights, panels=3, columns=(3, 1), share="xy") as drawn:
        for column, (panel, (flavour, name)) in enumerate(zip(drawn.panels, FLAVOURS.items(), strict=True)):
            style.draw_band(panel, grid / GEV_PER_TEV, band[..., column])
            panel.plot(fine / GEV_PER_TEV, line[:, column], color=style.BLUE, label="best fit")
            panel.plot(fine / GEV_PER_TEV, smooth[:, column], color=style.BLUE, **without)
            for segments in published_segments():
                if segments.flavour in ("all", flavour):
                    _draw_segments(panel, segments)
            style.write(panel, 0.95, 0.94, name)
            panel.set(yscale="log", ylabel=r"$E^2\phi$ [GeV cm$^{-2}$ s$^{-1}$ sr$^{-1}$]", ylim=FLUX)
            energies.finish(panel)
    return drawn.figure


def _draw_segments(panel: Axes, segments: Segments) -> None:
    """Segments with their errors; an arrow from the upper end where there is only a limit."""
    mark, colour = _MARKS[segments.sample]
    low, high = np.maximum(segments.low_gev, ENERGY_GEV[0]), np.minimum(segments.high_gev, ENERGY_GEV[1])
    energy = np.sqrt(low * high)
    limit = segments.plus == 0.0
    x = np.array([energy - low, high - energy]) / GEV_PER_TEV
    down = np.where(limit, 0.45 * segments.e2_flux, np.minimum(segments.minus, segments.e2_flux * (1.0 - 1e-6)))
    sizes: Look = {"ms": style.points(2.6), "elinewidth": style.points(0.8), "capsize": style.points(1.4)}
    look: Look = {"fmt": mark, "color": colour, "label": LABELS[segments.sample], "uplims": limit, **sizes}
    panel.errorbar(energy / GEV_PER_TEV, segments.e2_flux, [down, segments.plus], x, **look)


CAPTION = "Flux at Earth per flavour, with published fluxes."
FIGURE = Kind("spectrum", CAPTION, of_posterior(plot_spectrum), data=DATA, order=40)
