"""Events per deposited-energy bin: observed, predicted by the posterior, and the backgrounds."""

from __future__ import annotations

import numpy as np

from nuinfer.confidence import credible
from nuinfer.plotting import Kind, draws, needs, of_posterior, sheet, style
from nuinfer.plotting.annotations import Analysis, ArrayLike, Axes, Draws, Figure, FloatArray, Look, Panels, Point
from nuinfer.plotting.energies import GEV_PER_TEV

MOST_DRAWS = 2000
FLOOR_EVENTS = 0.02
"""Bottom of the axis: fifty times less than one event."""

BACKGROUNDS = {"muon": style.PURPLE, "conventional": style.ORANGE, "prompt": style.GREEN}
"""Colour of each background, from the bottom of the stack to its top."""

_BASE = 1e-9  # where the stack stands on a logarithmic axis


def garwood(observed: ArrayLike, probability: float = 0.6827) -> tuple[FloatArray, FloatArray]:
    """Central exact interval of a Poisson mean (Garwood 1936), shape of `observed` each.

    The ends leave (1 - probability)/2 on either side; the lower one of zero events is 0.

    Examples
    --------
    >>> low, high = garwood([0, 4])
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.0, 2.09], [1.84, 7.16])
    """
    from scipy import special

    n, tail = np.asarray(observed, float), 0.5 * (1.0 - probability)
    low = np.where(n > 0.0, special.gammaincinv(np.where(n > 0.0, n, 1.0), tail), 0.0)
    return low, np.asarray(special.gammaincinv(n + 1.0, 1.0 - tail))


def plot_counts(
    analysis: Analysis,
    samples: Draws,
    *,
    best_fit: Point = None,
    axes: Panels = None,
    width_in: float = style.PAGE_IN,
    seed: int = 0,
) -> Figure:
    """Observed and predicted events per deposited-energy bin, one panel per topology.

    Grey is the posterior predictive of the number of events (fluctuations included), central 68 and 95 %, in
    whole events; blue the 68 % band of the expected number and the best fit. Stacked are the medians of the
    backgrounds. Errors of the data are Garwood 68 % intervals; an empty bin shows the upper end of its own.

    Parameters
    ----------
    analysis, samples, best_fit, axes, width_in
        See `nuinfer.plotting`; one panel per topology.
    seed : int
        Seed of the fluctuations.

    Raises
    ------
    ConfigError
        For samples that do not belong to `analysis`.
    """
    theta = draws.flat(analysis, samples, MOST_DRAWS)
    fitted = analysis.expected_counts(draws.best_fit(analysis, samples, best_fit))
    parts = analysis.components(theta)
    expected = sum(parts.values(), start=np.zeros(1))
    predicted = analysis.drawn(theta, np.random.default_rng(seed))
    backgrounds = {name: np.median(parts[name], axis=0) for name in BACKGROUNDS if np.any(parts[name] > 0.0)}
    edges_tev, number = analysis.bin_edges_gev / GEV_PER_TEV, len(analysis.topologies)
    heights = (3.4, style.points(1.1 + 1.8 * number))
    with sheet(axes, width_in, heights, panels=number, columns=(number, 1), share="xy") as drawn:
        for row, (panel, topology) in enumerate(zip(drawn.panels, analysis.topologies, strict=True)):
            observed = analysis.observed_counts[row]
            _draw_bands(panel, edges_tev, predicted[:, row], expected[:, row])
            _draw_backgrounds(panel, edges_tev, {name: counts[row] for name, counts in backgrounds.items()})
            line: Look = {"color": style.BLUE, "lw": style.points(1.3), "label": "best fit"}
            panel.stairs(fitted[row], edges_tev, baseline=None, **line)
            draw_observed(panel, edges_tev, observed)
            low, high = np.quantile(predicted[:, row].sum(axis=-1), [0.16, 0.84], method="inverted_cdf")
            totals = f"observed {observed.sum():.0f}\npredicted {low:.0f}–{high:.0f} (68 %)"
            style.write(panel, 0.96, 0.96, f"{topology.replace('_', ' ')}\n{totals}", linespacing=1.4)
            finish(panel, top=3.0 * float(np.max(garwood(analysis.observed_counts)[1])))
    return drawn.figure


def _draw_bands(panel: Axes, edges_tev: FloatArray, predicted: FloatArray, expected: FloatArray) -> None:
    """Quantiles of predicted and expected counts, each of shape (n, bin)."""
    whole = np.quantile(predicted, [0.025, 0.16, 0.84, 0.975], axis=0, method="inverted_cdf")
    mean = np.quantile(expected, [0.16, 0.84], axis=0)
    for low, high, colour, label in (
        (whole[0], whole[3], "#E6E6E6", "posterior predictive, central 95 %"),
        (whole[1], whole[2], "#CCCCCC", "posterior predictive, central 68 %"),
        (mean[0], mean[1], style.SKY, "expected, " + credible(0.68, kind="central")),
    ):
        base = np.maximum(low, _BASE)
        panel.stairs(np.maximum(high, base), edges_tev, baseline=base, fill=True, color=colour, lw=0, label=label)


def _draw_backgrounds(panel: Axes, edges_tev: FloatArray, backgrounds: dict[str, FloatArray]) -> None:
    """Stacked counts, each of shape (bin,)."""
    base = np.full(len(edges_tev) - 1, _BASE)
    for name, counts in backgrounds.items():
        label = "muons (median)" if name == "muon" else f"{name} (median)"
        look: Look = {"color": BACKGROUNDS[name], "lw": 0, "alpha": 0.8, "label": label}
        panel.stairs(base + counts, edges_tev, baseline=base, fill=True, **look)
        base = base + counts


def draw_observed(panel: Axes, edges_tev: FloatArray, observed: FloatArray) -> None:
    """Counts of shape (bin,) with their Garwood 68 % errors; an arrow from the upper end where there are none."""
    low, high = garwood(observed)
    centre, seen = np.sqrt(edges_tev[1:] * edges_tev[:-1]), observed > 0.0
    errors = np.array([observed - low, high - observed])[:, seen]
    dots: Look = {"fmt": "o", "elinewidth": style.points(0.9), "label": "observed, 68 %"}
    arrows: Look = {"fmt": "_", "elinewidth": style.points(0.7), "uplims": True, "ms": style.points(5.0)}
    panel.errorbar(centre[seen], observed[seen], errors, color=style.BLACK, **dots)
    above, down = high[~seen], 0.4 * high[~seen]
    panel.errorbar(centre[~seen], above, down, color=style.BLACK, capsize=style.points(1.6), **arrows)


def finish(panel: Axes, top: float) -> None:
    """Scales, labels and limits of events per bin of deposited energy."""
    panel.set(xscale="log", yscale="log", xlabel="deposited energy [TeV]", ylabel="events per bin")
    panel.set(xlim=panel.dataLim.intervalx, ylim=(FLOOR_EVENTS, top))
    style.plain_log(panel.xaxis)
    style.plain_log(panel.yaxis)


CAPTION = "Events in bins of deposited energy against what the posterior predicts."
FIGURE = Kind("counts", CAPTION, of_posterior(plot_counts), needs=(needs.counts,), quick=True, order=30)
