"""Targets at rest, crossed one after the other: exact for any number of targets, with or without regeneration.

At energy E (today) every redshift shell contributes to the flux, and is absorbed at those targets whose resonance
z_j(E) lies between the shell and Earth. With the targets sorted so that z_1 > z_2 > ... (the lightest first), B_j what
is emitted beyond z_j over the unabsorbed power law and M_j the crossing at target j, the populations of the mass states
at Earth are nested,

    N = (B_0 - B_3) n + M_3 [(B_3 - B_2) n + M_2 [(B_2 - B_1) n + M_1 B_1 n]],

and between two crossings the daughters made at the earlier ones are added (`nuinfer.physics.regeneration`). A target
touches energies between E_j/(1 + z_max) and E_j only, and nothing is computed elsewhere.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nuinfer.compiled import ALONE, barrier, each, inner, leads, points_of
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics import absorption
from nuinfer.physics.crossings import Crossings, cross
from nuinfer.physics.mediator import neutrino_share
from nuinfer.physics.shells import Shells
from nuinfer.physics.spectra._emission import emit, prepare, reach
from nuinfer.transport.nodes import collect, place, weigh
from nuinfer.transport.phases import (
    absorb,
    add_emitted,
    add_made,
    add_whole,
    deepen,
    divide,
    fill,
    fill_beside,
    integrate,
    meet,
    multiply,
    order_targets,
    place_in_piece,
    set_breaks,
    tabulate,
)
from nuinfer.transport.points import LN_PIVOT, NO_BINS, Bins, Path, Points, Propagation
from nuinfer.transport.workspace import make_workspace, workspace_of
from nuinfer.typing import FloatArray


@inner
def at_earth(
    team: Any, points: Points, path: Path, bins: Bins, ln_energies: FloatArray, n_most: int, room: FloatArray,
    out: FloatArray,
) -> None:  # fmt: skip
    """Integrals over bins, or populations at increasing ln E of shape (n, energy) if there are any.

    Points have `n_most` nodes at the most and share the room for a workspace.
    """
    n_target, n_channel, n_kink = points.masses_ev.shape[1], points.source.shape[1], points.spectrum.ln_kinks.shape[0]
    shells, crossings, decay, daughters = path.shells, path.crossings, path.decay, path.daughters
    n, n_given, x_max, single = path.stencil.size, ln_energies.shape[1], shells.x_max, shells.density.size == 1
    work = make_workspace(room, n_most, n_target, n_channel, n_kink, shells.density.size, n)
    nodes, emission, here, there, depth = work.nodes, work.emission, work.here, work.there, work.depth
    ln_e, energy, power, weight = nodes.ln_e, nodes.energy, nodes.power, nodes.weight
    ln_res, firsts, ends, far, unabsorbed = (
        emission.ln_res, emission.first, emission.end, emission.far, emission.unabsorbed
    )  # fmt: skip
    order, scales, placed, n_pieces = work.order, work.scales, work.n_node, work.n_pieces
    pieces, table, whole, slopes = work.ends, work.table, work.whole, work.slopes
    for b in points_of(team, out.shape[0]):
        gamma, ln_kinks, m_zprime_mev = points.spectrum.gamma[b], points.spectrum.ln_kinks[:, b], points.m_zprime_mev[b]
        origin = points.source[min(b, points.source.shape[0] - 1)]
        strength = path.strength * (points.g_prime[b] / m_zprime_mev) ** 2 * points.relic_temperature[b] ** 3
        order_targets(team, m_zprime_mev, points.masses_ev[b], gamma, order, ln_res, scales)
        prepare(points.spectrum, team, b, shells, emission)
        smeared = reach(points.spectrum, x_max)
        # The tables of each target need those of the lighter ones; after them comes Earth.
        for stage in range(n_target if n == 0 else 0, n_target + 1):
            barrier(team)
            if stage == n_target and n_given > 0:
                multiply(team, 1.0, ln_energies[b], ln_e, 0, n_given)
                fill(team, 1.0, weight, 0, n_given)
            elif leads(team):
                if stage < n_target:
                    own = pieces[stage]
                    n_pieces[stage] = divide(stage, single, ln_res, ln_kinks, x_max, smeared, own)
                    placed[0] = n_pieces[stage] * (n + 1)
                    for piece in range(n_pieces[stage]):  # those at small x last
                        start = placed[0] - (piece + 1) * (n + 1)
                        place_in_piece(ln_res[stage], own[piece], own[piece + 1], ln_e, weight, start, n)
                else:
                    set_breaks(ln_res, ln_kinks, x_max, smeared, work.breaks)
                    placed[0] = place(bins, work.breaks, nodes)
            barrier(team)
            n_node: int = n_given if stage == n_target and n_given > 0 else placed[0]
            if n_node == 0:
                continue
            n_met = min(stage + 1, n_target)
            weigh(team, n_node, gamma, nodes)
            meet(team, ln_e, n_node, x_max, ln_res, firsts, ends, n_met)
            if leads(team):
                ln_e[n_node] = LN_PIVOT
            barrier(team)
            emit(points.spectrum, team, b, n_met, n_node + 1, shells, emission)
            barrier(team)
            fill_beside(team, far, unabsorbed, n_node, firsts, ends, n_met)
            barrier(team)
            for c in range(n_channel):
                for i in range(3):
                    multiply(team, origin[c, i], far[0] if n_met > 0 else unabsorbed, here[c, i], 0, n_node)
            for j in range(n_met):
                first, end, first_next, end_next = firsts[j], ends[j], 0, 0
                if j + 1 < n_target:
                    first_next, end_next = firsts[j + 1], ends[j + 1]
                deepen(team, strength, scales[j, 0], (path.omega_m, path.omega_lambda), energy, depth, first, end)
                barrier(team)
                if j == stage:
                    for c in range(n_channel):
                        for i in range(3):
                            multiply(team, 1.0, here[c, i], there[c, i], 0, n_node)
                    barrier(team)
                cross(team, order[j], first, end, crossings, depth, here)
                barrier(team)
                if j == stage:
                    continue
                after = far[j + 1] if j + 1 < n_target else unabsorbed
                for c in range(n_channel):
                    if n > 0:  # daughters made before this target and before the next, of all up to it
                        made, near = work.made[c], work.near[c]
                        fill(team, 0.0, made, first_next, first)
                        if j > 0:
                            multiply(team, 1.0, near, made, first, end)
                        else:
                            fill(team, 0.0, made, first, end)
                        barrier(team)
                        fill(team, 0.0, near, first_next, end)
                        for k in range(3 * j + 3):  # all of the far ones; its own before it; all before the next
                            parent, what = k % (j + 1), k // (j + 1)
                            if n_pieces[parent] == 0 or (what == 1 and parent < j):
                                continue
                            if what == 0:
                                add_whole(
                                    team, scales[parent], whole[parent, c], energy, power, made, first_next, first
                                )
                                continue
                            low, high, row, at = (
                                (first, end, made, j) if what == 1 else (first_next, end_next, near, j + 1)
                            )
                            if low < high:
                                add_made(
                                    team, ln_res[at], scales[parent], pieces[parent], n_pieces[parent],
                                    table[parent, c], n, nodes, row, low, high,
                                )  # fmt: skip
                        barrier(team)
                    for i in range(3):
                        add_emitted(team, origin[c, i], far[j], after, here[c, i], first_next, end)
                        if n > 0:
                            add_emitted(team, daughters[i], work.near[c], work.made[c], here[c, i], first_next, end)
            barrier(team)
            if stage < n_target:
                for c in range(n_channel):
                    for p in each(team, 3):
                        whole[stage, c, p] = 0.0
                    for piece in range(n_pieces[stage]):
                        share = neutrino_share(m_zprime_mev, path.neutrinos, path.charged)
                        share *= (pieces[stage, piece + 1] - pieces[stage, piece]) / n
                        start = n_node - (piece + 1) * (n + 1)
                        absorb(team, share, scales[stage], nodes, there[c], here[c], start, n, slopes)
                        barrier(team)
                        for p in range(3):
                            integrate(team, slopes[p], path.cumulative, path.stencil, slopes[3 + p])
                        barrier(team)
                        tabulate(team, decay[c], slopes, whole[stage, c], table[stage, c], piece * n, n)
                        barrier(team)
                    for p in each(team, 3):
                        whole[stage, c, p] *= decay[c, p]
            elif n_given > 0:
                for c in range(n_channel):
                    for i in range(3):
                        multiply(team, 1.0 / unabsorbed[n_node], here[c, i], out[b, c, i], 0, n_node)
            else:
                collect(team, n_node, 1.0 / unabsorbed[n_node], nodes, here, out[b])


def most_nodes(points: Points, bins: Bins) -> int:
    """Nodes of a point at the most."""
    n_smooth = points.masses_ev.shape[1] + points.spectrum.ln_kinks.shape[0]
    return int(bins.rule.shape[1] * (bins.ln_edges.size - 1 + 2 * n_smooth))


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
        if self.propagation is not None:
            return self.propagation.path(self.shells, self.regeneration_intervals)
        nothing, none = Crossings(np.zeros((0, 3)), np.zeros((0, 0, 3, 3))), np.zeros((3, 3))
        decay, rule = np.zeros((2, 3)), (np.zeros((0, 6)), np.zeros(0, np.intp))
        return Path(self.shells, nothing, 1.0, 0.0, 0.0, none[0], decay, 1.0, none, *rule)

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
        return passed.depth_factor * absorption.depth_before(self.shells.z_max, *at) * temperature**3 * passed.densities

    def integrals(self, points: Points, bins: Bins) -> FloatArray:
        """See `nuinfer.transport.points.Transport`."""
        out = np.empty((points.spectrum.gamma.size, points.source.shape[1], 3, bins.ln_edges.size - 1))
        n_most = most_nodes(points, bins)
        room = workspace_of(points, self.path, n_most)
        at_earth(ALONE, points, self.path, bins, np.empty((out.shape[0], 0)), n_most, room, out)
        return out

    def populations(self, points: Points, energy_gev: FloatArray) -> FloatArray:
        """See `nuinfer.transport.points.Transport`."""
        order = np.argsort(energy_gev, axis=-1)
        arriving = np.empty((*energy_gev.shape[:1], points.source.shape[1], 3, energy_gev.shape[1]))
        increasing, ln_e = np.empty_like(arriving), np.log(np.take_along_axis(energy_gev, order, axis=-1))
        room = workspace_of(points, self.path, ln_e.shape[1])
        at_earth(ALONE, points, self.path, NO_BINS, ln_e, ln_e.shape[1], room, increasing)
        np.put_along_axis(arriving, np.broadcast_to(order[:, None, None], arriving.shape), increasing, axis=-1)
        return arriving
