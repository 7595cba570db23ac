"""The forward model: named values to expected counts, in three calls: points, integrals over true energy, counts."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from nuinfer.compiled import ALONE, compiled
from nuinfer.detector.dataset import DataSet
from nuinfer.detector.flux_points import FluxPoints
from nuinfer.detector.response import Expected, Passing, Response, expected_of, make_response
from nuinfer.detector.segments import Segments, make_segments, mean_fluxes
from nuinfer.errors import PhysicsDomainError
from nuinfer.likelihood import COUNTING, Density, data_log_likelihood, two_piece
from nuinfer.parameters import STERILE_MASS
from nuinfer.physics.absorption import resonance_redshift
from nuinfer.physics.dip import coupling_of_depth
from nuinfer.physics.masses import above_lightest
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.propagation import source_populations
from nuinfer.physics.sources import Source
from nuinfer.physics.spectra import Frame, Spectrum
from nuinfer.physics.spectra._emission import emit, emit_at, make_emission, prepare
from nuinfer.transport.points import LN_PIVOT, Bins, Points, Transport, make_bins
from nuinfer.transport.resonant import Resonant
from nuinfer.typing import ArrayLike, FloatArray, IntArray

AFTER_TRANSPORT = ("phi_total", "energy_scale", "detector_scale", "tilt_conventional")
"""Parameters that change the counts and not what arrives at Earth, with the norms of the backgrounds."""

RELIC_TEMPERATURE = "relic_temperature"
"""A value of points that `heating` gives where it is not known already."""

Heating = Callable[[FloatArray, FloatArray], FloatArray]
HEATING_ROUNDS = 20
"""Of the coupling at which heated relics have a given depth."""


@dataclass(frozen=True)
class ForwardModel:
    """Expected counts of a data set for a source, its absorption and the detector's response.

    Parameters
    ----------
    dataset : DataSet or FluxPoints
        What is measured, and how; the observed data are not used.
    mixing : Mixing
        Mixing matrix.
    composition : Source
        Flavours at the source.
    mass_name : str or None
        Value that sets the target masses, in eV; None: no mediator, nothing is absorbed.
    squared_offsets_ev2 : ndarray, shape (target,)
        What the squares of the masses of active neutrinos lie above the square of that value.
    spectrum : Spectrum
        Of the sources.
    transport : Transport
        How the beam reaches Earth.
    frame : {"source", "earth"}
        Where the spectrum has its scale.
    device : {"cpu", "cuda"}
        Where counts are computed.
    heating : callable, optional
        ``(m_zprime_mev, g_prime) -> temperature`` of the relics over that of the cosmology, of shape (n,); None: 1.
    nodes_per_bin : int
        Gauss-Legendre nodes per bin of true energy, and on each side of a jump.
    sterile : bool
        Whether a sterile state, of the mass `STERILE_MASS`, is a target too.
    """

    dataset: DataSet | FluxPoints
    mixing: Mixing
    composition: Source
    mass_name: str | None
    squared_offsets_ev2: FloatArray
    spectrum: Spectrum
    transport: Transport
    frame: Frame = "source"
    nodes_per_bin: int = 3
    device: str = "cpu"
    heating: Heating | None = None
    sterile: bool = False

    @cached_property
    def _fixed_source(self) -> FloatArray | None:
        """Populations at a source without parameters, (1, channel, 3); nu - nubar is left out where it vanishes."""
        if self.composition.fractions is None:
            return None
        both = source_populations(self.composition.fractions, self.mixing)
        return both[None] if np.any(both[1]) else both[None, :1]

    @cached_property
    def _response(self) -> Response | Segments:
        if isinstance(self.dataset, FluxPoints):
            return make_segments(self.dataset)
        return make_response(self.dataset, self.mixing)

    @cached_property
    def _bins(self) -> Bins:
        if isinstance(self.dataset, FluxPoints):
            return make_bins(make_segments(self.dataset).true_edges_gev, self.nodes_per_bin, power=1.0)
        return make_bins(self.dataset.true_edges_gev, self.nodes_per_bin)

    @property
    def true_range_gev(self) -> tuple[float, float]:
        """Lowest and highest true energy that counts."""
        return math.exp(self._bins.ln_edges[0]), math.exp(self._bins.ln_edges[-1])

    @cached_property
    def density(self) -> Density:
        """Of the data."""
        if isinstance(self.dataset, FluxPoints):
            return two_piece(self.dataset.error_up, self.dataset.error_low)
        return COUNTING

    @property
    def component_names(self) -> tuple[str, ...]:
        """Names of the components of the expected counts."""
        return ("astro", *self.dataset.backgrounds)

    def source(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """Populations at the source at values of shape (n,), shape (n or 1, channel, 3); NaN off the simplex."""
        if self._fixed_source is not None:
            return self._fixed_source
        fractions = self.composition.fractions_at(values)[:, None, :]
        if fractions.shape[-1] == 6:
            neutrinos, antineutrinos = fractions[..., :3], fractions[..., 3:]
            fractions = np.concatenate([neutrinos + antineutrinos, neutrinos - antineutrinos], axis=1)
        return fractions @ self.mixing.probabilities

    def masses_ev(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """Target masses in eV at named values, shape (*batch, target), a sterile one last."""
        if self.mass_name is None:
            return np.zeros((*np.shape(values["gamma"]), 0))
        active = self.active_masses_ev(values)
        if not self.sterile:
            return active
        return np.concatenate([active, np.asarray(values[STERILE_MASS], float)[..., None]], axis=-1)

    def active_masses_ev(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """Masses of active neutrinos in eV at named values, shape (*batch, 3), or (*batch, 1) if degenerate."""
        return above_lightest(np.asarray(values[str(self.mass_name)], float), self.squared_offsets_ev2)

    def points(self, values: Mapping[str, FloatArray]) -> Points:
        """The batch that the transport is given, from named values of shape (n,)."""
        gamma = values["gamma"]
        mediator = (gamma, gamma) if self.mass_name is None else (values["m_zprime_mev"], values["g_prime"])
        temperature = values.get(RELIC_TEMPERATURE)
        if temperature is None:
            temperature = np.ones_like(gamma) if self.heating is None else self.heating(*mediator)
        return Points(
            self.spectrum.columns(values, self.frame),
            *mediator,
            self.masses_ev(values),
            self.source(values),
            temperature,
        )

    def expected(self, values: Mapping[str, FloatArray]) -> Expected:
        """Expected counts by component, and their variance.

        Parameters
        ----------
        values : mapping
            Named values of shape (n,), contiguous: ``gamma``, ``phi_total``, the norms, ``detector_scale``,
            ``energy_scale``, ``tilt_conventional``, those of the spectrum, and with absorption ``m_zprime_mev``,
            ``g_prime`` and the mass.

        Returns
        -------
        Expected
            Batch (n,); astrophysical counts, then the backgrounds in the order of the data set.

        Raises
        ------
        PhysicsDomainError
            If a scale would lift events into the analysis from energies that the response does not hold.
        """
        nothing = np.zeros((1, *self.dataset.observed.shape))
        return self.evaluate(values, nothing, nothing, np.zeros(values["gamma"].size, np.intp))[0]

    def evaluate(
        self, values: Mapping[str, FloatArray], observed: FloatArray, factorials: FloatArray, of: IntArray
    ) -> tuple[Expected, FloatArray]:
        """Expected counts, see `expected`, and log-probabilities, see `data_log_likelihood`."""
        if self.device == "cuda":
            return self._on_card(values, observed, factorials, of)
        arriving, rows = _distinct(values, (*AFTER_TRANSPORT, *self._norms))
        flux = self.transport.integrals(self.points(arriving), self._bins)[rows]
        if isinstance(self._response, Segments):
            expected = mean_fluxes(flux, values["phi_total"], self._response)
        else:
            expected = expected_of(flux, self._passing(values), self._response)
        return expected, data_log_likelihood(observed, factorials, of, expected, self.density)

    @cached_property
    def _norms(self) -> tuple[str, ...]:
        return tuple(f"norm_{name}" for name in self.dataset.backgrounds)

    def _passing(self, values: Mapping[str, FloatArray]) -> Passing:
        """What changes the counts and not what arrives; refuses scales of energies that the response does not hold."""
        dataset = cast("DataSet", self.dataset)
        scale, most = values["energy_scale"], dataset.max_energy_scale
        if scale.max(initial=1.0) > most:
            starts = f"the response of '{dataset.name}' starts at {dataset.below_edges_gev[0]:g} GeV"
            raise PhysicsDomainError(
                f"energy_scale: {scale.max()} is not allowed, {starts}; it must be at most {most:g}"
            )
        norms = np.array([values[name] for name in self._norms])
        tilt = values["tilt_conventional"]
        return Passing(values["phi_total"], scale, values["detector_scale"], tilt, norms)

    @cached_property
    def _card(self) -> Any:
        """The GPU, with what does not change from point to point."""
        from nuinfer.device import Card

        return Card(cast("Resonant", self.transport).path, self._bins, cast("Response", self._response))

    def _on_card(
        self, values: Mapping[str, FloatArray], observed: FloatArray, factorials: FloatArray, of: IntArray
    ) -> tuple[Expected, FloatArray]:
        """`evaluate` by a GPU, in batches that its memory can take."""
        n, shape = of.size, self.dataset.observed.shape
        counts, variance = np.empty((n, len(self.component_names), *shape)), np.empty((n, *shape))
        log_like = np.empty(n)
        one = self.points({name: value[:1] for name, value in values.items()})
        for rows in self._card.batches(n, one):
            some = {name: value[rows] for name, value in values.items()}
            data = observed, factorials, of[rows]
            found, log_like[rows] = self._card.evaluate(self.points(some), self._passing(some), data)
            counts[rows], variance[rows] = found
        return Expected(counts, variance), log_like

    def unabsorbed(self, values: Mapping[str, FloatArray], energy_gev: FloatArray) -> FloatArray:
        """Unabsorbed flux over phi_total (E/pivot)^-gamma at energies (energy,), shape (n, energy)."""
        return _unabsorbed(self.spectrum.columns(values, self.frame), self.transport.shells, np.log(energy_gev))

    def derived(self, values: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """What is derived of named values, see `nuinfer.analysis.Analysis.derived`."""
        if self.mass_name is None:
            return {}
        dip = resonance_redshift(1.0, values["m_zprime_mev"], self.masses_ev(values).max(axis=-1)) + 1.0
        return {name: values[name] for name in ("m_zprime_mev", "g_prime")} | {"log10_e_res_gev": np.log10(dip)}

    def coupling_of_depth(self, depth: ArrayLike, redshift: ArrayLike, m_zprime_mev: ArrayLike) -> FloatArray:
        """Coupling at which a crossing at `redshift` has the optical depth `depth` for a unit entry of R.

        Raises
        ------
        PhysicsDomainError
            Without absorption.
        """
        passed = self.transport.propagation
        if passed is None:
            raise PhysicsDomainError("coupling_of_depth: model.absorption = false, so nothing absorbs")
        mass = np.asarray(m_zprime_mev, float)
        cold = coupling = coupling_of_depth(np.asarray(depth) / passed.depth_factor, redshift, mass, passed.cosmology)
        if self.heating is not None:  # which depends on the coupling, but weakly: every round gains a digit
            for _ in range(HEATING_ROUNDS):
                coupling = cold * self.heating(*np.broadcast_arrays(mass, coupling)) ** -1.5
        return coupling


def _distinct(
    values: Mapping[str, FloatArray], apart: Sequence[str]
) -> tuple[Mapping[str, FloatArray], slice | IntArray]:
    """Points without those equal to the one before but for the values `apart`, and where all are in them."""
    gamma = values["gamma"]
    if gamma.size == 1 or not (gamma[1:] == gamma[:-1]).any():
        return values, slice(None)
    values = {name: value for name, value in values.items() if name not in apart}
    table = np.array(list(values.values()))
    new = np.append(True, np.any(table[:, 1:] != table[:, :-1], axis=0))
    return dict(zip(values, np.ascontiguousarray(table[:, new]), strict=True)), np.cumsum(new) - 1


@compiled
def _unabsorbed(spectrum: Any, shells: Any, ln_e: FloatArray) -> FloatArray:
    n_node, out = ln_e.size, np.empty((spectrum.gamma.size, ln_e.size))
    emission = make_emission(np.empty(n_node + 1), 0, shells.density.size)
    for b in range(out.shape[0]):
        prepare(spectrum, ALONE, b, shells, emission)
        pivot = emit_at(spectrum, ALONE, b, LN_PIVOT, shells, emission)
        emission.ln_e[:n_node] = ln_e
        emit(spectrum, ALONE, b, 0, n_node, shells, emission)
        out[b] = emission.unabsorbed[:n_node] / pivot
    return out
