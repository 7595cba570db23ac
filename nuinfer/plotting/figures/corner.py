"""Corner plot of the sampled parameters, with the priors on the diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.plotting import Kind, corner_text, density, draws, style
from nuinfer.plotting.annotations import Analysis, ArrayLike, Axes, Figure, FloatArray, Look, Run
from nuinfer.plotting.draws import Others, Posterior, Summary
from nuinfer.plotting.kind import names_of

MOST_DRAWS = PRIOR_DRAWS = 100_000
PRIOR_BINS, DIAGONAL_BINS, PARTS = 40, 30, 2
TITLE_LINE = 1.7  # distance between titles, in units of their size

Span = tuple[float, float]
"""Range of a quantity."""

DERIVED = ("log10_e_res_gev",)
"""Derived quantities that are drawn beside the sampled ones: the energy of the dip."""

NUISANCES = ("norm_", "detector_scale", "energy_scale")
"""Beginnings of the names that are left out where the panels would be too small to read."""

WIDE_PANEL_IN, ROOMY_PANEL_IN, LEAST_PANEL_IN = 0.85, 0.68, 0.42
"""Inches of figure per parameter below which labels are broken, titles left out, and nuisances left out."""


def plot_corner(  # noqa: PLR0913 - one of the public names
    analysis: Analysis,
    samples: ArrayLike,
    *,
    label: str = "posterior",
    summary: Summary = None,
    others: Others = draws.ALONE,
    parameters: tuple[str, ...] | None = None,
    figure: Figure | None = None,
    width_in: float = style.PAGE_IN,
    seed: int = 0,
) -> Figure:
    """Marginal posteriors of the sampled parameters, one and two at a time.

    Contours enclose 68 and 95 % of the posterior (highest density). The dashed line on the diagonal is the prior, from
    draws of it, on the same scale. Titles: median and 68 % HPD interval, or the one-sided 95 % limit where the summary
    gives one, of every posterior in its colour. Lines through the panels are what simulated data were drawn with.

    Parameters
    ----------
    analysis, samples, width_in
        See `nuinfer.plotting`; without room for them, titles are left out.
    label : str
        Name of this posterior.
    summary : mapping, optional
        Summary of the run, whose intervals and limits the titles then show; else they are computed from the samples.
    others : mapping
        Name to `Posterior`, or to (analysis, samples), of those drawn over this one, with common ranges.
    parameters : tuple of str, optional
        Those drawn, derived ones included; by default all that the posteriors have in common and the energy of the dip,
        without the nuisance parameters where there is no room for them.
    figure : Figure, optional
        An empty figure to draw on, for example of a notebook; by default a new one.
    seed : int
        Seed of the draws of the prior.

    Raises
    ------
    ConfigError
        For samples that do not belong to their analysis, or a parameter that is not sampled.
    """
    runs = draws.together(label, Posterior(analysis, samples, summary=summary), others)
    analyses = [each.analysis for each in runs.values()]
    names = _names(analyses, parameters)
    width = (width_in if figure is None else figure.get_figwidth()) / style.points(1.0)
    if parameters is None and width / len(names) < LEAST_PANEL_IN:
        names = [name for name in names if not name.startswith(NUISANCES)] or names
    drawn = [draws.flat(each.analysis, each.samples, MOST_DRAWS) for each in runs.values()]
    posteriors = [_select(each, rows, names) for each, rows in zip(analyses, drawn, strict=True)]
    if parameters is None:  # a derived quantity of what is fixed is drawn if it is asked for
        varied = [k for k, name in enumerate(names) if name not in DERIVED or any(_vary(p[:, k]) for p in posteriors)]
        names, posteriors = [names[k] for k in varied], [values[:, varied] for values in posteriors]
    priors = [_select(each, each.sample_prior(PRIOR_DRAWS, np.random.default_rng(seed)), names) for each in analyses]
    bounds = np.array([_bounds(*each, names) for each in zip(analyses, priors, strict=True)])
    ranges = _ranges(posteriors, bounds)
    per_panel = width / len(names)
    roomy = per_panel >= ROOMY_PANEL_IN
    labels = [(analysis.parameter_labels | analysis.derived_labels)[name] for name in names]
    if per_panel < WIDE_PANEL_IN:  # broken before the unit and after the logarithm
        labels = [text.replace(r"\ [", "$\n$[").replace(r"\log_{10}", "\\log_{10}$\n$") for text in labels]
    with style.context():
        figure = style.new_figure(width_in, width_in) if figure is None else figure
        figure.set_layout_engine(None)  # margins are set below
        grid, flat = _panels(figure, labels, ranges), False
        boxes = np.where(np.ptp(bounds, axis=-1, keepdims=True) < 1e-6, ranges, bounds)  # of what is constant
        for each, values, box, colour in zip(runs.values(), posteriors, boxes, style.colours(len(runs)), strict=True):
            flat |= _draw_posterior(grid, names, each.summary, values, box, colour, alone=not others)
        for simulated in {each.truth: each for each in analyses if each.truth}.values():
            _draw_truth(figure, simulated, names)
        for panel, prior, span in zip(grid.diagonal(), priors[0].T, ranges, strict=True):
            if prior.size:  # not known of a run whose model is not to be had
                _draw_prior(panel, prior, span)
        _arrange(figure, grid, ranges, len(runs) if roomy else 0)
        if roomy:
            _draw_titles(grid, names, list(runs.values()), posteriors)
        corner_text.draw_legend(figure, names, runs, flat)
    return figure


def _panels(figure: Figure, labels: list[str], ranges: Sequence[Span]) -> Any:
    """The grid of axes with their ranges and labels, those above the diagonal invisible."""
    n = len(labels)
    grid = figure.subplots(n, n, squeeze=False)
    for panel in grid[np.triu_indices(n, 1)]:
        panel.set_visible(False)
    for row, column in np.transpose(np.tril_indices(n)).tolist():
        grid[row, column].set(xlim=ranges[column], **({"ylim": ranges[row]} if row > column else {}))
    for k, label in enumerate(labels):
        grid[-1, k].set_xlabel(label)
        grid[k, 0].set_ylabel(label if k else "")
    return grid


def _draw_posterior(
    grid: Any, names: list[str], summary: Summary, values: FloatArray, box: FloatArray, colour: str, *, alone: bool
) -> bool:
    """Histograms on the diagonal and regions below it, in one colour; whether a region includes a plateau."""
    flat = False
    look: Look = {"histtype": "step", "density": True, "linewidth": style.points(1.0), "color": colour}
    for panel, column in zip(grid.diagonal(), values.T, strict=True):
        panel.hist(column, bins=DIAGONAL_BINS, range=panel.get_xlim(), **look)
    for row, column in zip(*np.tril_indices(len(grid), -1), strict=True):
        both = [column, row]
        independent = draws.effective(summary, names[column], names[row])
        found = density.highest_density(values[:, both], box[both], effective=independent, parts=PARTS)
        density.draw_regions(grid[row, column], found.x, found.y, found, colour, alone)
        flat |= found.plateau
    return flat


def _draw_titles(grid: Any, names: list[str], runs: list[Posterior], posteriors: list[FloatArray]) -> None:
    """Intervals or limits above the diagonal, those of several posteriors in their colours, the first on top."""
    size = style.points(6.0)
    for k, (panel, name) in enumerate(zip(grid.diagonal(), names, strict=True)):
        for line, (run, values, colour) in enumerate(zip(runs, posteriors, style.colours(len(runs)), strict=True)):
            text = corner_text.title(corner_text.title_entry(name, values[:, k], run.summary))
            above = 0.0, style.points(3.0) + TITLE_LINE * size * (len(runs) - 1 - line)
            look: Look = {"fontsize": size, "color": colour if len(runs) > 1 else style.BLACK, "ha": "center"}
            panel.annotate(text, (0.5, 1.0), above, "axes fraction", textcoords="offset points", **look)


def _names(analyses: list[Analysis], chosen: tuple[str, ...] | None) -> list[str]:
    """Parameters to draw: those chosen, else those that all have in common."""
    common = [name for name in analyses[0].parameter_names if all(name in each.parameter_names for each in analyses)]
    if common and all(each.absorbs for each in analyses):
        common += DERIVED
    for name in chosen or ():
        if name not in common:
            raise ConfigError(f"parameter '{name}': not sampled in every run; those that are: {', '.join(common)}")
    if not common:
        raise ConfigError("figure 'corner': the runs have no sampled parameter in common")
    return list(chosen) if chosen else common


def _select(analysis: Analysis, rows: FloatArray, names: list[str]) -> FloatArray:
    """Columns of parameters and derived quantities at rows (n, n_dim), shape (n, name)."""
    columns = dict(zip(analysis.parameter_names, rows.T, strict=True)) | analysis.derived(rows)
    return np.column_stack([columns[name] for name in names])


def _draw_truth(figure: Figure, analysis: Analysis, names: list[str]) -> None:
    """Lines through the panels at the values that simulated data were drawn with, as far as they are known."""
    import corner

    (truth,) = _select(analysis, draws.truth(analysis)[None], names)
    look: Look = {"color": style.BLACK, "ls": (0, (4, 2)), "lw": style.points(0.8), "zorder": 3}
    corner.overplot_lines(figure, [value if np.isfinite(value) else None for value in truth], **look)


def _vary(values: FloatArray) -> bool:
    """Whether values differ by more than they are rounded."""
    return bool(np.ptp(values) > 1e-9 * max(1.0, abs(values[0])))


def _bounds(analysis: Analysis, prior: FloatArray, names: list[str]) -> FloatArray:
    """Support of the prior of each quantity, shape (name, 2); of a derived one what draws of the prior reach."""
    support = dict(zip(analysis.parameter_names, analysis.prior_bounds, strict=True))
    reached = np.stack([prior.min(axis=0, initial=np.inf), prior.max(axis=0, initial=-np.inf)], axis=-1)
    return np.array([support.get(name, reached[k]) for k, name in enumerate(names)])


def _ranges(posteriors: list[FloatArray], bounds: FloatArray) -> list[tuple[float, float]]:
    """Range of each parameter that holds the central 99.8 % of every posterior, inside `bounds` (run, name, 2)."""
    ends = np.array([np.quantile(values, [0.001, 0.999], axis=0) for values in posteriors])
    low, high = ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)
    margin = np.maximum(0.05 * (high - low), 1e-6 * np.maximum(np.abs(low), 1.0))
    inside = np.maximum(low - margin, bounds[..., 0].min(axis=0)), np.minimum(high + margin, bounds[..., 1].max(axis=0))
    constant = inside[1] - inside[0] < margin  # so it has no bounds either
    low, high = np.where(constant, low - margin, inside[0]), np.where(constant, high + margin, inside[1])
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _draw_prior(axes: Axes, prior: FloatArray, span: Span) -> None:
    """Density of the prior over a panel of the diagonal, and the height of the panel."""
    counts, edges = np.histogram(prior, bins=PRIOR_BINS, range=span)
    density = counts / (len(prior) * np.diff(edges))
    axes.stairs(density, edges, baseline=None, color=style.GREY, ls=corner_text.PRIOR_DASHES, lw=style.points(0.9))
    highest = max(float(patch.get_xy()[:, 1].max()) for patch in axes.patches if hasattr(patch, "get_xy"))
    axes.set_ylim(0.0, 1.15 * max(highest, float(density.max())))


def _arrange(figure: Figure, grid: Any, ranges: Sequence[Span], titles: int) -> None:
    """Margins in inches, as wide as the labels need, a few ticks per panel, labels in line along the outside."""
    from matplotlib.ticker import NullFormatter, ScalarFormatter
    from matplotlib.transforms import blended_transform_factory

    width, height = figure.get_figwidth(), figure.get_figheight()
    roomy = titles > 0
    margins = (0.6, 0.58, 0.08, 0.26 + 6.0 / 72.0 * TITLE_LINE * (titles - 1)) if roomy else (0.5, 0.46, 0.05, 0.06)
    left, bottom, right, top = (style.points(margin) for margin in margins)
    figure.subplots_adjust(left / width, bottom / height, 1.0 - right / width, 1.0 - top / height, 0.07, 0.07)
    size = style.points(6.0 if roomy else 5.0)
    ticks = [_ticks(span, 3 if width / len(grid) > style.points(0.5) else 2) for span in ranges]
    for row, column in zip(*np.tril_indices(len(grid)), strict=True):
        axes = grid[row, column]
        axes.set_xticks(ticks[column])
        axes.set_yticks(ticks[row] if row > column else [])
        for axis, shown in ((axes.xaxis, row == len(grid) - 1), (axes.yaxis, column == 0 < row)):
            formatter = ScalarFormatter(useOffset=False)
            formatter.set_scientific(False)
            axis.set_major_formatter(formatter if shown else NullFormatter())
            axis.set_tick_params(labelsize=size, length=style.points(2.0), pad=style.points(1.5), labelrotation=45.0)
            axis.label.set_fontsize(size + style.points(1.0) if roomy else size)
        inside, outside = axes.transAxes, figure.transFigure
        axes.xaxis.set_label_coords(0.5, 0.03 / height, transform=blended_transform_factory(inside, outside))
        axes.yaxis.set_label_coords(0.03 / width, 0.5, transform=blended_transform_factory(outside, inside))
        axes.xaxis.label.set_verticalalignment("bottom")
        axes.yaxis.label.set_verticalalignment("top")


def _ticks(span: Span, most: int) -> list[float]:
    """Round values well inside a range, so that labels of neighbouring panels stay apart.

    Examples
    --------
    >>> _ticks((2.3, 3.6), 3)
    [2.5, 3.0]
    """
    from matplotlib.ticker import MaxNLocator

    low, high = span
    for bins in range(most, most + 4):
        values = np.array(MaxNLocator(bins).tick_values(low, high))
        inside: list[float] = values[np.abs((values - low) / (high - low) - 0.5) <= 0.4].tolist()
        if len(inside) > 1:
            break
    return inside


def _draw(*runs: Run, width_in: float) -> Figure:
    each: list[Any] = [(one.described, one.samples(), None, one.summary()) for one in runs]
    (label, (analysis, samples, _, summary)), *others = zip(names_of(runs), each, strict=True)
    return plot_corner(analysis, samples, label=label, summary=summary, others=dict(others), width_in=width_in)


CAPTION = "Marginal posteriors of pairs of parameters, and of single ones with their priors."
FIGURE = Kind("corner", CAPTION, _draw, several=(), marked=False, quick=True, order=10)
