"""Shares of accepted proposals, by ensemble and by walker."""

from __future__ import annotations

import numpy as np

from nuinfer.plotting import Kind, chains, sheet, style
from nuinfer.plotting.annotations import ArrayLike, Figure, Panels, Run

OPTIMAL = 0.234
"""Of a random walk in many dimensions (Roberts, Gelman and Gilks 1997)."""

WINDOWS = 60
"""Stretches of steps over which acceptance is averaged."""


def plot_acceptance(
    chain: ArrayLike, *, discard: int = 0, axes: Panels = None, width_in: float = style.PAGE_IN
) -> Figure:
    """Share of accepted proposals: of each ensemble against step, and of each walker after the burn-in.

    A walker near zero is stuck.

    Parameters
    ----------
    chain : array_like, shape (ensemble, step, walker, n_dim)
        All steps; a proposal was accepted where a walker has moved.
    discard : int
        Steps that are shaded as burn-in and left out of the walkers' shares.
    axes, width_in
        See `nuinfer.plotting`; two panels.

    Raises
    ------
    ConfigError
        If the shape is another one.
    """
    values = chains.checked(chain)
    moved = np.any(np.diff(values, axis=1) != 0.0, axis=-1)
    parts = np.array_split(np.arange(moved.shape[1]), min(WINDOWS, moved.shape[1]))
    steps = np.array([part.mean() + 1.0 for part in parts])
    share = np.array([moved[:, part].mean(axis=(1, 2)) for part in parts])
    walkers = np.sort(moved[:, min(discard, moved.shape[1] - 1) :].mean(axis=1), axis=-1)
    with sheet(axes, width_in, (0.42 * width_in, style.points(4.4)), panels=2, columns=(2, 1)) as drawn:
        against_step, by_walker = drawn.panels
        for ensemble in range(len(values)):
            look = chains.look(ensemble, 0.9)
            against_step.plot(steps, share[:, ensemble], **look)
            by_walker.plot(np.arange(walkers.shape[1]) + 1, walkers[ensemble], **look)
        chains.shade_burn_in(against_step, discard)
        against_step.set(xlabel="step", xlim=(0, values.shape[1]))
        by_walker.set(xlabel="walker, sorted", xlim=(1, walkers.shape[1]))
        for panel in drawn.panels:
            panel.axhline(OPTIMAL, color=style.GREY, ls="dashed", zorder=0, label="0.234: optimal random walk")
            panel.set(ylim=(0.0, max(0.6, 1.1 * float(max(share.max(), walkers.max())))), ylabel="accepted share")
    return drawn.figure


def _draw(run: Run, *, width_in: float) -> Figure:
    return plot_acceptance(run.samples(0, 1), discard=run.verdict.discard, width_in=width_in)


CAPTION = "Share of accepted proposals against steps and walker by walker."
FIGURE = Kind("acceptance", CAPTION, _draw, diagnostic=True, order=120)
