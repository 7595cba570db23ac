"""Survival of the mass states on moving targets, compiled.

The formulas are those of `nuinfer.physics.thermal`, which gives the same numbers with numpy where numba is not
installed. What is gained is that nothing is computed where no target absorbs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np

from nuinfer.physics.propagation import Propagation
from nuinfer.physics.thermal import FIT, SIDES, STRIDES, RelicTable, relic_table
from nuinfer.shells_kernel import fill_shells, fraction_beyond, inlined
from nuinfer.typing import FloatArray

_Function = TypeVar("_Function", bound=Callable[..., object])

_ORDER = FIT.order  # known when compiling, so that loops over nodes are unrolled
_B_STEPS, _A_STEPS = RelicTable.B_STEPS, RelicTable.A_STEPS
_COLUMNS = RelicTable.B_STEPS / RelicTable.B_END
_LN_A_MIN, _LN_A_MAX = RelicTable.LN_A_MIN, RelicTable.LN_A_MAX
_ROWS = RelicTable.A_STEPS / (RelicTable.LN_A_MAX - RelicTable.LN_A_MIN)
_NOTHING = 50.0  # depth that lets nothing through
_A_MIN, _A_MAX = math.exp(RelicTable.LN_A_MIN), math.exp(RelicTable.LN_A_MAX)


@inlined
def relic(b: float, ln_a: float, a: float, table: FloatArray) -> float:
    """J(b, a) by the bicubic Hermite interpolant of the table, for b below the end of the table."""
    column = b / (b + 1.0) * _COLUMNS
    row = (min(max(ln_a, _LN_A_MIN), _LN_A_MAX) - _LN_A_MIN) * _ROWS
    k, i = min(int(column), _B_STEPS - 1), min(int(row), _A_STEPS - 1)
    t, u = column - k, row - i
    v1, rise = t * t * (3.0 - 2.0 * t), t * (1.0 - t)
    v0, s0, s1 = 1.0 - v1, rise * (1.0 - t), -rise * t
    p1, rise_a = u * u * (3.0 - 2.0 * u), u * (1.0 - u)
    p0, q0, q1 = 1.0 - p1, rise_a * (1.0 - u), -rise_a * u
    low = v0 * table[i, k, 0] + s0 * table[i, k, 1] + v1 * table[i, k + 1, 0] + s1 * table[i, k + 1, 1]
    low_a = v0 * table[i, k, 2] + s0 * table[i, k, 3] + v1 * table[i, k + 1, 2] + s1 * table[i, k + 1, 3]
    i += 1
    scale = max(a, _A_MIN) + max(1.0, a / _A_MAX)
    high = v0 * table[i, k, 0] + s0 * table[i, k, 1] + v1 * table[i, k + 1, 0] + s1 * table[i, k + 1, 1]
    high_a = v0 * table[i, k, 2] + s0 * table[i, k, 3] + v1 * table[i, k + 1, 2] + s1 * table[i, k + 1, 3]
    return float((p0 * low + q0 * low_a + p1 * high + q1 * high_a) * math.exp(-b) / scale)


def summed(function: _Function) -> _Function:
    """Compiled with sums in any order, so that they are vectorised."""
    return cast("_Function", numba.njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc"})(function))


@summed
def survivals(
    t: FloatArray,
    weight: FloatArray,
    integral: FloatArray,
    slope: FloatArray,
    at_ends: FloatArray,
    sides: FloatArray,
    strides: FloatArray,
    table: FloatArray,
    x_max: float,
    density: FloatArray,
    log_slope: FloatArray,
    omega_m: float,
    omega_lambda: float,
    rates: FloatArray,
    gammas: FloatArray,
    nears: FloatArray,
    strengths: FloatArray,
    ln_as: FloatArray,
    a_squares: FloatArray,
    cuts: FloatArray,
    weights: FloatArray,
) -> FloatArray:
    """Fraction of each mass state that arrives at Earth.

    Parameters
    ----------
    t, weight, integral, slope, at_ends : ndarray
        See `nuinfer.physics.thermal.PathRule.rule`.
    sides, strides : ndarray
        Ends of the pieces, see `nuinfer.physics.thermal`.
    table : ndarray, shape (a, b, 4)
        Values of the table of J.
    x_max : float
        ln(1 + z_max).
    density, log_slope : ndarray, shape (n + 1,)
        Density of the sources in x at gamma = 0 and its logarithmic slope, on a uniform grid; n = 0: all at x_max.
    omega_m, omega_lambda : float
        Matter and vacuum densities.
    rates : ndarray, shape (target, 3)
        R_j,ii.
    gammas, cuts : ndarray, shape (batch,)
        Spectral index; largest |s| that matters.
    nears, strengths : ndarray, shape (batch, energy)
        See `nuinfer.physics.thermal.ThermalPath`.
    ln_as, a_squares : ndarray, shape (batch, target)
        ln(m_j/T_nu0) and (m_j/T_nu0)^2.
    weights : ndarray, shape (batch, energy)
        Energies of weight 0 are left out, and survive.

    Returns
    -------
    ndarray, shape (batch, 3, energy)
    """
    batch, n_energy = nears.shape
    n_target, n_node, n_side = rates.shape[0], _ORDER, sides.size
    n_end = n_target * n_side + strides.size
    single = density.size == 1
    out = np.ones((batch, 3, n_energy))
    beyond, beyond_slope = np.ones(density.size), np.zeros(density.size)
    ends, rest = np.zeros(n_end), np.zeros(n_target)
    drop, reached, crossed = np.zeros((n_target, n_node)), np.zeros((n_target, n_node)), np.zeros(n_target)
    before = np.zeros(3)
    active = np.zeros(n_target, np.intp)
    fractions, change = np.zeros(n_node), np.zeros(n_node)
    v_min, intervals_per_x = math.exp(-2.0 * x_max), (density.size - 1) / x_max
    for b in range(batch):
        cut = cuts[b]
        if not single:
            fill_shells(gammas[b], x_max / (density.size - 1), density, log_slope, beyond, beyond_slope)
        for e in range(n_energy):
            near = nears[b, e]
            if weights[b, e] == 0.0:
                continue
            n = 0
            for j in range(n_target):
                rest[j] = a_squares[b, j] / (4.0 * near)
                if near - rest[j] < -cut or near * v_min - rest[j] > cut:
                    continue
                for k in range(n_side):
                    ends[n] = (rest[j] + sides[k] * cut) / near
                    n += 1
            if n == 0:
                continue
            for k in range(strides.size):
                ends[n] = strides[k]
                n += 1
            for k in range(n):
                value = min(max(ends[k], v_min), 1.0)
                m = k
                while m > 0 and ends[m - 1] < value:
                    ends[m] = ends[m - 1]
                    m -= 1
                ends[m] = value
            before[:] = 0.0
            for piece in range(n - 1):
                length = ends[piece] - ends[piece + 1]
                if length <= 0.0:
                    continue
                if min(before[0], before[1], before[2]) > _NOTHING:
                    break
                middle = 0.5 * (ends[piece] + ends[piece + 1])
                n_active = 0
                for j in range(n_target):
                    if abs(near * middle - rest[j]) < cut:
                        active[n_active] = j
                        n_active += 1
                if n_active == 0:
                    continue
                for k in range(n_node):
                    v = ends[piece] - t[k] * length
                    half, root = 0.5 * math.log(v), math.sqrt(v)
                    factor = 0.5 * strengths[b, e] * length / math.sqrt(omega_m / root + omega_lambda * v)
                    for m in range(n_active):
                        j = active[m]
                        s = abs(near * v - rest[j])
                        if s < cut:
                            a = math.sqrt(a_squares[b, j]) * root
                            drop[m, k] = factor * relic(s, ln_as[b, j] + half, a, table)
                        else:
                            drop[m, k] = 0.0
                    if not single:
                        fractions[k] = fraction_beyond(-half, intervals_per_x, beyond, beyond_slope)
                for m in range(n_active):
                    total = 0.0
                    for k in range(n_node):
                        total += weight[k] * drop[m, k]
                        sofar = 0.0
                        for other in range(n_node):
                            sofar += integral[k, other] * drop[m, other]
                        reached[m, k] = sofar
                    crossed[m] = total
                first = last = 0.0
                if not single:
                    for k in range(n_node):
                        first += at_ends[0, k] * fractions[k]
                        last += at_ends[1, k] * fractions[k]
                        total = 0.0
                        for m in range(n_node):
                            total += slope[k, m] * fractions[m]
                        change[k] = total
                for i in range(3):
                    after = before[i]
                    for m in range(n_active):
                        after += rates[active[m], i] * crossed[m]
                    if not single and after > before[i]:
                        lost = last * math.exp(-after) - first * math.exp(-before[i])
                        for k in range(n_node):
                            tau = before[i]
                            for m in range(n_active):
                                tau += rates[active[m], i] * reached[m, k]
                            lost -= change[k] * math.exp(-tau)
                        out[b, i, e] += lost
                    before[i] = after
            if single:
                for i in range(3):
                    out[b, i, e] = math.exp(-before[i])
    return out


class ThermalKernel:
    """Survival for one propagation with thermal targets.

    Parameters
    ----------
    propagation : Propagation
        Absorption between source and Earth, with the path rule of a fit.
    """

    def __init__(self, propagation: Propagation) -> None:
        shells, background = propagation.shells, propagation.cosmology
        _, log_density, log_slope = shells.grid
        x_max = math.log1p(shells.z_max)
        self._propagation = propagation
        self._setting = (
            *FIT.rule,
            SIDES,
            np.exp(-2.0 * x_max * STRIDES),
            relic_table().values,
            x_max,
            np.exp(log_density),
            np.ascontiguousarray(log_slope),
            background.omega_m,
            background.omega_lambda,
            propagation.crossings.rates,
        )

    def __call__(
        self,
        energy_gev: FloatArray,
        m_zprime_mev: FloatArray,
        g_prime: FloatArray,
        masses_ev: FloatArray,
        gamma: FloatArray,
        weights: FloatArray,
    ) -> FloatArray:
        """Survival at energies (batch, energy), points (batch,) and masses (batch, target); 1 where weights are 0.

        Returns
        -------
        ndarray, shape (batch, 3, energy)
        """
        path = self._propagation.thermal_path(energy_gev, m_zprime_mev, g_prime, masses_ev)
        a_squares = (masses_ev / self._propagation.cosmology.t_nu0_ev) ** 2
        columns = (gamma, path.near, path.strength, path.ln_a, a_squares, path.cut, weights)
        return survivals(*self._setting, *(np.ascontiguousarray(c) for c in columns))
