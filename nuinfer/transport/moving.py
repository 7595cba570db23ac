"""Targets that move: absorption on relic neutrinos with their thermal momenta (`nuinfer.physics.thermal`).

What survives is followed by `nuinfer.transport.survival`, neutrinos from decays of the mediator by
`nuinfer.transport.cascade`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nuinfer.compiled import ALONE, compiled
from nuinfer.constants import EV_PER_GEV, EV_PER_MEV
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.shells import Shells
from nuinfer.physics.thermal import TAIL, depth_scale, relic_table, thermal_optical_depth
from nuinfer.transport import cascade
from nuinfer.transport.cascade_grid import FIT_CASCADE, CascadeRule
from nuinfer.transport.nodes import Nodes, collect, place, weigh
from nuinfer.transport.points import LN_PIVOT, Bins, Points, Propagation
from nuinfer.transport.survival import FIT, SIDES, STRIDES, Medium, PathRule, Rays, survivals
from nuinfer.typing import FloatArray, IntArray

EDGES = np.array([0.0, 3.0, 8.0, -3.0, -7.0, -13.0])
"""Values of s between which the flux at Earth is integrated in pieces."""

CHUNK = 64
"""Points followed together; a matter of memory alone."""


@compiled
def _place(breaks: FloatArray, bins: Bins) -> tuple[FloatArray, FloatArray, IntArray]:
    """Nodes of a batch from where the flux is not smooth, (n, break): ln E, weights (or 0) and bins, (n, node)."""
    batch, n_node = breaks.shape[0], bins.rule.shape[1] * (bins.ln_edges.size - 1 + breaks.shape[1])
    ln_e, weight = np.full((batch, n_node), LN_PIVOT), np.zeros((batch, n_node))
    where, unused = np.zeros((batch, n_node), np.intp), np.empty(0)
    for b in range(batch):
        place(bins, breaks[b], Nodes(ln_e[b], unused, unused, weight[b], where[b]))
    return ln_e, weight, where


@compiled
def _collect(
    populations: FloatArray, gamma: FloatArray, ln_e: FloatArray, weight: FloatArray, where: IntArray, n_bin: int
) -> FloatArray:
    """Integrals (n, channel, 3, n_bin) of populations (n, channel, 3, node) at the nodes of `_place`."""
    batch, n_node = ln_e.shape
    out, energy, power = np.empty((batch, populations.shape[1], 3, n_bin)), np.empty(n_node), np.empty(n_node)
    for b in range(batch):
        nodes = Nodes(ln_e[b], energy, power, weight[b], where[b])
        weigh(ALONE, n_node, gamma[b], nodes)
        collect(ALONE, n_node, 1.0, nodes, populations[b], out[b])
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
        coherent, dirac = self.propagation.coherence == "coherent", self.propagation.mediator.neutrino == "dirac"
        if coherent or dirac:
            refused = "coherence 'coherent'" if coherent else "Dirac neutrinos"
            raise PhysicsDomainError(f"targets: 'thermal' is not allowed with {refused}, only 'at_rest'")

    @cached_property
    def _medium(self) -> Medium:
        cosmology, strides = self.propagation.cosmology, np.exp(-2.0 * self.shells.x_max * STRIDES)
        densities, rates = (cosmology.omega_m, cosmology.omega_lambda), self.propagation.crossings.rates
        return Medium(self.shells, *densities, rates, relic_table(), SIDES, strides)

    @cached_property
    def _setting(self) -> cascade.Setting:
        """What cascades on moving targets have in common."""
        return cascade.make_setting(self.shells, self.propagation, self._finer)

    @property
    def _finer(self) -> CascadeRule:
        """The rule, with a finer grid where all sources are at its end, and some absorb at once."""
        rule = self.cascade_rule
        return replace(rule, interval=0.5 * rule.interval) if self.shells.single else rule

    def edges_gev(self, points: Points) -> FloatArray:
        """See `nuinfer.transport.points.Transport`.

        Where s at Earth, and at the farthest source if all are there, is one of `EDGES`. The first are
        E_j = m_Z'^2/(2 m_j), +inf for a massless target.
        """
        temperature = self._temperatures(points)[:, None, None, None]
        a = points.masses_ev[:, None, None, :] / temperature  # (n, 1 + z, s, target)
        ev = (points.m_zprime_mev[:, None, None, None] * EV_PER_MEV) ** 2
        u, s = np.array([1.0, 1.0 + self.shells.z_max])[: 1 + self.shells.single, None, None], EDGES[:, None]
        with np.errstate(divide="ignore"):
            energies = ev / (2.0 * EV_PER_GEV * temperature * (s * u * u + u * np.hypot(s * u, a)))
        return np.asarray(energies.reshape(len(energies), -1))

    def depths(self, points: Points, energy_gev: FloatArray) -> FloatArray:
        """See `nuinfer.transport.points.Transport`.

        The depth depends on T^3, E T and m/T alone.
        """
        passed, (mass, coupling, t) = self.propagation, points.scalars
        at = energy_gev[..., None] * t, self.shells.z_max, mass, coupling, points.masses_ev[:, None, :] / t
        return np.asarray(passed.depth_factor * t**3 * thermal_optical_depth(*at, passed.cosmology) * passed.densities)

    def _temperatures(self, points: Points) -> FloatArray:
        """Of the relics today in eV, shape (n,)."""
        return self.propagation.cosmology.t_nu0_ev * points.relic_temperature

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
                points.source if len(points.source) == 1 else points.source[part], points.relic_temperature[part],
            )  # fmt: skip
            ln_e, weight, where = _place(np.log(self.edges_gev(some)), bins)
            populations = self._populations(some, np.exp(ln_e), weight)
            out[part] = _collect(populations, some.spectrum.gamma, ln_e, weight, where, n_bin)
        return out

    def _populations(self, points: Points, energy_gev: FloatArray, wanted: FloatArray) -> FloatArray:
        """Populations at energies (n, energy); where `wanted` is 0 they do not matter."""
        gamma, temperature = points.spectrum.gamma, self._temperatures(points)
        y_ev = (points.m_zprime_mev[:, None] * EV_PER_MEV) ** 2 / (2.0 * energy_gev * EV_PER_GEV)
        scale = self.propagation.depth_factor * points.relic_temperature
        densest = self.propagation.densities.max()
        scale = scale * depth_scale(points.m_zprime_mev, points.g_prime, self.propagation.cosmology)
        cut = np.minimum(2.0 + np.log1p(30.0 * densest * scale * temperature**2 / self.path_rule.floor), TAIL)
        a, near = points.masses_ev / temperature[:, None], y_ev / (2.0 * temperature[:, None])
        rays = Rays(gamma, cut, a, near, scale[:, None] * y_ev * y_ev, wanted)
        arriving = points.source[..., None] * survivals(rays, self._medium, self.path_rule.rule)[:, None]
        if self.regeneration:
            share = self.propagation.mediator.neutrino_branching(points.m_zprime_mev)
            source = np.array(np.broadcast_to(points.source, (gamma.size, *points.source.shape[1:])), order="C")
            emitted = cascade.flux_of_sources(self.shells, self._setting.x, gamma)
            flights = cascade.Flights(gamma, scale * temperature**2, cut, share, a, source, *emitted)
            arriving = arriving + cascade.daughters_at_earth(2.0 * near, self._setting, flights, self._finer)
        return np.ascontiguousarray(arriving)
