"""How well the posterior agrees with each measurement, each constrained nuisance and the number of events."""

from __future__ import annotations

import numpy as np

from nuinfer.confidence import credible
from nuinfer.plotting import Kind, draws, of_posterior, plane, sheet, style
from nuinfer.plotting.annotations import Analysis, ArrayLike, Draws, Figure, FloatArray, Look, Panel, Point
from nuinfer.plotting.energies import GEV_PER_TEV

MOST_DRAWS = 2000
LARGEST = 6.0
"""Pulls beyond this are drawn at the edge of the figure."""


ALLOWED: Look = {"ha": "center", "va": "center", "fontsize": "x-small", "zorder": 2}


def pulls(analysis: Analysis, theta: ArrayLike) -> dict[str, FloatArray]:
    """Predicted minus measured, over the uncertainty, for every term that has one.

    Constraints with a mean and a sigma, also one-sided ones and exclusions; parameters with a normal prior; and the
    number of events of each topology, over the root of the expected number, or the flux in each segment, over the error
    on the side of the prediction. An exclusion that is a mere limit has none,
    nor has the logarithm of something that vanishes, as the burst of SN1987A without a Z'.

    Parameters
    ----------
    analysis : Analysis
        Model, data, constraints and priors.
    theta : array_like, shape (*batch, n_dim)
        Points.

    Returns
    -------
    dict
        Label to pulls of shape (*batch,).
    """
    from nuinfer.detector.flux_points import FluxPoints
    from nuinfer.priors import Normal

    rows, found = analysis.space.check(theta), {}
    predicted = analysis.observables(rows)
    for constraint in analysis.constraints:
        mean, sigma = constraint.measurement.mean, constraint.measurement.sigma
        if mean is not None and sigma is not None:
            pull = np.broadcast_to((predicted[constraint.name] - mean) / sigma, rows.shape[:-1])
            if np.all(np.isfinite(pull)):
                found[plane.label_of(constraint)] = pull
    for column, (parameter, prior) in enumerate(analysis.space.sampled):
        if isinstance(prior, Normal):
            found[parameter.label] = (rows[..., column] - prior.mean) / prior.sigma
    if isinstance(data := analysis.dataset, FluxPoints):
        apart = analysis.expected_counts(rows)[..., 0, :] - analysis.observed_counts[0]
        pull = apart / np.where((apart < 0.0) & (data.error_low > 0.0), data.error_low, data.error_up)
        ends = (
            [f"{edge:.0f}" if edge > 100.0 else f"{edge:.3g}" for edge in pair] for pair in data.bins_gev / GEV_PER_TEV
        )
        segments = [f"flux, {low}–{high} TeV" for low, high in ends]
        return found | dict(zip(segments, np.moveaxis(pull, -1, 0), strict=True))
    model, observed = analysis.expected(rows), analysis.observed_counts.sum(axis=-1)
    expected, spread = model.total.sum(axis=-1), np.sqrt((model.total + model.variance).sum(axis=-1))
    events = [f"{topology.replace('_', ' ')} events" for topology in analysis.topologies]
    return found | dict(zip(events, np.moveaxis((expected - observed) / spread, -1, 0), strict=True))


def plot_pulls(
    analysis: Analysis, samples: Draws, *, best_fit: Point = None, axes: Panel = None, width_in: float = style.PAGE_IN
) -> Figure:
    """Pull of each term: at the best fit, and over the posterior (central 68 and 95 %).

    A one-sided term and an exclusion do not pull where the prediction is below what is measured: that side of their row
    is marked as allowed, and draws on it count as zero.

    Parameters
    ----------
    analysis, samples, best_fit, axes, width_in
        See `nuinfer.plotting`.

    Raises
    ------
    ConfigError
        For samples that do not belong to `analysis`.
    """
    over = pulls(analysis, draws.flat(analysis, samples, MOST_DRAWS))
    at = pulls(analysis, draws.best_fit(analysis, samples, best_fit))
    forms = {plane.label_of(c): c.form.replace("_", "-") for c in analysis.constraints}
    free = np.array([forms.get(name) in ("one-sided", "exclusion") for name in over])
    names = [f"{name} ({forms[name]})" if name in forms else name for name in over]
    values, fitted = (np.clip(np.array(list(found.values())), -LARGEST, LARGEST) for found in (over, at))
    values[free], fitted[free] = np.maximum(values[free], 0.0), np.maximum(fitted[free], 0.0)
    ends = np.quantile(values, style.CENTRAL, axis=-1)
    rows = -np.arange(len(over))
    height_in = style.points(0.95 + 0.2 * len(over))
    with sheet(axes, width_in, (height_in, height_in + style.points(0.25))) as drawn:
        panel = drawn.panel
        for sigma in (2.0, 1.0):
            panel.axvspan(-sigma, sigma, color=style.GREY, alpha=0.12, lw=0, zorder=0)
        panel.axvline(0.0, color=style.GREY, lw=style.points(0.6))
        reach = max(2.5, 1.1 * float(np.max(np.abs([*ends.ravel(), *fitted]))))
        for row in rows[free]:
            panel.barh(row, -reach, 0.8, color="white", edgecolor=style.GREEN, hatch="////", lw=0, alpha=0.5, zorder=1)
            panel.text(-0.5 * reach, row, "allowed, no pull", backgroundcolor="white", **ALLOWED)
        for k, (level, width) in enumerate(((0.95, 1.0), (0.68, 3.0))):
            line: Look = {"color": style.BLUE, "lw": style.points(width), "label": credible(level, kind="central")}
            panel.hlines(rows, ends[k], ends[3 - k], **line)
        panel.plot(fitted, rows, "D", color=style.VERMILLION, ms=style.points(3.2), ls="none", label="best fit")
        panel.set_yticks(rows, names)
        panel.tick_params(axis="y", which="both", length=0)
        panel.set(xlim=(-reach, reach), ylim=(rows[-1] - 0.6, 0.6), xlabel=r"(predicted − measured) / $\sigma$")
    return drawn.figure


CAPTION = "Predicted minus measured in units of the error, for every term that pulls on the fit."
FIGURE = Kind("pulls", CAPTION, of_posterior(plot_pulls), order=80)
