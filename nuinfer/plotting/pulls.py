"""How well the posterior agrees with each measurement, each constrained nuisance and the number of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nuinfer.plotting import draws, region, style
from nuinfer.typing import ArrayLike, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nuinfer.analysis import Analysis
    from nuinfer.constraints.base import Constraint

MOST_DRAWS = 2000
LARGEST = 6.0
"""Pulls beyond this are drawn at the edge of the figure."""


def pulls(analysis: Analysis, theta: ArrayLike) -> dict[str, FloatArray]:
    """Predicted minus measured, over the uncertainty, for every term that has one.

    Constraints with a mean and a sigma, also one-sided ones and exclusions; parameters with a normal prior; and the
    number of events of each topology, over the root of the expected number. An exclusion that is a mere limit has none,
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
    from nuinfer.priors import Normal

    rows = analysis.posterior.space.check(theta)
    batch, found = rows.shape[:-1], {}
    for constraint in analysis.posterior.constraints:
        mean, sigma = constraint.measurement.mean, constraint.measurement.sigma
        if mean is not None and sigma is not None:
            pull = np.broadcast_to((_predicted(analysis, constraint, rows) - mean) / sigma, batch)
            if np.all(np.isfinite(pull)):
                found[region.NAMES.get(constraint.name, constraint.name)] = pull
    for column, (parameter, prior) in enumerate(analysis.posterior.space.sampled):
        if isinstance(prior, Normal):
            found[parameter.label] = (rows[..., column] - prior.mean) / prior.sigma
    expected = analysis.expected_counts(rows).sum(axis=-1)
    observed = analysis.observed_counts.sum(axis=-1)
    for row, topology in enumerate(analysis.topologies):
        found[f"{topology.replace('_', ' ')} events"] = (expected[..., row] - observed[row]) / np.sqrt(
            expected[..., row]
        )
    return found


def plot_pulls(
    analysis: Analysis,
    samples: ArrayLike,
    *,
    best_fit: ArrayLike | None = None,
    axes: Axes | None = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """Pull of each term: at the best fit, and over the posterior (central 68 and 95 %).

    Parameters
    ----------
    analysis : Analysis
        Model, data, constraints and priors.
    samples : array_like, shape (..., n_dim)
        Posterior draws.
    best_fit : array_like, shape (n_dim,), optional
        The point marked; searched if not given.
    axes : Axes, optional
        Where to draw; by default a new figure.
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
    theta = draws.flat(analysis, samples, MOST_DRAWS)
    point = draws.best_fit(analysis, samples) if best_fit is None else np.asarray(best_fit, float)
    over, at = pulls(analysis, theta), pulls(analysis, point)
    forms = {region.NAMES.get(c.name, c.name): c.form.replace("_", "-") for c in analysis.posterior.constraints}
    drawn, fitted = (np.clip(np.array(list(values.values())), -LARGEST, LARGEST) for values in (over, at))
    ends = np.quantile(drawn, [0.025, 0.16, 0.84, 0.975], axis=-1).T
    rows = -np.arange(len(over))
    with style.context():
        own = axes is None
        if axes is None:
            height = style.points(0.95 + 0.2 * len(over))
            axes = style.new_figure(
                width_in, height if style.is_wide(width_in) else height + style.points(0.25)
            ).subplots()
        for sigma in (2.0, 1.0):
            axes.axvspan(-sigma, sigma, color=style.GREY, alpha=0.12, lw=0, zorder=0)
        axes.axvline(0.0, color=style.GREY, lw=style.points(0.6))
        axes.hlines(rows, ends[:, 0], ends[:, 3], color=style.BLUE, lw=style.points(1.0), label="posterior, 95 %")
        axes.hlines(rows, ends[:, 1], ends[:, 2], color=style.BLUE, lw=style.points(3.0), label="posterior, 68 %")
        axes.plot(fitted, rows, "D", color=style.VERMILLION, ms=style.points(3.2), ls="none", label="best fit")
        names = [f"{name} ({forms[name]})" if name in forms else name for name in over]
        axes.set_yticks(rows, names)
        axes.tick_params(axis="y", which="both", length=0)
        reach = max(2.5, 1.1 * float(np.max(np.abs([*ends.ravel(), *fitted]))))
        axes.set(xlim=(-reach, reach), ylim=(rows[-1] - 0.6, 0.6), xlabel=r"(predicted − measured) / $\sigma$")
        return style.add_legend([axes], own=own)


def _predicted(analysis: Analysis, constraint: Constraint, rows: FloatArray) -> FloatArray:
    """Observable of a constraint; that of the Standard Model where there is no Z'."""
    model = analysis.posterior.model
    if model.propagation is None:
        return np.asarray(constraint.standard_model)
    point = analysis.posterior.point(rows)
    values = {**point, "sum_nu_masses_ev": 3.0 * model.masses_ev(point).mean(axis=-1)}  # one mass stands for three
    return np.asarray(constraint.predict(*(values[name] for name in constraint.arguments)))
