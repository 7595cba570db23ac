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
        last = n_node - 1 - piece * (n + 1)
        for k in range(n + 1):
            x = min(max(start + length * (k / n), start + INSIDE), start + length - INSIDE)
            nodes.ln_e[last - k], nodes.weight[last - k] = ln_res[target] - x, 1.0
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
    far, unabsorbed, out = work.emission.far, work.emission.unabsorbed, work.here
    for j in range(n_met):
        for node in range(work.emission.first[j]):
            far[j, node] = 0.0
        for node in range(work.emission.end[j], n_node):
            far[j, node] = unabsorbed[node]
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
        made, near = work.made[c, first:end], work.near[c, first:end]
        for i in range(3):
            row, share, daughter = out[c, i, first:end], source[min(b, source.shape[0] - 1), c, i], daughters[i]
            for node in range(end - first):
                row[node] += share * (after[node] - before[node])
            if work.daughters.n_pieces.size > 0:
                for node in range(end - first):
                    row[node] += daughter * (made[node] - near[node])


@inner
def _add_made(parent: int, c: int, at: int, first: int, end: int, work: Work, out: FloatArray) -> None:
    """Add the daughters of `parent` made before the crossing at target `at`, at the nodes from `first` to `end`."""
    n_piece, ends, table = work.daughters.n_pieces[parent], work.daughters.ends[parent], work.daughters.table[parent, c]
    ln_at, scale, scale_gamma = work.emission.ln_res[at], work.scales[parent, 0], work.scales[parent, 1]
    ln_e, energy, power = work.nodes.ln_e, work.nodes.energy, work.nodes.power
    if n_piece == 0:
        return
    n = table.shape[0] // (ends.size - 1)
    start, length, offset = ends[0], ends[1] - ends[0], 0
    per_x = n / length if length > 0.0 else 0.0
    for node in range(first, end):
        x = ln_at - ln_e[node]
        if n_piece > 1:
            piece = 0
            while piece < n_piece - 1 and x > ends[piece + 1]:
                piece += 1
            start, length, offset = ends[piece], ends[piece + 1] - ends[piece], piece * n
            per_x = n / length if length > 0.0 else 0.0
        position = (x - start) * per_x
        k = min(max(int(position), 0), n - 1)
        t = position - k
        row = np.uint64(offset + k)
        r = energy[node] * scale
        total = 0.0
        for p in (2, 1, 0):
            cubic = ((table[row, 4 * p + 3] * t + table[row, 4 * p + 2]) * t + table[row, 4 * p + 1]) * t
            total = total * r + (cubic + table[row, 4 * p])
        out[node] += power[node] * scale_gamma * total


@inner
def _make_between(j: int, first: int, first_next: int, end: int, end_next: int, work: Work) -> None:
    """Daughters made before target `j` and before the next, of all targets up to `j`."""
    energy, power, wholes, n_pieces = work.nodes.energy, work.nodes.power, work.daughters.whole, work.daughters.n_pieces
    for c in range(work.made.shape[0]):
        made, near = work.made[c], work.near[c]
        for node in range(first_next, first):
            made[node] = 0.0
        for node in range(first, end):
            made[node] = near[node] if j > 0 else 0.0
        for parent in range(j + 1):
            if n_pieces[parent] > 0:
                whole, scale, scale_gamma = wholes[parent, c], work.scales[parent, 0], work.scales[parent, 1]
                for node in range(first_next, first):
                    r = energy[node] * scale
                    made[node] += power[node] * scale_gamma * ((whole[2] * r + whole[1]) * r + whole[0])
        for node in range(first_next, end):
            near[node] = 0.0
        for step in range(j + 2 if end_next > first_next else 1):  # the target itself, then all at the next one
            if step == 0:
                _add_made(j, c, j, first, end, work, made)
            else:
                _add_made(step - 1, c, j + 1, first_next, end_next, work, near)


@inner
def _tabulate(b: int, target: int, n_node: int, points: Points, path: Path, work: Work) -> None:
    """Fill the tables of daughters made at `target`, from the flux absorbed there and not lost to charged leptons."""
    n, decay, scale, scale_gamma = path.stencil.size, path.decay, work.scales[target, 0], work.scales[target, 1]
    ends, table, wholes = work.daughters.ends[target], work.daughters.table[target], work.daughters.whole[target]
    energy, power, slopes, rise = work.nodes.energy, work.nodes.power, work.slopes, work.depth
    share = neutrino_share(points.m_zprime_mev[b], path.neutrinos, path.charged)
    for c in range(table.shape[0]):
        here, there = work.here[c], work.there[c]
        totals = wholes[c]
        for p in range(3):
            totals[p] = 0.0
        for piece in range(work.daughters.n_pieces[target]):
            last, step = n_node - 1 - piece * (n + 1), (ends[piece + 1] - ends[piece]) / n
            for k in range(n + 1):  # x increases with k
                node = last - k
                r = energy[node] * scale
                absorbed = there[0, node] - here[0, node]
                for i in range(1, 3):
                    absorbed += there[i, node] - here[i, node]
                value = absorbed * (share * step) / (power[node] * scale_gamma)
                slopes[0, k] = value
                slopes[1, k] = value / r
                slopes[2, k] = value / (r * r)
            for p in range(3):
                slope, total, f = slopes[p], totals[p], decay[c, p]
                for k in range(n):
                    rise[k] = 0.0
                for s in range(6):
                    weight = path.cumulative[2, s]  # that of all intervals but two at each end
                    for k in range(n - 4):
                        rise[k + 2] += weight * slope[k + s]
                    for side in range(4):
                        k = side if side < 2 else n - 4 + side
                        rise[k] += path.cumulative[k, s] * slope[path.stencil[k] + s]
                for k in range(n):
                    row, left, right, change = table[c, piece * n + k], slope[k], slope[k + 1], rise[k]
                    row[4 * p] = f * total
                    row[4 * p + 1] = f * left
                    row[4 * p + 2] = f * (3.0 * change - 2.0 * left - right)
                    row[4 * p + 3] = f * (left + right - 2.0 * change)
                    total += change
                totals[p] = total
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
