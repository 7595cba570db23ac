"""Have the chains converged: traces, ranks, autocorrelation times and acceptance, by ensemble.

The functions take chains of shape (ensemble, step, walker, n_dim), as `Run.samples(0, 1)` gives them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.plotting import style
from nuinfer.typing import ArrayLike, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_STEPS = 300
"""Steps drawn of a trace, which is thinned evenly."""

RANK_BINS = 20
STEPS_PER_TAU = 50.0
OPTIMAL_ACCEPTANCE = 0.234
"""Of a random walk in many dimensions (Roberts, Gelman and Gilks 1997)."""

WINDOWS = 60
"""Stretches of steps over which acceptance is averaged."""

_DASHES = ("solid", "dashed", "dashdot", "dotted", (0, (5, 1, 1, 1, 1, 1)))
COLOURS = (*style.POSTERIORS, style.SKY, style.BLACK)


def plot_trace(
    chain: ArrayLike,
    labels: Sequence[str],
    *,
    discard: int = 0,
    axes: Sequence[Axes] | None = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """Median and central 68 % of the walkers of each ensemble against step, one panel per quantity.

    Parameters
    ----------
    chain : array_like, shape (ensemble, step, walker, quantity)
        All steps.
    labels : sequence of str
        Quantities.
    discard : int
        Steps that are shaded as burn-in.
    axes : sequence of Axes, optional
        One per quantity; by default a new figure.
    width_in : float
        Width of a new figure in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError
        If the shape is another one.
    """
    values = _checked(chain, labels)
    stride = math.ceil(values.shape[1] / MOST_STEPS)
    steps = np.arange(values.shape[1])[::stride]
    low, middle, high = np.quantile(values[:, ::stride], [0.16, 0.5, 0.84], axis=2)
    with style.context():
        panels = list(axes) if axes is not None else _grid(labels, width_in, "step")
        for k, panel in enumerate(panels):
            for ensemble in range(len(values)):
                colour = COLOURS[ensemble % len(COLOURS)]
                panel.fill_between(steps, low[ensemble, :, k], high[ensemble, :, k], color=colour, alpha=0.1, lw=0)
                label = f"ensemble {ensemble}"
                panel.plot(steps, middle[ensemble, :, k], color=colour, lw=style.points(0.7), label=label)
            if discard:
                panel.axvspan(0, discard, color=style.GREY, alpha=0.25, lw=0, label="burn-in")
            panel.set(xlim=(0, values.shape[1]), ylabel=labels[k])
            panel.locator_params(axis="y", nbins=4)
            panel.locator_params(axis="x", nbins=5)
        return style.add_legend(panels, own=axes is None)


def plot_rank(
    chain: ArrayLike,
    labels: Sequence[str],
    *,
    effective: ArrayLike | None = None,
    axes: Sequence[Axes] | None = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """How the ranks of the draws, among those of all ensembles, are spread within each ensemble.

    Ensembles that sample the same distribution have flat lines at one. The grey band is two standard deviations of
    independent draws.

    Parameters
    ----------
    chain : array_like, shape (ensemble, step, walker, quantity)
        Steps without the burn-in.
    labels : sequence of str
        Quantities.
    effective : array_like, shape (quantity,), optional
        Effective sample size of all ensembles together, which gives the band; by default there is none.
    axes : sequence of Axes, optional
        One per quantity; by default a new figure.
    width_in : float
        Width of a new figure in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError
        If the shape is another one.
    """
    values = _checked(chain, labels)
    ensembles = len(values)
    flat = values.reshape(ensembles, -1, values.shape[-1])
    edges = np.linspace(0.0, 1.0, RANK_BINS + 1)
    with style.context():
        panels = list(axes) if axes is not None else _grid(labels, width_in, "rank", sharey=True)
        for k, panel in enumerate(panels):
            order = np.argsort(np.argsort(flat[..., k], axis=None, kind="stable"), kind="stable")
            ranks = (order.reshape(ensembles, -1) + 0.5) / order.size
            if effective is not None:
                each = float(np.asarray(effective, float)[k]) / ensembles
                sigma = math.sqrt((RANK_BINS - 1) / max(each, 1.0) * (1.0 - 1.0 / ensembles))
                panel.axhspan(
                    1.0 - 2.0 * sigma, 1.0 + 2.0 * sigma, color=style.GREY, alpha=0.3, lw=0, label="95 % band"
                )
            for ensemble in range(ensembles):
                height = np.histogram(ranks[ensemble], edges)[0] * RANK_BINS / ranks.shape[1]
                look: dict[str, Any] = {
                    "color": COLOURS[ensemble % len(COLOURS)],
                    "ls": _DASHES[ensemble % len(_DASHES)],
                    "lw": style.points(0.8),
                }
                panel.stairs(height, edges, baseline=None, label=f"ensemble {ensemble}", **look)
            panel.set_xlim(0.0, 1.0)
            if axes is not None or k % min(3 if style.is_wide(width_in) else 2, len(labels)) == 0:
                panel.set_ylabel("density")
            panel.set_title(labels[k], pad=style.points(2.5))
            panel.set_xticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
        return style.add_legend(panels, own=axes is None)


def plot_autocorrelation(
    lengths: ArrayLike,
    tau: ArrayLike,
    labels: Sequence[str],
    *,
    axes: Axes | None = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """Autocorrelation time, estimated from longer and longer parts of the chains, against their length.

    Each line is a parameter, at its worst ensemble. Where the lines are below the length over 50 and flat, the chains
    are long enough to trust them.

    Parameters
    ----------
    lengths : array_like, shape (length,)
        Steps.
    tau : array_like, shape (length, ensemble, n_dim)
        Estimates in steps; infinite ones are left out.
    labels : sequence of str
        Parameters.
    axes : Axes, optional
        Where to draw; by default a new figure.
    width_in : float
        Width of a new figure in inches.

    Returns
    -------
    Figure
    """
    steps, estimates = np.asarray(lengths, float), np.asarray(tau, float)
    if estimates.shape != (steps.size, *estimates.shape[1:2], len(labels)):
        raise ConfigError(
            f"tau: shape {estimates.shape} must be ({steps.size} lengths, ensemble, {len(labels)} labels)"
        )
    worst = np.max(estimates, axis=1)
    worst = np.where(np.isfinite(worst), worst, np.nan)
    with style.context():
        own = axes is None
        if axes is None:
            wide = style.is_wide(width_in)
            axes = style.new_figure(width_in, (0.55 if wide else 1.25) * width_in).subplots()
        for k, label in enumerate(labels):
            look: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "ls": _DASHES[k // len(COLOURS) % len(_DASHES)]}
            axes.plot(steps, worst[:, k], "o", label=label, **{**look, "ms": style.points(2.2)})
        axes.plot(steps, steps / STEPS_PER_TAU, color=style.GREY, ls="dashed", label="length / 50")
        axes.set(xscale="log", yscale="log", xlabel="steps after burn-in", ylabel="autocorrelation time [steps]")
        for axis in (axes.xaxis, axes.yaxis):
            style.plain_log(axis, (1.0, 2.0, 5.0))
        return style.add_legend([axes], own=own)


def plot_acceptance(
    chain: ArrayLike,
    *,
    discard: int = 0,
    axes: Sequence[Axes] | None = None,
    width_in: float = style.PAGE_IN,
) -> Figure:
    """Share of accepted proposals: of each ensemble against step, and of each walker after the burn-in.

    A walker near zero is stuck.

    Parameters
    ----------
    chain : array_like, shape (ensemble, step, walker, n_dim)
        All steps; a proposal was accepted where a walker has moved.
    discard : int
        Steps that are shaded as burn-in and left out of the walkers' shares.
    axes : sequence of Axes, optional
        Two; by default a new figure.
    width_in : float
        Width of a new figure in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError
        If the shape is another one.
    """
    values = _checked(chain, None)
    moved = np.any(np.diff(values, axis=1) != 0.0, axis=-1)
    parts = np.array_split(np.arange(moved.shape[1]), min(WINDOWS, moved.shape[1]))
    steps = np.array([part.mean() + 1.0 for part in parts])
    share = np.array([moved[:, part].mean(axis=(1, 2)) for part in parts])
    walkers = np.sort(moved[:, min(discard, moved.shape[1] - 1) :].mean(axis=1), axis=-1)
    with style.context():
        panels = list(axes) if axes is not None else _pair(width_in)
        for ensemble in range(len(values)):
            look: dict[str, Any] = {"color": COLOURS[ensemble % len(COLOURS)], "lw": style.points(0.9)}
            panels[0].plot(steps, share[:, ensemble], label=f"ensemble {ensemble}", **look)
            panels[1].plot(np.arange(walkers.shape[1]) + 1, walkers[ensemble], **look)
        if discard:
            panels[0].axvspan(0, discard, color=style.GREY, alpha=0.25, lw=0, label="burn-in")
        top = max(0.6, 1.1 * float(max(share.max(), walkers.max())))
        for panel, label in zip(panels, ("step", "walker, sorted"), strict=True):
            panel.axhline(
                OPTIMAL_ACCEPTANCE, color=style.GREY, ls="dashed", zorder=0, label="0.234: optimal random walk"
            )
            panel.set(ylim=(0.0, top), xlabel=label, ylabel="accepted share")
        panels[0].set_xlim(0, values.shape[1])
        panels[1].set_xlim(1, walkers.shape[1])
        return style.add_legend(panels, own=axes is None)


def _checked(chain: ArrayLike, labels: Sequence[str] | None) -> FloatArray:
    values = np.asarray(chain, float)
    if values.ndim != 4 or values.shape[1] < 2 or (labels is not None and values.shape[-1] != len(labels)):
        wanted = "quantity" if labels is None else f"{len(labels)} quantities"
        raise ConfigError(f"chain: shape {values.shape} must be (ensemble, step, walker, {wanted}), two steps at least")
    return values


def _grid(labels: Sequence[str], width_in: float, xlabel: str, *, sharey: bool = False) -> list[Axes]:
    """Panels of a new figure, one per quantity, with a common horizontal axis."""
    columns = min((2 if style.is_wide(width_in) else 1) + int(sharey), len(labels))
    rows = -(-len(labels) // columns)
    figure = style.new_figure(width_in, style.points(0.9 + rows * (1.15 if sharey else 1.0)))
    grid = figure.subplots(rows, columns, sharex=True, sharey=sharey, squeeze=False).ravel()
    for spare in grid[len(labels) :]:
        spare.remove()
    panels: list[Axes] = list(grid[: len(labels)])
    for k, panel in enumerate(panels):
        if k >= len(panels) - columns:
            panel.tick_params(labelbottom=True)
        if k >= (rows - 1) * columns:
            panel.set_xlabel(xlabel)
    return panels


def _pair(width_in: float) -> list[Axes]:
    wide = style.is_wide(width_in)
    figure = style.new_figure(width_in, 0.42 * width_in if wide else style.points(4.4))
    grid: Any = figure.subplots(*((1, 2) if wide else (2, 1)))
    return list(grid)
