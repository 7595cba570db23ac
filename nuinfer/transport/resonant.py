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

from nuinfer.compiled import compiled, inner
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics import absorption
from nuinfer.physics.crossings import Crossings, cross
from nuinfer.physics.mediator import neutrino_share
from nuinfer.physics.regeneration import cumulative_rule
from nuinfer.physics.shells import Shells
from nuinfer.physics.spectra._emission import Emission, emit, prepare
from nuinfer.transport.nodes import collect, place, sort, weigh
from nuinfer.transport.points import PIVOT_GEV, Bins, Points, Propagation
from nuinfer.transport.workspace import Path, Work, make_workspace
from nuinfer.typing import FloatArray

INSIDE = 1e-12
"""Nodes at the ends of a piece stay this far inside, on their own side of a jump, whatever the rounding."""

_LN_PIVOT = math.log(PIVOT_GEV)
_NO_BINS = Bins(np.zeros(1), np.zeros((2, 1)))


@inner
def _begin(b: int, points: Points, path: Path, work: Work) -> float:
    """Put the targets of a point in order; returns the depth of a crossing over (1+z)^3 H0/H."""
    masses, ln_res, order = points.masses_ev[b], work.emission.ln_res, work.order
    gamma = points.spectrum.gamma[b]
    for j in range(masses.size):
        k = j  # insertion; equal masses keep their order
        while k > 0 and masses[order[k - 1]] > masses[j]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = j
    for j in range(masses.size):
        ln_res[j] = math.log(absorption.resonance_energy_gev(points.m_zprime_mev[b], masses[order[j]]))
        work.scales[j, 0] = math.exp(-ln_res[j])
        work.scales[j, 1] = math.exp(-gamma * (ln_res[j] - _LN_PIVOT))
    return float(path.strength * (points.g_prime[b] / points.m_zprime_mev[b]) ** 2 * points.relic_temperature[b] ** 3)


@inner
def _place_at_earth(b: int, points: Points, path: Path, bins: Bins, ln_e: FloatArray, work: Work) -> int:
    """Place the nodes of the bins, or at the energies of a point if there are any; returns how many."""
    n_target, n_kink, x_max = points.masses_ev.shape[1], points.spectrum.ln_kinks.shape[0], path.shells.x_max
    for k in range(ln_e.shape[1]):
        work.nodes.ln_e[k], work.nodes.weight[k] = ln_e[b, k], 1.0
    if ln_e.shape[1] > 0:
        return ln_e.shape[1]
    for j in range(n_target + n_kink):
        at = work.emission.ln_res[j] if j < n_target else points.spectrum.ln_kinks[j - n_target, b]
        work.breaks[2 * j], work.breaks[2 * j + 1] = at - x_max, at
    return place(bins, work.breaks, work.nodes)


@inner
def _place_in_table(b: int, target: int, points: Points, path: Path, work: Work) -> int:
    """Place the nodes of the table of `target`, piece after piece, those at small x last; returns how many."""
    n_pieces, ends = work.daughters.n_pieces, work.daughters.ends
    ln_res, nodes, x_max, n = work.emission.ln_res, work.nodes, path.shells.x_max, path.stencil.size
    n_pieces[target] = 0
    if not math.isfinite(ln_res[target]):
        return 0
    single = path.shells.density.size == 1
    # A piece ends where a lighter target leaves the path and where the farthest source reaches a kink.
    n_piece = target + 1 if single else 1
    for piece in range(n_piece):
        leaving = ln_res[target] - ln_res[piece] if single else 0.0
        ends[target, piece + 1] = max(0.0, x_max + leaving)
    for kink in range(points.spectrum.ln_kinks.shape[0]):
        n_piece += 1
        ends[target, n_piece] = min(max(ln_res[target] - points.spectrum.ln_kinks[kink, b] + x_max, 0.0), x_max)
    sort(ends[target], n_piece + 1)
    n_pieces[target] = n_piece
    n_node = n_piece * (n + 1)
    for piece in range(n_piece):  # nodes at the ends of a piece stay just inside
        start, length = ends[target, piece], ends[target, piece + 1] - ends[target, piece]
        last, step = n_node - 1 - piece * (n + 1), length / n
        ln_e, weight, ln_far = nodes.ln_e[last - n : last + 1], nodes.weight[last - n : last + 1], ln_res[target]
        for k in range(n + 1):
            x = min(max(start + step * (n - k), start + INSIDE), start + length - INSIDE)
            ln_e[k], weight[k] = ln_far - x, 1.0
    return n_node


@inner
def _meet(n_met: int, n_node: int, x_max: float, emission: Emission) -> None:
    """Find the nodes that cross each of the first targets; beside them nothing or everything is emitted beyond it."""
    for j in range(n_met):
        ln_res, first, end = emission.ln_res[j], 0, 0
        for node in range(n_node):
            first += 1 if emission.ln_e[node] <= ln_res - x_max else 0
            end += 1 if emission.ln_e[node] < ln_res else 0
        emission.first[j], emission.end[j] = first, end


@inner
def _start(b: int, n_met: int, n_node: int, source: FloatArray, work: Work) -> None:
    """What is emitted beyond each target at all nodes, and populations in front of the first."""
    far, unabsorbed, out, firsts, ends = work.emission.far, work.emission.unabsorbed, work.here, work.emission.first, work.emission.end
    for j in range(n_met):
        below, above = firsts[j + 1] if 0 < j < n_met - 1 else 0, ends[j - 1] if j > 0 else n_node
        nothing, everything, emitted = far[j, below : firsts[j]], far[j, ends[j] : above], unabsorbed[ends[j] : above]
        for node in range(nothing.size):
            nothing[node] = 0.0
        for node in range(everything.size):
            everything[node] = emitted[node]
    emitted = far[0] if n_met > 0 else unabsorbed
    for c in range(out.shape[0]):
        for i in range(3):
            row, share = out[c, i], source[min(b, source.shape[0] - 1), c, i]
            for node in range(n_node):
                row[node] = share * emitted[node]


@inner
def _deepen(target: int, first: int, end: int, strength: float, path: Path, work: Work) -> None:
    """Depth of the crossing at `target`, at 1 + z = E_R/E, of the nodes from `first` to `end`."""
    scale, energy, depth = work.scales[target, 0], work.nodes.energy[first:end], work.depth[first:end]
    for node in range(end - first):
        r = energy[node] * scale
        depth[node] = absorption.crossing_depth(strength, r * r * r, path.omega_m, path.omega_lambda)


@inner
def _emit_between(b: int, j: int, first: int, end: int, source: FloatArray, daughters: FloatArray, work: Work) -> None:
    """Add what is emitted, and made by daughters, between target `j` and the next."""
    far, out = work.emission.far, work.here
    before, after = far[j, first:end], work.emission.unabsorbed[first:end]
    if j + 1 < work.emission.ln_res.size:
        after = far[j + 1, first:end]
    for c in range(out.shape[0]):
        for i in range(3):
            row, share, daughter = out[c, i, first:end], source[min(b, source.shape[0] - 1), c, i], daughters[i]
            if work.daughters.n_pieces.size == 0:
                for node in range(end - first):
                    row[node] += share * (after[node] - before[node])
            else:
                made, near = work.made[c, first:end], work.near[c, first:end]
                for node in range(end - first):
                    row[node] += share * (after[node] - before[node]) + daughter * (made[node] - near[node])


@inner
def _add_made(parent: int, c: int, at: int, first: int, end: int, work: Work, out: FloatArray) -> None:
    """Add the daughters of `parent` made before the crossing at target `at`, at the nodes from `first` to `end`."""
    n_piece, ends, table = work.daughters.n_pieces[parent], work.daughters.ends[parent], work.daughters.table[parent, c]
    ln_at, scale, scale_gamma = work.emission.ln_res[at], work.scales[parent, 0], work.scales[parent, 1]
    ln_e, energy, power = work.nodes.ln_e[first:end], work.nodes.energy[first:end], work.nodes.power[first:end]
    if n_piece == 0:
        return
    n = table.shape[0] // (ends.size - 1)
    start, length, offset, made = ends[0], ends[1] - ends[0], 0, out[first:end]
    per_x = n / length if length > 0.0 else 0.0
    for node in range(end - first):
        x = ln_at - ln_e[node]
        if n_piece > 1:
            piece = 0
            while piece < n_piece - 1 and x > ends[piece + 1]:
                piece += 1
            start, length, offset = ends[piece], ends[piece + 1] - ends[piece], piece * n
            per_x = n / length if length > 0.0 else 0.0
        position = (x - start) * per_x
        k = min(max(int(position), 0), n - 1)
        t, row, r = position - k, table[np.uint64(offset + k)], energy[node] * scale
        low = ((row[3] * t + row[2]) * t + row[1]) * t + row[0]
        middle = ((row[7] * t + row[6]) * t + row[5]) * t + row[4]
        high = ((row[11] * t + row[10]) * t + row[9]) * t + row[8]
        made[node] += power[node] * scale_gamma * ((high * r + middle) * r + low)


@inner
def _make_between(j: int, first: int, first_next: int, end: int, end_next: int, work: Work) -> None:
    """Daughters made before target `j` and before the next, of all targets up to `j`."""
    n_pieces, n_far = work.daughters.n_pieces, first - first_next
    energy, power = work.nodes.energy[first_next:first], work.nodes.power[first_next:first]
    for c in range(work.made.shape[0]):
        made, near = work.made[c, first_next:end], work.near[c, first_next:end]
        for node in range(end - first_next):
            made[node] = near[node] if j > 0 and node >= n_far else 0.0
        for parent in range(j + 1):
            if n_pieces[parent] > 0:
                whole, scale, scale_gamma = work.daughters.whole[parent, c], work.scales[parent, 0], work.scales[parent, 1]
                low, middle, high = whole[0], whole[1], whole[2]
                for node in range(n_far):
                    r = energy[node] * scale
                    made[node] += power[node] * scale_gamma * ((high * r + middle) * r + low)
        for node in range(end - first_next):
            near[node] = 0.0
        for step in range(j + 2 if end_next > first_next else 1):  # the target itself, then all at the next one
            if step == 0:
                _add_made(j, c, j, first, end, work, work.made[c])
            else:
                _add_made(step - 1, c, j + 1, first_next, end_next, work, work.near[c])


@inner
def _absorb(
    first: int, end: int, share: float, scale: float, scale_gamma: float, here: FloatArray, there: FloatArray, work: Work
) -> None:
    """Fluxes absorbed at the nodes from `first` to `end`, as changes of M_p per interval, in the order of x."""
    energy, power = work.nodes.energy[first:end], work.nodes.power[first:end]
    before0, before1, before2 = there[0, first:end], there[1, first:end], there[2, first:end]
    after0, after1, after2 = here[0, first:end], here[1, first:end], here[2, first:end]
    low, middle, high = work.slopes[0], work.slopes[1], work.slopes[2]
    n = end - first - 1
    for k in range(n + 1):
        absorbed = before0[k] - after0[k] + (before1[k] - after1[k]) + (before2[k] - after2[k])
        low[n - k] = absorbed * share / (power[k] * scale_gamma)
    for k in range(n + 1):
        middle[n - k] = low[n - k] / (energy[k] * scale)
    for k in range(n + 1):
        high[n - k] = middle[n - k] / (energy[k] * scale)


@inner
def _integrate(slope: FloatArray, path: Path, rise: FloatArray) -> None:
    """Integrals over each interval."""
    n, rule = path.stencil.size, path.cumulative
    w0, w1, w2, w3, w4, w5 = rule[2, 0], rule[2, 1], rule[2, 2], rule[2, 3], rule[2, 4], rule[2, 5]
    s0, s1, s2, s3, s4, s5, out = slope, slope[1:], slope[2:], slope[3:], slope[4:], slope[5:], rise[2:]
    for k in range(n - 4):
        out[k] = w0 * s0[k] + w1 * s1[k] + w2 * s2[k] + w3 * s3[k] + w4 * s4[k] + w5 * s5[k]
    for side in range(4):  # two intervals at each end have rules of their own
        k = side if side < 2 else n - 4 + side
        rise[k] = 0.0
        for s in range(6):
            rise[k] += rule[k, s] * slope[path.stencil[k] + s]


@inner
def _tabulate(b: int, target: int, n_node: int, points: Points, path: Path, work: Work) -> None:
    """Fill the tables of daughters made at `target`, from the flux absorbed there and not lost to charged leptons."""
    n, decay, scale, scale_gamma = path.stencil.size, path.decay, work.scales[target, 0], work.scales[target, 1]
    ends, table, wholes = work.daughters.ends[target], work.daughters.table[target], work.daughters.whole[target]
    slopes = work.slopes
    share = neutrino_share(points.m_zprime_mev[b], path.neutrinos, path.charged)
    for c in range(table.shape[0]):
        here, there = work.here[c], work.there[c]
        totals = wholes[c]
        for p in range(3):
            totals[p] = 0.0
        for piece in range(work.daughters.n_pieces[target]):
            first, step = n_node - (piece + 1) * (n + 1), (ends[piece + 1] - ends[piece]) / n
            _absorb(first, first + n + 1, share * step, scale, scale_gamma, here, there, work)
            for p in range(3):
                slope, rise, total = slopes[p], slopes[3 + p], totals[p]
                _integrate(slope, path, rise)
                for k in range(n):
                    before = total
                    total += rise[k]
                    rise[k] = before
                totals[p] = rise[n] = total
            for k in range(n):
                row = table[c, piece * n + k]
                for p in range(3):
                    f, left, right, change = decay[c, p], slopes[p, k], slopes[p, k + 1], slopes[3 + p, k + 1] - slopes[3 + p, k]
                    row[4 * p] = f * slopes[3 + p, k]
                    row[4 * p + 1] = f * left
                    row[4 * p + 2] = f * (3.0 * change - 2.0 * left - right)
                    row[4 * p + 3] = f * (left + right - 2.0 * change)
        for p in range(3):
            totals[p] *= decay[c, p]


@compiled
def _at_earth(points: Points, path: Path, bins: Bins, ln_e: FloatArray, out: FloatArray) -> None:
    """Integrals over bins, or populations at increasing ln E of shape (n, energy) if there are any."""
    n_target, n_rule, n_channel = points.masses_ev.shape[1], bins.rule.shape[1], points.source.shape[1]
    n_place = n_rule * (bins.ln_edges.size - 1 + 2 * (n_target + points.spectrum.ln_kinks.shape[0]))
    work = make_workspace(points, path, 1 + max(n_place, ln_e.shape[1]))
    emission, nodes = work.emission, work.nodes
    for b in range(out.shape[0]):
        strength = _begin(b, points, path, work)
        prepare(points.spectrum, b, path.shells, emission)
        # The tables of each target need those of the lighter ones; after them comes Earth.
        for stage in range(0 if path.stencil.size > 0 else n_target, n_target + 1):
            if stage < n_target:
                n_node = _place_in_table(b, stage, points, path, work)
                if n_node == 0:
                    continue
            else:
                n_node = _place_at_earth(b, points, path, bins, ln_e, work)
            weigh(n_node, points.spectrum.gamma[b], _LN_PIVOT, nodes)
            n_met = min(stage + 1, n_target)
            _meet(n_met, n_node, path.shells.x_max, emission)
            nodes.ln_e[n_node] = _LN_PIVOT
            emit(points.spectrum, b, n_met, n_node + 1, path.shells, emission)
            _start(b, n_met, n_node, points.source, work)
            for j in range(n_met):
                first, end, first_next, end_next = emission.first[j], emission.end[j], 0, 0
                if j + 1 < n_target:
                    first_next, end_next = emission.first[j + 1], emission.end[j + 1]
                _deepen(j, first, end, strength, path, work)
                if j == stage:
                    for c in range(n_channel):
                        for i in range(3):
                            for node in range(n_node):
                                work.there[c, i, node] = work.here[c, i, node]
                cross(work.order[j], first, end, path.crossings, work.depth, work.here)
                if j < stage:
                    if path.stencil.size > 0:
                        _make_between(j, first, first_next, end, end_next, work)
                    _emit_between(b, j, first_next, end, points.source, path.daughters, work)
            if stage < n_target:
                _tabulate(b, stage, n_node, points, path, work)
            elif ln_e.shape[1] > 0:
                for c in range(n_channel):
                    for i in range(3):
                        for node in range(n_node):
                            out[b, c, i, node] = work.here[c, i, node] / emission.unabsorbed[n_node]
            else:
                collect(n_node, 1.0 / emission.unabsorbed[n_node], nodes, work.here, out[b])


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
        _at_earth(points, self.path, bins, np.empty((out.shape[0], 0)), out)
        return out

    def populations(self, points: Points, energy_gev: FloatArray) -> FloatArray:
        """See `nuinfer.transport.points.Transport`."""
        order = np.argsort(energy_gev, axis=-1)
        arriving = np.empty((*energy_gev.shape[:1], points.source.shape[1], 3, energy_gev.shape[1]))
        increasing, ln_e = np.empty_like(arriving), np.log(np.take_along_axis(energy_gev, order, axis=-1))
        _at_earth(points, self.path, _NO_BINS, ln_e, increasing)
        np.put_along_axis(arriving, np.broadcast_to(order[:, None, None], arriving.shape), increasing, axis=-1)
        return arriving
