"""The flux at Earth by flavour: posterior band, best fit, and flux points that experiments have published."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nuinfer.confidence import percent
from nuinfer.datafiles import DataFolder, data_root
from nuinfer.errors import ConfigError
from nuinfer.plotting import Kind, draws, energies, of_posterior, sheet, style
from nuinfer.plotting.annotations import Analysis, Axes, Draws, Figure, FloatArray, Look, Panels, Point
from nuinfer.plotting.draws import Others, Posterior
from nuinfer.plotting.energies import GEV_PER_TEV

MOST_DRAWS = 600
PIECEWISE = "fluxes"
"""Folder of published fluxes that are no data sets."""

PUBLISHED = ("mese11",)
"""Data sets of flux points that are shown beside the posterior."""

FLUX = (2e-13, 2e-10)
"""Range of E^2 phi in TeV cm^-2 s^-1 sr^-1."""

SAME = 0.01
"""Share that is absorbed at most where lines with and without absorption are called the same."""

LEAST_SHOWN = 0.2
"""Share of a segment, in ln E, that is on the axis if any of it is drawn."""

FLAVOURS = {
    "all": "mean of the flavours",
    "e": r"$\nu_e + \bar\nu_e$",
    "mu": r"$\nu_\mu + \bar\nu_\mu$",
    "tau": r"$\nu_\tau + \bar\nu_\tau$",
}
"""What a published flux measures, and its panel."""

LABELS = {"hese7": "HESE 7.5 yr, flavours alike", "tracks9": "northern tracks 9.5 yr", "glashow": "Glashow event"}
_LOOKS = (
    ("o", style.BLACK), ("s", style.VERMILLION), ("D", style.PURPLE), ("^", style.GREEN), ("v", style.ORANGE),
    ("P", style.GREY),
)  # fmt: skip
"""Marks and colours, in turn."""


@dataclass(frozen=True)
class Segments:
    """A published piecewise flux.

    Parameters
    ----------
    label : str
        Whose it is.
    flavour : str
        Flavour that it measures, ``all`` if it assumes that they are alike.
    low_gev, high_gev : ndarray, shape (segment,)
        Energies in GeV.
    e2_flux, minus, plus : ndarray, shape (segment,)
        E^2 phi per flavour (nu + nubar) and its 68 % errors in GeV cm^-2 s^-1 sr^-1; `plus` = 0 marks an upper limit.
    """

    label: str
    flavour: str
    low_gev: FloatArray
    high_gev: FloatArray
    e2_flux: FloatArray
    minus: FloatArray
    plus: FloatArray


def published_segments() -> list[Segments]:
    """The published piecewise fluxes that are no data sets, one entry per sample.

    Examples
    --------
    >>> [(s.label, len(s.e2_flux)) for s in published_segments()]
    [('HESE 7.5 yr, flavours alike', 7), ('northern tracks 9.5 yr', 4), ('Glashow event', 1)]
    """
    table = DataFolder.open(data_root() / PIECEWISE).read_csv("segments.csv")
    rows = {label: table["sample"] == sample for sample, label in LABELS.items()}
    numbers = [table[name] for name in ("low_gev", "high_gev", "e2_flux", "minus", "plus")]
    return [Segments(key, str(table["flavour"][at][0]), *(each[at] for each in numbers)) for key, at in rows.items()]


def segments_of(name_or_path: str) -> Segments:
    """A data set of flux points, as this figure shows it: a limit is drawn at its error above what is measured.

    Raises
    ------
    ConfigError
        If the data set holds events.

    Examples
    --------
    >>> segments_of("mese11").label
    'IceCube MESE, 11.4 years, flavours alike'
    """
    from nuinfer.detector.dataset import load_dataset
    from nuinfer.detector.flux_points import FluxPoints

    data = load_dataset(name_or_path)
    if not isinstance(data, FluxPoints):
        raise ConfigError(f"figure 'spectrum': '{name_or_path}' holds events, not flux points")
    limit = data.error_low == 0.0
    flux, minus, plus = data.observed[0] + np.where(limit, data.error_up, 0.0), data.error_low, data.error_up
    numbers = (data.unit_gev * each for each in (flux, minus, np.where(limit, 0.0, plus)))
    return Segments(f"{data.title}, flavours alike", "all", *data.bins_gev.T, *numbers)


def published(*analyses: Analysis, beside: Iterable[str] = ()) -> list[Segments]:
    """Fluxes that were published: piecewise ones, the flux points that analyses fit, and other data sets of them."""
    fitted = [each.config.data.dataset for each in analyses if each.dataset.kind == "flux_points"]
    return [*published_segments(), *map(segments_of, dict.fromkeys([*fitted, *beside]))]


def plot_spectrum(
    analysis: Analysis,
    samples: Draws,
    *,
    label: str = "posterior",
    best_fit: Point = None,
    others: Others = draws.ALONE,
    axes: Panels = None,
    width_in: float = style.PAGE_IN,
    flux_points: Iterable[str] = PUBLISHED,
) -> Figure:
    """E^2 phi at Earth against energy: the mean of the flavours in the first panel, then one panel per flavour.

    The bands are the central 68 and 95 % of the posterior at each energy, the line is the best fit, dashed without
    absorption. The published fluxes are piecewise power laws of index 2, each in the panel of what it measures: those
    of HESE and MESE assume that flavours are alike, and share events with fits of these samples. Flux points that are
    fitted are always shown, and none beside simulated data. Of several posteriors the best fits and 68 % are drawn.

    Parameters
    ----------
    analysis, samples, best_fit, axes, width_in
        See `nuinfer.plotting`; four panels.
    label : str
        Name of this posterior, where there are others.
    others : mapping
        Name to `Posterior`, or to (analysis, samples), of those drawn over this one.
    flux_points : iterable of str
        Data sets of flux points, names or folders, that are shown beside those of ``data/fluxes``.

    Raises
    ------
    ConfigError
        For samples that do not belong to `analysis`, or a data set of events among the flux points.
    """
    runs = draws.together(label, Posterior(analysis, samples, best_fit), others)
    analyses = [each.analysis for each in runs.values()]
    shown = [] if any(each.truth for each in analyses) else published(*analyses, beside=flux_points)
    span = energies.span(*analyses)
    heights = (0.66 * width_in + style.points(0.7), style.points(7.4))
    with sheet(axes, width_in, heights, panels=4, columns=(2, 1), share="xy") as drawn:
        for (name, each), colour in zip(runs.items(), style.colours(len(runs)), strict=True):
            _draw_posterior(drawn.panels, each, span, colour, name if others else "")
        for panel, (flavour, name) in zip(drawn.panels, FLAVOURS.items(), strict=True):
            for segments, (mark, tone) in zip(shown, itertools.cycle(_LOOKS)):
                if segments.flavour == flavour:
                    _draw_segments(panel, segments, (mark, style.BLACK if others else tone), span)
            style.write(panel, 0.95, 0.94, name)
            panel.set(yscale="log", ylabel=r"$E^2\phi$ [TeV cm$^{-2}$ s$^{-1}$ sr$^{-1}$]", ylim=FLUX)
            energies.finish(panel, span)
    return drawn.figure


def _draw_posterior(
    panels: Sequence[Axes], posterior: Posterior, span: tuple[float, float], colour: str, name: str
) -> None:
    """Bands and lines of the mean of the flavours, and of each; with a name, of one of several."""
    from nuinfer.flux import flux_at_earth, unabsorbed_flux

    analysis = posterior.analysis
    theta = draws.flat_for_flux(analysis, posterior.samples, MOST_DRAWS)
    point = draws.best_fit(analysis, posterior.samples, posterior.best_fit)
    grid = np.geomspace(*span, 200)
    fine = energies.with_edges(analysis, point, grid)

    def e2_flux(make: Callable[..., FloatArray], at: FloatArray, energy_gev: FloatArray) -> FloatArray:
        """In TeV, of the mean and the flavours, shape (panel, *batch, energy)."""
        flux = make(analysis, at, energy_gev) * (np.square(energy_gev) / GEV_PER_TEV)[:, None]
        return np.moveaxis(np.concatenate([flux.mean(axis=-1, keepdims=True), flux], axis=-1), -1, 0)

    band, line = e2_flux(flux_at_earth, theta, grid), e2_flux(flux_at_earth, point, fine)
    smooth = e2_flux(unabsorbed_flux, point, fine)
    lost = float(np.max(1.0 - line / smooth))
    without: Look = {"ls": (0, (4, 3)), "lw": style.points(0.8), "color": style.BLACK, "zorder": 3}
    without["label"] = "best fit without absorption" + (f" (the same within {percent(SAME)})" if lost < SAME else "")
    truth = draws.truth(analysis)
    for k, panel in enumerate(panels):
        style.draw_band(panel, grid / GEV_PER_TEV, band[k], colour if name else "")
        label = f"{name}: best fit and 68 %" if name else "best fit"
        panel.plot(fine / GEV_PER_TEV, line[k], color=colour, lw=style.points(1.4), label=label)
        if not name:
            panel.plot(fine / GEV_PER_TEV, smooth[k], **without)
        if np.isfinite(truth).all():
            there = energies.with_edges(analysis, truth, grid)
            look: Look = {"color": style.BLACK, "ls": "dotted", "label": style.TRUTH, "zorder": 3}
            panel.plot(there / GEV_PER_TEV, e2_flux(flux_at_earth, truth, there)[k], **look)


def _draw_segments(panel: Axes, segments: Segments, mark: tuple[str, str], span: tuple[float, float]) -> None:
    """Segments with their errors, but for those mostly outside; an arrow from the upper end where there is a limit."""
    low, high = np.maximum(segments.low_gev, span[0]), np.minimum(segments.high_gev, span[1])
    inside = np.log(high / low) >= LEAST_SHOWN * np.log(segments.high_gev / segments.low_gev)
    low, high = low[inside], high[inside]
    flux, minus, plus = (each[inside] / GEV_PER_TEV for each in (segments.e2_flux, segments.minus, segments.plus))
    energy, limit = np.sqrt(low * high), plus == 0.0
    x = np.array([energy - low, high - energy]) / GEV_PER_TEV
    down = np.where(limit, 0.45 * flux, np.minimum(minus, flux * (1.0 - 1e-6)))
    sizes: Look = {"ms": style.points(2.6), "elinewidth": style.points(0.8), "capsize": style.points(1.4)}
    look: Look = {"fmt": mark[0], "color": mark[1], "label": segments.label, "zorder": 4, "uplims": limit, **sizes}
    panel.errorbar(energy / GEV_PER_TEV, flux, [down, plus], x, **look)


CAPTION = "Flux at Earth per flavour, with published fluxes."
FIGURE = Kind("spectrum", CAPTION, of_posterior(plot_spectrum), several=(), data=(PIECEWISE, *PUBLISHED), order=40)
