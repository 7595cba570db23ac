"""What a beam passes on its way and what a transport is given, and what every transport does."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from nuinfer.physics.absorption import depth_strength
from nuinfer.physics.cosmology import Cosmology
from nuinfer.physics.crossings import Coherence, Crossings, degenerate_crossings, split_crossings
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.regeneration import cumulative_rule, decay_spectrum
from nuinfer.physics.shells import Shells
from nuinfer.physics.thermal import unit_rule
from nuinfer.typing import FloatArray, IntArray

PIVOT_GEV = 1e5
"""Energy at which phi_total is the unabsorbed flux."""

LN_PIVOT = math.log(PIVOT_GEV)


class Points(NamedTuple):
    """A batch of points.

    Parameters
    ----------
    spectrum : named tuple
        Columns of the spectrum, see `nuinfer.physics.spectra.Spectrum`.
    m_zprime_mev, g_prime : ndarray, shape (n,)
        Mediator mass in MeV, coupling.
    masses_ev : ndarray, shape (n, target)
        Target masses in eV: three if split, one if degenerate, then a sterile one; without targets nothing absorbs.
    source : ndarray, shape (n or 1, channel, 3)
        Populations of the mass states at the source, any number of channels that are absorbed alike.
    relic_temperature : ndarray, shape (n,)
        Temperature of the relics over that of the cosmology.
    """

    spectrum: Any
    m_zprime_mev: FloatArray
    g_prime: FloatArray
    masses_ev: FloatArray
    source: FloatArray
    relic_temperature: FloatArray

    @property
    def scalars(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mediator mass, coupling and relic temperature, to be broadcast with (n, energy, target)."""
        mass, coupling, temperature = self.m_zprime_mev, self.g_prime, self.relic_temperature
        return mass[:, None, None], coupling[:, None, None], temperature[:, None, None]


class Bins(NamedTuple):
    """Bins of energy and how they are integrated.

    Parameters
    ----------
    ln_edges : ndarray, shape (n_bin + 1,)
        Logarithms of the edges in GeV.
    rule : ndarray, shape (2, order)
        Gauss-Legendre nodes and weights on [0, 1].
    power : float
        Of E/GeV, with which the flux is multiplied.
    """

    ln_edges: FloatArray
    rule: FloatArray
    power: float = 0.0


NO_BINS = Bins(np.zeros(1), np.zeros((2, 1)))


class Path(NamedTuple):
    """What lies between source and Earth, the same for all points.

    Parameters
    ----------
    shells : Shells
        Distribution of the sources.
    crossings : Crossings
        At each target.
    omega_m, omega_lambda, strength : float
        Expansion; depth over (1+z)^3 H0/H at 1 MeV and unit coupling: it grows like (g'/m_Z')^2.
    daughters : ndarray, shape (3,)
        Populations of the mass states among daughters.
    decay : ndarray, shape (2, 3)
        Coefficients of their spectrum by channel.
    neutrinos, charged : float and ndarray of shape (3, 3)
        `Mediator.decays_to_neutrinos`; squared couplings of the charged leptons.
    cumulative, stencil : ndarray, shape (n, 6) and (n,)
        Integral over each interval of a table of absorbed flux, see `cumulative_rule`; n = 0: daughters are left out.
    """

    shells: Shells
    crossings: Crossings
    omega_m: float
    omega_lambda: float
    strength: float
    daughters: FloatArray
    decay: FloatArray
    neutrinos: float
    charged: FloatArray
    cumulative: FloatArray
    stencil: IntArray


@dataclass(frozen=True)
class Propagation:
    """Everything between source and Earth that does not change from point to point of a fit.

    Parameters
    ----------
    mixing, mediator, cosmology
        Mixing matrix, couplings, expansion.
    coherence : {"coherent", "decoherent"}
        Whether phases survive inside a resonance.
    split : bool
        Split masses, one crossing per mass state; else a single crossing of degenerate masses.
    overdensity : float
        Density of the relics over that of their temperature.
    sterile_density : float
        That of the sterile state, if the mediator has one, over that of an active one.
    """

    mixing: Mixing
    mediator: Mediator
    cosmology: Cosmology
    coherence: Coherence
    split: bool
    overdensity: float = 1.0
    sterile_density: float = 1.0

    @property
    def densities(self) -> FloatArray:
        """Density of each target over that of an active state, shape (target,)."""
        sterile = [] if self.mediator.sterile is None else [self.sterile_density]
        return np.array([1.0] * (3 if self.split else 1) + sterile)

    @cached_property
    def daughters(self) -> FloatArray:
        """Populations g_k = sum_j |V_kj|^2/sum |V|^2 of the mass states among daughters, shape (3,).

        They add up to less than one if daughters may be sterile: both sums are over these too.
        """
        squared = np.abs(self.mediator.in_mass_basis(self.mixing)) ** 2
        return np.asarray(squared.sum(axis=-1) / (squared.sum() + squared[:, 3:].sum()))

    @cached_property
    def decay(self) -> FloatArray:
        """Coefficients of the daughters' spectrum by channel, shape (2, 3)."""
        return decay_spectrum(self.mediator)

    @property
    def depth_factor(self) -> float:
        """Depth of a unit entry of R over `optical_depth`: that of a vector, Majorana neutrinos, no overdensity."""
        return self.mediator.depth_over_vector * self.overdensity

    @cached_property
    def crossings(self) -> Crossings:
        """Transfer matrices per target, to which the depth of a target of the density of an active state is given."""
        make = split_crossings if self.split else degenerate_crossings
        found = make(self.mixing, self.mediator, self.coherence)
        return found._replace(rates=found.rates * self.densities[:, None])

    def path(self, shells: Shells, intervals: int = 0) -> Path:
        """What compiled functions take, with intervals per table of absorbed flux, if daughters are made of these."""
        rule = cumulative_rule(intervals) if intervals else (np.zeros((0, 6)), np.zeros(0, np.intp))
        cosmology, mediator = self.cosmology, self.mediator
        strength = self.depth_factor * float(depth_strength(1.0, 1.0, cosmology))
        return Path(
            shells, self.crossings, cosmology.omega_m, cosmology.omega_lambda, strength, self.daughters, self.decay,
            mediator.decays_to_neutrinos, mediator.charged_leptons, *rule,
        )  # fmt: skip


class Transport(Protocol):
    """A way from the sources to Earth."""

    @property
    def shells(self) -> Shells:
        """Distribution of the sources."""

    @property
    def propagation(self) -> Propagation | None:
        """What is passed; None without a mediator."""

    def edges_gev(self, points: Points) -> FloatArray:
        """Energies at which the flux at Earth is not smooth, shape (n, edge)."""

    def depths(self, points: Points, energy_gev: FloatArray) -> FloatArray:
        """Optical depth of a unit entry of R from the farthest source to Earth.

        Parameters
        ----------
        points : Points
            A batch.
        energy_gev : ndarray, shape (n or 1, energy)
            Energies at Earth in GeV.

        Returns
        -------
        ndarray, shape (n, energy, target)
        """

    def populations(self, points: Points, energy_gev: FloatArray) -> FloatArray:
        """Populations of the mass states at Earth over phi_total (E/pivot)^-gamma.

        Parameters
        ----------
        points : Points
            A batch.
        energy_gev : ndarray, shape (n, energy)
            Energies at Earth in GeV.

        Returns
        -------
        ndarray, shape (n, channel, 3, energy)
        """

    def integrals(self, points: Points, bins: Bins) -> FloatArray:
        """Integrals of those populations times (E/pivot)^-gamma, and a power of E/GeV, over bins of energy in GeV.

        Returns
        -------
        ndarray, shape (n, channel, 3, n_bin)
        """


def make_bins(edges_gev: FloatArray, order: int, power: float = 0.0) -> Bins:
    """Bins between edges, with `order` nodes in each and on each side of a jump, of the flux times a power of E/GeV."""
    return Bins(np.log(edges_gev), np.stack(unit_rule(order)), power)
