"""Flux points: measured, predicted by the posterior."""

from __future__ import annotations

import re

import numpy as np

from nuinfer.confidence import credible
from nuinfer.plotting import Kind, draws, energies, needs, of_posterior, sheet, style
from nuinfer.plotting.annotations import Analysis, Axes, Draws, Figure, FloatArray, Look, Panel, Point
from nuinfer.plotting.energies import GEV_PER_TEV

MOST_DRAWS = 2000
LINEAR = 1.0
"""Up to this many of the smallest errors the axis is linear, beyond them logarithmic."""


def plot_flux_points(
    analysis: Analysis,
    samples: Draws,
    *,
    best_fit: Point = None,
    axes: Panel = None,
    width_in: float = style.PAGE_IN,
    seed: int = 0,
) -> Figure:
    """Measured and predicted mean of E^2 phi per segment of energy, per flavour.

    Grey is the posterior predictive of what is measured, fluctuations included, central 68 and 95 %; blue the 68 % band
    of the flux itself and the best fit; nothing where no segment was measured. Errors of the data are those that were
    published; an arrow shows an upper limit, from one error above nothing.

    Parameters
    ----------
    analysis, samples, best_fit, axes, width_in
        See `nuinfer.plotting`.
    seed : int
        Seed of the fluctuations.

    Raises
    ------
    ConfigError
        For samples that do not belong to `analysis`, or data that are no flux points.
    """
    FIGURE.require(analysis)
    theta = draws.flat(analysis, samples, MOST_DRAWS)
    fitted = analysis.expected_counts(draws.best_fit(analysis, samples, best_fit))[0]
    expected = analysis.expected_counts(theta)[:, 0]
    predicted = analysis.drawn(theta, np.random.default_rng(seed))[:, 0]
    bins_tev, edges_tev = analysis.dataset.bins_gev / GEV_PER_TEV, analysis.bin_edges_gev / GEV_PER_TEV

    def steps(values: FloatArray) -> FloatArray:
        """Of every segment, the last axis, and NaN in gaps."""
        stairs: FloatArray = np.full((*values.shape[:-1], edges_tev.size - 1), np.nan)
        stairs[..., np.searchsorted(edges_tev, bins_tev[:, 0])] = values
        return stairs

    with sheet(axes, width_in, (0.58 * width_in, 0.95 * width_in)) as drawn:
        panel = drawn.panel
        whole = steps(np.quantile(predicted, style.CENTRAL, axis=0))
        mean = steps(np.quantile(expected, style.CENTRAL[1:3], axis=0))
        band: Look = {"color": style.SKY, "label": "flux, " + credible(0.68, kind="central")}
        style.draw_predicted(panel, edges_tev, whole, mean, **band)
        panel.axhline(0.0, color=style.GREY, lw=style.points(0.6))
        line: Look = {"color": style.BLUE, "lw": style.points(1.3), "label": "best fit"}
        panel.stairs(steps(fitted), edges_tev, baseline=None, **line)
        errors = np.stack([analysis.dataset.error_low, analysis.dataset.error_up])  # type: ignore[union-attr]
        _draw_measured(panel, bins_tev, analysis.observed_counts[0], errors)
        energies.finish(panel, (analysis.bin_edges_gev[0], analysis.bin_edges_gev[-1]))
        panel.set_yscale("symlog", linthresh=LINEAR * float(np.min(errors[1])), linscale=1.0)
        panel.set_ylabel(label_of(analysis.dataset.unit))
    return drawn.figure


def label_of(unit: str) -> str:
    r"""Label of an axis of E^2 phi, whose unit has GeV, in TeV as the axis of energies.

    Examples
    --------
    >>> print(label_of("1e-8 GeV cm^-2 s^-1 sr^-1"))
    $E^2\phi$ per flavour
    [$10^{-11}$ TeV cm$^{-2}$ s$^{-1}$ sr$^{-1}$]
    """
    number, _, rest = unit.strip().rpartition("GeV")
    mantissa, _, power = number.strip().lower().partition("e")
    factor = rf"{mantissa} \times " if mantissa not in ("", "1") else ""
    raised = re.sub(r"\^(-?\d+)", r"$^{\1}$", rest)
    return f"$E^2\\phi$ per flavour\n[${factor}10^{{{int(power or 0) - 3}}}$ TeV{raised}]"


def _draw_measured(panel: Axes, bins_tev: FloatArray, flux: FloatArray, errors: FloatArray) -> None:
    """Measured values with their errors (2, segment), down and up; arrows down from one error above a limit."""
    low, high = bins_tev.T
    centre, limit = np.sqrt(low * high), errors[0] == 0.0
    across = np.stack([centre - low, high - centre])
    look: Look = {"color": style.BLACK, "elinewidth": style.points(0.9), "ms": style.points(3.0)}
    points = centre[~limit], flux[~limit], errors[:, ~limit], across[:, ~limit]
    panel.errorbar(*points, fmt="o", label="measured, 68 %", **look)
    at = flux[limit] + errors[1, limit]
    arrows: Look = {"fmt": "_", "uplims": True, "capsize": style.points(1.6), **look}
    panel.errorbar(centre[limit], at, errors[1, limit], across[:, limit], **arrows)


CAPTION = "Measured fluxes in segments of energy against what the posterior predicts."
FIGURE = Kind("flux_points", CAPTION, of_posterior(plot_flux_points), needs=(needs.flux_points,), quick=True, order=31)
