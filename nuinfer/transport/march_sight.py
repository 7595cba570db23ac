"""What arrives at Earth at any energy, along its line of sight through what `nuinfer.transport.march_loop` has found.

The path is that of a single energy, with its own place between the lines of the lattice: it crosses each resonance
exactly where it lies, and sees the edges of what mediators decay to. In a step that is cut near a resonance, and in
every other, rates and births change linearly.
"""

import math
from typing import NamedTuple

import numpy as np

from nuinfer.compiled import reordered, stretch
from nuinfer.physics.exponential import exponential
from nuinfer.transport.march_grid import Lattice
from nuinfer.transport.march_loop import END, MID
from nuinfer.transport.march_state import Beams
from nuinfer.transport.march_step import (
    STEEPEST,
    Case,
    Medium,
    aged,
    density,
    emitted_beyond,
    in_core,
    insert,
    mean_density,
    moment,
    passed,
    place_cuts,
    weights_between,
)
from nuinfer.transport.points import LN_PIVOT
from nuinfer.typing import FloatArray


class Sight(NamedTuple):
    """What the line of sight of one energy passes.

    Parameters
    ----------
    slow, crossed : ndarray, shape (3, n), (3, target, n)
        As in `Beams`, in each step.
    births : ndarray, shape (channel, 3, n)
        Daughters born in each step.
    shone : ndarray, shape (n,)
        What sources emit in each step, over the whole.
    """

    slow: FloatArray
    crossed: FloatArray
    births: FloatArray
    shone: FloatArray


@stretch
def _profile(a: float, width: float, ends: tuple[float, float], held: float) -> tuple[float, float, float, float]:
    """At s/M^2 = a: share of the resonance below it, without its core, integral of a Re S, and how fast both rise."""
    off, inside = a - 1.0, ends[0] < a - 1.0 < ends[1]
    if inside:
        off = ends[0]
    square = off * off + width * width
    below, rise = passed(off, width) - (held if off >= ends[1] else 0.0), 0.0 if inside else a / square
    return below, 0.5 * math.log(square), width * rise / math.pi, off * rise


@stretch
def _slope(values: FloatArray, n: int) -> float:
    """Change per step of values on the steps, of which there are three or more."""
    m = min(max(n, 1), values.size - 2)
    bend = values[m + 1] - 2.0 * values[m] + values[m - 1]
    return float(0.5 * (values[m + 1] - values[m - 1]) + (n - m) * bend)


@stretch
def _look(e: float, gamma: float, lattice: Lattice, beams: Beams, regenerate: bool, sight: Sight) -> float:
    """Fill what a march leaves for the line of sight of ln E = `e`, between its lines; returns its unit of births."""
    h, n_step = lattice.step, lattice.n_step
    line = math.floor((lattice.ln_top - e) / h)
    t = (lattice.ln_top - e) / h - line
    norm = exponential((gamma - 1.0) * (e - LN_PIVOT))
    # births scaled as the spectrum between two middles
    here = norm * (1.0 - t) * exponential((gamma - 1.0) * t * h)
    there = norm * t * exponential((gamma - 1.0) * (t - 1.0) * h)
    w0, w1, w2, w3 = weights_between(t)
    for n in range(n_step):
        k = line - n - 1
        k0 = max(k - 1, 0)
        for i in range(3):
            one = beams.slow[i]
            sight.slow[i, n] = w0 * one[k0] + w1 * one[k] + w2 * one[k + 1] + w3 * one[k + 2]
            for j in range(sight.crossed.shape[1]):
                one = beams.crossed[i, j]
                sight.crossed[i, j, n] = w0 * one[k0] + w1 * one[k] + w2 * one[k + 1] + w3 * one[k + 2]
        if regenerate:
            for c in range(sight.births.shape[0]):
                for i in range(3):
                    sight.births[c, i, n] = here * beams.births[c, i, k, n] + there * beams.births[c, i, k + 1, n]
    return norm


@reordered
def arrive(
    case: Case, medium: Medium, lattice: Lattice, beams: Beams, ln_energies: FloatArray, n_node: int, light: FloatArray,
    out: FloatArray,
) -> None:  # fmt: skip
    """Populations over (E/pivot)^-gamma at the first energies, out (channel, 3, node); `light` as in `march`."""
    h, n_step = lattice.step, lattice.n_step
    origin, ln_res, width = case.origin, case.ln_res, case.width
    n_channel, n_target, regenerate = origin.shape[0], ln_res.size, medium.regenerate
    rates, decay, daughters = medium.path.crossings.rates, medium.path.decay, medium.path.daughters
    single = case.beyond.size == 1
    offsets, core = place_cuts(h, width, case.wide)
    held, ends = in_core(core, width), (math.expm1(-core), math.expm1(core))
    cuts, kinds = np.empty(n_target * offsets.size), np.empty(n_target * offsets.size, np.intp)
    thick, dense, growth = np.empty(n_step), np.empty(n_step + 1), np.empty(n_step + 1)
    beyond = np.zeros(n_step + 1)
    for n in range(n_step + 1):
        growth[n], dense[n] = math.exp(n * h), case.depth * density(n * h, medium)
        if n < n_step:
            thick[n] = case.depth * mean_density(n, h, medium)
            beyond[n] = emitted_beyond(n * h, case, medium)
    slow, crossed = np.empty((3, n_step)), np.empty((3, n_target, n_step))
    births, shone = np.zeros((n_channel, 3, n_step)), np.zeros(n_step)
    sight = Sight(slow, crossed, births, shone)
    number, gain, slope = np.empty((n_channel, 3)), np.empty((n_channel, 3)), np.empty((n_channel, 3))
    tilt, loss, first_rate, last_rate = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    below, real, rising, bending = np.empty(n_target), np.empty(n_target), np.empty(n_target), np.empty(n_target)
    ratio, at_earth, core_of = np.empty(n_target), np.empty(n_target), np.empty(n_target)
    for node in range(n_node):
        e = ln_energies[node]
        norm = _look(e, case.gamma, lattice, beams, regenerate, sight)
        for n in range(n_step):
            shone[n] = light[node, n] * (beyond[n] - beyond[n + 1])
        n_cuts, cut = 0, 0
        for j in range(n_target):
            at_earth[j] = exponential(e - ln_res[j])
            ratio[j] = at_earth[j] * growth[n_step]
            low, high = max(at_earth[j] - 1.0, ends[0]), min(ratio[j] - 1.0, ends[1])
            core_of[j] = passed(high, width) - passed(low, width) if high > low else 0.0  # what of it lies on the way
            for m in range(offsets.size):
                x, centre = ln_res[j] - e + offsets[m], 2 * m + 1 == offsets.size
                if centre and core_of[j] > 0.0:
                    x = min(max(x, 1e-9 * h), (1.0 - 1e-9) * n_step * h)
                if 0.0 < x < n_step * h:
                    n_cuts = insert(x, j if centre else MID, n_cuts, cuts, kinds)
            below[j], real[j], rising[j], bending[j] = _profile(ratio[j], width, ends, held)
        start = light[node, n_step] if single else 0.0
        for c in range(n_channel):
            for i in range(3):
                number[c, i] = start * origin[c, i]
        x, far_dense = n_step * h, dense[n_step]
        for n in range(n_step - 1, -1, -1):
            brighter = _slope(shone, n)
            for i in range(3):
                tilt[i] = _slope(slow[i], n)
            kind = MID
            while kind != END:
                low, kind, near_dense, up = n * h, END, dense[n], growth[n]
                if cut < n_cuts and cuts[cut] > low:
                    low, kind = cuts[cut], kinds[cut]
                    cut += 1
                    near_dense, up = case.depth * density(low, medium), exponential(low)
                length, middle = (x - low) / h, 0.5 * (x + low) / h - n - 0.5
                emitted = shone[n]
                if length < 1.0 and not single:
                    emitted = light[node, n] * (emitted_beyond(low, case, medium) - emitted_beyond(x, case, medium))
                for c in range(n_channel):
                    for i in range(3):
                        gain[c, i] = emitted * origin[c, i] + length * births[c, i, n]
                        slope[c, i] = length * length * (brighter * origin[c, i] + _slope(births[c, i], n))
                for i in range(3):
                    loss[i] = length * (slow[i, n] + middle * tilt[i])
                    first_rate[i] = slow[i, n] + (middle + 0.5 * length) * tilt[i]
                    last_rate[i] = slow[i, n] + (middle - 0.5 * length) * tilt[i]
                for j in range(n_target):
                    a = at_earth[j] * up
                    after, real_after, rising_after, bending_after = _profile(a, width, ends, held)
                    change = length * length * h * (bending[j] - bending_after) / 12.0
                    for i in range(3):
                        steep = _slope(crossed[i, j], n)
                        mixed = crossed[i, j, n] + middle * steep
                        loss[i] += rates[j, i] * (below[j] - after) + mixed * (real[j] - real_after) + change * steep
                        half = 0.5 * length * steep
                        first_rate[i] += h * (rates[j, i] * rising[j] + (mixed + half) * bending[j])
                        last_rate[i] += h * (rates[j, i] * rising_after + (mixed - half) * bending_after)
                    if regenerate and a < 1.0:
                        high = min(ratio[j], 1.0)
                        for c in range(n_channel):
                            found = 0.0
                            for p in range(3):
                                found += decay[c, p] * moment(p, high, a)
                            found *= norm * case.share * beams.made[j, c, n]
                            for i in range(3):
                                gain[c, i] += found * daughters[i]
                    below[j], real[j], rising[j], bending[j] = after, real_after, rising_after, bending_after
                    ratio[j] = a
                mean = 0.5 * (near_dense + far_dense) - length * length * (0.5 * (dense[n] + dense[n + 1]) - thick[n])
                for i in range(3):
                    together = length * (first_rate[i] - last_rate[i]) * (far_dense - near_dense) / 12.0
                    depth, bend = max(loss[i] * mean + together, 0.0), 0.0
                    if depth > 0.0:
                        bend = length * (first_rate[i] * far_dense - last_rate[i] * near_dense) / depth
                        bend = min(max(bend, -STEEPEST), STEEPEST)
                    alive, even, sloping = aged(depth, bend)
                    for c in range(n_channel):
                        number[c, i] = number[c, i] * alive + gain[c, i] * even + slope[c, i] * sloping
                if kind >= 0:
                    for i in range(3):
                        left = exponential(-near_dense * core_of[kind] * rates[kind, i])
                        for c in range(n_channel):
                            number[c, i] *= left
                x, far_dense = low, near_dense
        for c in range(n_channel):
            for i in range(3):
                out[c, i, node] = number[c, i]
