"""The forward model: a point in parameter space to expected counts."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nuinfer.constants import CM2_PER_M2
from nuinfer.detector.dataset import DataSet
from nuinfer.detector.quadrature import BinQuadrature
from nuinfer.physics.masses import MassSplittings, Ordering, neutrino_masses_ev
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.propagation import Propagation, source_populations
from nuinfer.physics.thermal import FIT
from nuinfer.typing import ArrayLike, FloatArray

PIVOT_GEV = 1e5
"""Energy at which phi_total is the unabsorbed flux."""

PHI_UNIT = 1e-18
"""Unit of phi_total in GeV^-1 cm^-2 s^-1 sr^-1."""

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
    source_fractions : ndarray, shape (6,)
        Composition at the source by species.
    ordering, splittings
        Mass ordering and splittings, used if `degenerate` is false.
    degenerate : bool
        One mass ``m_nu_ev`` instead of three from ``lightest_nu_mass_ev``.
    propagation : Propagation or None
        Absorption between source and Earth; None for the Standard Model.
    accuracy : Accuracy
        Numerical settings.
    """

    dataset: DataSet
    mixing: Mixing
    source_fractions: FloatArray
    ordering: Ordering
    splittings: MassSplittings
    degenerate: bool
    propagation: Propagation | None
    accuracy: Accuracy = Accuracy()

    @cached_property
    def _source(self) -> FloatArray:
        """Populations at the source, shape (channel, 3); nu - nubar is left out where it vanishes."""
        both = source_populations(self.source_fractions, self.mixing)
        return both if np.any(both[1]) else both[:1]

    @cached_property
    def _quadrature(self) -> BinQuadrature:
        return BinQuadrature(self.dataset.true_edges_gev, self.accuracy.nodes_per_bin)

    @cached_property
    def _fold(self) -> FloatArray:
        """Counts per unit of ``integral population dE``, shape (channel * 3 * true bin, topology * bin)."""
        neutrinos, antineutrinos = self.dataset.area_m2[:3], self.dataset.area_m2[3:]
        channels = np.stack([neutrinos + antineutrinos, neutrinos - antineutrinos])[: len(self._source)] / 2.0
        states = np.einsum("ai,caetd->cietd", self.mixing.probabilities, channels)
        exposure = self.dataset.livetime_s * 4.0 * np.pi * CM2_PER_M2 * PHI_UNIT
        return np.asarray(exposure * states.reshape(-1, self.dataset.observed.size))

    @cached_property
    def _kernel(self) -> Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray] | None:
        """Compiled integrals of the populations over true bins; None without absorption or numba."""
        if self.propagation is None or self.propagation.targets != "at_rest" or not self._compiled:
            return None
        from nuinfer.kernel import Kernel

        return Kernel(self.propagation, self._quadrature, self._source, PIVOT_GEV)

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
            and with absorption ``m_zprime_mev``, ``g_prime`` and the mass parameter.

        Returns
        -------
        dict
            ``astro``, ``conventional``, ``prompt``, ``muon``: arrays of shape (*batch, topology, bin).
        """
        parts = {"astro": self._astro(point)}
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

    def _astro(self, point: Mapping[str, FloatArray]) -> FloatArray:
        """Astrophysical counts at nominal detector scale."""
        names = (
            ("gamma", "phi_total") if self.propagation is None else ("gamma", "phi_total", "m_zprime_mev", "g_prime")
        )
        values = [np.asarray(point[name], float) for name in names]
        masses = np.zeros(0) if self.propagation is None else self.masses_ev(point)
        batch = np.broadcast_shapes(masses.shape[:-1], *(v.shape for v in values))
        columns = [np.broadcast_to(v, batch).ravel() for v in values]
        targets = np.broadcast_to(masses, (*batch, masses.shape[-1])).reshape(columns[0].size, masses.shape[-1])
        if self._kernel is not None:
            gamma, phi_total, mass, coupling = columns
            integrals = self._kernel(gamma, mass, coupling, targets)
            return (phi_total[:, None] * (integrals @ self._fold)).reshape(*batch, *self.dataset.observed.shape)
        counts = np.empty((columns[0].size, self.dataset.observed.size))
        for start in range(0, len(counts), self.accuracy.chunk):
            part = slice(start, start + self.accuracy.chunk)
            gamma, phi_total, *mediator = (c[part] for c in columns)
            counts[part] = phi_total[:, None] * self._unit_counts(gamma, targets[part], mediator)
        return counts.reshape(*batch, *self.dataset.observed.shape)

    def _unit_counts(self, gamma: FloatArray, masses: FloatArray, mediator: list[FloatArray]) -> FloatArray:
        """Astrophysical counts for phi_total = 1, shape (batch, topology * bin), for points of shape (batch,)."""
        if self.propagation is None:
            nodes = self._quadrature.place(np.empty((len(gamma), 0)))
            populations = self._source[..., None]
        else:
            mass, coupling = mediator
            nodes = self._quadrature.place(self.propagation.edges_gev(mass, masses))
            if self._thermal_kernel is not None:
                alive = self._thermal_kernel(nodes.energy_gev, mass, coupling, masses, gamma, nodes.weight_gev)
                populations = self._source[:, :, None] * alive[:, None]
            else:
                populations = self.propagation.populations(
                    nodes.energy_gev, mass, coupling, masses, gamma, self._source
                )
        spectrum = nodes.weight_gev * np.exp(-gamma[:, None] * np.log(nodes.energy_gev / PIVOT_GEV))
        integrals = nodes.integrate(populations * spectrum[:, None, None, :])
        return integrals.reshape(len(gamma), -1) @ self._fold


def physical_point(values: Mapping[str, ArrayLike]) -> dict[str, FloatArray]:
    """Named values with the logarithms undone: ``m_zprime_mev`` and ``g_prime`` beside their log10."""
    point = {name: np.asarray(value, float) for name, value in values.items()}
    for name in ("m_zprime_mev", "g_prime"):
        if f"log10_{name}" in point:
            point[name] = np.power(10.0, point[f"log10_{name}"])
    return point
