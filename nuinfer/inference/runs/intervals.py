"""What draws of one quantity say: shortest intervals, and limits where they pile up at an edge of the prior."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nuinfer.typing import ArrayLike, FloatArray

EDGE_BAND = 0.02  # of the prior range
EDGE_DENSITY = 0.3  # of the highest density; a Gaussian has it 1.55 sigma from its mean


def shortest_interval(draws: ArrayLike, probability: float) -> tuple[float, float]:
    """Shortest interval that holds more than the given share of the draws (highest posterior density).

    Parameters
    ----------
    draws : array_like
        Draws of one quantity, of any shape.
    probability : float
        Between 0 and 1.

    Examples
    --------
    >>> shortest_interval([0.0, 1.0, 2.0, 3.0, 9.0], 0.5)
    (0.0, 2.0)
    """
    ordered = np.sort(np.ravel(draws))
    further = min(math.floor(probability * len(ordered)), len(ordered) - 1)  # draws beyond the first of an interval
    first = int(np.argmin(ordered[further:] - ordered[: len(ordered) - further]))
    return float(ordered[first]), float(ordered[first + further])


def edges_reached(sample: FloatArray, low: float, high: float) -> tuple[str, ...]:
    """Edges of the prior, "low" or "high", at which the posterior piles up.

    The rule: in the outer 2 % of the prior range the density is more than 0.3 of the highest density in any such band,
    which for a Gaussian means a mean less than 1.55 sigma from the edge. An open end is replaced by the outermost draw
    and is never reached.

    Examples
    --------
    >>> edges_reached(np.linspace(0.0, 0.4, 1000), 0.0, 1.0)
    ('low',)
    """
    finite = low if np.isfinite(low) else np.min(sample), high if np.isfinite(high) else np.max(sample)
    counts, _ = np.histogram(sample, bins=round(1.0 / EDGE_BAND), range=finite)
    threshold = EDGE_DENSITY * np.max(counts)
    at_low, at_high = np.isfinite(low) and counts[0] > threshold, np.isfinite(high) and counts[-1] > threshold
    return tuple(edge for edge, reached in (("low", at_low), ("high", at_high)) if reached)


def one_sided_limit(sample: FloatArray, low: float, high: float, edge: str) -> dict[str, Any]:
    """95 % limit from the side away from `edge` ("low" or "high"), with the edge it depends on.

    Examples
    --------
    >>> one_sided_limit(np.arange(101.0), 0.0, 500.0, "low")
    {'side': 'upper', 'value': 95.0, 'prior_floor': 0.0}
    """
    upper = edge == "low"
    value = float(np.quantile(sample, 0.95 if upper else 0.05))
    return {"side": "upper" if upper else "lower", "value": value, "prior_floor": float(low if upper else high)}
