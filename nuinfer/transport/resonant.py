"""Targets at rest, crossed one after the other: exact for any number of targets, with or without regeneration.

At energy E (today) every redshift shell contributes to the flux, and is absorbed at those targets whose resonance
z_j(E) lies between the shell and Earth. With the targets sorted so that z_1 > z_2 > ... (the lightest first), B_j what
is emitted beyond z_j over the unabsorbed power law and M_j the crossing at target j, the populations of the mass states
at Earth are nested,

    N = (B_0 - B_3) n + M_3 [(B_3 - B_2) n + M_2 [(B_2 - B_1) n + M_1 B_1 n]],

and between two crossings the daughters made at the earlier ones are added (`nuinfer.physics.regeneration`). A target
touches energies between E_j/(1 + z_max) and E_j only, and nothing is computed elsewhere.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nuinfer.compiled import inner, phase
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics import absorption
from nuinfer.physics.crossings import Crossings, cross
from nuinfer.physics.mediator import neutrino_share
from nuinfer.physics.regeneration import cumulative_rule
from nuinfer.physics.shells import Shells
from nuinfer.physics.spectra._emission import emit, prepare
from nuinfer.transport.nodes import collect, place, sort, weigh
from nuinfer.transport.points import PIVOT_GEV, Bins, Points, Propagation
from nuinfer.transport.workspace import Path, make_workspace, workspace_of
from nuinfer.typing import FloatArray, IntArray

INSIDE = 1e-12
"""Nodes at the ends of a piece stay this far inside, on their own side of a jump, whatever the rounding."""

_LN_PIVOT = math.log(PIVOT_GEV)
_NO_BINS = Bins(np.zeros(1), np.zeros((2, 1)))


# What follows is written phase by phase: loops over nodes, whose turns are independent, have functions of their own.
# These take the arrays that they need, because a compiler's time grows with the arguments.


@phase
def _begin(
    m_zprime_mev: float, masses: FloatArray, gamma: float, order: IntArray, ln_res: FloatArray, scales: FloatArray
) -> None:
    """Put the targets of a point in order, heaviest last."""
    for j in range(masses.size):
        k = j  # insertion; equal masses keep their order
        while k > 0 and masses[order[k - 1]] > masses[j]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = j
    for j in range(masses.size):
        ln_res[j] = math.log(absorption.resonance_energy_gev(m_zprime_mev, masses[order[j]]))
        scales[j, 0] = math.exp(-ln_res[j])
        scales[j, 1] = math.exp(-gamma * (ln_res[j] - _LN_PIVOT))


@phase
def _set_breaks(ln_res: FloatArray, ln_kinks: FloatArray, x_max: float, breaks: FloatArray) -> None:
    """Where the flux at Earth is not smooth: at resonances and kinks, and where the farthest source meets them."""
    for j in range(ln_res.size):
        breaks[2 * j], breaks[2 * j + 1] = ln_res[j] - x_max, ln_res[j]
    for k in range(ln_kinks.size):
        place_of = 2 * (ln_res.size + k)
        breaks[place_of], breaks[place_of + 1] = ln_kinks[k] - x_max, ln_kinks[k]


@phase
def _divide(target: int, single: bool, ln_res: FloatArray, ln_kinks: FloatArray, x_max: float, ends: FloatArray) -> int:
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
        ends[n_piece] = min(max(ln_res[target] - ln_kinks[kink] + x_max, 0.0), x_max)
    sort(ends, n_piece + 1)
    return n_piece


@phase
def _place_in_piece(ln_far: float, start: float, end: float, ln_e: FloatArray, weight: FloatArray) -> None:
    """Place nodes at equal distances in ln(1+z), those at the ends just inside."""
    n = ln_e.size - 1
    step = (end - start) / n
    for k in range(n + 1):
        x = min(max(start + step * (n - k), start + INSIDE), end - INSIDE)
        ln_e[k], weight[k] = ln_far - x, 1.0


@phase
def _meet(ln_e: FloatArray, x_max: float, ln_res: FloatArray, first: IntArray, end: IntArray, n_met: int) -> None:
    """Find the nodes that cross each of the first targets."""
    for j in range(n_met):
        below, above = 0, 0
        for node in range(ln_e.size):
            below += 1 if ln_e[node] <= ln_res[j] - x_max else 0
            above += 1 if ln_e[node] < ln_res[j] else 0
        first[j], end[j] = below, above


@phase
def _fill_beside(far: FloatArray, unabsorbed: FloatArray, first: IntArray, end: IntArray, n_met: int) -> None:
    """Nodes beside those that cross a target: nothing or everything is emitted beyond it; where it is needed."""
    for j in range(n_met):
        below, above = first[j + 1] if 0 < j < n_met - 1 else 0, end[j - 1] if j > 0 else unabsorbed.size
        row = far[j]
        for node in range(below, first[j]):
            row[node] = 0.0
        for node in range(end[j], above):
            row[node] = unabsorbed[node]


@phase
def _deepen(
    strength: float, scale: float, omega_m: float, omega_lambda: float, energy: FloatArray, depth: FloatArray
) -> None:
    """Depth of the crossing of a target at 1 + z = E_R/E."""
    for node in range(energy.size):
        r = energy[node] * scale
        depth[node] = absorption.crossing_depth(strength, r * r * r, omega_m, omega_lambda)


@phase
def _scaled(factor: float, values: FloatArray, out: FloatArray) -> None:
    for node in range(values.size):
        out[node] = factor * values[node]


@phase
def _add_emitted(factor: float, before: FloatArray, after: FloatArray, out: FloatArray) -> None:
    for node in range(before.size):
        out[node] += factor * (after[node] - before[node])


@phase
def _add_whole(scale: FloatArray, whole: FloatArray, energy: FloatArray, power: FloatArray, out: FloatArray) -> None:
    """Add all daughters of a target that are made beyond the farthest source's reach."""
    per_e, per_power, low, middle, high = scale[0], scale[1], whole[0], whole[1], whole[2]
    for node in range(energy.size):
        r = energy[node] * per_e
        out[node] += power[node] * per_power * ((high * r + middle) * r + low)


@phase
def _add_made(
    ln_at: float, scale: FloatArray, ends: FloatArray, table: FloatArray,
    ln_e: FloatArray, energy: FloatArray, power: FloatArray, out: FloatArray,
) -> None:  # fmt: skip
    """Add the daughters of a target made before the crossing of another at ln E_R `ln_at`."""
    n_piece, per_e, per_power = ends.size - 1, scale[0], scale[1]
    n = table.shape[0] // n_piece
    piece, start = 0, ends[0]
    per_x = n / (ends[1] - start) if ends[1] > start else 0.0
    for node in range(ln_e.size):
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
def _absorb(
    share: float, scale: FloatArray, energy: FloatArray, power: FloatArray, before: FloatArray, after: FloatArray,
    first: int, slopes: FloatArray,
) -> None:  # fmt: skip
    """Flux absorbed at the nodes of a piece from `first` on, as changes of M_p per interval, in the order of x."""
    n, per_e, per_power = energy.size - 1, scale[0], scale[1]
    before0, before1, before2 = before[0, first:], before[1, first:], before[2, first:]
    after0, after1, after2 = after[0, first:], after[1, first:], after[2, first:]
    low, middle, high = slopes[0], slopes[1], slopes[2]
    for k in range(n + 1):
        absorbed = before0[k] - after0[k] + (before1[k] - after1[k]) + (before2[k] - after2[k])
        low[n - k] = absorbed * share / (power[k] * per_power)
    for k in range(n + 1):
        middle[n - k] = low[n - k] / (energy[k] * per_e)
    for k in range(n + 1):
        high[n - k] = middle[n - k] / (energy[k] * per_e)


@phase
def _integrate(slope: FloatArray, rule: FloatArray, stencil: IntArray, rise: FloatArray) -> None:
    """Integrals over each interval."""
    n = stencil.size
    w0, w1, w2, w3, w4, w5 = rule[2, 0], rule[2, 1], rule[2, 2], rule[2, 3], rule[2, 4], rule[2, 5]
    s1, s2, s3, s4, s5, out = slope[1:], slope[2:], slope[3:], slope[4:], slope[5:], rise[2:]
    for k in range(n - 4):
        out[k] = w0 * slope[k] + w1 * s1[k] + w2 * s2[k] + w3 * s3[k] + w4 * s4[k] + w5 * s5[k]
    for side in range(4):  # two intervals at each end have rules of their own
        k = side if side < 2 else n - 4 + side
        rise[k] = 0.0
        for s in range(6):
            rise[k] += rule[k, s] * slope[stencil[k] + s]


@phase
def _tabulate(decay: FloatArray, slopes: FloatArray, whole: FloatArray, table: FloatArray) -> None:
    """Cubics of f_p M_p in the intervals of a piece, from their changes at the nodes and their integrals."""
    n = table.shape[0]
    for p in range(3):
        rise, total = slopes[3 + p], whole[p]
        for k in range(n):
            before = total
            total += rise[k]
            rise[k] = before
        whole[p] = rise[n] = total
    for k in range(n):
        row = table[k]
        for p in range(3):
            f, left, right = decay[p], slopes[p, k], slopes[p, k + 1]
            change = slopes[3 + p, k + 1] - slopes[3 + p, k]
            row[4 * p] = f * slopes[3 + p, k]
            row[4 * p + 1] = f * left
            row[4 * p + 2] = f * (3.0 * change - 2.0 * left - right)
            row[4 * p + 3] = f * (left + right - 2.0 * change)


@inner
def _at_earth(
    points: Points, path: Path, bins: Bins, ln_energies: FloatArray, n_most: int, room: FloatArray, out: FloatArray
) -> None:
    """Integrals over bins, or populations at increasing ln E of shape (n, energy) if there are any.

    Points have `n_most` nodes at the most and share the room for a workspace.
    """
    n_target, n_channel, n_kink = points.masses_ev.shape[1], points.source.shape[1], points.spectrum.ln_kinks.shape[0]
    n, n_given, x_max = path.stencil.size, ln_energies.shape[1], path.shells.x_max
    work = make_workspace(room, n_most, n_target, n_channel, n_kink, path.shells.density.size, n)
    nodes, emission, here, there, depth = work.nodes, work.emission, work.here, work.there, work.depth
    ln_res, firsts, ends, far, unabsorbed = (
        emission.ln_res,
        emission.first,
        emission.end,
        emission.far,
        emission.unabsorbed,
    )
    scales, n_pieces, slopes = work.scales, work.n_pieces, work.slopes
    for b in range(out.shape[0]):
        gamma, ln_kinks, origin = (
            points.spectrum.gamma[b],
            points.spectrum.ln_kinks[:, b],
            points.source[min(b, points.source.shape[0] - 1)],
        )
        strength = path.strength * (points.g_prime[b] / points.m_zprime_mev[b]) ** 2 * points.relic_temperature[b] ** 3
        _begin(points.m_zprime_mev[b], points.masses_ev[b], gamma, work.order, ln_res, scales)
        prepare(points.spectrum, b, path.shells, emission)
        # The tables of each target need those of the lighter ones; after them comes Earth.
        for stage in range(n_target if n == 0 else 0, n_target + 1):
            if stage < n_target:
                n_pieces[stage] = _divide(
                    stage, path.shells.density.size == 1, ln_res, ln_kinks, x_max, work.ends[stage]
                )
                n_node = n_pieces[stage] * (n + 1)
                for piece in range(n_pieces[stage]):  # those at small x last
                    start, end = n_node - (piece + 1) * (n + 1), n_node - piece * (n + 1)
                    left, right = work.ends[stage, piece], work.ends[stage, piece + 1]
                    _place_in_piece(ln_res[stage], left, right, nodes.ln_e[start:end], nodes.weight[start:end])
            elif n_given > 0:
                n_node = n_given
                for node in range(n_node):
                    nodes.ln_e[node], nodes.weight[node] = ln_energies[b, node], 1.0
            else:
                _set_breaks(ln_res, ln_kinks, x_max, work.breaks)
                n_node = place(bins, work.breaks, nodes)
            if n_node == 0:
                continue
            n_met = min(stage + 1, n_target)
            weigh(n_node, gamma, _LN_PIVOT, nodes)
            _meet(nodes.ln_e[:n_node], x_max, ln_res, firsts, ends, n_met)
            nodes.ln_e[n_node] = _LN_PIVOT
            emit(points.spectrum, b, n_met, n_node + 1, path.shells, emission)
            _fill_beside(far, unabsorbed[:n_node], firsts, ends, n_met)
            for c in range(n_channel):
                for i in range(3):
                    _scaled(origin[c, i], far[0, :n_node] if n_met > 0 else unabsorbed[:n_node], here[c, i])
            for j in range(n_met):
                first, end, first_next, end_next = firsts[j], ends[j], 0, 0
                if j + 1 < n_target:
                    first_next, end_next = firsts[j + 1], ends[j + 1]
                _deepen(
                    strength, scales[j, 0], path.omega_m, path.omega_lambda, nodes.energy[first:end], depth[first:end]
                )
                if j == stage:
                    for c in range(n_channel):
                        for i in range(3):
                            _scaled(1.0, here[c, i, :n_node], there[c, i])
                cross(work.order[j], first, end, path.crossings, depth, here)
                if j == stage:
                    continue
                before, after = (
                    far[j, first_next:end],
                    far[j + 1, first_next:end] if j + 1 < n_target else unabsorbed[first_next:end],
                )
                for c in range(n_channel):
                    made, near = work.made[c], work.near[c]
                    if n > 0:  # daughters made before this target and before the next, of all up to it
                        for node in range(first_next, end):
                            made[node] = near[node] if j > 0 and node >= first else 0.0
                            near[node] = 0.0
                        for k in range(3 * j + 3):  # all of the far ones; its own before it; all before the next
                            parent, what = k % (j + 1), k // (j + 1)
                            if n_pieces[parent] == 0 or (what == 1 and parent < j):
                                continue
                            scale = scales[parent]
                            if what == 0:
                                low, high = first_next, first
                                _add_whole(
                                    scale,
                                    work.whole[parent, c],
                                    nodes.energy[low:high],
                                    nodes.power[low:high],
                                    made[low:high],
                                )
                                continue
                            low, high, row, at = (
                                (first, end, made, j) if what == 1 else (first_next, end_next, near, j + 1)
                            )
                            if low < high:
                                _add_made(
                                    ln_res[at], scale, work.ends[parent, : n_pieces[parent] + 1],
                                    work.table[parent, c, : n_pieces[parent] * n],
                                    nodes.ln_e[low:high], nodes.energy[low:high], nodes.power[low:high], row[low:high],
                                )  # fmt: skip
                    for i in range(3):
                        row = here[c, i, first_next:end]
                        _add_emitted(origin[c, i], before, after, row)
                        if n > 0:
                            _add_emitted(path.daughters[i], near[first_next:end], made[first_next:end], row)
            if stage < n_target:
                for c in range(n_channel):
                    for p in range(3):
                        work.whole[stage, c, p] = 0.0
                    for piece in range(n_pieces[stage]):
                        start, end = n_node - (piece + 1) * (n + 1), n_node - piece * (n + 1)
                        share = neutrino_share(points.m_zprime_mev[b], path.neutrinos, path.charged)
                        share *= (work.ends[stage, piece + 1] - work.ends[stage, piece]) / n
                        _absorb(
                            share,
                            scales[stage],
                            nodes.energy[start:end],
                            nodes.power[start:end],
                            there[c],
                            here[c],
                            start,
                            slopes,
                        )
                        for p in range(3):
                            _integrate(slopes[p], path.cumulative, path.stencil, slopes[3 + p])
                        _tabulate(
                            path.decay[c],
                            slopes,
                            work.whole[stage, c],
                            work.table[stage, c, piece * n : (piece + 1) * n],
                        )
                    for p in range(3):
                        work.whole[stage, c, p] *= path.decay[c, p]
            elif n_given > 0:
                for c in range(n_channel):
                    for i in range(3):
                        _scaled(1.0 / unabsorbed[n_node], here[c, i, :n_node], out[b, c, i])
            else:
                collect(n_node, 1.0 / unabsorbed[n_node], nodes, here, out[b])


@dataclass(frozen=True)
class Resonant:
    """Targets at rest.

    Parameters
    ----------
    shells : Shells
        Distribution of the sources.
    propagation : Propagation, optional
        What they pass; None: no mediator, nothing is absorbed.
    regeneration_intervals : int
        Intervals per piece of the tables of absorbed flux that daughters come from; 0: daughters are left out.
    """

    shells: Shells
    propagation: Propagation | None = None
    regeneration_intervals: int = 0

    @cached_property
    def path(self) -> Path:
        """What the compiled functions take."""
        cumulative, stencil = np.zeros((0, 6)), np.zeros(0, np.intp)
        passed = self.propagation
        if passed is None:
            nothing, none = Crossings(np.zeros((0, 3)), np.zeros((0, 0, 3, 3))), np.zeros(3)
            return Path(self.shells, nothing, 1.0, 0.0, 0.0, none, np.zeros((2, 3)), 1.0, none, cumulative, stencil)
        if self.regeneration_intervals:
            cumulative, stencil = cumulative_rule(self.regeneration_intervals)
        mediator, cosmology = passed.mediator, passed.cosmology
        strength = passed.depth_factor * float(absorption.depth_strength(1.0, 1.0, cosmology))
        return Path(
            self.shells, passed.crossings, cosmology.omega_m, cosmology.omega_lambda, strength, passed.daughters,
            passed.decay, mediator.decays_to_neutrinos, mediator.charged_leptons, cumulative, stencil,
        )  # fmt: skip

    def edges_gev(self, points: Points) -> FloatArray:
        """See `nuinfer.transport.points.Transport`.

        The flux at Earth jumps at E_j, +inf for a massless target; at E_j/(1 + z_max) it has a kink or another jump.
        """
        edge = absorption.resonance_redshift(1.0, points.m_zprime_mev[:, None], points.masses_ev) + 1.0
        return np.concatenate([edge, edge / (1.0 + self.shells.z_max)], axis=-1)

    def depths(self, points: Points, energy_gev: FloatArray) -> FloatArray:
        """See `nuinfer.transport.points.Transport`; 0 where the resonance is not crossed."""
        if self.propagation is None:
            raise PhysicsDomainError("depths: there is no mediator, so nothing absorbs")
        passed, (mass, coupling, temperature) = self.propagation, points.scalars
        at = energy_gev[..., None], mass, coupling, points.masses_ev[:, None, :], passed.cosmology
        return passed.depth_factor * absorption.depth_before(self.shells.z_max, *at) * temperature**3

    def integrals(self, points: Points, bins: Bins) -> FloatArray:
        """See `nuinfer.transport.points.Transport`."""
        out = np.empty((points.spectrum.gamma.size, points.source.shape[1], 3, bins.ln_edges.size - 1))
        n_smooth = points.masses_ev.shape[1] + points.spectrum.ln_kinks.shape[0]
        n_most = bins.rule.shape[1] * (bins.ln_edges.size - 1 + 2 * n_smooth)
        room = workspace_of(points, self.path, n_most)
        _at_earth(points, self.path, bins, np.empty((out.shape[0], 0)), n_most, room, out)
        return out

    def populations(self, points: Points, energy_gev: FloatArray) -> FloatArray:
        """See `nuinfer.transport.points.Transport`."""
        order = np.argsort(energy_gev, axis=-1)
        arriving = np.empty((*energy_gev.shape[:1], points.source.shape[1], 3, energy_gev.shape[1]))
        increasing, ln_e = np.empty_like(arriving), np.log(np.take_along_axis(energy_gev, order, axis=-1))
        room = workspace_of(points, self.path, ln_e.shape[1])
        _at_earth(points, self.path, _NO_BINS, ln_e, ln_e.shape[1], room, increasing)
        np.put_along_axis(arriving, np.broadcast_to(order[:, None, None], arriving.shape), increasing, axis=-1)
        return arriving
