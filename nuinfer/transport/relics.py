"""A table of the integral over the relics' momenta, J(b, a) of `nuinfer.physics.thermal`, for the compiled core."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from nuinfer.compiled import inlined
from nuinfer.physics.hermite import hermite
from nuinfer.physics.thermal import TAIL, relic_moment
from nuinfer.typing import FloatArray

B_STEPS, A_STEPS = 192, 128
B_END = TAIL / (TAIL + 1.0)
LN_A_MIN, LN_A_MAX = math.log(1e-3), math.log(1e4)
_COLUMNS, _ROWS = B_STEPS / B_END, A_STEPS / (LN_A_MAX - LN_A_MIN)
_A_MIN, _A_MAX = math.exp(LN_A_MIN), math.exp(LN_A_MAX)


@cache
def relic_table() -> FloatArray:
    """Table of J(b, a) e^b (1 + a), uniform in b/(b + 1) and in ln a, computed on first use.

    Between the nodes it is the bicubic Hermite interpolant, to 1e-7 for b < 10; a below its least value counts as that,
    and above the largest a J no longer changes.

    Returns
    -------
    ndarray, shape (a, b, 4)
        Value, slope in b, slope in a, cross slope, per step.
    """
    position = np.linspace(0.0, B_END, B_STEPS + 1)
    ln_a = np.linspace(LN_A_MIN, LN_A_MAX, A_STEPS + 1)
    b, a = np.meshgrid(position / (1.0 - position), np.exp(ln_a))
    w, decay = np.hypot(a, b), 1.0 / (1.0 + np.exp(-b))  # e^b f
    j, along_a = np.exp(b) * relic_moment(b, a, 1), -a * np.exp(b) * relic_moment(b, a, 3)
    along_b, cross = -b * decay / w, a * b * decay / w**3
    step_b = (b + 1.0) ** 2 * position[1]
    step_a = a * (ln_a[1] - ln_a[0])
    slope_b, slope_a = (1.0 + a) * (j + along_b), j + (1.0 + a) * along_a
    slope_ab = j + along_b + (1.0 + a) * (along_a + cross)
    return np.stack([(1.0 + a) * j, slope_b * step_b, slope_a * step_a, slope_ab * step_a * step_b], axis=-1)


@inlined
def relic(b: float, ln_a: float, a: float, table: FloatArray) -> float:
    """J(b, a) by the interpolant of the table, for b below its end."""
    column = b / (b + 1.0) * _COLUMNS
    row = (min(max(ln_a, LN_A_MIN), LN_A_MAX) - LN_A_MIN) * _ROWS
    k, i = min(int(column), B_STEPS - 1), min(int(row), A_STEPS - 1)
    v0, v1, s0, s1 = hermite(column - k)
    p0, p1, q0, q1 = hermite(row - i)
    low = v0 * table[i, k, 0] + s0 * table[i, k, 1] + v1 * table[i, k + 1, 0] + s1 * table[i, k + 1, 1]
    low_a = v0 * table[i, k, 2] + s0 * table[i, k, 3] + v1 * table[i, k + 1, 2] + s1 * table[i, k + 1, 3]
    i += 1
    high = v0 * table[i, k, 0] + s0 * table[i, k, 1] + v1 * table[i, k + 1, 0] + s1 * table[i, k + 1, 1]
    high_a = v0 * table[i, k, 2] + s0 * table[i, k, 3] + v1 * table[i, k + 1, 2] + s1 * table[i, k + 1, 3]
    scale = max(a, _A_MIN) + max(1.0, a / _A_MAX)
    return float((p0 * low + q0 * low_a + p1 * high + q1 * high_a) * math.exp(-b) / scale)
