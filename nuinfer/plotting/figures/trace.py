"""Traces of the chains, by ensemble."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nuinfer.plotting import Kind, chains, sheet, style
from nuinfer.plotting.annotations import ArrayLike, Figure, Panels, Run

MOST_STEPS = 300
"""Steps drawn, thinned evenly."""


def plot_trace(
    chain: ArrayLike, labels: Sequence[str], *, discard: int = 0, axes: Panels = None, width_in: float = style.PAGE_IN
) -> Figure:
    """Median and central 68 % of the walkers of each ensemble against step, one panel per quantity.

    Parameters
    ----------
    chain : array_like, shape (ensemble, step, walker, quantity)
        All steps, as `Run.samples(0, 1)` gives them.
    labels : sequence of str
        Quantities.
    discard : int
        Steps that are shaded as burn-in.
    axes, width_in
        See `nuinfer.plotting`; one panel per quantity.

    Raises
    ------
    ConfigError
        If the shape is another one.
    """
    values = chains.checked(chain, labels)
    stride = math.ceil(values.shape[1] / MOST_STEPS)
    steps = np.arange(0, values.shape[1], stride)
    quantiles = np.quantile(values[:, ::stride], [0.16, 0.5, 0.84], axis=2).swapaxes(0, 1)
    with sheet(axes, width_in, chains.heights(1.0), panels=len(labels), columns=(2, 1), share="x") as drawn:
        for k, panel in enumerate(drawn.panels):
            for ensemble, (low, middle, high) in enumerate(quantiles[..., k]):
                look = chains.look(ensemble, 0.7)
                panel.fill_between(steps, low, high, color=look["color"], alpha=0.1, lw=0)
                panel.plot(steps, middle, **look)
            chains.shade_burn_in(panel, discard)
            panel.set(xlim=(0, values.shape[1]), xlabel="step", ylabel=labels[k])
            panel.locator_params(axis="y", nbins=4)
            panel.locator_params(axis="x", nbins=5)
    return drawn.figure


def _draw(run: Run, *, width_in: float) -> Figure:
    chain = np.concatenate([run.samples(0, 1), run.log_prob(0, 1)[..., None]], axis=-1)
    labels = [*run.described.parameter_labels.values(), "ln probability"]
    return plot_trace(chain, labels, discard=run.verdict.discard, width_in=width_in)


CAPTION = "Walkers against steps, ensemble by ensemble; grey is the burn-in that is left out."
FIGURE = Kind("trace", CAPTION, _draw, diagnostic=True, order=90)
