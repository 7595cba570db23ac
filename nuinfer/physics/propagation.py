"""Propagation from sources spread over redshift to Earth.

At energy E (today) every redshift shell contributes W(z) (1+z)^-gamma/H(z) to the flux, and is absorbed at those
targets whose resonance z_j(E) lies between the shell and Earth. With the targets sorted so that z_1 > z_2 > ... (the
lightest first), F_j the fraction of the unabsorbed flux emitted beyond z_j and M_j the crossing at target j, the
populations of the mass states at Earth are nested,

    N = (1 - F_3) n + M_3 [(F_3 - F_2) n + M_2 [(F_2 - F_1) n + M_1 F_1 n]],

exact for any number of targets. Only F needs a quadrature, in one variable that does not depend on the mediator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal, get_args

import numpy as np

from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.absorption import (
    Coherence,
    Crossings,
    degenerate_crossings,
    optical_depth,
    ordered_targets,
    resonance_redshift,
    split_crossings,
)
from nuinfer.physics.cascade import March, Points, Setting, daughters_at_earth, flux_of_sources
from nuinfer.physics.cascade import march as march_with_numpy
from nuinfer.physics.cascade_grid import FINE_CASCADE, FIT_CASCADE, CascadeRule
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.regeneration import Moments, Pieces, daughter_populations, decay_spectrum
from nuinfer.physics.shells import Shells, make_shells
from nuinfer.physics.spectra import Shape
from nuinfer.physics.thermal import FINE, FIT, PathRule, ThermalPath, depth_scale, edge_energies_gev, survival
from nuinfer.typing import ArrayLike, FloatArray

Targets = Literal["at_rest", "thermal"]

FINE_REGENERATION = 1024
"""Intervals of the absorbed flux in the public functions: relative error below 1e-8."""


@dataclass(frozen=True)
class Propagation:
    """Everything between source and Earth that does not change from point to point of a fit.

    Parameters
    ----------
    mixing, mediator, cosmology
        Mixing matrix, charges, expansion.
    coherence : {"coherent", "decoherent"}
        Whether phases survive inside a resonance.
    split : bool
        Split masses, one crossing per mass state; else a single crossing of degenerate masses.
    shells : Shells
        Distribution of the sources.
    dirac : bool
        Dirac neutrinos at rest, half of whose spin states are inert.
    regeneration_intervals : int
        Intervals per piece of the tables of absorbed flux that daughters come from; 0: daughters are left out.
    targets : {"at_rest", "thermal"}
        Whether relic neutrinos move, see `nuinfer.physics.thermal`.
    path_rule : PathRule
        Quadrature along the path through moving targets.
    cascade_rule : CascadeRule
        Settings of regeneration on moving targets, where `regeneration_intervals` only says whether there is any.

    Raises
    ------
    PhysicsDomainError
        If moving targets are combined with what is defined for targets at rest alone.
    """

    mixing: Mixing
    mediator: Mediator
    cosmology: Cosmology
    coherence: Coherence
    split: bool
    shells: Shells
    dirac: bool = False
    regeneration_intervals: int = 0
    targets: Targets = "at_rest"
    path_rule: PathRule = FIT
    cascade_rule: CascadeRule = FIT_CASCADE

    def __post_init__(self) -> None:
        if self.targets not in get_args(Targets):
            raise PhysicsDomainError(f"targets: '{self.targets}' is not one of 'at_rest', 'thermal'")
        for name, refused in {
            "coherence 'coherent'": self.coherence == "coherent",
            "Dirac neutrinos": self.dirac,
        }.items():
            if refused and self.targets == "thermal":
                raise PhysicsDomainError(f"targets: 'thermal' is not allowed with {name}, only 'at_rest'")

    @cached_property
    def daughters(self) -> FloatArray:
        """Populations of the mass states among the daughters of one Z', shape (3,)."""
        return daughter_populations(self.mixing, self.mediator)

    @cached_property
    def spectrum(self) -> FloatArray:
        """Coefficients of the daughters' spectrum by channel, shape (2, 3)."""
        return decay_spectrum(self.mediator)

    @property
    def depth_factor(self) -> float:
        """Depth of a unit entry of R over `optical_depth`, which is that of a vector and of Majorana neutrinos."""
        return self.mediator.depth_over_vector * (0.5 if self.dirac else 1.0)

    @cached_property
    def crossings(self) -> Crossings:
        """Transfer matrices per target."""
        make = split_crossings if self.split else degenerate_crossings
        return make(self.mixing, self.mediator, self.coherence)

    def edges_gev(self, m_zprime_mev: ArrayLike, masses_ev: ArrayLike) -> FloatArray:
        """Energies at which the flux at Earth is not smooth, or varies fast on moving targets, shape (*batch, edge).

        It jumps at E_j = m_Z'^2/(2 m_j) of each target; at E_j/(1 + z_max) it has a kink, or a jump if every source is
        there. +inf for a massless target.
        """
        targets = np.asarray(masses_ev, float)
        if self.targets == "thermal":
            return edge_energies_gev(m_zprime_mev, targets, self.shells.z_max, self.shells.jump, self.cosmology)
        edge = resonance_redshift(1.0, np.asarray(m_zprime_mev, float)[..., None], targets) + 1.0
        return np.concatenate([edge, edge / (1.0 + self.shells.z_max)], axis=-1)

    def populations(
        self,
        energy_gev: FloatArray,
        m_zprime_mev: FloatArray,
        g_prime: FloatArray,
        masses_ev: FloatArray,
        gamma: FloatArray,
        source: FloatArray,
        shape: Shape | None = None,
    ) -> FloatArray:
        """Populations of the mass states at Earth over the unabsorbed flux of the power law.

        Parameters
        ----------
        energy_gev : ndarray, shape (*batch, energy)
            Energies at Earth in GeV.
        m_zprime_mev, g_prime, gamma : ndarray, shape (*batch,)
            Mediator mass in MeV, coupling, spectral index.
        masses_ev : ndarray, shape (*batch, target)
            Target masses in eV: three if split, one if degenerate.
        source : ndarray, shape (*batch, channel, 3)
            Populations of the mass states at the source, any number of channels that are absorbed alike.
        shape : Shape, optional
            Spectra over their power laws; not with moving targets.

        Returns
        -------
        ndarray, shape (*batch, channel, 3, energy)
        """
        order, targets = ordered_targets(masses_ev)
        if self.targets == "thermal":
            if shape is not None:
                raise PhysicsDomainError("targets: 'thermal' is not allowed with other spectra than a power law")
            point = (energy_gev, m_zprime_mev, g_prime, masses_ev, gamma)
            survivors = np.asarray(source[..., None] * self._survival(*point)[..., None, :, :])
            return survivors + self.secondaries(*point, source) if self.regeneration_intervals else survivors
        resonance = resonance_redshift(1.0, m_zprime_mev[..., None], targets) + 1.0
        beam = _Beam(
            self, self.crossings.ordered(order), resonance, m_zprime_mev, g_prime, gamma, source[..., None],
            shape,
        )  # fmt: skip
        made: list[Moments] = []
        if self.regeneration_intervals:
            for target in range(targets.shape[-1]):
                made.append(beam.absorbed(target, made))
        return beam.arriving(targets.shape[-1], energy_gev, made)

    def thermal_path(
        self, energy_gev: FloatArray, m_zprime_mev: FloatArray, g_prime: FloatArray, masses_ev: FloatArray
    ) -> ThermalPath:
        """The path through moving targets; shapes as in `populations`."""
        point = (energy_gev, m_zprime_mev, g_prime, masses_ev)
        return ThermalPath.of(*point, self.cosmology, self.depth_factor, self.path_rule.floor)

    @cached_property
    def _cascade(self) -> Setting:
        """What cascades on moving targets have in common."""
        return Setting.of(
            self.shells, self.cosmology, self.crossings.rates, self.daughters, self.spectrum, self._cascade_rule
        )

    @property
    def _cascade_rule(self) -> CascadeRule:
        """The rule, with a finer grid where all sources are at its end, and some absorb at once."""
        rule = self.cascade_rule
        return replace(rule, interval=0.5 * rule.interval) if self.shells.jump else rule

    def secondaries(
        self,
        energy_gev: FloatArray,
        m_zprime_mev: FloatArray,
        g_prime: FloatArray,
        masses_ev: FloatArray,
        gamma: FloatArray,
        source: FloatArray,
        march: March = march_with_numpy,
    ) -> FloatArray:
        """Populations at Earth of neutrinos from decays of the Z' on moving targets; as `populations`.

        `march` is `nuinfer.physics.cascade.march` or its compiled equal.
        """
        batch, size = gamma.shape, gamma.size
        mass, coupling, index = (np.ravel(v) for v in (m_zprime_mev, g_prime, gamma))
        targets = np.broadcast_to(masses_ev, (*batch, masses_ev.shape[-1])).reshape(size, -1)
        energy = np.broadcast_to(energy_gev, (*batch, energy_gev.shape[-1])).reshape(size, -1)
        origin = np.broadcast_to(source, (*batch, *source.shape[-2:])).reshape(size, -1, 3)
        path = self.thermal_path(energy[:, :1], mass, coupling, targets)
        strength = self.depth_factor * depth_scale(mass, coupling, self.cosmology) * self.cosmology.t_nu0_ev**2
        density, beyond = flux_of_sources(self.shells, self._cascade.x, index)
        points = Points(
            index, strength, path.cut, self.mediator.neutrino_branching(mass), targets / self.cosmology.t_nu0_ev,
            origin, density, beyond,
        )  # fmt: skip
        arriving = daughters_at_earth(energy, mass, self._cascade, points, self._cascade_rule, march)
        return arriving.reshape(*batch, *arriving.shape[1:])

    def _survival(
        self,
        energy_gev: FloatArray,
        m_zprime_mev: FloatArray,
        g_prime: FloatArray,
        masses_ev: FloatArray,
        gamma: FloatArray,
    ) -> FloatArray:
        """Survival of the mass states on moving targets, shape (*batch, 3, energy), point by point."""
        batch, n_energy = gamma.shape, energy_gev.shape[-1]
        energies = np.broadcast_to(energy_gev, (*batch, n_energy))
        shells, alive = self.shells, np.empty((*batch, 3, n_energy))
        for k in np.ndindex(batch):
            path = self.thermal_path(energies[k], m_zprime_mev[k], g_prime[k], masses_ev[k])
            alive[k] = survival(
                path, self.crossings.rates, partial(shells.beyond, gamma=gamma[k]), shells.jump,
                float(np.log1p(shells.z_max)), self.cosmology, self.path_rule,
            )  # fmt: skip
        return alive


@dataclass(frozen=True)
class _Beam:
    """The neutrinos of a batch of points on their way.

    Parameters
    ----------
    propagation : Propagation
        What they pass.
    crossings : Crossings
        In the order in which they happen.
    resonance_gev : ndarray, shape (*batch, target)
        Resonance energies E_R = m_Z'^2/(2 m_j), in that order.
    m_zprime_mev, g_prime, gamma : ndarray, shape (*batch,)
        Mediator mass in MeV, coupling, spectral index.
    source : ndarray, shape (*batch, channel, 3, 1)
        Populations at the source.
    shape : Shape or None
        Spectra over their power laws.
    """

    propagation: Propagation
    crossings: Crossings
    resonance_gev: FloatArray
    m_zprime_mev: FloatArray
    g_prime: FloatArray
    gamma: FloatArray
    source: FloatArray
    shape: Shape | None

    def arriving(self, target: int, energy_gev: FloatArray, made: Sequence[Moments]) -> FloatArray:
        """Populations in front of `target`, or at Earth if that is the number of targets.

        Parameters
        ----------
        target : int
            How many targets have been crossed.
        energy_gev : ndarray, shape (*batch, energy)
            Energies at Earth.
        made : sequence of Moments
            Daughters made at the targets so far; empty without regeneration.

        Returns
        -------
        ndarray, shape (*batch, channel, 3, energy)
            Over the unabsorbed flux.
        """
        z_max = self.propagation.shells.z_max
        # From the first target to this one; Earth is at z = 0 for every energy.
        scale = self.resonance_gev[..., : target + 1, None] / energy_gev[..., None, :]
        if target == self.resonance_gev.shape[-1]:
            scale = np.concatenate([scale, np.ones_like(energy_gev)[..., None, :]], axis=-2)
        z = scale - 1.0
        shells = self.propagation.shells
        if self.shape is None:
            beyond = shells.beyond(z, self.gamma)
        else:
            beyond = self.shape.beyond(shells, z, energy_gev, self.gamma)
        depth = self._depth(np.clip(z[..., :target, :], 0.0, z_max)) * (z[..., :target, :] >= 0.0)
        x = np.log(np.clip(scale, 1.0, 1.0 + z_max)) if made else scale
        populations = self.source * beyond[..., None, None, 0, :]
        for j in range(target):
            populations = self.crossings.transfer(j, depth[..., j, :], populations)
            populations = populations + self.source * (beyond[..., j + 1, :] - beyond[..., j, :])[..., None, None, :]
            for parent in range(min(j + 1, len(made))):
                r = 1.0 / scale[..., parent, :]
                daughters = made[parent].daughters(
                    r, self.gamma, x[..., j + 1, :], x[..., j, :], self.propagation.spectrum
                )
                populations = populations + self.propagation.daughters[:, None] * daughters[..., None, :]
        return populations

    def absorbed(self, target: int, made: Sequence[Moments]) -> Moments:
        """Daughters made at `target`, from the flux absorbed there and not lost to charged leptons."""
        x_max = np.log1p(self.propagation.shells.z_max)
        ratios = self.resonance_gev[..., : target + 1] / self.resonance_gev[..., target, None]
        if not self.propagation.shells.jump:
            ratios = ratios[..., -1:]  # a kink, which does not matter
        # Where a lighter target leaves the path, at (1 + z_max) E_j/E_lighter, the absorbed flux jumps.
        leaving = np.maximum(x_max - np.log(ratios), 0.0)
        edges = np.concatenate([np.zeros_like(leaving[..., :1]), leaving], axis=-1)
        if self.shape is not None:
            kink = self.resonance_gev[..., target, None] / self.shape.kinks_gev(self.propagation.shells.z_max)[..., -1:]
            edges = np.sort(np.concatenate([edges, np.clip(np.log(kink), 0.0, x_max)], axis=-1), axis=-1)
        pieces = Pieces(edges, self.propagation.regeneration_intervals)
        energy = self.resonance_gev[..., target, None] * np.exp(-pieces.nodes)
        before = self.arriving(target, energy, made)
        depth = self._depth(np.expm1(pieces.nodes)[..., None, :])[..., 0, :]
        after = self.crossings.transfer(target, depth, before)
        to_neutrinos = self.propagation.mediator.neutrino_branching(self.m_zprime_mev)[..., None, None]
        return Moments.of(pieces, to_neutrinos * (before - after).sum(axis=-2), self.gamma)

    def _depth(self, z: FloatArray) -> FloatArray:
        """Optical depth of crossings at redshifts of shape (*batch, target, energy)."""
        mass, coupling = self.m_zprime_mev[..., None, None], self.g_prime[..., None, None]
        return self.propagation.depth_factor * optical_depth(z, mass, coupling, self.propagation.cosmology)


def source_populations(source_species: ArrayLike, mixing: Mixing) -> FloatArray:
    """Mass populations at the source, n_i = sum_b |U_bi|^2 f_b, of nu + nubar and of nu - nubar.

    Parameters
    ----------
    source_species : array_like, shape (*batch, 6)
        Fractions of the species; they are normalised to one.
    mixing : Mixing
        Mixing matrix.

    Returns
    -------
    ndarray, shape (*batch, 2, 3)
        Sum and difference.

    Raises
    ------
    PhysicsDomainError
        If a fraction is negative or all are zero.
    """
    fractions = np.asarray(source_species, float)
    total = fractions.sum(axis=-1, keepdims=True)
    if not (np.all(fractions >= 0.0) and np.all(total > 0.0)):
        raise PhysicsDomainError(f"source_fractions: {fractions.tolist()} must be >= 0 and not all zero")
    neutrinos, antineutrinos = np.split(fractions / total, 2, axis=-1)
    return np.stack([neutrinos + antineutrinos, neutrinos - antineutrinos], axis=-2) @ mixing.probabilities


def species_at_earth(
    energy_gev: ArrayLike,
    m_zprime_mev: ArrayLike,
    g_prime: ArrayLike,
    masses_ev: ArrayLike,
    source_fractions: ArrayLike,
    gamma: ArrayLike,
    evolution: str,
    mixing: Mixing,
    mediator: Mediator,
    cosmology: Cosmology,
    coherence: Coherence,
    z_max: float = 5.0,
    regeneration: bool = False,
    targets: Targets = "at_rest",
) -> FloatArray:
    """Flux of each species at Earth over the unabsorbed flux of all species.

    Parameters
    ----------
    energy_gev : array_like, shape (*batch, energy)
        Energies at Earth in GeV.
    m_zprime_mev, g_prime, gamma : array_like, shape (*batch,)
        Mediator mass in MeV, coupling, spectral index of the power law.
    masses_ev : array_like, shape (*batch, 3) or (*batch, 1)
        Split masses in eV, or the one mass of degenerate neutrinos.
    source_fractions : array_like, shape (*batch, 6)
        Composition at the source by species; normalised to one.
    evolution : str
        Law of `physics.evolution`, or a user's file; ``single`` puts all sources at `z_max`.
    mixing, mediator, cosmology, coherence
        As in `nuinfer.physics.absorption.split_transition`.
    z_max : float
        Redshift of the farthest source.
    regeneration : bool
        Whether neutrinos from the decay of the Z' are followed.
    targets : {"at_rest", "thermal"}
        Whether relic neutrinos move; ``thermal`` is for the decoherent regime.

    Returns
    -------
    ndarray, shape (*batch, energy, 6)

    Raises
    ------
    PhysicsDomainError
        For an unknown evolution or coherence, wrong shapes, negative masses or fractions.
    """
    masses = np.asarray(masses_ev, float)
    if masses.shape[-1:] not in ((1,), (3,)):
        raise PhysicsDomainError(f"masses_ev: shape {masses.shape} must end in 3 (split) or 1 (degenerate)")
    shells, split = make_shells(evolution, cosmology, z_max), masses.shape[-1] == 3
    intervals = FINE_REGENERATION if regeneration else 0
    propagation = Propagation(
        mixing, mediator, cosmology, coherence, split, shells, regeneration_intervals=intervals, targets=targets,
        path_rule=FINE, cascade_rule=FINE_CASCADE,
    )  # fmt: skip
    energy = np.asarray(energy_gev, float)
    source = source_populations(source_fractions, mixing)
    points = [np.asarray(x, float) for x in (m_zprime_mev, g_prime, gamma)]
    batch = np.broadcast_shapes(energy.shape[:-1], masses.shape[:-1], source.shape[:-2], *(p.shape for p in points))
    mass, coupling, index = (np.broadcast_to(p, batch) for p in points)
    energy = np.broadcast_to(energy, (*batch, energy.shape[-1]))
    populations = propagation.populations(
        energy, mass, coupling, np.broadcast_to(masses, (*batch, masses.shape[-1])), index, source
    )
    flavours = np.einsum("ai,...cie->...eca", mixing.probabilities, populations)
    total, difference = flavours[..., 0, :], flavours[..., 1, :]
    return np.concatenate([total + difference, total - difference], axis=-1) / 2.0


def flavour_at_earth(
    energy_gev: ArrayLike,
    m_zprime_mev: ArrayLike,
    g_prime: ArrayLike,
    masses_ev: ArrayLike,
    source_fractions: ArrayLike,
    gamma: ArrayLike,
    evolution: str,
    mixing: Mixing,
    mediator: Mediator,
    cosmology: Cosmology,
    coherence: Coherence,
    z_max: float = 5.0,
    regeneration: bool = False,
    targets: Targets = "at_rest",
) -> FloatArray:
    """Flux of each flavour (nu + nubar, alike at the source) at Earth over the unabsorbed flux of all flavours.

    As `species_at_earth`, with `source_fractions` of shape (*batch, 3).

    Returns
    -------
    ndarray, shape (*batch, energy, 3)

    Examples
    --------
    >>> from nuinfer.physics import cosmology, mediator, mixing
    >>> flavour_at_earth([3e5, 9e5], 8.0, 5e-4, [0.05], [1, 2, 0], 2.5, "sfr", mixing.PAPER, mediator.LMU_LTAU,
    ...                  cosmology.PAPER, "coherent").sum(axis=-1).round(3).tolist()
    [0.799, 1.0]
    """
    half = np.asarray(source_fractions, float) / 2.0
    species = species_at_earth(
        energy_gev, m_zprime_mev, g_prime, masses_ev, np.concatenate([half, half], axis=-1), gamma, evolution,
        mixing, mediator, cosmology, coherence, z_max, regeneration, targets,
    )  # fmt: skip
    return np.asarray(species[..., :3] + species[..., 3:])
