"""Targets at rest, all channels, any width of the mediator: a march over energies and redshifts, decoherent.

Populations of the mass states are carried from the sources to Earth on a lattice (`nuinfer.transport.march_grid`), with
absorption by every channel of `nuinfer.physics.cross_sections` and, where regeneration is on, with what it makes
(`nuinfer.transport.march_loop`). What arrives at an energy is then found along its own line of sight
(`nuinfer.transport.march_sight`), so that edges of narrow resonances stay where they are.

The mean of beams of neutrinos and antineutrinos is what is followed. Of the difference nu - nubar, where the source has
one, daughters of resonances are followed and those of exchange in t and u are left out: they have either helicity, so
that what they carry of a difference is less than they carry of the sum, and only the resonance of nubar_e on electrons
at 6.3 PeV tells one from the other.
"""

import functools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nuinfer.compiled import ALONE, compiled
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics import absorption
from nuinfer.physics.cross_sections import NARROWEST, Channels, Selection, channels_of
from nuinfer.physics.mediator import neutrino_share
from nuinfer.physics.shells import Shells
from nuinfer.physics.spectra._emission import emit_at, make_emission, prepare, shape_at
from nuinfer.transport.march_depth import depths_of_states
from nuinfer.transport.march_grid import Lattice, Smooth, make_lattice, make_smooth, per_target
from nuinfer.transport.march_loop import march
from nuinfer.transport.march_sight import arrive
from nuinfer.transport.march_state import Beams, Room
from nuinfer.transport.march_step import GAUSS, Case, Medium, density
from nuinfer.transport.nodes import collect, make_nodes, place, weigh
from nuinfer.transport.points import LN_PIVOT, NO_BINS, Bins, Points, Propagation, make_bins
from nuinfer.typing import FloatArray

FIT_STEPS = (0.032,)
"""Largest step in ln(1+z) and ln E of a fit; of one march, because extrapolation makes what is rough rougher."""

FINE_STEPS = (0.028, 0.02)
"""Those of the two marches of the public functions."""

NEAREST = 0.05
"""x_max of the farthest source must be at least this."""

NARROW = 1e-4
"""Depths of wings outside half a step below which steps are not cut at a resonance."""

EDGES = np.array([-0.12, -0.04, 0.0, 0.04, 0.12])
"""ln E around a resonance between which the flux at Earth is integrated in pieces."""

NODES_PER_BIN = 2
"""Gauss-Legendre nodes in each."""

SINGLE = 0.25
"""How much shorter steps are where all sources are at one redshift, and resonances see it as a step."""

MOST = 2.0
"""Largest ratio of two marches that is extrapolated; it is more where next to nothing arrives."""

PLACE = 0.3
"""Place of the deepest resonance between two lines of energy: always the same, so that counts move smoothly with it."""

TINY = 1e-300


@compiled
def _light(spectrum: Any, b: int, x_max: float, ln_e: FloatArray, out: FloatArray) -> None:
    """Fill out (energy, step + 1) with S, its mean over each step in x and at x_max, of what is at Earth at ln E."""
    n_step = out.shape[1] - 1
    h = x_max / n_step
    for row in range(ln_e.size):
        for n in range(n_step):
            one = shape_at(spectrum, b, ln_e[row], (n + 0.5 - GAUSS) * h)
            out[row, n] = 0.5 * (one + shape_at(spectrum, b, ln_e[row], (n + 0.5 + GAUSS) * h))
        out[row, n_step] = shape_at(spectrum, b, ln_e[row], x_max)


@compiled
def _follow(
    points: Points, fixed: tuple[Medium, Smooth, Lattice], bins: Bins, ln_e: FloatArray, out: FloatArray,
    first: int, end: int,
) -> None:  # fmt: skip
    """Populations at ln E (n, energy) into (n, channel, 3, energy); without energies, integrals over the bins."""
    medium, smooth, (lowest_top, h, n_step, n_line) = fixed
    path, shells = medium.path, medium.path.shells
    n_target, n_channel, n_pairs = points.masses_ev.shape[1], points.source.shape[1], smooth.weights.shape[:2]
    rates, kinks, deepest, highest = path.crossings.rates, points.spectrum.ln_kinks, 0, 0.0
    n_break, n_node = 2 * (n_target * EDGES.size + kinks.shape[0]), ln_e.shape[1]
    if n_node == 0:
        n_node = bins.rule.shape[1] * (bins.ln_edges.size - 1 + n_break)
    beams = Beams(
        np.empty((n_channel, 3, n_line, n_step)), np.empty((n_target, n_channel, n_step)), np.empty((3, n_line)),
        np.empty((3, n_target, n_line)),
    )  # fmt: skip
    room = Room(
        np.empty((*n_pairs, n_line, n_line)), np.empty((n_pairs[0], n_line, n_step)), np.empty((n_target, n_line)),
        np.empty((n_target, n_line)), np.empty((2, 3, n_line)), np.empty(n_line, np.bool_),
    )  # fmt: skip
    emission, nodes = make_emission(np.empty(1), 0, shells.density.size), make_nodes(n_node)
    ln_res, breaks, arriving = np.empty(n_target), np.empty(n_break), np.empty((n_channel, 3, n_node))
    x_max, ln_lines, light = shells.x_max, np.empty(n_line + n_step + 1), np.empty((n_line + n_step + 1, n_step + 1))
    seen = np.empty((n_node, n_step + 1))
    for j in range(n_target):
        if rates[j, 0] + rates[j, 1] + rates[j, 2] > rates[deepest, 0] + rates[deepest, 1] + rates[deepest, 2]:
            deepest = j
        highest = max(highest, rates[j, 0], rates[j, 1], rates[j, 2])
    most = highest * density(x_max, medium) * 2.0 / (math.pi * h)
    for b in range(first, end):
        mass, coupling = points.m_zprime_mev[b], points.g_prime[b]
        for j in range(n_target):
            ln_res[j] = math.log(absorption.resonance_energy_gev(mass, points.masses_ev[b, j]))
        depth = path.strength * (coupling / mass) ** 2 * points.relic_temperature[b] ** 3
        share = neutrino_share(mass, path.neutrinos, path.charged)
        width = max(medium.width * coupling * coupling / share, NARROWEST)
        prepare(points.spectrum, ALONE, b, shells, emission)
        whole = emit_at(points.spectrum, ALONE, b, LN_PIVOT, shells, emission)
        case = Case(
            points.spectrum.gamma[b], emission.beyond[0], emission.slope[0],
            points.source[min(b, points.source.shape[0] - 1)], ln_res, depth, medium.exchange * coupling * coupling,
            width, share, mass, bool(depth * width * most > NARROW),
        )  # fmt: skip
        lines = (ln_res[deepest] - lowest_top) / h + PLACE
        spare = lines - math.floor(lines)
        lattice = Lattice(lowest_top + h * spare, h, n_step, n_line)
        for q in range(ln_lines.size):
            ln_lines[q] = lattice.ln_top - h * q
        _light(points.spectrum, b, x_max, ln_lines, light)
        for q in range(n_step + 2):  # sources end at the highest energy at Earth, wherever lines lie
            for n in range(n_step + 1):
                light[q, n] *= min(max(q + 0.5 - n_step - spare, 0.0), 1.0)
        if ln_e.shape[1] > 0:
            at, placed = ln_e[b], n_node
        else:
            n_edge = n_target * EDGES.size
            for j in range(n_target):
                for m in range(EDGES.size):  # where the nearest and the farthest sources cross
                    edge, own = ln_res[j] + EDGES[m], j * EDGES.size + m
                    breaks[own], breaks[n_edge + own] = edge, edge - x_max
            for m in range(kinks.shape[0]):
                breaks[2 * (n_edge + m)], breaks[2 * (n_edge + m) + 1] = kinks[m, b], kinks[m, b] - x_max
            at, placed = nodes.ln_e, place(bins, breaks, nodes)
        _light(points.spectrum, b, x_max, at[:placed], seen)
        march(case, medium, smooth, lattice, light, room, beams)
        arrive(case, medium, lattice, beams, at, placed, seen, arriving)
        if ln_e.shape[1] > 0:
            for c in range(n_channel):
                for i in range(3):
                    for n in range(placed):
                        out[b, c, i, n] = arriving[c, i, n] / whole
        else:
            weigh(ALONE, placed, points.spectrum.gamma[b], nodes)
            collect(ALONE, placed, 1.0 / whole, nodes, arriving, out[b])


def make_medium(shells: Shells, passed: Propagation, regenerate: bool) -> Medium:
    """What lies between source and Earth, as compiled functions take it."""
    exchange = 1.0 / (32.0 * math.pi**2 * passed.mediator.depth_over_vector)  # a vector's resonance has 2 pi g^2/M^2
    return Medium(passed.path(shells), exchange, float(passed.mediator.width_over_mass(1.0)), regenerate)


@dataclass(frozen=True)
class March:
    """All channels on targets at rest, in the decoherent regime.

    Parameters
    ----------
    shells : Shells
        Distribution of the sources.
    propagation : Propagation
        What they pass.
    regeneration : bool
        Whether daughters are followed.
    channels : {"all", "s", "tu"}
        Which channels absorb, as in `nuinfer.physics.cross_sections`; the resonance always does.
    steps : tuple of float
        Largest step in ln(1+z) and ln E of a march, or of two, from which errors of second order are extrapolated.
    threads : int
        Threads that share a batch.

    Raises
    ------
    PhysicsDomainError
        For the coherent regime, a vector and Dirac neutrinos, a sterile state, or sources that are too near.
    """

    shells: Shells
    propagation: Propagation
    regeneration: bool
    channels: Selection = "all"
    steps: tuple[float, ...] = FIT_STEPS
    threads: int = 1

    def __post_init__(self) -> None:
        if self.propagation.coherence == "coherent":
            raise PhysicsDomainError("channels: 'all' is not allowed with coherence 'coherent', only 'resonance'")
        if self.propagation.mediator.neutrino == "dirac" and self.propagation.mediator.spin:
            raise PhysicsDomainError("channels: 'all' is not allowed for a vector and Dirac neutrinos")
        if self.propagation.mediator.sterile is not None:
            raise PhysicsDomainError("channels: 'all' is not allowed with a sterile state, only 'resonance'")
        if self.shells.x_max < NEAREST:
            least = f"with channels 'all' it must be at least {math.expm1(NEAREST):.3f}"
            name = "source_redshift" if self.shells.single else "z_max"
            raise PhysicsDomainError(f"{name}: {self.shells.z_max} is not allowed, {least}")

    @cached_property
    def _medium(self) -> Medium:
        return make_medium(self.shells, self.propagation, self.regeneration)

    @cached_property
    def _tensors(self) -> Channels:
        passed = self.propagation
        return per_target(channels_of(passed.mixing, passed.mediator, self.channels), passed.split)

    @cached_property
    def _known(self) -> dict[Lattice, tuple[tuple[int, int], Smooth]]:
        """Tables that have been made, and their rows."""
        return {}

    def _smooth(self, points: Points, lattice: Lattice) -> Smooth:
        """Tables for all masses of a batch; they grow as these need."""
        ln_res = np.log(self.edges_gev(points))
        low, high = lattice.ln_top - lattice.step * lattice.n_line - ln_res.max(), lattice.ln_top - ln_res.min()
        rows = math.floor(low / lattice.step) - 3, math.ceil(high / lattice.step) + 4
        found = self._known.get(lattice)
        if found is None or rows[0] < found[0][0] or rows[1] > found[0][1]:
            if found is not None:
                rows = min(rows[0], found[0][0]), max(rows[1], found[0][1])
            found = rows, make_smooth(self._tensors, self.propagation.mediator.spin, lattice, rows)
            self._known[lattice] = found
        return found[1]

    def edges_gev(self, points: Points) -> FloatArray:
        """See `nuinfer.transport.points.Transport`: E_j = M^2/(2 m_j)."""
        return absorption.resonance_redshift(1.0, points.m_zprime_mev[:, None], points.masses_ev) + 1.0

    def integrals(self, points: Points, bins: Bins) -> FloatArray:
        """See `nuinfer.transport.points.Transport`."""
        own = make_bins(np.exp(bins.ln_edges), NODES_PER_BIN, bins.power)
        shape = points.source.shape[1], 3, bins.ln_edges.size - 1
        return self._run(points, bins.ln_edges, own, np.empty((points.spectrum.gamma.size, 0)), shape)

    def populations(self, points: Points, energy_gev: FloatArray) -> FloatArray:
        """See `nuinfer.transport.points.Transport`."""
        ln_e = np.log(energy_gev)
        return self._run(points, ln_e, NO_BINS, ln_e, (points.source.shape[1], 3, ln_e.shape[1]))

    def depths(self, points: Points, energy_gev: FloatArray) -> FloatArray:
        """See `nuinfer.transport.points.Transport`.

        All channels, averaged over the states of the beam with the weights R_j,ii, which is the depth of a unit entry.
        """
        energy = np.ascontiguousarray(np.broadcast_to(energy_gev, (points.m_zprime_mev.size, energy_gev.shape[1])))
        spin, totals = self.propagation.mediator.spin, self._tensors.totals
        found = depths_of_states(points, self._medium, spin, totals, energy)
        return np.asarray(found.sum(axis=-2) / np.maximum(self._medium.path.crossings.rates.sum(axis=-1), NARROWEST))

    def _run(
        self, points: Points, reached: FloatArray, bins: Bins, ln_e: FloatArray, shape: tuple[int, ...]
    ) -> FloatArray:
        """What `_follow` fills, by as many threads as there are, for steps of no length."""
        found, scale = list[FloatArray](), SINGLE if self.shells.single else 1.0
        ends_of_flux = self.shells.x_max, float(reached.min()), float(reached.max())
        lattices = [make_lattice(*ends_of_flux, scale * step) for step in self.steps]
        for lattice in lattices:
            out = np.empty((points.spectrum.gamma.size, *shape))
            fixed = self._medium, self._smooth(points, lattice), lattice
            follow = functools.partial(_follow, points, fixed, bins, ln_e, out)
            ends = np.linspace(0, len(out), self.threads + 1).astype(int)
            if self.threads == 1:
                follow(*ends)
            else:
                with ThreadPoolExecutor(self.threads) as executor:
                    list(executor.map(follow, ends[:-1], ends[1:]))
            found.append(out)
        if len(found) == 1:
            return found[0]
        coarse, fine = found
        return _extrapolated(coarse, fine, lattices[1].n_step / lattices[0].n_step)


def _extrapolated(coarse: FloatArray, fine: FloatArray, finer: float) -> FloatArray:
    """For no step at all, from two (n, channel, ...) whose errors fall with its square; the flux stays positive."""
    power = 1.0 / (finer * finer - 1.0)
    out = fine + power * (fine - coarse)
    ratio = np.clip(fine[:, 0] / np.maximum(coarse[:, 0], TINY), 1.0 / MOST, MOST)
    out[:, 0] = fine[:, 0] * ratio**power
    return out
