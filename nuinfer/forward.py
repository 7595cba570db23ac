"""The forward model: a point in parameter space to expected counts."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nuinfer.constants import CM2_PER_M2
from nuinfer.detector.dataset import DataSet
from nuinfer.detector.energy_scale import EnergyScale
from nuinfer.detector.quadrature import BinQuadrature
from nuinfer.errors import PhysicsDomainError
from nuinfer.physics.masses import MassSplittings, Ordering, neutrino_masses_ev
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.propagation import Propagation, source_populations
from nuinfer.physics.shells import Shells
from nuinfer.physics.sources import free_fractions
from nuinfer.physics.spectra import Shape, make_shape, shape_values
from nuinfer.physics.thermal import FIT
from nuinfer.typing import ArrayLike, FloatArray

PIVOT_GEV = 1e5
"""Energy at which phi_total is the unabsorbed flux."""

PHI_UNIT = 1e-18
"""Unit of phi_total in GeV^-1 cm^-2 s^-1 sr^-1."""

MEDIATOR = ("m_zprime_mev", "g_prime")
FRACTIONS = ("f_e", "f_mu")
"""Names of the values that absorption, and a free flavour at the source, need."""

NEUTRINO_COMPONENTS = ("astro", "conventional", "prompt")
"""Components that `detector_scale` multiplies; penetrating muons it does not."""


@dataclass(frozen=True)
class Accuracy:
    """Numerical settings of the forward model.

    Parameters
    ----------
    redshift_intervals : int
        Intervals of the redshift table; the error falls with their fourth power.
    regeneration_intervals : int
        Intervals of the tables of absorbed flux, likewise.
    nodes_per_bin : int
        Gauss-Legendre nodes per true-energy bin, and on each side of a jump.
    chunk : int
        Points evaluated together; a matter of speed alone.
    compiled : bool
        Whether the compiled kernel is used where numba is installed; it gives the same numbers as numpy.
    """

    redshift_intervals: int = 128
    regeneration_intervals: int = 40
    nodes_per_bin: int = 3
    chunk: int = 64
    compiled: bool = True


@dataclass(frozen=True)
class ForwardModel:
    """Expected counts of a data set for a source, its absorption and the detector's response.

    Parameters
    ----------
    dataset : DataSet
        Response, backgrounds, livetime.
    mixing : Mixing
        Mixing matrix.
    source_fractions : ndarray, shape (6,), or None
        Composition at the source by species; None: that of ``f_e`` and ``f_mu``, nu and nubar alike.
    ordering, splittings
        Mass ordering and splittings, used if `degenerate` is false.
    degenerate : bool
        One mass ``m_nu_ev`` instead of three from ``lightest_nu_mass_ev``.
    propagation : Propagation or None
        Absorption between source and Earth; None for the Standard Model.
    accuracy : Accuracy
        Numerical settings.
    spectrum : str
        ``power_law``, ``cutoff`` or ``broken_power_law``.
    shells : Shells, optional
        Distribution of the sources, needed by other spectra than a power law.
    """

    dataset: DataSet
    mixing: Mixing
    source_fractions: FloatArray | None
    ordering: Ordering
    splittings: MassSplittings
    degenerate: bool
    propagation: Propagation | None
    accuracy: Accuracy = Accuracy()
    spectrum: str = "power_law"
    shells: Shells | None = None

    @cached_property
    def _fixed_source(self) -> FloatArray | None:
        """Populations at a source without parameters, shape (channel, 3); nu - nubar is left out where it vanishes."""
        if self.source_fractions is None:
            return None
        both = source_populations(self.source_fractions, self.mixing)
        return both if np.any(both[1]) else both[:1]

    @property
    def _n_channel(self) -> int:
        return 1 if self._fixed_source is None else len(self._fixed_source)

    def source(self, point: Mapping[str, FloatArray]) -> FloatArray:
        """Populations at the source at values of shape (n,), shape (n or 1, channel, 3); NaN off the simplex."""
        if self._fixed_source is not None:
            return self._fixed_source[None]
        return free_fractions(point["f_e"], point["f_mu"])[:, None, :] @ self.mixing.probabilities

    @cached_property
    def _quadrature(self) -> BinQuadrature:
        return BinQuadrature(self.dataset.true_edges_gev, self.accuracy.nodes_per_bin)

    @cached_property
    def _fold(self) -> FloatArray:
        """Counts per unit of ``integral population dE``, shape (channel * 3 * true bin, topology * column)."""
        area_m2 = np.concatenate([self.dataset.below_area_m2, self.dataset.area_m2], axis=-1)
        neutrinos, antineutrinos = area_m2[:3], area_m2[3:]
        channels = np.stack([neutrinos + antineutrinos, neutrinos - antineutrinos])[: self._n_channel] / 2.0
        states = np.einsum("ai,caetd->cietd", self.mixing.probabilities, channels)
        exposure = self.dataset.livetime_s * 4.0 * np.pi * CM2_PER_M2 * PHI_UNIT
        return np.asarray(exposure * states.reshape(-1, area_m2[0, 0].size))

    @cached_property
    def _energy_scale(self) -> EnergyScale:
        edges = self.dataset.bin_edges_gev
        return EnergyScale(np.concatenate([self.dataset.below_edges_gev[:-1], edges]), edges)

    @cached_property
    def _kernel(self) -> Callable[[Mapping[str, FloatArray], FloatArray, FloatArray], FloatArray] | None:
        """Compiled integrals of the populations over true bins; None without absorption or numba."""
        if self.propagation is None or self.propagation.targets != "at_rest" or not self._compiled:
            return None
        from nuinfer.kernel import Kernel

        return Kernel(self.propagation, self._quadrature, PIVOT_GEV, self.spectrum)

    @cached_property
    def _thermal_kernel(self) -> Callable[..., FloatArray] | None:
        """Compiled survival on moving targets, likewise."""
        if self.propagation is None or self.propagation.targets != "thermal" or not self._compiled:
            return None
        if self.propagation.path_rule != FIT:
            return None
        from nuinfer.thermal_kernel import ThermalKernel

        return ThermalKernel(self.propagation)

    @property
    def _compiled(self) -> bool:
        return self.accuracy.compiled and importlib.util.find_spec("numba") is not None

    def masses_ev(self, point: Mapping[str, FloatArray]) -> FloatArray:
        """Target masses in eV at `point`, shape (*batch, 3), or (*batch, 1) if degenerate."""
        if self.degenerate:
            return np.asarray(point["m_nu_ev"])[..., None]
        split = self.splittings
        return neutrino_masses_ev(
            point["lightest_nu_mass_ev"], self.ordering, split.delta_m2_21_ev2, split.delta_m2_3l_ev2
        )

    def components(self, point: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Expected counts by component.

        Parameters
        ----------
        point : mapping
            Named values, each broadcasting to (*batch,): ``gamma``, ``phi_total``, the norms, ``detector_scale``,
            ``energy_scale``, and with absorption ``m_zprime_mev``, ``g_prime`` and the mass parameter.

        Returns
        -------
        dict
            ``astro``, ``conventional``, ``prompt``, ``muon``: arrays of shape (*batch, topology, bin).

        Raises
        ------
        PhysicsDomainError
            If a scale would lift events into the analysis from energies that the response does not hold.
        """
        parts = {"astro": self._scaled(self._astro(point), np.asarray(point["energy_scale"]))}
        for name, template in self.dataset.backgrounds.items():
            parts[name] = np.asarray(point[f"norm_{name}"])[..., None, None] * template
        scale = np.asarray(point["detector_scale"])[..., None, None]
        return {name: part * scale if name in NEUTRINO_COMPONENTS else part for name, part in parts.items()}

    def expected_counts(self, point: Mapping[str, FloatArray]) -> FloatArray:
        """Total expected counts at `point`, shape (*batch, topology, bin)."""
        first, *others = self.components(point).values()
        total = first
        for part in others:
            total = total + part
        return total

    def _scaled(self, counts: FloatArray, scale: FloatArray) -> FloatArray:
        """Counts per bin at an energy scale, from those per column at scale 1."""
        data = self.dataset
        if np.all(scale == 1.0):
            return counts[..., len(data.below_edges_gev) - 1 :]
        if np.any(scale > data.max_energy_scale):
            least, most = data.below_edges_gev[0], data.max_energy_scale
            raise PhysicsDomainError(
                f"energy_scale: {np.max(scale)} is not allowed, the response of '{data.name}' starts at {least:g} GeV; "
                f"it must be at most {most:g}"
            )
        return self._energy_scale.counts(counts, scale[..., None])

    def _astro(self, point: Mapping[str, FloatArray]) -> FloatArray:
        """Astrophysical counts per column at nominal scales, shape (*batch, topology, column)."""
        names = ("gamma", "phi_total", *(() if self.propagation is None else MEDIATOR))
        names += (FRACTIONS if self.source_fractions is None else ()) + shape_values(self.spectrum)
        values = [np.asarray(point[name], float) for name in names]
        masses = np.zeros(0) if self.propagation is None else self.masses_ev(point)
        batch = np.broadcast_shapes(masses.shape[:-1], *(v.shape for v in values))
        columns = {name: np.broadcast_to(v, batch).ravel() for name, v in zip(names, values, strict=True)}
        size, shape = math.prod(batch), (*batch, len(self.dataset.topologies), -1)
        targets = np.broadcast_to(masses, (*batch, masses.shape[-1])).reshape(size, masses.shape[-1])
        source, phi_total = self.source(columns), columns.pop("phi_total")[:, None]
        if self._kernel is not None:
            integrals = self._kernel(columns, targets, source)
            spectral = make_shape(self.spectrum, columns)
            if spectral is not None:
                phi_total = phi_total / self._pivot_flux(spectral, columns["gamma"])
            return (phi_total * (integrals @ self._fold)).reshape(shape)
        counts = np.empty((size, self._fold.shape[1]))
        for start in range(0, size, self.accuracy.chunk):
            part = slice(start, start + self.accuracy.chunk)
            here = {name: column[part] for name, column in columns.items()}
            origin = source if len(source) == 1 else source[part]
            counts[part] = phi_total[part] * self._unit_counts(here, targets[part], origin)
        return counts.reshape(shape)

    def _unit_counts(self, columns: Mapping[str, FloatArray], masses: FloatArray, source: FloatArray) -> FloatArray:
        """Astrophysical counts for phi_total = 1, shape (batch, topology * column), for points of shape (batch,)."""
        gamma, shape = columns["gamma"], make_shape(self.spectrum, columns)
        kinks = np.empty((len(gamma), 0)) if shape is None else shape.kinks_gev(self._shells.z_max)
        if self.propagation is None:
            nodes = self._quadrature.place(kinks)
        else:
            edges = self.propagation.edges_gev(columns["m_zprime_mev"], masses)
            nodes = self._quadrature.place(np.concatenate([edges, kinks], axis=-1))
        if self._thermal_kernel is not None:
            mass, coupling = (columns[name] for name in MEDIATOR)
            alive = self._thermal_kernel(nodes.energy_gev, mass, coupling, masses, gamma, nodes.weight_gev)
            populations = source[..., None] * alive[:, None]
            if self.propagation is not None and self.propagation.regeneration_intervals:
                from nuinfer.cascade_kernel import march

                point = (nodes.energy_gev, mass, coupling, masses, gamma, source, march)
                populations = populations + self.propagation.secondaries(*point)
        else:
            populations = self.populations(columns, nodes.energy_gev, masses, source)
        spectrum = nodes.weight_gev * np.exp(-gamma[:, None] * np.log(nodes.energy_gev / PIVOT_GEV))
        integrals = nodes.integrate(populations * spectrum[:, None, None, :])
        return integrals.reshape(len(gamma), -1) @ self._fold

    def populations(
        self, point: Mapping[str, FloatArray], energy_gev: FloatArray, masses_ev: FloatArray, source: FloatArray
    ) -> FloatArray:
        """Populations of the mass states at Earth over phi_total (E/100 TeV)^-gamma.

        Parameters
        ----------
        point : mapping
            Named values of shape (*batch,).
        energy_gev : ndarray, shape (*batch, energy)
            Energies at Earth.
        masses_ev : ndarray, shape (*batch, target)
            Target masses, see `masses_ev`.
        source : ndarray, shape (*batch, channel, 3)
            Populations at the source, see `source`.

        Returns
        -------
        ndarray, shape (*batch, channel, 3, energy), last axis 1 where it does not depend on energy
        """
        gamma, shape = point["gamma"], make_shape(self.spectrum, point)
        if self.propagation is None:
            return np.asarray(source[..., None] * self.unabsorbed(point, energy_gev)[..., None, None, :])
        mass, coupling = (point[name] for name in MEDIATOR)
        arriving = self.propagation.populations(energy_gev, mass, coupling, masses_ev, gamma, source, shape)
        return arriving if shape is None else arriving / self._pivot_flux(shape, gamma)[..., None, None]

    def unabsorbed(self, point: Mapping[str, FloatArray], energy_gev: FloatArray) -> FloatArray:
        """Unabsorbed flux over phi_total (E/100 TeV)^-gamma, shape (*batch, energy); arguments as in `populations`."""
        gamma, shape = point["gamma"], make_shape(self.spectrum, point)
        if shape is None:
            return np.ones((*gamma.shape, 1))
        here = np.zeros_like(energy_gev)[..., None, :]
        flux = shape.beyond(self._shells, here, energy_gev, gamma)[..., 0, :]
        return np.asarray(flux / self._pivot_flux(shape, gamma))

    def _pivot_flux(self, shape: Shape, gamma: FloatArray) -> FloatArray:
        """Unabsorbed flux at 100 TeV over that of the power law, shape (*batch, 1)."""
        zero = np.zeros((*gamma.shape, 1, 1))
        return shape.beyond(self._shells, zero, zero[..., 0, :] + PIVOT_GEV, gamma)[..., 0, :]

    @property
    def _shells(self) -> Shells:
        if self.shells is None:
            raise PhysicsDomainError(f"spectrum: '{self.spectrum}' needs the distribution of the sources")
        return self.shells


def physical_point(values: Mapping[str, ArrayLike]) -> dict[str, FloatArray]:
    """Named values with the logarithms undone: ``m_zprime_mev`` beside ``log10_m_zprime_mev``, and so on."""
    point = {name: np.asarray(value, float) for name, value in values.items()}
    logarithms = [name for name in point if name.startswith("log10_")]
    return point | {name.removeprefix("log10_"): np.power(10.0, point[name]) for name in logarithms}
