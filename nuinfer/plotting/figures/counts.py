"""Events per deposited-energy bin: observed, predicted by the posterior, and the backgrounds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nuinfer.confidence import credible
from nuinfer.plotting import Kind, draws, needs, of_posterior, sheet, style
from nuinfer.plotting.annotations import Analysis, ArrayLike, Axes, Draws, Figure, FloatArray, Look, Panels, Point
from nuinfer.plotting.draws import Others, Posterior
from nuinfer.plotting.energies import GEV_PER_TEV

MOST_DRAWS = 2000
FLOOR_EVENTS = 0.02
"""Bottom of the axis: fifty times less than one event."""

ASTRO = "astro"
COMPONENTS: dict[str, tuple[str, Any, str]] = {
    ASTRO: (style.BLUE, (0, (1, 1)), "astrophysical"),
    "conventional": (style.VERMILLION, "solid", "conventional"),
    "prompt": (style.GREEN, "dashdot", "prompt"),
    "muon": (style.PURPLE, (0, (4, 1.5)), "muons"),
}
"""Colour, dashes and label of what the counts consist of."""

DASHES = (0, (4, 2))

_BASE = 1e-9  # where bands from zero stand on a logarithmic axis


def garwood(observed: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Central exact 68 % interval of a Poisson mean (Garwood 1936), shape of `observed` each.

    The ends leave (1 - 0.6827)/2 on either side; the lower one of zero events is 0.

    Examples
    --------
    >>> low, high = garwood([0, 4])
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.0, 2.09], [1.84, 7.16])
    """
    from scipy import special

    n, tail = np.asarray(observed, float), 0.5 * (1.0 - 0.6827)
    low = np.where(n > 0.0, special.gammaincinv(np.where(n > 0.0, n, 1.0), tail), 0.0)
    return low, np.asarray(special.gammaincinv(n + 1.0, 1.0 - tail))


def plot_counts(
    analysis: Analysis,
    samples: Draws,
    *,
    label: str = "posterior",
    best_fit: Point = None,
    others: Others = draws.ALONE,
    axes: Panels = None,
    width_in: float = style.PAGE_IN,
    seed: int = 0,
) -> Figure:
    """Observed and predicted events per deposited-energy bin, one panel per topology.

    Grey is the posterior predictive of the number of events (fluctuations included), central 68 and 95 %, in
    whole events; blue the 68 % band of the expected number and the best fit. Lines are the medians of what it consists
    of, each from zero, none on top of another. Errors of the data are Garwood 68 % intervals; an empty bin shows the
    upper end of its own. Of several posteriors the expected numbers are drawn, and the sum of the backgrounds.

    Parameters
    ----------
    analysis, samples, best_fit, axes, width_in
        See `nuinfer.plotting`; one panel per topology.
    label : str
        Name of this posterior, where there are others.
    others : mapping
        Name to `Posterior`, or to (analysis, samples), of those drawn over this one.
    seed : int
        Seed of the fluctuations.

    Raises
    ------
    ConfigError
        For samples that do not belong to `analysis`.
    """
    runs = draws.together(label, Posterior(analysis, samples, best_fit), others)
    predicted = {name: _predict(each, seed) for name, each in runs.items()}
    edges_tev, number, alone = analysis.bin_edges_gev / GEV_PER_TEV, len(analysis.topologies), not others
    heights = (3.4 + 0.15 * len(others), style.points(1.1 + (1.8 + 0.15 * len(others)) * number))
    with sheet(axes, width_in, heights, panels=number, columns=(number, 1), share="xy") as drawn:
        for row, (panel, topology) in enumerate(zip(drawn.panels, analysis.topologies, strict=True)):
            observed = analysis.observed_counts[row]
            what = "simulated" if analysis.truth else "observed"
            said = [(topology.replace("_", " "), style.BLACK), (f"{what} {observed.sum():.0f}", style.BLACK)]
            for (name, each), colour in zip(predicted.items(), style.colours(len(runs)), strict=True):
                if alone:
                    _draw_alone(panel, edges_tev, each, row)
                else:
                    _draw_overlaid(panel, edges_tev, each, row, colour, name)
                low, high = np.quantile(each.drawn[:, row].sum(axis=-1), [0.16, 0.84], method="inverted_cdf")
                said.append((f"predicted {low:.0f}–{high:.0f} (68 %)", style.BLACK if alone else colour))
            if not alone:
                panel.plot([], [], color=style.BLACK, ls="dotted", label="all backgrounds, medians")
            if np.isfinite(truth := draws.truth(analysis)).all():
                line: Look = {"color": style.BLACK, "ls": DASHES, "lw": style.points(0.9), "label": style.TRUTH}
                panel.stairs(analysis.expected_counts(truth)[row], edges_tev, baseline=None, **line)
            draw_observed(panel, edges_tev, observed, what)
            style.write_lines(panel, said)
            finish(panel, top=3.0 * 2.2 ** len(others) * float(np.max(garwood(analysis.observed_counts)[1])))
    return drawn.figure


class _Predicted(NamedTuple):
    """Counts of a posterior: expected at draws, by component and in all (n, topology, bin), drawn, and best fit."""

    parts: dict[str, FloatArray]
    expected: FloatArray
    drawn: FloatArray
    fitted: FloatArray


def _predict(posterior: Posterior, seed: int) -> _Predicted:
    analysis = posterior.analysis
    theta = draws.flat(analysis, posterior.samples, MOST_DRAWS)
    fitted = analysis.expected_counts(draws.best_fit(analysis, posterior.samples, posterior.best_fit))
    parts = analysis.components(theta)
    total = sum(parts.values(), start=np.zeros(1))
    return _Predicted(parts, total, analysis.drawn(theta, np.random.default_rng(seed)), fitted)


def _draw_alone(panel: Axes, edges_tev: FloatArray, each: _Predicted, row: int) -> None:
    """Bands of predicted and expected counts, the best fit, and the median of each component."""
    whole = np.maximum(np.quantile(each.drawn[:, row], style.CENTRAL, axis=0, method="inverted_cdf"), _BASE)
    mean = np.maximum(np.quantile(each.expected[:, row], style.CENTRAL[1:3], axis=0), _BASE)
    band: Look = {"color": style.BANDS[1], "label": "expected, " + credible(0.68, kind="central")}
    style.draw_predicted(panel, edges_tev, whole, mean, **band)
    line: Look = {"color": style.BLUE, "lw": style.points(1.3), "label": "best fit, all together"}
    panel.stairs(each.fitted[row], edges_tev, baseline=None, **line)
    for name, (colour, dashes, label) in COMPONENTS.items():
        if np.any(each.parts[name] > 0.0):
            look: Look = {"color": colour, "lw": style.points(1.1), "ls": dashes}
            look["label"] = f"{label}, median, not stacked"
            panel.stairs(np.median(each.parts[name][:, row], axis=0), edges_tev, baseline=None, **look)


def _draw_overlaid(panel: Axes, edges_tev: FloatArray, each: _Predicted, row: int, colour: str, name: str) -> None:
    """Of one of several: the band of the expected counts, the best fit, and the median of all backgrounds."""
    low, high = np.maximum(np.quantile(each.expected[:, row], style.CENTRAL[1:3], axis=0), _BASE)
    panel.stairs(high, edges_tev, baseline=low, fill=True, color=colour, alpha=0.25, lw=0)
    label = f"{name}: best fit, expected (68 %)"
    panel.stairs(each.fitted[row], edges_tev, baseline=None, color=colour, lw=style.points(1.3), label=label)
    backgrounds = sum((each.parts[part][:, row] for part in COMPONENTS if part != ASTRO), start=np.zeros(1))
    look: Look = {"color": colour, "lw": style.points(0.9), "ls": "dotted"}
    panel.stairs(np.median(backgrounds, axis=0), edges_tev, baseline=None, **look)


def draw_observed(panel: Axes, edges_tev: FloatArray, observed: FloatArray, what: str = "observed") -> None:
    """Counts of shape (bin,) with their Garwood 68 % errors; an arrow from the upper end where there are none."""
    low, high = garwood(observed)
    centre, seen = np.sqrt(edges_tev[1:] * edges_tev[:-1]), observed > 0.0
    errors = np.array([observed - low, high - observed])[:, seen]
    dots: Look = {"fmt": "o", "elinewidth": style.points(0.9), "label": f"{what}, 68 %"}
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
ALIKE = (needs.same_counts,)
FIGURE = Kind("counts", CAPTION, of_posterior(plot_counts), needs=(needs.counts,), several=ALIKE, quick=True, order=30)
