"""Regeneration on moving targets, compiled.

The formulas are those of `nuinfer.physics.cascade.march`, which gives the same numbers with numpy where numba is not
installed. What is gained is that rates are computed where a target absorbs only.
"""

from __future__ import annotations

import math

import numpy as np

from nuinfer.physics.cascade import Points, Setting
from nuinfer.physics.cascade_grid import POINTS, shift_rule
from nuinfer.physics.thermal import relic_table
from nuinfer.shells_kernel import inlined
from nuinfer.thermal_kernel import relic, summed
from nuinfer.typing import FloatArray, IntArray

_POINTS = POINTS  # known when compiling, so that loops over neighbours are unrolled
_SMALL = 0.3
_SERIES = tuple((-1.0) ** k / math.factorial(k + 1) for k in range(10))  # of (1 - e^-d)/d, to 1e-13 below _SMALL


@inlined
def _half_step(n_node: int, half: float, rate: FloatArray, alive: FloatArray, time: FloatArray) -> None:
    """Survival of half a step, and what of a constant gain of one is left after it."""
    for i in range(3):
        for n in range(n_node):
            depth = half * rate[i, n]
            if depth < _SMALL:  # the power series is much faster
                mean = _SERIES[-1]
                for k in range(len(_SERIES) - 2, -1, -1):
                    mean = mean * depth + _SERIES[k]
            else:
                mean = -math.expm1(-depth) / depth
            alive[i, n] = 1.0 - depth * mean
            time[i, n] = half * mean


@inlined
def _shift(row: FloatArray, weights: FloatArray, first: IntArray, out: FloatArray) -> None:
    """Values of a row at a distance from its nodes, by interpolation."""
    n_node, side = row.size, _POINTS // 2 - 1
    for n in range(side, n_node - _POINTS // 2):
        total = 0.0
        for p in range(_POINTS):
            total += weights[side, p] * row[n - side + p]
        out[n] = total
    for n in range(n_node):
        if n < side or n >= n_node - _POINTS // 2:
            total = 0.0
            for p in range(_POINTS):
                total += weights[n - first[n], p] * row[first[n] + p]
            out[n] = total


@summed
def follow(
    x: FloatArray,
    hubble: FloatArray,
    rates: FloatArray,
    daughters: FloatArray,
    spectrum: FloatArray,
    coefficients: FloatArray,
    first: IntArray,
    table: FloatArray,
    gammas: FloatArray,
    strengths: FloatArray,
    cuts: FloatArray,
    branchings: FloatArray,
    masses: FloatArray,
    sources: FloatArray,
    densities: FloatArray,
    beyonds: FloatArray,
    lines: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Follow a batch of points from line to line.

    Parameters
    ----------
    x, hubble, rates, daughters, spectrum
        See `nuinfer.physics.cascade.Setting`.
    coefficients : ndarray, shape (POINTS, POINTS, POINTS)
        Interpolation weights by the number of neighbours to the left, see `nuinfer.physics.cascade.shift_rule`.
    first : ndarray, shape (n + 1,)
        Node of the first neighbour.
    table : ndarray, shape (a, b, 4)
        Values of the table of J.
    gammas, strengths, cuts, branchings, masses, sources, densities, beyonds
        See `nuinfer.physics.cascade.Points`.
    lines : ndarray, shape (batch, line)
        Values of v.

    Returns
    -------
    at_earth : ndarray, shape (batch, channel, 3, line)
    moments : ndarray, shape (batch, channel, 3, n + 1)
    """
    (batch, n_line), n_channel, n_node, n_target = lines.shape, sources.shape[1], x.size, masses.shape[1]
    out, moments = np.zeros((batch, n_channel, 3, n_line)), np.zeros((batch, n_channel, 3, n_node))
    rate, alive, time = np.zeros((3, n_node)), np.zeros((3, n_node)), np.zeros((3, n_node))
    primary, made, row = np.zeros((3, n_node)), np.zeros((n_channel, 3, n_node)), np.zeros(n_node)
    absorbed, gain = np.zeros((n_channel, n_node)), np.zeros((n_channel, n_node))
    weights, decay, again = np.zeros((_POINTS, _POINTS)), np.zeros(3), np.zeros(n_node)
    cooling, ln_a = np.exp(-x), np.zeros(n_target)
    for b in range(batch):
        cut, branching = cuts[b], branchings[b]
        for j in range(n_target):
            ln_a[j] = math.log(masses[b, j]) if masses[b, j] > 0.0 else -math.inf
        made[:], absorbed[:], gain[:] = 0.0, 0.0, 0.0
        absorbing = True
        for line in range(n_line):
            step = 0.0
            if line > 0:
                step = lines[b, line] - lines[b, line - 1]
                if absorbing:
                    _half_step(n_node, 0.5 * step, rate, alive, time)
                else:
                    alive[:], time[:] = 1.0, 0.5 * step
                for k in range(_POINTS):
                    for p in range(_POINTS):
                        value = 0.0
                        for power in range(_POINTS - 1, -1, -1):
                            value = value * step / x[1] + coefficients[k, p, power]
                        weights[k, p] = value
                for i in range(3):
                    for n in range(n_node):
                        row[n] = primary[i, n] * alive[i, n] + time[i, n] * densities[b, n]
                    _shift(row, weights, first, primary[i])
                    for c in range(n_channel):
                        for n in range(n_node):
                            row[n] = made[c, i, n] * alive[i, n] + time[i, n] * daughters[i] * gain[c, n]
                        _shift(row, weights, first, made[c, i])
            eta = math.exp(lines[b, line])
            scale = strengths[b] * eta * eta
            absorbing = False
            rate[:] = 0.0
            for j in range(n_target):
                s_today = abs(eta * eta - masses[b, j] ** 2) / (2.0 * eta)
                if s_today * cooling[n_node - 1] >= cut:
                    continue
                absorbing = True
                for n in range(n_node):
                    s = s_today * cooling[n]
                    if s < cut:
                        value = relic(s, ln_a[j] - x[n], masses[b, j] * cooling[n], table) * scale * hubble[n]
                        for i in range(3):
                            rate[i, n] += rates[j, i] * value
            if line == 0:
                for i in range(3):
                    primary[i] = beyonds[b]
                continue
            half = 0.5 * step
            if absorbing:
                _half_step(n_node, half, rate, alive, time)
            else:
                alive[:], time[:] = 1.0, half
            again[:] = 0.0
            for i in range(3):
                for n in range(n_node):
                    primary[i, n] = primary[i, n] * alive[i, n] + time[i, n] * densities[b, n]
                primary[i, n_node - 1] = beyonds[b, n_node - 1]
                time[i, n_node - 1] = 0.0
                for n in range(n_node):
                    again[n] += branching * rate[i, n] * time[i, n] * daughters[i]
            for p in range(3):
                decay[p] = math.exp(-(gammas[b] + p) * step)
            for c in range(n_channel):
                sharpest = half * (spectrum[c, 0] + spectrum[c, 1] + spectrum[c, 2])
                for i in range(3):
                    for n in range(n_node):
                        made[c, i, n] *= alive[i, n]
                    made[c, i, n_node - 1] = 0.0
                row[:] = 0.0
                if absorbing:
                    for i in range(3):
                        for n in range(n_node):
                            row[n] += branching * rate[i, n] * (sources[b, c, i] * primary[i, n] + made[c, i, n])
                for n in range(n_node):
                    total = sharpest * row[n]
                    for p in range(3):
                        moments[b, c, p, n] = (moments[b, c, p, n] + half * absorbed[c, n]) * decay[p]
                        total += spectrum[c, p] * moments[b, c, p, n]
                    gain[c, n] = total / (1.0 - sharpest * again[n])
                    absorbed[c, n] = row[n] + again[n] * gain[c, n]
                    for p in range(3):
                        moments[b, c, p, n] += half * absorbed[c, n]
                for i in range(3):
                    for n in range(n_node):
                        made[c, i, n] += time[i, n] * daughters[i] * gain[c, n]
                    out[b, c, i, line] = made[c, i, 0]
    return out, moments


def march(lines: FloatArray, setting: Setting, points: Points) -> tuple[FloatArray, FloatArray]:
    """Follow a batch of points from line to line; as `nuinfer.physics.cascade.march`."""
    coefficients, first = shift_rule(setting.x.size - 1)
    places = np.arange(setting.x.size) - first
    by_place = coefficients[np.unique(places, return_index=True)[1]]
    columns = (
        points.gamma, points.strength, points.cut, points.branching, points.a, points.source, points.density,
        points.beyond, lines,
    )  # fmt: skip
    return follow(
        setting.x, setting.hubble, setting.rates, setting.daughters, setting.spectrum, by_place, first,
        relic_table().values, *(np.ascontiguousarray(c) for c in columns),
    )  # fmt: skip
