"""A configuration becomes parameters, a model and constraints: the only place that puts them together."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from nuinfer import provenance
from nuinfer.config import Config, DataConfig, ModelConfig, mediator_of, n_eff, not_heated_because, own_definitions
from nuinfer.constraints import CONSTRAINTS, user
from nuinfer.constraints.base import Constraint, log_terms, numbers_of
from nuinfer.constraints.definition import Oscillation, Prediction, lmu_ltau_strength
from nuinfer.detector.dataset import DataSet, analysed, load_dataset, project
from nuinfer.detector.flux_points import FluxPoints
from nuinfer.detector.response import Expected
from nuinfer.errors import ConfigError, NonFiniteLogProbError, PhysicsDomainError
from nuinfer.forward import RELIC_TEMPERATURE, ForwardModel, Heating
from nuinfer.parameters import DETECTOR, MASSES, PARAMETERS, ParameterSpace, physical_point
from nuinfer.physics.cosmology import COSMOLOGIES
from nuinfer.physics.evolution import LAWS, Law
from nuinfer.physics.masses import squared_offsets_ev2
from nuinfer.physics.mediator import Mediator, written
from nuinfer.physics.mixing import MIXINGS, Mixing
from nuinfer.physics.shells import Shells, make_shells
from nuinfer.physics.sources import SOURCES
from nuinfer.physics.spectra import SPECTRA, Frame, Spectrum
from nuinfer.transport.march import March
from nuinfer.transport.moving import Moving
from nuinfer.transport.points import Propagation, Transport
from nuinfer.transport.resonant import Resonant
from nuinfer.tried import check_arguments, check_functions, check_law
from nuinfer.typing import ArrayLike, BoolArray, FloatArray

MIN_MASS_AT_REST_EV = 0.003
"""Lightest mass of a fit with relic neutrinos at rest; lighter ones still move at more than a tenth of light speed."""

REDSHIFT_INTERVALS = 128
"""Intervals of the redshift table of a fit; the error falls with their fourth power."""

TOGETHER = {
    ("targets", "thermal"): {
        "coherence": "decoherent", "neutrino": "majorana", "spectrum": "power_law", "channels": "resonance",
    },
    ("channels", "all"): {"coherence": "decoherent", "neutrino": "majorana"},  # a scalar's neutrinos may be either
}  # fmt: skip
"""What keys have to be where another has a value."""

UNSMEARED = 1.5
"""So much finer are the tables of what is absorbed of a spectrum whose scale the shells do not smear."""

SUM_NU_MASSES_EV = "sum_nu_masses_ev"
"""A value of every point that is made of the masses, for constraints."""

N_EFF = "neff"
"""The constraint whose observable heats the relics."""

Values = dict[str, FloatArray]
"""Named values of points, each of shape (n,)."""


class Parts(NamedTuple):
    """Parameters, the model of the counts, the constraints that are on, and checksums and references of it all."""

    space: ParameterSpace
    model: ForwardModel
    constraints: tuple[Constraint, ...]
    checksums: dict[str, str]
    cited: tuple[str, ...]

    @property
    def simpler(self) -> Parts:
        """The same with the resonance alone, targets at rest, on a CPU, which takes no time."""
        model, way = self.model, self.model.transport
        if isinstance(way, Resonant) and model.device == "cpu":
            return self
        way = way if isinstance(way, Resonant) else Resonant(way.shells, way.propagation)
        return self._replace(model=replace(model, transport=way, device="cpu"))

    def unpack(self, theta: ArrayLike) -> tuple[FloatArray, Values, FloatArray, BoolArray]:
        """Theta as (n, n_dim), named values, log prior, and whether all values of a point are finite."""
        x = self.space.check(theta).reshape(-1, self.space.n_dim)
        columns, log_prior, finite = self.space.unpack(x)
        return x, self.space.named(columns), log_prior, finite

    def expected(self, values: Values, finite: BoolArray) -> Expected:
        """Expected counts by component, NaN where a value is not finite: the model never sees such a point."""
        with np.errstate(all="ignore"):
            if finite.all():
                return self.model.expected(values)
            found = self.model.expected({name: np.where(finite, value, 1.0) for name, value in values.items()})
        found.components[~finite] = np.nan
        return found

    def observable(self, constraint: Constraint, values: Values) -> FloatArray:
        """What a constraint predicts; its Standard Model value if it needs the mediator and there is none."""
        if self.model.mass_name is None and not values.keys() >= set(constraint.arguments):
            return np.asarray(constraint.standard_model)
        if SUM_NU_MASSES_EV in constraint.arguments:  # one mass stands for three if they are degenerate
            values = {**values, SUM_NU_MASSES_EV: 3.0 * self.model.active_masses_ev(values).mean(axis=-1)}
        return constraint.predict(*(values[name] for name in constraint.arguments))

    def observables(self, constraints: Sequence[Constraint], values: Values) -> FloatArray:
        """What constraints predict, shape (constraint, n); `values` gets the temperature of relics that N_eff sets."""
        found = np.empty((len(constraints), len(values["gamma"])))
        for row, constraint in zip(found, constraints, strict=True):
            row[:] = self.observable(constraint, values)
            if constraint.name == N_EFF and self.model.heating is not None:
                values[RELIC_TEMPERATURE] = _temperature(row / constraint.standard_model)
        return found

    def expected_at(self, at: dict[str, float]) -> Expected:
        """Expected counts and their variance at values of all parameters; refuses such that are not finite."""
        with np.errstate(all="ignore"):
            components, variance = self.model.expected(physical_point(at))
        for name, part in zip(self.model.component_names, components[0], strict=True):
            if not np.all(np.isfinite(part)):
                raise PhysicsDomainError(f"the expected '{name}' counts are not finite at {at}")
        return Expected(components[0], variance[0])

    def terms(self, constraints: Sequence[Constraint], measured: FloatArray, values: Values) -> FloatArray:
        """Terms of constraints, shape (constraint, n), with the first set of what they measured."""
        with np.errstate(all="ignore"):
            found = self.observables(constraints, values)
            return log_terms(found, numbers_of(constraints), measured, np.zeros(found.shape[1], np.intp))

    def refuse_nonfinite(self, theta: FloatArray, terms: dict[str, FloatArray]) -> None:
        """Refuse terms (n,) at points (n, n_dim) that are NaN or +inf.

        Raises
        ------
        NonFiniteLogProbError
            Naming the first such term, and the point.
        """
        for name, term in terms.items():
            bad = ~(term < np.inf)
            if bad.any():
                raise NonFiniteLogProbError(name, dict(zip(self.space.names, theta[bad][0].tolist(), strict=True)))


def build(config: Config) -> Parts:
    """The parts that a configuration describes.

    Raises
    ------
    ConfigError, DataIntegrityError
        One line naming the key or file, the value and what is allowed.
    """
    model = config.model
    dataset = _dataset(config)
    mixing, splittings = MIXINGS[model.mixing].value[model.ordering]
    d21, d3l = model.delta_m2_21_ev2 or splittings.delta_m2_21_ev2, model.delta_m2_3l_ev2 or splittings.delta_m2_3l_ev2
    offsets = squared_offsets_ev2(model.ordering, d21, d3l)
    spectrum = SPECTRA.find(model.spectrum, "model.spectrum")
    frame = _frame(model, spectrum)
    space = _parameter_space(config, dataset)
    law = LAWS.find(model.evolution, "model.evolution")
    forward = ForwardModel(
        dataset=dataset,
        mixing=mixing,
        composition=SOURCES.find(model.source, "model.source"),
        mass_name=_mass_name(model) if model.absorption else None,
        squared_offsets_ev2=offsets if model.masses == "split" else np.zeros(1),
        spectrum=spectrum,
        transport=_transport(model, mixing, law, UNSMEARED if frame == "earth" and spectrum.has_scale else 1.0),
        frame=frame,
        nodes_per_bin=spectrum.nodes_per_bin,
        device=_device(config),
        heating=_heating(config),
        sterile=model.sterile,
    )
    centre = space.named(space.unpack(space.prior_transform(np.full((2, space.n_dim), 0.5)))[0])
    if isinstance(dataset, DataSet):
        _check_energy_scale(space, dataset)
    check_functions(forward, centre)
    constraints = _constraints(config, space, (mixing, d21))
    if model.absorption:
        check_arguments(constraints, {**centre, SUM_NU_MASSES_EV: np.full(2, 0.1)})
    else:
        masses = np.sqrt(np.square(_prior_masses_ev(config))[:, None] + forward.squared_offsets_ev2)
        sums = {SUM_NU_MASSES_EV: 3.0 * masses.mean(axis=-1)}
        constraints = tuple(constraint.averaged(sums) for constraint in constraints)
    sourced = (config, dataset, constraints)
    return Parts(space, forward, constraints, provenance.checksums(*sourced), provenance.references(*sourced))


def _dataset(config: Config) -> DataSet | FluxPoints:
    """The data; of flux points nothing can be projected or left out."""
    settings = config.data
    dataset = load_dataset(settings.dataset, settings.min_deposited_energy_gev)
    if isinstance(dataset, DataSet):
        dataset = analysed(dataset, settings.topologies, settings.likelihood)
        return project(dataset, settings.exposure, settings.effective_area_scale)
    usual = DataConfig(likelihood="poisson", topologies=2)  # what they are settled to; neither means anything here
    for key in [name for name in DataConfig.model_fields if name != "dataset"]:
        if getattr(settings, key) != getattr(usual, key):
            given = json.dumps(getattr(settings, key))
            raise ConfigError(
                f"data.{key}: {given} is not allowed, only leaving it out: '{dataset.name}' has flux points"
            )
    if config.sampler.device == "cuda":
        raise ConfigError(f"sampler.device: 'cuda' is not allowed, only 'cpu': '{dataset.name}' has flux points")
    return dataset


def _device(config: Config) -> str:
    """Where counts are computed."""
    for key, value in {"targets": "thermal", "channels": "all"}.items():
        if config.sampler.device == "cuda" and getattr(config.model, key) == value:
            raise ConfigError(f"sampler.device: 'cuda' is not allowed with model.{key} '{value}', only 'cpu'")
    return config.sampler.device


def _mass_name(model: ModelConfig) -> str:
    return "lightest_nu_mass_ev" if model.masses == "split" else "m_nu_ev"


def _heating(config: Config) -> Heating | None:
    """The temperature of relics that a thermalised Z' has heated."""
    if not config.model.absorption or config.model.relic_neutrinos != "heated":
        return None
    because = not_heated_because(config)
    if because:
        raise ConfigError(f"model.relic_neutrinos: 'heated' is not allowed, only 'standard': {because}")
    return functools.partial(
        _relic_temperature, n_eff(config), lmu_ltau_strength(N_EFF, mediator_of(config.model).given)
    )


def _relic_temperature(n_eff: Prediction, charge: float, mass: FloatArray, coupling: FloatArray) -> FloatArray:
    """(N_eff/N_eff of the Standard Model)^(1/4); 1 above the masses of the table, where no Z' was left to decay."""
    highest = n_eff.covered_mev[1] if n_eff.covered_mev else math.inf
    inside = n_eff.predict(np.minimum(mass, highest), charge * coupling)
    ratio = np.where(mass > highest, 1.0, inside / n_eff.standard_model)
    return _temperature(ratio)


def _temperature(ratio: FloatArray) -> FloatArray:
    """Temperature of relics whose N_eff has grown by a ratio."""
    return np.asarray(np.sqrt(np.sqrt(ratio)))  # rounded alike in every batch, which a power is not


def _shells(model: ModelConfig, law: Law) -> Shells:
    """Distribution of the sources."""
    if (law.log_density is None) != (model.source_redshift is not None):
        given = f"{model.source_redshift} with evolution '{model.evolution}'"
        raise ConfigError(f"model.source_redshift: {given}; only 'single' has one")
    z_max = model.source_redshift or model.z_max
    if law.log_density is not None:
        check_law(law.log_density, np.linspace(0.0, math.log1p(z_max), 5))
    return make_shells(law, COSMOLOGIES[model.cosmology].value, z_max, REDSHIFT_INTERVALS)


def _transport(model: ModelConfig, mixing: Mixing, law: Law, finer: float) -> Transport:
    """The way the beam reaches Earth, with so much finer tables of what is absorbed."""
    shells = _shells(model, law)
    if not model.absorption:
        return Resonant(shells)
    _check_together(model)
    mediator, cosmology, split = mediator_of(model), COSMOLOGIES[model.cosmology].value, model.masses == "split"
    density = model.sterile_density or 1.0
    propagation = Propagation(mixing, mediator, cosmology, model.coherence, split, model.relic_overdensity, density)
    if model.targets == "thermal":
        return Moving(shells, propagation, model.regeneration)
    if model.channels == "all":
        try:
            return March(shells, propagation, model.regeneration)
        except PhysicsDomainError as error:  # sources are too near
            raise ConfigError(f"model.{error}") from None
    return Resonant(shells, propagation, round(finer * law.regeneration_intervals) if model.regeneration else 0)


def _frame(model: ModelConfig, spectrum: Spectrum) -> Frame:
    """Where the spectrum has its scale."""
    frame = model.spectrum_frame or spectrum.frames[0]
    if frame not in spectrum.frames:
        only = f"with model.spectrum '{model.spectrum}', only {' or '.join(map(repr, spectrum.frames))}"
        raise ConfigError(f"model.spectrum_frame: '{frame}' is not allowed {only}")
    return frame


def _check_together(model: ModelConfig) -> None:
    """Refuse what is not defined together with the value of another key."""
    for (what, value), only in TOGETHER.items():
        for key, needed in only.items() if getattr(model, what) == value else ():
            if getattr(model, key) != needed and (value, key, model.mediator) != ("all", "neutrino", "scalar"):
                given = f"model.{key}: {json.dumps(getattr(model, key))} is not allowed"
                raise ConfigError(f"{given} with model.{what} '{value}'; it should be {json.dumps(needed)}")


def _parameter_space(config: Config, dataset: DataSet | FluxPoints) -> ParameterSpace:
    """The parameters that the model depends on."""
    model, left_out = config.model, DETECTOR if isinstance(dataset, FluxPoints) else ()
    present = [d for name, d in own_definitions(model).items() if d.exists(model) and name not in left_out]
    space = ParameterSpace(config.parameters.parameters(present))
    _check_domain(space, 0.0 if model.targets == "thermal" else MIN_MASS_AT_REST_EV)
    if model.absorption:
        _check_width(space, mediator_of(model))
    return space


def _check_domain(space: ParameterSpace, least_mass_ev: float) -> None:
    """Refuse a space whose ends have no meaning, or without a sampled parameter."""
    space.check_values(space.centres({}))
    for parameter in space.parameters:
        for value in parameter.range:
            parameter.check(value)
        if parameter.name in MASSES and parameter.range[0] < least_mass_ev:
            least = f"targets at rest need at least {least_mass_ev} eV"
            raise ConfigError(f"parameters.{parameter.name}: {parameter.range[0]} is not allowed, {least}")
    if not space.names:
        raise ConfigError("parameters: all are fixed, at least one must have a prior")


def _check_width(space: ParameterSpace, mediator: Mediator) -> None:
    """Refuse couplings with which the mediator is wider than its mass somewhere in the space."""
    strongest = next(p for p in space.parameters if p.name == "log10_g_prime").range[1]
    (_, heaviest), coupling = mass_range_mev(space) or (0.0, 0.0), 10.0**strongest
    width = float(mediator.width_over_mass(coupling) / mediator.neutrino_branching(heaviest))
    if width > 1.0:
        most = f"at most {strongest - 0.5 * math.log10(width):.3g} with {written(mediator.given)}"
        wide = f"the width of the mediator is {width:.3g} times its mass"
        raise ConfigError(f"parameters.log10_g_prime: {strongest:g} is not allowed, {wide}: {most}")


def _check_energy_scale(space: ParameterSpace, dataset: DataSet) -> None:
    """Refuse a scale that lifts events from energies that the response does not hold."""
    high, most = next(p for p in space.parameters if p.name == "energy_scale").range[1], dataset.max_energy_scale
    if high > most:
        holds = f"the response of '{dataset.name}' holds energies from {dataset.below_edges_gev[0]:g} GeV"
        limit = f"at most {most:g} (energy_scale.value = 1 fixes it)"
        raise ConfigError(f"parameters.energy_scale: {high:g} is not allowed, {holds}: {limit}")


def _constraints(config: Config, space: ParameterSpace, oscillation: Oscillation) -> tuple[Constraint, ...]:
    """The constraints that are switched on."""
    couplings, box, built = mediator_of(config.model).given, mass_range_mev(space), []
    for name, definition in CONSTRAINTS.shipped.items():
        settings = getattr(config.constraints, name).model_dump()
        if settings["form"] != "off":
            if config.model.absorption and config.model.neutrino == "dirac" and definition.not_dirac_because:
                with_it = f"with model.neutrino 'dirac' it must be off: {definition.not_dirac_because}"
                raise ConfigError(f"constraints.{name}: {with_it}")
            settings |= {"mediator": config.model.mediator, "oscillation": oscillation}
            built.append(definition.build(couplings=couplings, mass_range_mev=box, **settings))
    for name, curve in config.constraints.limit_curve.items():
        if curve.form != "off":
            built.append(user.limit_curve(name, couplings, box, **curve.model_dump(exclude={"form"})))
    for name, own in config.constraints.custom.items():
        if own.form != "off":
            built.append(user.custom(name, couplings, box, **own.model_dump(exclude_none=True)))
    return tuple(built)


def _prior_masses_ev(config: Config) -> FloatArray:
    """Equally probable values of the mass, which is no parameter of a model without mediator."""
    (mass,) = config.parameters.parameters([PARAMETERS[_mass_name(config.model)]])
    if mass.prior is None:
        return np.full(1, mass.centre)
    return mass.prior.quantile(np.linspace(0.0005, 0.9995, 1000))


def mass_range_mev(space: ParameterSpace) -> tuple[float, float] | None:
    """Range of the mediator mass that the prior allows; None without a Z'."""
    ends = next((p.range for p in space.parameters if p.name == "log10_m_zprime_mev"), None)
    return None if ends is None else (10.0 ** ends[0], 10.0 ** ends[1])
