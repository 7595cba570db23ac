"""The flux emitted beyond each resonance, compiled: for the kernel, at its nodes.

The formulas are those of `nuinfer.physics.shells` and `nuinfer.physics.spectra`. As in `nuinfer.kernel` e = ln(E/GeV)
and x = ln(1+z).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np

from nuinfer.typing import FloatArray

_Function = TypeVar("_Function", bound=Callable[..., object])

POWER_LAW, CUTOFF, BREAK = 0, 1, 2
"""Spectra."""


def compiled(function: _Function) -> _Function:
    """Compile a function; the result is cached on disk."""
    return cast("_Function", numba.njit(cache=True, error_model="numpy")(function))


def inlined(function: _Function) -> _Function:
    """Compile a function into those that call it."""
    return cast("_Function", numba.njit(inline="always", error_model="numpy")(function))


@compiled
def fill_shells(
    gamma: float, step: float, density: FloatArray, log_slope: FloatArray, beyond: FloatArray, beyond_slope: FloatArray
) -> float:
    """Tabulate the fraction of the flux beyond each redshift, and its change per interval; returns the whole flux."""
    n = density.size - 1
    ratio = math.exp(gamma * step)
    power = math.exp(-gamma * step * n)
    total = right = right_slope = 0.0
    for k in range(n, -1, -1):
        here = density[k] * power
        slope = here * (log_slope[k] - gamma)
        if k < n:
            total += here + right + (step / 6.0) * (slope - right_slope)
        beyond[k] = total
        beyond_slope[k] = here
        right, right_slope = here, slope
        power *= ratio
    scale = 1.0 / total
    for k in range(n + 1):
        beyond[k] *= scale
        beyond_slope[k] *= -2.0 * scale
    return total


@inlined
def fraction_beyond(x: float, intervals_per_x: float, beyond: FloatArray, beyond_slope: FloatArray) -> float:
    """Fraction of the unabsorbed flux emitted beyond 0 <= x < x_max; 1 if every source is at x_max."""
    n = beyond.size - 1
    if n == 0:
        return 1.0
    position = x * intervals_per_x
    k = min(int(position), n - 1)
    t = position - k
    f0, s0, s1 = beyond[k], beyond_slope[k], beyond_slope[k + 1]
    rise = beyond[k + 1] - f0
    return float(f0 + t * (s0 + t * ((3.0 * rise - 2.0 * s0 - s1) + t * (s0 + s1 - 2.0 * rise))))


@compiled
def fill_fractions(
    kind: int,
    n_target: int,
    n_node: int,
    ln_energies: FloatArray,
    x_max: float,
    ln_res: FloatArray,
    gamma: float,
    ln_scale: float,
    gamma_high: float,
    ratio_high: float,
    density: FloatArray,
    log_slope: FloatArray,
    beyond: FloatArray,
    beyond_slope: FloatArray,
    unabsorbed: FloatArray,
    far: FloatArray,
) -> None:
    """B(z; E) at z = 0, in `unabsorbed`, and at the resonance of each target that is crossed, in `far`.

    Parameters
    ----------
    kind : int
        Spectrum, other than a power law.
    n_target, n_node : int
        How many targets and nodes are needed.
    ln_energies, ln_res : ndarray
        e of the nodes, increasing, and of the resonances, decreasing.
    x_max : float
        Farthest source.
    gamma, ln_scale, gamma_high, ratio_high : float
        Index; logarithm of the energy of the cut-off or break; index above the break, and whole flux of that power law
        over the one of gamma.
    density, log_slope : ndarray, shape (n + 1,)
        Density of the sources in x at gamma = 0, and its slope; n = 0: all sources are at x_max.
    beyond, beyond_slope : ndarray, shape (2, n + 1)
        Tables of the power laws of gamma and gamma_high.
    unabsorbed : ndarray, shape (node,)
        Written.
    far : ndarray, shape (target, node)
        Written where the resonance lies between Earth and the farthest source.
    """
    n = density.size - 1
    intervals_per_x = n / x_max
    if kind == CUTOFF:
        fill_cutoff(
            n_target, n_node, ln_energies, x_max, ln_res, gamma, ln_scale, density, log_slope, beyond_slope, unabsorbed,
            far,
        )  # fmt: skip
        return
    for node in range(n_node):
        unabsorbed[node] = _broken(
            0.0, ln_scale - ln_energies[node], x_max, gamma_high - gamma, ratio_high, intervals_per_x, beyond,
            beyond_slope,
        )  # fmt: skip
    for j in range(n_target):
        first = np.searchsorted(ln_energies[:n_node], ln_res[j] - x_max, side="right")
        end = np.searchsorted(ln_energies[:n_node], ln_res[j])
        for node in range(first, end):
            far[j, node] = _broken(
                ln_res[j] - ln_energies[node], ln_scale - ln_energies[node], x_max, gamma_high - gamma,
                ratio_high, intervals_per_x, beyond, beyond_slope,
            )  # fmt: skip


@inlined
def _broken(
    x: float,
    x_break: float,
    x_max: float,
    steepening: float,
    ratio_high: float,
    intervals_per_x: float,
    beyond: FloatArray,
    beyond_slope: FloatArray,
) -> float:
    """B at x, for sources that reach the break at x_break."""
    result = fraction_beyond(x, intervals_per_x, beyond[0], beyond_slope[0])
    middle = max(x, x_break)
    if middle < x_max:
        above = math.exp(steepening * x_break) * ratio_high
        result += above * fraction_beyond(middle, intervals_per_x, beyond[1], beyond_slope[1])
        result -= fraction_beyond(middle, intervals_per_x, beyond[0], beyond_slope[0])
    return float(result)


@compiled
def fill_cutoff(
    n_target: int,
    n_node: int,
    ln_energies: FloatArray,
    x_max: float,
    ln_res: FloatArray,
    gamma: float,
    ln_cutoff: float,
    density: FloatArray,
    log_slope: FloatArray,
    beyond_slope: FloatArray,
    unabsorbed: FloatArray,
    far: FloatArray,
) -> None:
    """B of a power law with a cut-off, by a sum over the grid at every node; arguments as in `fill_fractions`."""
    n = density.size - 1
    if n == 0:
        for node in range(n_node):
            unabsorbed[node] = math.exp(-math.exp(ln_energies[node] + x_max - ln_cutoff))
            for j in range(n_target):
                far[j, node] = unabsorbed[node]
        return
    step = x_max / n
    growth = np.exp(step * np.arange(n + 1))
    for node in range(n_node):
        ratio = math.exp(ln_energies[node] - ln_cutoff)
        total = right = right_slope = 0.0
        for k in range(n, -1, -1):
            exponent = ratio * growth[k]
            # The table's slope holds the density, -2/total of it per interval
            here = -0.5 * beyond_slope[0, k] * math.exp(-exponent)
            slope = here * (log_slope[k] - gamma - exponent)
            if k < n:
                left = total + here + right + (step / 6.0) * (slope - right_slope)
                for j in range(n_target):
                    t = (ln_res[j] - ln_energies[node]) / step - k
                    if 0.0 <= t < 1.0:
                        fall = left - total
                        d0, d1 = 2.0 * here, 2.0 * right
                        far[j, node] = left - t * (d0 + t * ((3.0 * fall - 2.0 * d0 - d1) + t * (d0 + d1 - 2.0 * fall)))
                total = left
            right, right_slope = here, slope
        unabsorbed[node] = total
