"""Theta unpacked, once: named physical values and the density of the prior, compiled."""

import math
from typing import NamedTuple

import numpy as np

from nuinfer.compiled import compiled
from nuinfer.typing import BoolArray, FloatArray, IntArray


class Layout(NamedTuple):
    """Where the values of a point come from, and the prior.

    Parameters
    ----------
    column : ndarray, shape (value,)
        Column of theta that holds a value; -1: it is fixed.
    fixed : ndarray, shape (value,)
        Fixed values.
    power : ndarray, shape (value,)
        Whether a value is ten to the power of that.
    low, high, weights, centres : ndarray, shape (n_dim,)
        Support of the priors; the log density is constant - sum of weights (x - centre)^2.
    constant, share_total : float
        Of the density; largest sum of the fractions on a simplex.
    shares : ndarray, shape (share,)
        Columns of those fractions.
    """

    column: IntArray
    fixed: FloatArray
    power: BoolArray
    low: FloatArray
    high: FloatArray
    weights: FloatArray
    centres: FloatArray
    constant: float
    share_total: float
    shares: IntArray


@compiled
def unpack(theta: FloatArray, layout: Layout) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Values and prior of a batch.

    Parameters
    ----------
    theta : ndarray, shape (n, n_dim)
        Points.
    layout : Layout
        How to read them.

    Returns
    -------
    values : ndarray, shape (value, n)
    log_prior : ndarray, shape (n,)
        -inf outside the support, NaN for NaN.
    finite : ndarray, shape (n,)
        Whether all values are finite.
    """
    n, n_dim = theta.shape
    values, log_prior, finite = np.empty((layout.column.size, n)), np.empty(n), np.ones(n, np.bool_)
    for v in range(layout.column.size):
        for b in range(n):
            value = layout.fixed[v] if layout.column[v] < 0 else theta[b, layout.column[v]]
            if layout.power[v]:
                value = 10.0**value
            values[v, b] = value
            finite[b] &= math.isfinite(value)
    for b in range(n):
        total, outside = layout.constant, False
        for k in range(n_dim):
            x = theta[b, k]
            if layout.weights[k] > 0.0 and math.isfinite(x):
                total -= layout.weights[k] * (x - layout.centres[k]) ** 2
            elif math.isnan(x):
                total = math.nan
            outside |= x < layout.low[k] or x > layout.high[k]
        if layout.shares.size > 1:
            share = 0.0
            for k in layout.shares:
                share += theta[b, k]
            outside |= share > layout.share_total
        log_prior[b] = -math.inf if outside else total
    return values, log_prior, finite


_ALL = slice(None)


def rows_where(mask: BoolArray) -> slice | IntArray:
    """Index of the points of a mask; all of them by a slice, which copies nothing."""
    return _ALL if mask.all() else np.flatnonzero(mask)
