"""The phases of the way to Earth past targets at rest, which `nuinfer.transport.resonant` puts in order.

Loops over nodes, whose turns are independent, have functions of their own; so have the serial parts. Functions take the
arrays that they need, because a compiler's time grows with the arguments.
"""

import math
from typing import Any

import numpy as np

from nuinfer.compiled import barrier, each, leads, phase, span
from nuinfer.physics import absorption
from nuinfer.transport.nodes import Nodes, sort
from nuinfer.transport.points import LN_PIVOT
from nuinfer.typing import FloatArray, IntArray

INSIDE = 1e-12
"""Nodes at the ends of a piece stay this far inside, on their own side of a jump, whatever the rounding."""


@phase
def order_targets(
    team: Any, m_zprime_mev: float, masses: FloatArray, gamma: float, order: IntArray, ln_res: FloatArray,
    scales: FloatArray,
) -> None:  # fmt: skip
    """Put the targets of a point in order, heaviest last."""
    if leads(team):
        for j in range(masses.size):
            k = j  # insertion; equal masses keep their order
            while k > 0 and masses[order[k - 1]] > masses[j]:
                order[k] = order[k - 1]
                k -= 1
            order[k] = j
    barrier(team)
    for j in each(team, masses.size):
        ln_res[j] = math.log(absorption.resonance_energy_gev(m_zprime_mev, masses[order[j]]))
        scales[j, 0] = math.exp(-ln_res[j])
        scales[j, 1] = math.exp(-gamma * (ln_res[j] - LN_PIVOT))


@phase
def set_breaks(ln_res: FloatArray, ln_kinks: FloatArray, x_max: float, reach: float, breaks: FloatArray) -> None:
    """Where the flux at Earth is not smooth: at resonances and kinks, and where the farthest source meets them."""
    for j in range(ln_res.size):
        breaks[2 * j], breaks[2 * j + 1] = ln_res[j] - x_max, ln_res[j]
    for k in range(ln_kinks.size):
        place_of = 2 * (ln_res.size + k)
        breaks[place_of], breaks[place_of + 1] = ln_kinks[k] - reach, ln_kinks[k]


@phase
def divide(
    target: int, single: bool, ln_res: FloatArray, ln_kinks: FloatArray, x_max: float, reach: float, ends: FloatArray
) -> int:
    """Pieces of the path to `target` in which the flux absorbed there is smooth; returns how many.

    A piece ends where a lighter target leaves the path and where the farthest source reaches a kink.
    """
    if not math.isfinite(ln_res[target]):
        return 0
    n_piece, ends[0] = target + 1 if single else 1, 0.0
    for piece in range(n_piece):
        leaving = ln_res[target] - ln_res[piece] if single else 0.0
        ends[piece + 1] = max(0.0, x_max + leaving)
    for kink in range(ln_kinks.size):
        n_piece += 1
        ends[n_piece] = min(max(ln_res[target] - ln_kinks[kink] + reach, 0.0), x_max)
    sort(ends, n_piece + 1)
    n = 0
    for piece in range(n_piece):  # those of no length are left out
        if ends[piece + 1] > ends[n]:
            n += 1
            ends[n] = ends[piece + 1]
    return n


@phase
def place_in_piece(
    ln_far: float, start: float, end: float, ln_e: FloatArray, weight: FloatArray, first: int, n: int
) -> None:
    """Place n + 1 nodes from `first` on at equal distances in ln(1+z), those at the ends just inside."""
    step = (end - start) / n
    for k in range(n + 1):
        x = min(max(start + step * (n - k), start + INSIDE), end - INSIDE)
        ln_e[first + k], weight[first + k] = ln_far - x, 1.0


@phase
def meet(
    team: Any, ln_e: FloatArray, n_node: int, x_max: float, ln_res: FloatArray, first: IntArray, end: IntArray,
    n_met: int,
) -> None:  # fmt: skip
    """Find the nodes that cross each of the first targets."""
    for j in each(team, n_met):
        below, above = 0, 0
        for node in range(n_node):
            below += 1 if ln_e[node] <= ln_res[j] - x_max else 0
            above += 1 if ln_e[node] < ln_res[j] else 0
        first[j], end[j] = below, above


@phase
def deepen(
    team: Any, strength: float, scale: float, omegas: tuple[float, float], energy: FloatArray, depth: FloatArray,
    first: int, end: int,
) -> None:  # fmt: skip
    """Depth of the crossing of a target at 1 + z = E_R/E, for the nodes from `first` to `end`."""
    for node in span(team, first, end):
        r = energy[node] * scale
        depth[node] = absorption.crossing_depth(strength, r * r * r, omegas[0], omegas[1])


@phase
def fill(team: Any, value: float, out: FloatArray, first: int, end: int) -> None:
    """Fill with a value from `first` to `end`."""
    for node in span(team, first, end):
        out[node] = value


@phase
def multiply(team: Any, factor: float, values: FloatArray, out: FloatArray, first: int, end: int) -> None:
    """Fill with values times a factor, from `first` to `end`."""
    for node in span(team, first, end):
        out[node] = factor * values[node]


@phase
def fill_beside(
    team: Any, far: FloatArray, unabsorbed: FloatArray, n_node: int, first: IntArray, end: IntArray, n_met: int
) -> None:
    """Nodes beside those that cross a target: nothing or everything is emitted beyond it; where it is needed."""
    for j in range(n_met):
        row, below, above = far[j], first[j + 1] if 0 < j < n_met - 1 else 0, end[j - 1] if j > 0 else n_node
        fill(team, 0.0, row, below, first[j])
        multiply(team, 1.0, unabsorbed, row, end[j], above)


@phase
def add_emitted(
    team: Any, factor: float, before: FloatArray, after: FloatArray, out: FloatArray, first: int, end: int
) -> None:
    """Add a factor times what grows between two crossings, from `first` to `end`."""
    for node in span(team, first, end):
        out[node] += factor * (after[node] - before[node])


@phase
def add_whole(
    team: Any, scale: FloatArray, whole: FloatArray, energy: FloatArray, power: FloatArray, out: FloatArray,
    first: int, end: int,
) -> None:  # fmt: skip
    """Add all daughters of a target that are made beyond the farthest source's reach."""
    per_e, per_power, low, middle, high = scale[0], scale[1], whole[0], whole[1], whole[2]
    for node in span(team, first, end):
        r = energy[node] * per_e
        out[node] += power[node] * per_power * ((high * r + middle) * r + low)


@phase
def add_made(
    team: Any, ln_at: float, scale: FloatArray, ends: FloatArray, n_piece: int, table: FloatArray, n: int,
    nodes: Nodes, out: FloatArray, first: int, end: int,
) -> None:  # fmt: skip
    """Add the daughters of a target, from pieces of `n` intervals, made before another's crossing at ln E `ln_at`."""
    ln_e, energy, power, per_e, per_power = nodes.ln_e, nodes.energy, nodes.power, scale[0], scale[1]
    piece, start = 0, ends[0]
    per_x = n / (ends[1] - start) if ends[1] > start else 0.0
    for node in span(team, first, end):
        x = ln_at - ln_e[node]
        if n_piece > 1:
            piece = 0
            while piece < n_piece - 1 and x > ends[piece + 1]:
                piece += 1
            start = ends[piece]
            per_x = n / (ends[piece + 1] - start) if ends[piece + 1] > start else 0.0
        position = (x - start) * per_x
        k = min(max(int(position), 0), n - 1)
        t, row, r = position - k, table[np.uint64(piece * n + k)], energy[node] * per_e
        low = ((row[3] * t + row[2]) * t + row[1]) * t + row[0]
        middle = ((row[7] * t + row[6]) * t + row[5]) * t + row[4]
        high = ((row[11] * t + row[10]) * t + row[9]) * t + row[8]
        out[node] += power[node] * per_power * ((high * r + middle) * r + low)


@phase
def absorb(
    team: Any, share: float, scale: FloatArray, nodes: Nodes, before: FloatArray, after: FloatArray, first: int,
    n: int, slopes: FloatArray,
) -> None:  # fmt: skip
    """Flux absorbed at the n + 1 nodes of a piece from `first` on, as changes of M_p per interval, in order of x."""
    energy, power, per_e, per_power = nodes.energy, nodes.power, scale[0], scale[1]
    before0, before1, before2 = before[0], before[1], before[2]
    after0, after1, after2 = after[0], after[1], after[2]
    low, middle, high, last = slopes[0], slopes[1], slopes[2], np.uint64(first + n)
    for k in span(team, first, first + n + 1):
        absorbed = before0[k] - after0[k] + (before1[k] - after1[k]) + (before2[k] - after2[k])
        low[last - k] = absorbed * share / (power[k] * per_power)
    for k in span(team, first, first + n + 1):
        middle[last - k] = low[last - k] / (energy[k] * per_e)
    for k in span(team, first, first + n + 1):
        high[last - k] = middle[last - k] / (energy[k] * per_e)


@phase
def integrate(team: Any, slope: FloatArray, rule: FloatArray, stencil: IntArray, rise: FloatArray) -> None:
    """Integrals over each interval."""
    n = stencil.size
    w0, w1, w2, w3, w4, w5 = rule[2, 0], rule[2, 1], rule[2, 2], rule[2, 3], rule[2, 4], rule[2, 5]
    s1, s2, s3, s4, s5, out = slope[1:], slope[2:], slope[3:], slope[4:], slope[5:], rise[2:]
    for k in each(team, n - 4):
        out[k] = w0 * slope[k] + w1 * s1[k] + w2 * s2[k] + w3 * s3[k] + w4 * s4[k] + w5 * s5[k]
    for side in each(team, 4):  # two intervals at each end have rules of their own
        k = side if side < 2 else n - 4 + side
        rise[k] = 0.0
        for s in range(6):
            rise[k] += rule[k, s] * slope[stencil[k] + s]


@phase
def tabulate(
    team: Any, decay: FloatArray, slopes: FloatArray, whole: FloatArray, table: FloatArray, first: int, n: int
) -> None:
    """Cubics of f_p M_p in `n` intervals of a piece, from their changes at the nodes and their integrals."""
    for p in each(team, 3):
        rise, total = slopes[3 + p], whole[p]
        for k in range(n):
            before = total
            total += rise[k]
            rise[k] = before
        whole[p] = rise[n] = total
    barrier(team)
    for k in each(team, n):
        row = table[first + k]
        for p in range(3):
            f, left, right = decay[p], slopes[p, k], slopes[p, k + 1]
            change = slopes[3 + p, k + 1] - slopes[3 + p, k]
            row[4 * p] = f * slopes[3 + p, k]
            row[4 * p + 1] = f * left
            row[4 * p + 2] = f * (3.0 * change - 2.0 * left - right)
            row[4 * p + 3] = f * (left + right - 2.0 * change)
