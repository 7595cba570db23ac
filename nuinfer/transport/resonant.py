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

from nuinfer.compiled import compiled, inlined, inner
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics import absorption
from nuinfer.physics.crossings import Crossings, cross
from nuinfer.physics.hermite import hermite
from nuinfer.physics.mediator import neutrino_share
from nuinfer.physics.regeneration import cumulative_rule
from nuinfer.physics.shells import Shells
from nuinfer.physics.spectra._emission import emit, emit_at, prepare
from nuinfer.transport.nodes import collect, place, sort, weigh
from nuinfer.transport.points import PIVOT_GEV, Bins, Points, Propagation
from nuinfer.transport.workspace import Path, Work, make_workspace
from nuinfer.typing import FloatArray

INSIDE = 1e-12
"""Nodes at the ends of a piece stay this far inside, on their own side of a jump, whatever the rounding."""

_LN_PIVOT = math.log(PIVOT_GEV)


@inner
def _begin(b: int, points: Points, path: Path, work: Work) -> tuple[float, float]:
    """Put the targets of a point in order and fill its tables.

    Returns
    -------
    pivot, strength : float
        Unabsorbed flux at the pivot over its power law; depth of a crossing over (1+z)^3 H0/H.
    """
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
    prepare(points.spectrum, b, path.shells, work.emission)
    pivot = emit_at(points.spectrum, b, _LN_PIVOT, path.shells, work.emission)
    strength = path.strength * (points.g_prime[b] / points.m_zprime_mev[b]) ** 2 * points.relic_temperature[b] ** 3
    if path.stencil.size > 0:
        for target in range(masses.size):
            _absorb(b, target, strength, points, path, work)
    return pivot, strength


@inner
def _absorb(b: int, target: int, strength: float, points: Points, path: Path, work: Work) -> None:
    """Fill the tables of daughters made at `target`, from the flux absorbed there and not lost to charged leptons."""
    n_pieces, ends, moments = work.daughters
    ln_res, nodes, x_max, n = work.emission.ln_res, work.nodes, path.shells.x_max, path.stencil.size
    n_channel, gamma = work.made.shape[1], points.spectrum.gamma[b]
    if not math.isfinite(ln_res[target]):
        n_pieces[target] = 0
        return
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
    share = neutrino_share(points.m_zprime_mev[b], path.neutrinos, path.charged)
    for piece in range(n_piece):  # nodes at the ends of a piece stay just inside
        start, length = ends[target, piece], ends[target, piece + 1] - ends[target, piece]
        for k in range(n + 1):
            x = start + length * ((n - k) / n)
            nodes.ln_e[k] = ln_res[target] - min(max(x, start + INSIDE), start + length - INSIDE)
            nodes.weight[k] = 1.0
        weigh(n + 1, gamma, _LN_PIVOT, nodes)
        _arrive(b, target, n + 1, strength, points, path, work)
        for c in range(n_channel):
            for i in range(3):
                for k in range(n + 1):
                    work.there[c, i, k] = work.here[c, i, k]
        _deepen(target, 0, n + 1, strength, path, work)
        cross(work.order[target], 0, n + 1, path.crossings, work.depth, work.there)
        for k in range(n + 1):
            node = n - k  # x increases with k
            r = nodes.energy[node] * work.scales[target, 0]
            weight = share * (length / n) / (nodes.power[node] * work.scales[target, 1])
            for c in range(n_channel):
                absorbed = 0.0
                for i in range(3):
                    absorbed += work.here[c, i, node] - work.there[c, i, node]
                moments[target, c, piece, k, 3] = absorbed * weight
                moments[target, c, piece, k, 4] = absorbed * weight / r
                moments[target, c, piece, k, 5] = absorbed * weight / (r * r)
        for c in range(n_channel):
            for p in range(3):
                total = moments[target, c, piece - 1, n, p] if piece > 0 else 0.0
                moments[target, c, piece, 0, p] = total
                for k in range(n):
                    for s in range(6):
                        total += path.cumulative[k, s] * moments[target, c, piece, path.stencil[k] + s, p + 3]
                    moments[target, c, piece, k + 1, p] = total


@inner
def _deepen(target: int, first: int, end: int, strength: float, path: Path, work: Work) -> None:
    """Depth of the crossing at `target`, at 1 + z = E_R/E, of the nodes from `first` to `end`."""
    scale, energy, depth = work.scales[target, 0], work.nodes.energy, work.depth
    for node in range(first, end):
        r = energy[node] * scale
        depth[node] = absorption.crossing_depth(strength, 1.0 / (r * r * r), path.omega_m, path.omega_lambda)


@inner
def _arrive(b: int, n_crossed: int, n_node: int, strength: float, points: Points, path: Path, work: Work) -> None:
    """Populations in front of target number `n_crossed`, or at Earth if that is the number of targets.

    The first `n_node` nodes hold ln E, in increasing order, E and (E/pivot)^gamma; the result is in ``work.here``.
    """
    emission, fraction, out = work.emission, work.fraction, work.here
    ln_e, ln_res, firsts, ends = emission.ln_e[:n_node], emission.ln_res, emission.first, emission.end
    far, unabsorbed, source = emission.far, emission.unabsorbed, points.source
    origin = min(b, source.shape[0] - 1)
    n_target, n_channel = ln_res.size, out.shape[0]
    n_met = min(n_crossed + 1, n_target)
    for j in range(n_met):
        firsts[j] = np.searchsorted(ln_e, ln_res[j] - path.shells.x_max, side="right")
        ends[j] = np.searchsorted(ln_e, ln_res[j])
    emit(points.spectrum, b, n_met, n_node, path.shells, emission)
    first, end = (firsts[0], ends[0]) if n_target > 0 else (0, n_node)
    for node in range(n_node):
        fraction[node] = 0.0 if node < first else unabsorbed[node]
    if n_target > 0:
        for node in range(first, end):
            fraction[node] = far[0, node]
    for c in range(n_channel):
        for i in range(3):
            for node in range(n_node):
                out[c, i, node] = source[origin, c, i] * fraction[node]
    for j in range(n_crossed):
        _deepen(j, first, end, strength, path, work)
        cross(work.order[j], first, end, path.crossings, work.depth, out)
        first_next = end_next = 0
        if j + 1 < n_target:
            first_next, end_next = firsts[j + 1], ends[j + 1]
        for node in range(first_next, end):
            nearer = far[j + 1, node] if node < end_next else unabsorbed[node]
            gain = nearer - fraction[node]
            fraction[node] = nearer
            for c in range(n_channel):
                for i in range(3):
                    out[c, i, node] += source[origin, c, i] * gain
        if path.stencil.size > 0:
            for parent in range(j + 1):
                _add_daughters(parent, j, first, first_next, end, end_next, path, work)
        first, end = first_next, end_next


@inlined
def _made_until(
    parent: int, c: int, x: float, f: tuple[float, float, float], n_piece: int, ends: FloatArray, moments: FloatArray
) -> float:
    """sum_p f_p M_p(x) of the daughters made at one target."""
    piece = 0
    while piece < n_piece - 1 and x > ends[parent, piece + 1]:
        piece += 1
    length = ends[parent, piece + 1] - ends[parent, piece]
    n = moments.shape[3] - 1
    position = (x - ends[parent, piece]) / length * n if length > 0.0 else 0.0
    k = min(max(int(position), 0), n - 1)
    left, right, left_slope, right_slope = hermite(position - k)
    total = 0.0
    for p in range(3):
        value = left * moments[parent, c, piece, k, p] + right * moments[parent, c, piece, k + 1, p]
        slope = left_slope * moments[parent, c, piece, k, p + 3] + right_slope * moments[parent, c, piece, k + 1, p + 3]
        total += f[p] * (value + slope)
    return total


@inner
def _add_daughters(
    parent: int, j: int, first: int, first_next: int, end: int, end_next: int, path: Path, work: Work
) -> None:
    """Add the daughters of `parent` that are made between target `j` and the next."""
    nodes, ln_res, made, out = work.nodes, work.emission.ln_res, work.made, work.here
    n_piece, ends, moments = work.daughters.n_pieces[parent], work.daughters.ends, work.daughters.moments
    energy, power, ln_e, scales = nodes.energy, nodes.power, nodes.ln_e, work.scales
    decay, daughters = path.decay, path.daughters
    if n_piece == 0:
        return
    last = moments.shape[3] - 1
    for c in range(out.shape[0]):
        for node in range(first_next, end):
            r = energy[node] * scales[parent, 0]
            r_gamma = power[node] * scales[parent, 1]
            f = (decay[c, 0] * r_gamma, decay[c, 1] * r_gamma * r, decay[c, 2] * r_gamma * r * r)
            if node < first:
                farthest = 0.0
                for p in range(3):
                    farthest += f[p] * moments[parent, c, n_piece - 1, last, p]
            elif parent == j:
                farthest = _made_until(parent, c, ln_res[j] - ln_e[node], f, n_piece, ends, moments)
            else:
                farthest = made[parent, c, node]
            nearest = 0.0
            if node < end_next:
                nearest = _made_until(parent, c, ln_res[j + 1] - ln_e[node], f, n_piece, ends, moments)
            made[parent, c, node] = nearest
            for i in range(3):
                out[c, i, node] += daughters[i] * (farthest - nearest)


@compiled
def _integrals(points: Points, path: Path, bins: Bins) -> FloatArray:
    """`Resonant.integrals`, point by point."""
    n_target, n_kink = points.masses_ev.shape[1], points.spectrum.ln_kinks.shape[0]
    n_bin, n_rule, x_max = bins.ln_edges.size - 1, bins.rule.shape[1], path.shells.x_max
    out = np.empty((points.spectrum.gamma.size, points.source.shape[1], 3, n_bin))
    work = make_workspace(points, path, n_rule * (n_bin + 2 * (n_target + n_kink)))
    for b in range(out.shape[0]):
        pivot, strength = _begin(b, points, path, work)
        for j in range(n_target):
            work.breaks[2 * j], work.breaks[2 * j + 1] = work.emission.ln_res[j] - x_max, work.emission.ln_res[j]
        for k in range(n_kink):
            ln_kink, place_of = points.spectrum.ln_kinks[k, b], 2 * (n_target + k)
            work.breaks[place_of], work.breaks[place_of + 1] = ln_kink - x_max, ln_kink
        n_node = place(bins, work.breaks, work.nodes)
        weigh(n_node, points.spectrum.gamma[b], _LN_PIVOT, work.nodes)
        _arrive(b, n_target, n_node, strength, points, path, work)
        collect(n_node, 1.0 / pivot, work.nodes, work.here, out[b])
    return out


@compiled
def _populations(points: Points, path: Path, energy_gev: FloatArray) -> FloatArray:
    """`Resonant.populations`, point by point, at increasing energies."""
    batch, n_node = energy_gev.shape
    out = np.empty((batch, points.source.shape[1], 3, n_node))
    work = make_workspace(points, path, n_node)
    for b in range(batch):
        pivot, strength = _begin(b, points, path, work)
        for k in range(n_node):
            work.nodes.ln_e[k], work.nodes.weight[k] = math.log(energy_gev[b, k]), 1.0
        weigh(n_node, points.spectrum.gamma[b], _LN_PIVOT, work.nodes)
        _arrive(b, points.masses_ev.shape[1], n_node, strength, points, path, work)
        for c in range(out.shape[1]):
            for i in range(3):
                for k in range(n_node):
                    out[b, c, i, k] = work.here[c, i, k] / pivot
    return out


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
        return _integrals(points, self.path, bins)

    def populations(self, points: Points, energy_gev: FloatArray) -> FloatArray:
        """See `nuinfer.transport.points.Transport`."""
        order = np.argsort(energy_gev, axis=-1)
        arriving = np.empty((*energy_gev.shape[:1], points.source.shape[1], 3, energy_gev.shape[1]))
        increasing = _populations(points, self.path, np.take_along_axis(energy_gev, order, axis=-1))
        np.put_along_axis(arriving, np.broadcast_to(order[:, None, None], arriving.shape), increasing, axis=-1)
        return arriving
