"""Autocorrelation times against the length of the chains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.plotting import Kind, chains, sheet, style
from nuinfer.plotting.annotations import ArrayLike, Figure, Look, Panel, Run


def plot_autocorrelation(
    lengths: ArrayLike, tau: ArrayLike, labels: Sequence[str], *, axes: Panel = None, width_in: float = style.PAGE_IN
) -> Figure:
    """Autocorrelation time, estimated from longer and longer parts of the chains, against their length.

    Each line is a parameter, at its worst ensemble. Where the lines are flat and below the length over that which
    each ensemble needs (`nuinfer.inference.runs.diagnostics.least_length`), the chains are long enough.

    Parameters
    ----------
    lengths : array_like, shape (length,)
        Steps.
    tau : array_like, shape (length, ensemble, n_dim)
        Estimates in steps; infinite ones are left out.
    labels : sequence of str
        Parameters.
    axes, width_in
        See `nuinfer.plotting`.

    Raises
    ------
    ConfigError
        If the shape of `tau` is another one.
    """
    from nuinfer.inference.runs.diagnostics import least_length

    steps, estimates = np.asarray(lengths, float), np.asarray(tau, float)
    if estimates.shape != (steps.size, *estimates.shape[1:2], len(labels)):
        wanted = f"({steps.size} lengths, ensemble, {len(labels)} labels)"
        raise ConfigError(f"tau: shape {estimates.shape} must be {wanted}")
    worst = np.max(np.where(np.isfinite(estimates), estimates, np.nan), axis=1)
    with sheet(axes, width_in, (0.55 * width_in, 1.25 * width_in)) as drawn:
        panel = drawn.panel
        for k, label in enumerate(labels):
            lap, colour = divmod(k, len(chains.COLOURS))
            look: Look = {"color": chains.COLOURS[colour], "ls": chains.DASHES[lap % len(chains.DASHES)]}
            panel.plot(steps, worst[:, k], "o", ms=style.points(2.2), label=label, **look)
        least = least_length(estimates.shape[1])
        panel.plot(steps, steps / least, color=style.GREY, ls="dashed", label=f"length / {least:g}")
        panel.set(xscale="log", yscale="log", xlabel="steps after burn-in", ylabel="autocorrelation time [steps]")
        for axis in (panel.xaxis, panel.yaxis):
            style.plain_log(axis, (1.0, 2.0, 5.0))
    return drawn.figure


def _draw(run: Run, *, width_in: float) -> Figure:
    labels = list(run.described.parameter_labels.values())
    return plot_autocorrelation(*run.tau_against_length(), labels, width_in=width_in)


CAPTION = "Autocorrelation times against the length of the chains that they are estimated from."
FIGURE = Kind("autocorrelation", CAPTION, _draw, diagnostic=True, order=110)
