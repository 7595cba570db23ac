"""Ranks of the draws of each ensemble among those of all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nuinfer.plotting import Kind, chains, sheet, style
from nuinfer.plotting.annotations import ArrayLike, Figure, Panels, Run

BINS = 20


def plot_rank(
    chain: ArrayLike,
    labels: Sequence[str],
    *,
    effective: ArrayLike | None = None,
    axes: Panels = None,
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
    axes, width_in
        See `nuinfer.plotting`; one panel per quantity.

    Raises
    ------
    ConfigError
        If the shape is another one.
    """
    from scipy import stats

    values = chains.checked(chain, labels)
    ensembles, edges = len(values), np.linspace(0.0, 1.0, BINS + 1)
    with sheet(axes, width_in, chains.heights(1.15), panels=len(labels), columns=(3, 2), share="xy") as drawn:
        for k, panel in enumerate(drawn.panels):
            order = stats.rankdata(values[..., k], method="ordinal")
            ranks = (order.reshape(ensembles, -1) - 0.5) / order.size
            if effective is not None:
                each = float(np.asarray(effective, float)[k]) / ensembles
                reach = 2.0 * math.sqrt((BINS - 1) / max(each, 1.0) * (1.0 - 1.0 / ensembles))
                panel.axhspan(1.0 - reach, 1.0 + reach, color=style.GREY, alpha=0.3, lw=0, label="95 % band")
            for ensemble in range(ensembles):
                height = np.histogram(ranks[ensemble], edges)[0] * BINS / ranks.shape[1]
                dashes = chains.DASHES[ensemble % len(chains.DASHES)]
                panel.stairs(height, edges, baseline=None, ls=dashes, **chains.look(ensemble, 0.8))
            panel.set(xlim=(0.0, 1.0), xlabel="rank", ylabel="density")
            panel.set_title(labels[k], pad=style.points(2.5))
            panel.set_xticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
    return drawn.figure


def _draw(run: Run, *, width_in: float) -> Figure:
    labels = list(run.described.parameter_labels.values())
    return plot_rank(run.samples(thin=1), labels, effective=run.verdict.ess, width_in=width_in)


CAPTION = "Ranks of the draws of each ensemble among all; level if the ensembles agree."
FIGURE = Kind("rank", CAPTION, _draw, diagnostic=True, order=100)
