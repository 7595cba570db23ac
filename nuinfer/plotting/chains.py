"""What the figures of chains share: the look of an ensemble, the burn-in, the shape of chains."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.plotting import style
from nuinfer.plotting.annotations import ArrayLike, Axes, FloatArray, Look

COLOURS = (*style.POSTERIORS, style.SKY, style.BLACK)
DASHES = ("solid", "dashed", "dashdot", "dotted", (0, (5, 1, 1, 1, 1, 1)))


def look(ensemble: int, width: float) -> Look:
    """Colour, label and width of the line of an ensemble."""
    return {"color": COLOURS[ensemble % len(COLOURS)], "lw": style.points(width), "label": f"ensemble {ensemble}"}


def heights(row_in: float) -> Callable[[int, int], float]:
    """Height of a figure from its numbers of rows and columns, with room for a legend, for `sheet`."""
    return lambda rows, _: style.points(0.9 + row_in * rows)


def shade_burn_in(panel: Axes, discard: int) -> None:
    """Steps that are left out."""
    if discard:
        panel.axvspan(0, discard, color=style.GREY, alpha=0.25, lw=0, label="burn-in")


def checked(chain: ArrayLike, labels: Sequence[str] | None = None) -> FloatArray:
    """Chains of shape (ensemble, step, walker, quantity).

    Raises
    ------
    ConfigError
        If the shape is another one.
    """
    values = np.asarray(chain, float)
    if values.ndim != 4 or values.shape[1] < 2 or (labels is not None and values.shape[-1] != len(labels)):
        wanted = "quantity" if labels is None else f"{len(labels)} quantities"
        raise ConfigError(f"chain: shape {values.shape} must be (ensemble, step, walker, {wanted}), two steps at least")
    return values
