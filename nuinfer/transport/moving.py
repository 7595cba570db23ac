"""Targets that move: absorption on relic neutrinos with their thermal momenta (`nuinfer.physics.thermal`).

With F the fraction of the flux emitted beyond x, the average of g = exp(-tau_i(x)) over the sources is 1 + int F dg, an
integral over the resonances alone, in the variable v = (1+z)^-2. The path is cut in pieces at fixed distances from each
of them. In a piece tau is the integral of the interpolant through its nodes and int F dg = [F g] - int g dF, with F its
interpolant too, so that a piece deep enough to stop everything does no harm. Neutrinos from decays of the mediator are
added by `nuinfer.transport.cascade`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nuinfer.compiled import compiled, reordered
from nuinfer.constants import EV_PER_GEV, EV_PER_MEV
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.cosmology import expansion
from nuinfer.physics.shells import Shells, fill_beyond, fraction_beyond
from nuinfer.physics.thermal import TAIL, depth_scale, thermal_optical_depth, unit_rule
from nuinfer.transport import cascade
from nuinfer.transport.cascade import FIT_CASCADE, CascadeRule
from nuinfer.transport.nodes import collect, make_nodes, place, weigh
from nuinfer.transport.points import PIVOT_GEV, Bins, Points
from nuinfer.transport.propagation import Propagation
from nuinfer.transport.relics import LN_A_MIN, relic, relic_table
from nuinfer.typing import FloatArray, IntArray

SIDES = np.array([-1.0, -0.35, 0.0, 0.18, 0.42, 1.0])
"""Ends in s of the pieces around each resonance, over the largest |s| that matters."""

STRIDES = np.array([0.1, 0.4])
"""Further ends in ln(1+z), over the largest."""

EDGES = np.array([0.0, 3.0, 8.0, -3.0, -7.0, -13.0])
"""Values of s between which the flux at Earth is integrated in pieces."""

CHUNK = 64
"""Points followed together; a matter of memory alone."""

_NOTHING = 50.0  # depth that lets nothing through
_LN_PIVOT = math.log(PIVOT_GEV)


class Rule(NamedTuple):
    """Gauss-Legendre quadrature along a piece of the path, with what acts on values at its nodes.

    Parameters
    ----------
    places : tuple of float
        Nodes on [0, 1]; a tuple, so that their number is known when compiling and loops over them are unrolled.
    weight : ndarray, shape (node,)
        Their weights.
    integral : ndarray, shape (node, node)
        Integral of the interpolant from 0 to each node.
    slope : ndarray, shape (node, node)
        Its derivative at each node, times `weight`.
    ends : ndarray, shape (2, node)
        Its values at 0 and 1.
    """

    places: tuple[float, ...]
    weight: FloatArray
    integral: FloatArray
    slope: FloatArray
    ends: FloatArray


@dataclass(frozen=True)
class PathRule:
    """Quadrature along the path.

    Parameters
    ----------
    order : int
        Gauss-Legendre nodes per piece.
    floor : float
        Depth that may be left out in the wings of a resonance.
    """

    order: int
    floor: float

    @property
    def rule(self) -> Rule:
        """Nodes and matrices."""
        t, weight = unit_rule(self.order)
        basis = [np.polynomial.legendre.Legendre.basis(k, domain=[0.0, 1.0]) for k in range(self.order)]
        inverse = np.linalg.inv(np.array([p(t) for p in basis]).T)
        integral = np.array([p.integ(lbnd=0.0)(t) for p in basis]).T @ inverse
        slope = weight[:, None] * (np.array([p.deriv()(t) for p in basis]).T @ inverse)
        ends = np.array([p(np.array([0.0, 1.0])) for p in basis]).T @ inverse
        return Rule(tuple(t.tolist()), weight, integral, slope, ends)


FIT = PathRule(order=5, floor=1e-5)
"""Rule of a fit."""

FINE = PathRule(order=16, floor=1e-12)
"""Rule of the public functions."""


class Medium(NamedTuple):
    """What the path leads through, the same for all points.

    Parameters
    ----------
    shells : Shells
        Distribution of the sources.
    omega_m, omega_lambda : float
        Matter and vacuum densities.
    rates : ndarray, shape (target, 3)
        R_j,ii.
    table : ndarray, shape (a, b, 4)
        Values of the table of J.
    sides, strides : ndarray
        `SIDES`, and the values of v at `STRIDES`.
    """

    shells: Shells
    omega_m: float
    omega_lambda: float
    rates: FloatArray
    table: FloatArray
    sides: FloatArray
    strides: FloatArray


class Rays(NamedTuple):
    """Paths of a batch of points: target j has s = near v - a_j^2/(4 near), and wings that end at |s| = cut.

    tau_j = strength int dv J e^{-x} H0/H/(2 v).

    Parameters
    ----------
    gamma, cut : ndarray, shape (n,)
        Spectral index; largest |s| that matters.
    a : ndarray, shape (n, target)
        Masses over T_nu0.
    near, strength : ndarray, shape (n, energy)
        Y/(2 T_nu0), with Y = m_Z'^2/(2 E); scale of the optical depth.
    wanted : ndarray, shape (n, energy)
        Energies where this is 0 are left out, and survive.
    """

    gamma: FloatArray
    cut: FloatArray
    a: FloatArray
    near: FloatArray
    strength: FloatArray
    wanted: FloatArray


@compiled
def _ends_of_pieces(rest: FloatArray, near: float, cut: float, v_min: float, medium: Medium, ends: FloatArray) -> int:
    """Ends of the pieces in v, decreasing from 1 to `v_min`; returns how many, 0 if no target is near the path."""
    n = 0
    for j in range(rest.size):
        if near - rest[j] < -cut or near * v_min - rest[j] > cut:
            continue
        for k in range(medium.sides.size):
            ends[n] = (rest[j] + medium.sides[k] * cut) / near
            n += 1
    if n == 0:
        return 0
    for k in range(medium.strides.size):
        ends[n] = medium.strides[k]
        n += 1
    for k in range(n):
        value = min(max(ends[k], v_min), 1.0)
        m = k
        while m > 0 and ends[m - 1] < value:
            ends[m] = ends[m - 1]
            m -= 1
        ends[m] = value
    return n


@reordered
def survivals(rays: Rays, medium: Medium, rule: Rule) -> FloatArray:
    """Fraction of each mass state that arrives at Earth, shape (n, 3, energy)."""
    shells, rates, table = medium.shells, medium.rates, medium.table
    batch, n_energy = rays.near.shape
    n_target, n_node = rates.shape[0], len(rule.places)
    single, x_max = shells.density.size == 1, shells.x_max
    out = np.ones((batch, 3, n_energy))
    beyond, beyond_slope = np.ones(shells.density.size), np.zeros(shells.density.size)
    ends, rest = np.zeros(n_target * medium.sides.size + medium.strides.size), np.zeros(n_target)
    drop, reached, crossed = np.zeros((n_target, n_node)), np.zeros((n_target, n_node)), np.zeros(n_target)
    before, ln_a = np.zeros(3), np.zeros(n_target)
    active = np.zeros(n_target, np.intp)
    fractions, change = np.zeros(n_node), np.zeros(n_node)
    v_min, intervals_per_x = math.exp(-2.0 * x_max), (shells.density.size - 1) / x_max
    for b in range(batch):
        cut = rays.cut[b]
        for j in range(n_target):
            ln_a[j] = max(math.log(rays.a[b, j]), LN_A_MIN) if rays.a[b, j] > 0.0 else LN_A_MIN
        fill_beyond(rays.gamma[b], shells, beyond, beyond_slope)
        for e in range(n_energy):
            near = rays.near[b, e]
            if rays.wanted[b, e] == 0.0:
                continue
            for j in range(n_target):
                rest[j] = rays.a[b, j] ** 2 / (4.0 * near)
            n = _ends_of_pieces(rest, near, cut, v_min, medium, ends)
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
                    v = ends[piece] - rule.places[k] * length
                    half, root = 0.5 * math.log(v), math.sqrt(v)
                    # e^{-x} H0/H = v / sqrt(Om/root + OL v)
                    factor = 0.5 * rays.strength[b, e] * length
                    factor /= root * expansion(1.0 / (v * root), medium.omega_m, medium.omega_lambda)
                    for m in range(n_active):
                        j = active[m]
                        s = abs(near * v - rest[j])
                        drop[m, k] = 0.0
                        if s < cut:
                            drop[m, k] = factor * relic(s, ln_a[j] + half, rays.a[b, j] * root, table)
                    if not single:
                        fractions[k] = fraction_beyond(-half, intervals_per_x, beyond, beyond_slope)
                for m in range(n_active):
                    total = 0.0
                    for k in range(n_node):
                        total += rule.weight[k] * drop[m, k]
                        sofar = 0.0
                        for other in range(n_node):
                            sofar += rule.integral[k, other] * drop[m, other]
                        reached[m, k] = sofar
                    crossed[m] = total
                first = last = 0.0
                if not single:
                    for k in range(n_node):
                        first += rule.ends[0, k] * fractions[k]
                        last += rule.ends[1, k] * fractions[k]
                        total = 0.0
                        for m in range(n_node):
                            total += rule.slope[k, m] * fractions[m]
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


@compiled
def _place(breaks: FloatArray, bins: Bins) -> tuple[FloatArray, FloatArray, IntArray]:
    """Nodes of a batch from where the flux is not smooth, (n, break): ln E, weights (or 0) and bins, (n, node)."""
    batch, n_node = breaks.shape[0], bins.rule.shape[1] * (bins.ln_edges.size - 1 + breaks.shape[1])
    ln_e, weight = np.full((batch, n_node), _LN_PIVOT), np.zeros((batch, n_node))
    where, nodes = np.zeros((batch, n_node), np.intp), make_nodes(n_node)
    for b in range(batch):
        for k in range(place(bins, breaks[b], nodes)):
            ln_e[b, k], weight[b, k], where[b, k] = nodes.ln_e[k], nodes.weight[k], nodes.bins[k]
    return ln_e, weight, where


@compiled
def _collect(
    populations: FloatArray, gamma: FloatArray, ln_e: FloatArray, weight: FloatArray, where: IntArray, n_bin: int
) -> FloatArray:
    """Integrals (n, channel, 3, n_bin) of populations (n, channel, 3, node) at the nodes of `_place`."""
    batch, n_node = ln_e.shape
    out, nodes = np.empty((batch, populations.shape[1], 3, n_bin)), make_nodes(n_node)
    for b in range(batch):
        for k in range(n_node):
            nodes.ln_e[k], nodes.weight[k], nodes.bins[k] = ln_e[b, k], weight[b, k], where[b, k]
        weigh(n_node, gamma[b], _LN_PIVOT, nodes)
        collect(n_node, 1.0, nodes, populations[b], out[b])
    return out


@dataclass(frozen=True)
class Moving:
    """Targets that move, in the decoherent regime, for power laws.

    Parameters
    ----------
    shells : Shells
        Distribution of the sources.
    propagation : Propagation
        What they pass.
    regeneration : bool
        Whether neutrinos from the decay of the mediator are followed.
    path_rule : PathRule
        Quadrature along the path.
    cascade_rule : CascadeRule
        Settings of regeneration.

    Raises
    ------
    PhysicsDomainError
        If moving targets are combined with what is defined for targets at rest alone.
    """

    shells: Shells
    propagation: Propagation
    regeneration: bool
    path_rule: PathRule = FIT
    cascade_rule: CascadeRule = FIT_CASCADE

    def __post_init__(self) -> None:
        for name, refused in {
            "coherence 'coherent'": self.propagation.coherence == "coherent",
            "Dirac neutrinos": self.propagation.dirac,
        }.items():
            if refused:
                raise PhysicsDomainError(f"targets: 'thermal' is not allowed with {name}, only 'at_rest'")

    @cached_property
    def _medium(self) -> Medium:
        cosmology, strides = self.propagation.cosmology, np.exp(-2.0 * self.shells.x_max * STRIDES)
        rates = self.propagation.crossings.rates
        return Medium(
            self.shells, cosmology.omega_m, cosmology.omega_lambda, rates, relic_table(), SIDES, strides
        )  # fmt: skip

    @cached_property
    def _rule(self) -> Rule:
        return self.path_rule.rule

    @cached_property
    def _setting(self) -> cascade.Setting:
        """What cascades on moving targets have in common."""
        return cascade.make_setting(self.shells, self.propagation, self._finer)

    @property
    def _finer(self) -> CascadeRule:
        """The rule, with a finer grid where all sources are at its end, and some absorb at once."""
        rule = self.cascade_rule
        return replace(rule, interval=0.5 * rule.interval) if self.shells.single else rule

    def edges_gev(self, m_zprime_mev: FloatArray, masses_ev: FloatArray) -> FloatArray:
        """Energies in GeV between which the flux at Earth is smooth, shape (*batch, edge).

        Where s at Earth, and at the farthest source if all are there, is one of `EDGES`. The first are
        E_j = m_Z'^2/(2 m_j), +inf for a massless target.
        """
        temperature = self.propagation.cosmology.t_nu0_ev
        a = np.asarray(masses_ev, float) / temperature
        ev = (np.asarray(m_zprime_mev, float)[..., None] * EV_PER_MEV) ** 2
        energies = []
        with np.errstate(divide="ignore"):
            for u in (1.0, 1.0 + self.shells.z_max) if self.shells.single else (1.0,):
                for s in EDGES:
                    y_over_t = s * u * u + u * np.hypot(s * u, a)
                    energies.append(ev / (2.0 * EV_PER_GEV * temperature * y_over_t))
        return np.concatenate(energies, axis=-1)

    def depths(
        self, energy_gev: FloatArray, m_zprime_mev: FloatArray, g_prime: FloatArray, masses_ev: FloatArray
    ) -> FloatArray:
        """See `nuinfer.transport.points.Transport`."""
        passed = self.propagation
        z_max, expansion_law = self.shells.z_max, passed.cosmology
        depth = thermal_optical_depth(energy_gev, z_max, m_zprime_mev, g_prime, masses_ev, expansion_law)
        return np.asarray(passed.depth_factor * depth)

    def populations(self, points: Points, energy_gev: FloatArray) -> FloatArray:
        """See `nuinfer.transport.points.Transport`."""
        return self._populations(points, energy_gev, np.ones_like(energy_gev))

    def integrals(self, points: Points, bins: Bins) -> FloatArray:
        """See `nuinfer.transport.points.Transport`."""
        gamma, n_bin = points.spectrum.gamma, bins.ln_edges.size - 1
        out = np.empty((gamma.size, points.source.shape[1], 3, n_bin))
        for start in range(0, gamma.size, CHUNK):
            part = slice(start, start + CHUNK)
            some = Points(
                points.spectrum._make(np.ascontiguousarray(column[..., part]) for column in points.spectrum),
                points.m_zprime_mev[part], points.g_prime[part], points.masses_ev[part],
                points.source if len(points.source) == 1 else points.source[part],
            )  # fmt: skip
            ln_e, weight, where = _place(np.log(self.edges_gev(some.m_zprime_mev, some.masses_ev)), bins)
            populations = self._populations(some, np.exp(ln_e), weight)
            out[part] = _collect(populations, some.spectrum.gamma, ln_e, weight, where, n_bin)
        return out

    def _populations(self, points: Points, energy_gev: FloatArray, wanted: FloatArray) -> FloatArray:
        """Populations at energies (n, energy); where `wanted` is 0 they do not matter."""
        cosmology, gamma = self.propagation.cosmology, points.spectrum.gamma
        temperature = cosmology.t_nu0_ev
        y_ev = (points.m_zprime_mev[:, None] * EV_PER_MEV) ** 2 / (2.0 * energy_gev * EV_PER_GEV)
        scale = self.propagation.depth_factor * depth_scale(points.m_zprime_mev, points.g_prime, cosmology)
        cut = np.minimum(2.0 + np.log1p(30.0 * scale * temperature**2 / self.path_rule.floor), TAIL)
        rays = Rays(
            gamma, cut, points.masses_ev / temperature, y_ev / (2.0 * temperature), scale[:, None] * y_ev * y_ev,
            wanted,
        )  # fmt: skip
        arriving = points.source[..., None] * survivals(rays, self._medium, self._rule)[:, None]
        if self.regeneration:
            share = self.propagation.mediator.neutrino_branching(points.m_zprime_mev)
            flights = cascade.Flights(
                gamma, scale * temperature**2, cut, share, rays.a,
                np.ascontiguousarray(np.broadcast_to(points.source, (gamma.size, *points.source.shape[1:]))),
                *cascade.flux_of_sources(self.shells, self._setting.x, gamma),
            )  # fmt: skip
            arriving = arriving + cascade.daughters_at_earth(y_ev / temperature, self._setting, flights, self._finer)
        return np.ascontiguousarray(arriving)
