"""Survival of the mass states on their way through targets that move.

With F the fraction of the flux emitted beyond x, the average of g = exp(-tau_i(x)) over the sources is 1 + int F dg, an
integral over the resonances alone, in the variable v = (1+z)^-2. The path is cut in pieces at fixed distances from each
of them. In a piece tau is the integral of the interpolant through its nodes and int F dg = [F g] - int g dF, with F its
interpolant too, so that a piece deep enough to stop everything does no harm.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nuinfer.compiled import compiled, reordered
from nuinfer.physics.cosmology import expansion
from nuinfer.physics.shells import Shells, fill_beyond, fraction_beyond
from nuinfer.physics.thermal import LN_A_MIN, relic, unit_rule
from nuinfer.transport.nodes import sort
from nuinfer.typing import FloatArray

SIDES = np.array([-1.0, -0.35, 0.0, 0.18, 0.42, 1.0])
"""Ends in s of the pieces around each resonance, over the largest |s| that matters."""

STRIDES = np.array([0.1, 0.4])
"""Further ends in ln(1+z), over the largest."""

_NOTHING = 50.0  # depth that lets nothing through


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

    @cached_property
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
    """Ends of the pieces in v, increasing from `v_min` to 1; returns how many, 0 if no target is near the path."""
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
        ends[k] = min(max(ends[k], v_min), 1.0)
    sort(ends, n)
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
            for piece in range(n - 1, 0, -1):
                length = ends[piece] - ends[piece - 1]
                if length <= 0.0:
                    continue
                if min(before[0], before[1], before[2]) > _NOTHING:
                    break
                middle = 0.5 * (ends[piece] + ends[piece - 1])
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
