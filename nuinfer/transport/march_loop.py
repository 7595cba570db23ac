"""The march of a point over the lattice, from high energies to low ones, all redshifts at a time.

On the way from one line of energy to the next, paths n = 1, 2, ... come one step in x nearer, from x_n to x_(n-1). What
is absorbed in a step is a parent in the middle of it, and its daughters are born in the middles of steps at the same x
and lower energies, evenly along them; those born in the step of their parent lose as much on the way as they should,
and the sum over all generations in it is exact. Mediators made in the core of a resonance, or just above it, have its
energy exactly, and their daughters are born below it alone, wherever it lies between two lines.
"""

import math

import numpy as np

from nuinfer.compiled import reordered, stretch
from nuinfer.physics.exponential import exponential
from nuinfer.transport.march_grid import Lattice, Smooth
from nuinfer.transport.march_state import Along, Beam, Beams, Fixed, Piece, Room
from nuinfer.transport.march_step import (
    Case,
    Medium,
    decay_share,
    density,
    dispersed,
    dispersed_rate,
    emitted_beyond,
    far_share,
    in_core,
    insert,
    lepton_excess,
    lost,
    mean_density,
    near_share,
    place_cuts,
    solve_at_once,
    weights_between,
    wing,
)
from nuinfer.transport.points import LN_PIVOT
from nuinfer.typing import FloatArray

CLOSE = 0.02
"""Share by which linear interpolation of a cross-section is corrected at most for what becomes of daughters."""

MID, END = -1, -2
"""What ends a piece of a step, other than the number of a resonance: a cut next to one, and the end of the step."""


@reordered
def _tabulate(
    case: Case, medium: Medium, smooth: Smooth, lattice: Lattice, core: float, room: Room, out: Beams
) -> None:
    """Fill what depends on the line alone: wings, depths, daughters."""
    top, h, n_line, held = lattice.ln_top, lattice.step, lattice.n_line, in_core(core, case.width)
    kernel, (n_function, n_row), function = room.kernel, smooth.totals.shape, np.empty(lattice.n_line)
    kernel[:], out.slow[:], out.crossed[:], room.lost[:] = 0.0, 0.0, 0.0, 0.0
    for j in range(case.ln_res.size):
        u = top - case.ln_res[j]
        above, re_above = wing(u, case.width, core, held), dispersed(u, case.width, core)
        place = (u - 0.5 * h) / h - smooth.first
        row_of_first = math.floor(place)
        t = place - row_of_first
        w0, w1, w2, w3 = weights_between(t)
        m0, m3 = w0 + (1.0 - t) / 24.0, w3 + t / 24.0  # the mean over a step has the second derivative over 24
        m1, m2 = w1 - (2.0 - 3.0 * t) / 24.0, w2 - (3.0 * t - 1.0) / 24.0
        above_rate, opens = dispersed_rate(u, case.width, core), lepton_excess(u, case, medium) != 0.0
        for k in range(n_line):
            v = u - (k + 1) * h
            below, re_below = wing(v, case.width, core, held), dispersed(v, case.width, core)
            below_rate = dispersed_rate(v, case.width, core)
            room.wings[j, k], room.bent[j, k] = above - below, re_above - re_below
            twist = h * (above_rate - below_rate) / 12.0
            above, re_above, above_rate, row = below, re_below, below_rate, row_of_first - k
            more = room.wings[j, k] * lepton_excess(u - (k + 0.5) * h, case, medium) if opens else 0.0
            for i in range(3):
                out.slow[i, k] += medium.path.crossings.rates[j, i] * more
                room.lost[0, i, k] += medium.path.crossings.rates[j, i] * (room.wings[j, k] + more)
            if row < 1 or row + 2 >= n_row:
                continue
            for f in range(n_function):
                resonant, one = smooth.resonant[f], smooth.totals[f]
                f0, f1, f2, f3 = one[row - 1], one[row], one[row + 1], one[row + 2]
                if resonant:
                    total = w0 * f0 + w1 * f1 + w2 * f2 + w3 * f3
                    steep = (1.0 - t) * 0.5 * (f2 - f0) + t * 0.5 * (f3 - f1)
                    met = room.bent[j, k] * total + twist * steep
                else:
                    met = h * (m0 * f0 + m1 * f1 + m2 * f2 + m3 * f3)
                met *= case.exchange
                for i in range(3):
                    room.lost[0, i, k] += smooth.depth[i, j, f] * met
                    if resonant:
                        out.crossed[i, j, k] += smooth.depth[i, j, f] * case.exchange * total
                    else:
                        out.slow[i, k] += smooth.depth[i, j, f] * met
                if not medium.regenerate or (resonant and room.is_cut[k]):
                    continue
                base = case.exchange * (room.bent[j, k] if resonant else h)
                plain = base * ((1.0 - t) * f1 + t * f2)  # as many daughters as are lost
                scale = base * met / plain if abs(met - plain) < CLOSE * abs(plain) else base
                here, there = smooth.tables[f, row], smooth.tables[f, row + 1]
                for d in range(n_line - k):
                    function[d] = scale * (here[d] + t * (there[d] - here[d]))
                for p in range(kernel.shape[0]):
                    for q in range(kernel.shape[1]):
                        weight = smooth.weights[p, q, j, f]
                        if weight != 0.0:
                            into = kernel[p, q, k]
                            for d in range(n_line - k):
                                into[d] += weight * function[d]


@stretch
def _tilt(room: Room) -> None:
    """How fast depths grow from step to step; not where a step is cut."""
    n_line = room.is_cut.size
    for k in range(n_line):
        up, down = max(k - 1, 0), min(k + 1, n_line - 1)
        up, down = k if room.is_cut[up] or room.is_cut[k] else up, k if room.is_cut[down] or room.is_cut[k] else down
        for i in range(3 if down > up else 0):
            room.lost[1, i, k] = (room.lost[0, i, up] - room.lost[0, i, down]) / (down - up)


@stretch
def _add_decays(
    k: int, j: int, scale: float, case: Case, medium: Medium, lattice: Lattice, made: FloatArray, add: FloatArray
) -> None:
    """Add to what is born in step `k`, shape (channel, 3, n), the daughters of mediators from resonance `j`."""
    h, decay = lattice.step, medium.path.decay
    line = math.floor((lattice.ln_top - case.ln_res[j]) / h)
    middle = math.exp(lattice.ln_top - (line + 0.5) * h - case.ln_res[j])  # over the energy of the mediator
    ratio = math.exp(-h)
    for c in range(add.shape[0]):
        number = 0.0
        for p in range(3):
            number += decay[c, p] * decay_share(p, k - line, middle, ratio, middle * math.exp(-0.5 * h))
        number *= scale * case.share
        for i in range(3):
            for n in range(add.shape[2]):
                add[c, i, n] += number * medium.path.daughters[i] * made[j, c, n]


@stretch
def _add_exchange(k: int, room: Room, smooth: Smooth, rows: FloatArray, add: FloatArray) -> None:
    """Add to what is born in step `k` the daughters of other channels from the steps above."""
    rows[:] = 0.0
    for p in range(room.parents.shape[0]):
        parents = room.parents[p]
        for q in range(rows.shape[0]):
            into, kernel = rows[q], room.kernel[p, q]
            above = 0
            while above + 3 < k:  # four at a time, which reads and writes `into` less often
                f0, f1 = kernel[above, k - above], kernel[above + 1, k - above - 1]
                f2, f3 = kernel[above + 2, k - above - 2], kernel[above + 3, k - above - 3]
                p0, p1, p2, p3 = parents[above], parents[above + 1], parents[above + 2], parents[above + 3]
                for n in range(into.size):
                    into[n] += f0 * p0[n] + f1 * p1[n] + f2 * p2[n] + f3 * p3[n]
                above += 4
            for rest in range(above, k):
                factor = kernel[rest, k - rest]
                for n in range(into.size):
                    into[n] += factor * parents[rest, n]
    for q in range(rows.shape[0]):
        for i in range(3):
            for n in range(rows.shape[1]):
                add[0, i, n] += smooth.daughters[q, i] * rows[q, n]


@stretch
def _pass(
    j: int, end: float, held: float, case: Case, medium: Medium, now: FloatArray, taken: FloatArray, made: FloatArray
) -> None:
    """Pass the core of resonance `j` at the place `end` in a step; mediators made there, in the middle of each path.

    `taken`, shape (channel, n + 2), holds what was absorbed just above it.
    """
    n_step = made.shape[1]
    h = medium.path.shells.x_max / n_step
    for n in range(n_step):
        thick = held * case.depth * density((n + 1 - end) * h, medium)
        for i in range(3):
            left = exponential(-thick * medium.path.crossings.rates[j, i])
            for c in range(now.shape[0]):
                taken[c, n + 1] += now[c, i, n + 1] * (1.0 - left)
                now[c, i, n + 1] *= left
    side = 0 if end < 0.5 else 2
    w = abs(end - 0.5)
    for c in range(now.shape[0]):
        taken[c, 0] = 2.0 * taken[c, 1] - taken[c, 2]
        taken[c, n_step + 1] = 2.0 * taken[c, n_step] - taken[c, n_step - 1]
        for n in range(n_step):
            made[c, n] = (1.0 - w) * taken[c, n + 1] + w * taken[c, n + side]


@reordered
def _along(fixed: Fixed, light: FloatArray) -> Along:
    """What is met along x."""
    case, medium, _, lattice = fixed
    h, n_step, decay, ratio = lattice.step, lattice.n_step, medium.path.decay, math.exp(-lattice.step)
    thick, thicker, emitted = np.empty(n_step), np.empty(n_step), np.zeros(n_step)
    for n in range(n_step):
        thick[n] = case.depth * mean_density(n, h, medium)
        thicker[n] = case.depth * (density((n + 1) * h, medium) - density(n * h, medium))
        emitted[n] = emitted_beyond(n * h, case, medium) - emitted_beyond((n + 1) * h, case, medium)
    flux = np.empty(lattice.n_line + n_step + 1)
    for q in range(flux.size):
        flux[q] = math.exp((1.0 - case.gamma) * (lattice.ln_top - q * h - LN_PIVOT))
    at_once, below = np.zeros(case.origin.shape[0]), np.zeros((case.origin.shape[0], 3))
    for c in range(at_once.size):
        for p in range(3):
            number = near_share(p, 1.0, ratio, 1.0)
            at_once[c] += case.share * decay[c, p] * number
            below[c, p] = case.share * decay[c, p] * (number + far_share(p, 1.0, 1.0 / ratio, 1.0 / ratio))
    return Along(thick, thicker, emitted, flux, light, at_once, below)


@stretch
def _rates(
    k: int, ends: tuple[float, float], fixed: Fixed, core: float, along: Along, room: Room, out: Beams, piece: Piece
) -> int:
    """Fill a piece of step `k`; returns the resonance that it lies just above, whose energy mediators have, or -1."""
    (begin, end), (case, medium, smooth, lattice) = ends, fixed
    h, n_line, is_cut = lattice.step, lattice.n_line, room.is_cut[k]
    rates, g, ln_res, width = medium.path.crossings.rates, medium.path.daughters, case.ln_res, case.width
    wings, loss, bent, into = piece.wings, piece.loss, piece.bent, piece.into
    length, owner, nearest, held = end - begin, -1, 0.5 * h, in_core(core, width)
    for i in range(3):
        wings[i], loss[i] = 0.0, room.lost[0, i, k] if not is_cut else length * out.slow[i, k]
    for j in range(ln_res.size):
        if not is_cut:
            for i in range(3):
                wings[i] += rates[j, i] * room.wings[j, k]
            continue
        u = lattice.ln_top - ln_res[j] - (k + begin) * h
        v = u - length * h
        share = wing(u, width, core, held) - wing(v, width, core, held)
        real = dispersed(u, width, core) - dispersed(v, width, core)
        if case.beyond.size > 1 and 0.0 < u + v < 2.0 * nearest:
            owner, nearest = j, 0.5 * (u + v)
        for i in range(3):  # the daughters of a resonance stand for those of its interference close to it
            change = out.crossed[i, j, min(k + 1, n_line - 1)] - out.crossed[i, j, max(k - 1, 0)]
            mixed = out.crossed[i, j, k] + 0.25 * (begin + end - 1.0) * change
            wings[i] += rates[j, i] * share + mixed * real
    for i in range(3):
        if is_cut:
            loss[i] += wings[i]
        bent[i] = room.lost[1, i, k] / (12.0 * loss[i]) if loss[i] > 0.0 else 0.0
        for m in range(3):
            into[i, m] = wings[i] * along.at_once[0] * g[m] if owner < 0 else 0.0
            for p in range(room.kernel.shape[0]):
                for q in range(room.kernel.shape[1]):
                    at_end = length * room.kernel[p, q, k, 0]
                    into[i, m] += smooth.parents[p, i] * at_end * smooth.daughters[q, m]
    return owner


@stretch
def _cross(k: int, ends: tuple[float, float], owner: int, fixed: Fixed, along: Along, piece: Piece, beam: Beam) -> None:
    """Pass a piece of step `k`, whose mediators `_rates` gives to resonance `owner`."""
    (begin, end), (case, medium, smooth, lattice) = ends, fixed
    now, add, falling, taken, origin = beam.now, beam.add, beam.falling, beam.taken, case.origin
    wings, g, length, n_step = piece.wings, medium.path.daughters, end - begin, along.thick.size
    at = k + 1 - math.floor((lattice.ln_top - case.ln_res[max(owner, 0)]) / lattice.step)
    met, alive, mean, rest, gain = piece.met, piece.alive, piece.mean, piece.rest, piece.gain
    for n in range(n_step):
        path, shine, middle = k + n + 1, 0.0, along.thick[n] - 0.5 * (begin + end - 1.0) * along.thicker[n]
        if along.emitted[n] != 0.0:
            shine = along.light[path, n] * along.emitted[n] * along.flux[path] * length
        for i in range(3):
            met[i] = middle + piece.bent[i] * along.thicker[n]
            alive[i], mean[i], rest[i] = lost(max(piece.loss[i], 0.0) * met[i])
            rest[i] *= met[i]
        for c in range(now.shape[0]):
            for i in range(3):
                gain[i] = shine * origin[c, i] + length * add[c, i, n]
            q0 = met[0] * now[c, 0, n + 1] * mean[0] + gain[0] * rest[0]
            q1 = met[1] * now[c, 1, n + 1] * mean[1] + gain[1] * rest[1]
            q2 = met[2] * now[c, 2, n + 1] * mean[2] + gain[2] * rest[2]
            if medium.regenerate:
                if c == 0:
                    b0, b1, b2 = solve_at_once(piece.into, (q0, q1, q2), rest)
                    q0 += rest[0] * b0
                    q1 += rest[1] * b1
                    q2 += rest[2] * b2
                taking = wings[0] * q0 + wings[1] * q1 + wings[2] * q2
                if c > 0:
                    number = along.at_once[c] * taking if owner < 0 else 0.0
                    b0, b1, b2 = number * g[0], number * g[1], number * g[2]
                gain[0] += b0
                gain[1] += b1
                gain[2] += b2
                beam.births[c, 0, k, n] += b0
                beam.births[c, 1, k, n] += b1
                beam.births[c, 2, k, n] += b2
                if owner < 0:
                    for p in range(3):
                        falling[c, p, n] += taking
                elif n + at >= 0:  # of the path that will be this one when it crosses
                    taken[owner, c, n + at] += taking
                for m in range(smooth.parents.shape[0] if c == 0 else 0):
                    parent = smooth.parents[m]
                    beam.parents[m, k, n] += length * (parent[0] * q0 + parent[1] * q1 + parent[2] * q2)
            for i in range(3):
                now[c, i, n + 1] = now[c, i, n + 1] * alive[i] + gain[i] * mean[i]


@reordered
def march(
    case: Case, medium: Medium, smooth: Smooth, lattice: Lattice, light: FloatArray, room: Room, out: Beams
) -> None:
    """Follow a point; `light`, shape (line + n_step + 1, n_step + 1), is S of each path in each step, and at x_max."""
    top, h, n_step, n_line = lattice.ln_top, lattice.step, lattice.n_step, lattice.n_line
    origin, ln_res, width = case.origin, case.ln_res, case.width
    n_channel, n_target, n_daughter = origin.shape[0], ln_res.size, smooth.weights.shape[1]
    g, single, regenerate = medium.path.daughters, case.beyond.size == 1, medium.regenerate
    offsets, core = place_cuts(h, width, case.wide)
    held = in_core(core, width)
    cuts, kinds = np.empty(n_target * offsets.size), np.empty(n_target * offsets.size, np.intp)
    n_cuts, cut = 0, 0
    room.is_cut[:] = False
    for j in range(n_target):
        for m in range(offsets.size):
            ln_e = ln_res[j] + offsets[m]
            if top - n_line * h < ln_e < top:
                n_cuts = insert(ln_e, j if 2 * m + 1 == offsets.size else MID, n_cuts, cuts, kinds)
                room.is_cut[int((top - ln_e) / h)] = True
    _tabulate(case, medium, smooth, lattice, core, room, out)
    _tilt(room)
    now, falling = np.zeros((n_channel, 3, n_step + 1)), np.zeros((n_channel, 3, n_step))
    add, taken = np.zeros((n_channel, 3, n_step)), np.zeros((n_target, n_channel, n_step + 2))
    beam, rows = Beam(now, add, falling, taken, out.births, room.parents), np.zeros((n_daughter, n_step))
    fixed = case, medium, smooth, lattice
    along, ratio = _along(fixed, light), math.exp(-h)
    three = np.zeros((8, 3))
    piece = Piece(three[0], three[1], three[2], np.zeros((3, 3)), three[3], three[4], three[5], three[6], three[7])
    out.made[:], out.births[:], room.parents[:] = 0.0, 0.0, 0.0
    for n in range(n_step + 1):  # on the highest line nothing has been absorbed
        total = along.flux[n] * light[n, n_step] if single else 0.0
        for m in range(n, n_step):
            total += along.emitted[m] * along.flux[n] * light[n, m]
        for c in range(n_channel):
            for i in range(3):
                now[c, i, n] = total * origin[c, i]
    for k in range(n_line):
        if regenerate:
            for c in range(n_channel):
                for n in range(n_step):
                    total = along.below[c, 0] * falling[c, 0, n] + along.below[c, 1] * falling[c, 1, n]
                    total += along.below[c, 2] * falling[c, 2, n]
                    for i in range(3):
                        add[c, i, n] = total * g[i]
            _add_exchange(k, room, smooth, rows, add)
            for c in range(n_channel):
                for i in range(3):
                    for n in range(n_step):
                        out.births[c, i, k, n] = add[c, i, n]
            for j in range(n_target):
                if math.floor((top - ln_res[j]) / h) < k:
                    _add_decays(k, j, 1.0, case, medium, lattice, out.made, add)
        begin, kind = 0.0, MID
        while kind != END:
            end, kind = 1.0, END
            if cut < n_cuts and cuts[cut] > top - (k + 1) * h:
                end, kind = (top - cuts[cut]) / h - k, kinds[cut]
                cut += 1
            owner = _rates(k, (begin, end), fixed, core, along, room, out, piece)
            _cross(k, (begin, end), owner, fixed, along, piece, beam)
            if kind >= 0:
                _pass(kind, end, held, case, medium, now, taken[kind], out.made[kind])
                if regenerate:
                    _add_decays(k, kind, 1.0 / max(1.0 - end, 1e-9), case, medium, lattice, out.made, add)
            begin = end
        path = k + 1 + n_step
        start = along.flux[path] * light[path, n_step] if single else 0.0
        for c in range(n_channel):
            for i in range(3):
                for n in range(n_step):
                    now[c, i, n] = now[c, i, n + 1]
                now[c, i, n_step] = start * origin[c, i]
            for p in range(3):
                for n in range(n_step):
                    falling[c, p, n] *= ratio ** (p + 1)
