"""Corner plot of the sampled parameters, with the priors on the diagonal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.plotting import draws, style
from nuinfer.typing import ArrayLike, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nuinfer.analysis import Analysis

LEVELS = (0.68, 0.95)
MOST_DRAWS = 100_000
PRIOR_DRAWS = 100_000
BINS = 40
SMOOTHING_BINS = 2.2

UNITS = MappingProxyType({"phi_total": r"$10^{-18}$ GeV$^{-1}$ cm$^{-2}$ s$^{-1}$ sr$^{-1}$"})
"""Units too long for a small panel; they stand in the corner of the figure."""

ROOMY_PANEL_IN = 0.75
"""Inches of figure per parameter below which titles are left out and labels broken."""

_PRIOR_DASHES = (0, (3, 1.5))


def plot_corner(
    analysis: Analysis,
    samples: ArrayLike,
    *,
    label: str = "posterior",
    summary: Mapping[str, Any] | None = None,
    others: Mapping[str, tuple[Analysis, ArrayLike]] = MappingProxyType({}),
    parameters: tuple[str, ...] | None = None,
    figure: Figure | None = None,
    width_in: float = style.PAGE_IN,
    seed: int = 0,
) -> Figure:
    """Marginal posteriors of the sampled parameters, one and two at a time.

    Contours enclose 68 and 95 % of the posterior (highest density). The dashed line on the diagonal is the prior, from
    draws of it, on the same scale. Titles: median and 68 % HPD interval, or the one-sided 95 % limit where the summary
    gives one.

    Parameters
    ----------
    analysis : Analysis
        What was sampled.
    samples : array_like, shape (..., n_dim)
        Posterior draws.
    label : str
        Name of this posterior.
    summary : mapping, optional
        Summary of the run, whose intervals and limits the titles then show; else they are computed from the samples.
    others : mapping
        Name to (analysis, samples) of posteriors drawn over this one, with common ranges.
    parameters : tuple of str, optional
        Those drawn; by default all that the posteriors have in common.
    figure : Figure, optional
        An empty figure to draw on, for example of a notebook; by default a new one.
    width_in : float
        Width of a new figure in inches; without room for them, titles are left out.
    seed : int
        Seed of the draws of the prior.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError
        For samples that do not belong to their analysis, or a parameter that is not sampled.
    """
    import corner

    runs = {label: (analysis, samples), **others}
    names = _names([each for each, _ in runs.values()], parameters)
    columns = {run: _select(each, draws.flat(each, values, MOST_DRAWS), names) for run, (each, values) in runs.items()}
    priors = np.array([_select(each, each.prior_bounds.T, names) for each, _ in runs.values()])
    ranges = _ranges(list(columns.values()), priors[:, 0].min(axis=0), priors[:, 1].max(axis=0))
    prior = _select(analysis, analysis.sample_prior(PRIOR_DRAWS, np.random.default_rng(seed)), names)
    with style.context():
        figure = style.new_figure(width_in, width_in) if figure is None else figure
        roomy = figure.get_figwidth() / len(names) >= ROOMY_PANEL_IN
        labels = [analysis.parameter_labels[name] for name in names]
        labels = labels if roomy else [_in_two_lines(text) for text in labels]
        figure.set_layout_engine(None)  # margins are set below
        for colour, values in zip(style.POSTERIORS * len(columns), columns.values(), strict=False):
            corner.corner(
                values,
                fig=figure,
                bins=BINS,
                hist_bin_factor=0.75,
                range=ranges,
                labels=labels,
                color=colour,
                plot_datapoints=False,
                plot_density=False,
                plot_contours=False,
                hist_kwargs={"density": True, "linewidth": 1.0},
            )
        grid = np.array(figure.axes).reshape(len(names), len(names))
        for colour, values in zip(style.POSTERIORS * len(columns), columns.values(), strict=False):
            for row, column in zip(*np.tril_indices(len(names), -1), strict=True):
                pair, spans = values[:, [column, row]], [ranges[column], ranges[row]]
                corner.hist2d(
                    *pair.T,
                    ax=grid[row, column],
                    bins=BINS,
                    range=spans,
                    levels=_calibrated(pair, spans),
                    smooth=SMOOTHING_BINS,
                    color=colour,
                    plot_datapoints=False,
                    plot_density=False,
                    fill_contours=len(columns) == 1,
                    no_fill_contours=len(columns) > 1,
                    contour_kwargs={"linewidths": 0.8},
                    new_fig=False,
                    force_range=True,
                )
        for k in range(len(names)):
            _draw_prior(grid[k, k], prior[:, k], ranges[k])
        _arrange(figure, grid, ranges, roomy)
        if roomy:
            for k, name in enumerate(names):
                grid[k, k].set_title(_title(_entry(name, columns[label][:, k], summary)), pad=3.0, fontsize="small")
        _draw_legend(figure, list(columns), _notes(names, analysis, summary))
    return figure


def _names(analyses: list[Analysis], chosen: tuple[str, ...] | None) -> list[str]:
    """Parameters to draw: those chosen, else those that all have in common."""
    common = [name for name in analyses[0].parameter_names if all(name in each.parameter_names for each in analyses)]
    for name in chosen or ():
        if name not in common:
            raise ConfigError(f"parameter '{name}': not sampled in every run; those that are: {', '.join(common)}")
    if not common:
        raise ConfigError("figure 'corner': the runs have no sampled parameter in common")
    return list(chosen) if chosen else common


def _select(analysis: Analysis, rows: FloatArray, names: list[str]) -> FloatArray:
    return rows[:, [analysis.parameter_names.index(name) for name in names]]


def _ranges(columns: list[FloatArray], lowest: FloatArray, highest: FloatArray) -> list[tuple[float, float]]:
    """Range of each parameter that holds the central 99.8 % of every posterior, inside what the priors allow."""
    ends = np.array([np.quantile(values, [0.001, 0.999], axis=0) for values in columns])
    low, high = ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)
    margin = np.maximum(0.05 * (high - low), 1e-9 * np.maximum(np.abs(low), 1.0))
    low, high = np.maximum(low - margin, lowest), np.minimum(high + margin, highest)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _calibrated(pair: FloatArray, spans: Sequence[tuple[float, float]]) -> FloatArray:
    """Levels of the smoothed histogram whose contours hold `LEVELS` of the draws themselves.

    Smoothing widens the histogram, so that the contour which holds 68 % of it would hold more of the draws.
    """
    from scipy import ndimage

    counts = np.histogram2d(pair[:, 0], pair[:, 1], bins=BINS, range=np.array(spans))[0]
    smooth = ndimage.gaussian_filter(counts, SMOOTHING_BINS)
    order = np.argsort(smooth, axis=None)[::-1]
    held, nominal = np.cumsum(counts.ravel()[order]), np.cumsum(smooth.ravel()[order])
    return np.asarray(np.interp(LEVELS, held / held[-1], nominal / nominal[-1]))


def _draw_prior(axes: Axes, prior: FloatArray, span: tuple[float, float]) -> None:
    """Density of the prior over a panel of the diagonal, and the height of the panel."""
    counts, edges = np.histogram(prior, bins=BINS, range=span)
    density = counts / (len(prior) * np.diff(edges))
    axes.stairs(density, edges, baseline=None, color=style.GREY, ls=_PRIOR_DASHES, lw=0.9)
    highest = max(float(patch.get_xy()[:, 1].max()) for patch in axes.patches if hasattr(patch, "get_xy"))
    axes.set_ylim(0.0, 1.15 * max(highest, float(density.max())))


def _in_two_lines(label: str) -> str:
    """A label broken before its unit or after its logarithm."""
    return label.replace(r"\ [", "$\n$[").replace(r"\log_{10}", "\\log_{10}$\n$")


def _arrange(figure: Figure, grid: Any, ranges: Sequence[tuple[float, float]], roomy: bool) -> None:
    """Margins in inches, as wide as the labels need, a few ticks per panel, labels in line along the outside."""
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    width, height = figure.get_figwidth(), figure.get_figheight()
    left, bottom, right, top = (0.58, 0.55, 0.08, 0.26) if roomy else (0.5, 0.46, 0.05, 0.06)
    figure.subplots_adjust(left / width, bottom / height, 1.0 - right / width, 1.0 - top / height, 0.07, 0.07)
    size = 6.0 if roomy else 5.0
    ticks = [_ticks(span, 3 if width / len(grid) > 0.5 else 2) for span in ranges]
    last = len(grid) - 1
    for (row, column), axes in np.ndenumerate(grid):
        if column > row:
            continue
        for axis, shown, where in (
            (axes.xaxis, row == last, ticks[column]),
            (axes.yaxis, column == 0 < row, ticks[row] if row > column else []),
        ):
            axis.set_ticks(where)
            formatter = ScalarFormatter(useOffset=False)
            formatter.set_scientific(False)
            axis.set_major_formatter(formatter if shown else NullFormatter())
            axis.set_tick_params(labelsize=size, length=2.0, pad=1.5, labelrotation=45.0)
            axis.label.set_fontsize(size + 1.0 if roomy else size)
        axes.xaxis.set_label_coords(0.5, 0.03 / height, transform=_blend(axes, figure, along="x"))
        axes.yaxis.set_label_coords(0.03 / width, 0.5, transform=_blend(axes, figure, along="y"))
        axes.xaxis.label.set_verticalalignment("bottom")
        axes.yaxis.label.set_verticalalignment("top")


def _ticks(span: tuple[float, float], most: int) -> list[float]:
    """Round values well inside a range, so that labels of neighbouring panels stay apart.

    Examples
    --------
    >>> _ticks((2.3, 3.6), 3)
    [2.5, 3.0]
    """
    from matplotlib.ticker import MaxNLocator

    low, high = span
    for bins in range(most, most + 4):
        values = [float(value) for value in MaxNLocator(bins).tick_values(low, high)]
        inside = [value for value in values if 0.1 <= (value - low) / (high - low) <= 0.9]
        if len(inside) > 1:
            return inside
    return inside


def _blend(axes: Axes, figure: Figure, along: str) -> Any:
    """Axes coordinates along an axis, figure coordinates across it."""
    from matplotlib.transforms import blended_transform_factory

    pair = (axes.transAxes, figure.transFigure)
    return blended_transform_factory(*(pair if along == "x" else pair[::-1]))


def _entry(name: str, values: FloatArray, summary: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if summary is not None:
        entry: Mapping[str, Any] = summary["parameters"][name]
        return entry
    return {"median": float(np.median(values)), "hpd68": draws.shortest_interval(values, 0.68)}


def _title(entry: Mapping[str, Any]) -> str:
    """One parameter in as few digits as its uncertainty deserves.

    Examples
    --------
    >>> _title({"median": 2.8712, "hpd68": [2.68, 3.07]})
    '$2.87^{+0.20}_{-0.19}$'
    >>> _title({"limit95": {"side": "upper", "value": -3.214, "prior_floor": -6.0}})
    '$<-3.21$ (95 %)'
    """
    if "limit95" in entry:
        limit = entry["limit95"]
        return f"${'<' if limit['side'] == 'upper' else '>'}{_number(limit['value'])}$ (95 %)"
    median, (low, high) = entry["median"], entry["hpd68"]
    up, down = high - median, median - low
    smaller = min(abs(up), abs(down)) or 1.0
    digits = min(max(1 - math.floor(math.log10(smaller)), 0), 4)
    return f"${median:.{digits}f}^{{{up:+.{digits}f}}}_{{{-down:+.{digits}f}}}$"


def _number(value: float) -> str:
    """Three significant digits, at least two decimals from 0.1 on."""
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


def _notes(names: list[str], analysis: Analysis, summary: Mapping[str, Any] | None) -> list[str]:
    """Units that do not fit a panel, and the end of the prior that each one-sided limit depends on."""
    labels = analysis.parameter_labels
    notes = [f"{labels[name]} in {UNITS[name]}" for name in names if name in UNITS]
    if summary is None:
        return notes
    for name in names:
        entry = summary["parameters"][name]
        if "limit95" in entry:
            end = "from" if entry["limit95"]["side"] == "upper" else "up to"
            notes.append(f"{labels[name]} {_title(entry)}, prior {end} ${_number(entry['limit95']['prior_floor'])}$")
    return notes if summary["converged"] else [style.NOT_CONVERGED, *notes]


def _draw_legend(figure: Figure, labels: list[str], notes: list[str]) -> None:
    """Legend and notes in the empty corner."""
    from matplotlib.lines import Line2D

    colours = style.POSTERIORS * len(labels)
    handles = [
        Line2D([], [], color=colour, lw=1.2, label=label) for colour, label in zip(colours, labels, strict=False)
    ]
    handles.append(
        Line2D(
            [],
            [],
            color=style.GREY,
            ls=_PRIOR_DASHES,
            lw=0.9,
            label="prior" if len(labels) == 1 else f"prior of {labels[0]}",
        )
    )
    width, height = figure.get_figwidth(), figure.get_figheight()
    wide = width >= style.WIDE_IN
    size = 6.5 if wide else 5.5
    figure.legend(
        handles=handles,
        title="contours: 68 and 95 % HPD",
        title_fontsize=size,
        fontsize=size,
        loc="upper right",
        alignment="right",
        borderaxespad=0.0,
        bbox_to_anchor=(1.0 - 0.06 / width, 1.0 - 0.08 / height),
    )
    line_in = size * 1.7 / 72.0
    for row, note in enumerate(notes):
        figure.text(
            1.0 - 0.06 / width,
            1.0 - (0.1 + line_in * (len(handles) + 1.5 + row)) / height,
            note,
            ha="right",
            va="top",
            fontsize=size - 0.5 if wide else 4.5,
            color=style.VERMILLION if note == style.NOT_CONVERGED else style.BLACK,
        )
