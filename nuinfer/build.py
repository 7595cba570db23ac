"""A configuration becomes parameters, a model and constraints: the only place that puts them together."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from nuinfer import provenance
from nuinfer.config import Config, ModelConfig, own_definitions
from nuinfer.constraints import CONSTRAINTS, user
from nuinfer.constraints.base import Constraint
from nuinfer.detector.dataset import DataSet, load_dataset, project
from nuinfer.errors import ConfigError, NuinferError
from nuinfer.forward import ForwardModel
from nuinfer.parameters import PARAMETERS, ParameterSpace
from nuinfer.parts import SUM_NU_MASSES_EV, Parts
from nuinfer.physics.cosmology import COSMOLOGIES
from nuinfer.physics.evolution import LAWS, LogDensity
from nuinfer.physics.masses import squared_offsets_ev2
from nuinfer.physics.mediator import MEDIATORS, Mediator
from nuinfer.physics.mixing import MIXINGS, Mixing
from nuinfer.physics.shells import Shells, make_shells
from nuinfer.physics.sources import SOURCES
from nuinfer.physics.spectra import SPECTRA
from nuinfer.transport.moving import Moving
from nuinfer.transport.points import Transport
from nuinfer.transport.propagation import Propagation
from nuinfer.transport.resonant import Resonant
from nuinfer.typing import FloatArray

T = TypeVar("T")

MIN_MASS_AT_REST_EV = 0.003
"""Lightest mass of a fit with relic neutrinos at rest; lighter ones still move at more than a tenth of light speed."""


REDSHIFT_INTERVALS = 128
"""Intervals of the redshift table of a fit; the error falls with their fourth power."""


def build(config: Config) -> Parts:
    """The parts that a configuration describes.

    Raises
    ------
    ConfigError, DataIntegrityError
        One line naming the key or file, the value and what is allowed.
    """
    model = config.model
    dataset = load_dataset(config.data.dataset, config.data.min_deposited_energy_gev)
    dataset = project(dataset, config.data.exposure, config.data.effective_area_scale)
    mixing, splittings = MIXINGS[model.mixing].by_ordering[model.ordering]
    offsets = squared_offsets_ev2(
        model.ordering,
        model.delta_m2_21_ev2 or splittings.delta_m2_21_ev2,
        model.delta_m2_3l_ev2 or splittings.delta_m2_3l_ev2,
    )
    spectrum = SPECTRA.find(model.spectrum, "model.spectrum")
    space = _parameter_space(config)
    split = model.masses == "split"
    forward = ForwardModel(
        dataset=dataset,
        mixing=mixing,
        composition=SOURCES.find(model.source, "model.source"),
        mass_name=_mass_name(model) if model.absorption else None,
        squared_offsets_ev2=offsets if split else np.zeros(1),
        spectrum=spectrum,
        transport=_transport(model, mixing, _shells(model)),
        nodes_per_bin=spectrum.nodes_per_bin,
    )
    columns, _, _ = space.unpack(space.prior_transform(np.full((2, space.n_dim), 0.5)))
    centre = dict(zip(space.value_names, columns, strict=True))
    _check_energy_scale(space, dataset)
    _check_functions(forward, centre)
    constraints = _constraints(config, space)
    if model.absorption:
        _check_arguments(constraints, {**centre, SUM_NU_MASSES_EV: np.full(2, 0.1)})
    else:
        masses = np.sqrt(np.square(_prior_masses_ev(config))[:, None] + forward.squared_offsets_ev2)
        sums = {SUM_NU_MASSES_EV: 3.0 * masses.mean(axis=-1)}
        constraints = tuple(constraint.averaged(sums) for constraint in constraints)
    sourced = (config, dataset, constraints)
    return Parts(space, forward, constraints, provenance.checksums(*sourced), provenance.references(*sourced))


def _mass_name(model: ModelConfig) -> str:
    return "lightest_nu_mass_ev" if model.masses == "split" else "m_nu_ev"


def _shells(model: ModelConfig) -> Shells:
    law = LAWS.find(model.evolution, "model.evolution")
    if (law.log_density is None) != (model.source_redshift is not None):
        raise ConfigError(
            f"model.source_redshift: {model.source_redshift} with evolution '{model.evolution}'; only 'single' has one"
        )
    z_max = model.source_redshift or model.z_max
    if law.log_density is not None:
        _check_law(law.log_density, np.linspace(0.0, math.log1p(z_max), 5))
    return make_shells(model.evolution, COSMOLOGIES[model.cosmology].cosmology, z_max, REDSHIFT_INTERVALS)


def _check_law(log_density: LogDensity, x: FloatArray) -> None:
    """Refuse a law that does not work, which can only be a user's."""
    found = [np.asarray(values, float) for values in _tried("model.evolution: its log_density failed", log_density, x)]
    if [values.shape for values in found] != [x.shape] * 2 or not np.all(np.isfinite(found)):
        raise ConfigError(
            f"model.evolution: its log_density must give (ln W, slope), finite and of the shape {x.shape} of ln(1+z)"
        )


def _transport(model: ModelConfig, mixing: Mixing, shells: Shells) -> Transport:
    """The way the beam reaches Earth."""
    if not model.absorption:
        return Resonant(shells)
    if model.mediator == "scalar" and model.neutrino != "majorana":
        raise ConfigError("model.neutrino: 'dirac' is not allowed with model.mediator 'scalar', only 'majorana'")
    if model.targets == "thermal":
        _check_thermal(model)
    propagation = Propagation(
        mixing=mixing,
        mediator=Mediator(model.charges, MEDIATORS[model.mediator].spin),
        cosmology=COSMOLOGIES[model.cosmology].cosmology,
        coherence=model.coherence,
        split=model.masses == "split",
        dirac=model.neutrino == "dirac",
    )
    if model.targets == "thermal":
        return Moving(shells, propagation, model.regeneration)
    law = LAWS.find(model.evolution, "model.evolution")
    return Resonant(shells, propagation, law.regeneration_intervals if model.regeneration else 0)


def _check_thermal(model: ModelConfig) -> None:
    """Refuse what is defined for targets at rest alone."""
    needed = {"coherence": "decoherent", "neutrino": "majorana", "spectrum": "power_law"}
    for key, value in needed.items():
        given = getattr(model, key)
        if given != value:
            wrong, right = json.dumps(given), json.dumps(value)
            raise ConfigError(f"model.{key}: {wrong} is not allowed with model.targets 'thermal'; it should be {right}")


def _parameter_space(config: Config) -> ParameterSpace:
    """The parameters that the model depends on."""
    model = config.model
    present = [definition for definition in own_definitions(model).values() if definition.exists(model)]
    space = ParameterSpace(config.parameters.parameters(present))
    _check_domain(space, 0.0 if model.targets == "thermal" else MIN_MASS_AT_REST_EV)
    return space


def _check_domain(space: ParameterSpace, least_mass_ev: float) -> None:
    """Refuse a space whose ends have no meaning, or without a sampled parameter."""
    space.check_values(space.centres({}))
    for parameter in space.parameters:
        for value in parameter.range:
            parameter.check(value)
        if parameter.name in ("m_nu_ev", "lightest_nu_mass_ev") and parameter.range[0] < least_mass_ev:
            least = f"targets at rest need at least {least_mass_ev} eV"
            raise ConfigError(f"parameters.{parameter.name}: {parameter.range[0]} is not allowed, {least}")
    if not space.names:
        raise ConfigError("parameters: all are fixed, at least one must have a prior")


def _check_energy_scale(space: ParameterSpace, dataset: DataSet) -> None:
    """Refuse a scale that lifts events from energies that the response does not hold."""
    high, most = next(p for p in space.parameters if p.name == "energy_scale").range[1], dataset.max_energy_scale
    if high > most:
        raise ConfigError(
            f"parameters.energy_scale: {high:g} is not allowed, the response of '{dataset.name}' holds energies from "
            f"{dataset.below_edges_gev[0]:g} GeV: at most {most:g} (energy_scale.value = 1 fixes it)"
        )


def _constraints(config: Config, space: ParameterSpace) -> tuple[Constraint, ...]:
    """The constraints that are switched on."""
    box = mass_range_mev(space)
    built = []
    for name, definition in CONSTRAINTS.shipped.items():
        settings = getattr(config.constraints, name).model_dump()
        if settings["form"] != "off":
            charges, mediator = config.model.charges, config.model.mediator
            built.append(definition.build(charges=charges, mass_range_mev=box, mediator=mediator, **settings))
    for name, curve in config.constraints.limit_curve.items():
        if curve.form != "off":
            built.append(user.limit_curve(name, config.model.charges, box, **curve.model_dump(exclude={"form"})))
    for name, own in config.constraints.custom.items():
        if own.form != "off":
            built.append(user.custom(name, config.model.charges, box, **own.model_dump(exclude_none=True)))
    return tuple(built)


def _check_arguments(constraints: tuple[Constraint, ...], values: Mapping[str, FloatArray]) -> None:
    """Refuse a constraint on a value that this analysis does not have, or of a shape that is not that of a batch."""
    for constraint in constraints:
        where, missing = f"constraints.{constraint.name}", [n for n in constraint.arguments if n not in values]
        if missing:
            raise ConfigError(f"{where}: it depends on '{missing[0]}', which is none of {', '.join(sorted(values))}")
        if constraint.files:  # a user's; the shipped ones are not compiled before they are needed
            text = f"{where}: its predict failed on a batch of two points"
            term = _tried(text, constraint.log_term, *(values[name] for name in constraint.arguments))
            _tried(text, np.broadcast_to, term, (2,))


def _check_functions(model: ForwardModel, values: Mapping[str, FloatArray]) -> None:
    """Refuse a source or a spectrum whose function does not work, which can only be a user's."""
    if model.composition.fractions is None:
        four = {name: np.repeat(value, 2) for name, value in values.items()}
        fractions = _tried("model.source: its species failed", model.composition.fractions_at, four)
        if fractions.shape not in ((4, 3), (4, 6)):
            shapes = f"gave shape {fractions.shape} for 4 points; it must be (4, 3) or (4, 6)"
            raise ConfigError(f"model.source: its species {shapes}")
        if not np.all(np.isfinite(fractions)):
            raise ConfigError("model.source: its species is negative or not finite in the centre of the prior")
    if model.spectrum.make is None:
        flux = _tried("model.spectrum: its log_shape failed", model.unabsorbed, values, np.array([1e5, 1e6]))
        if not np.all(np.isfinite(flux)):
            raise ConfigError("model.spectrum: its log_shape is not finite in the centre of the prior")


def _tried(what: str, function: Callable[..., T], *arguments: Any) -> T:
    """What a function that may be a user's gives; one line if it fails."""
    try:
        with np.errstate(all="ignore"):
            return function(*arguments)
    except NuinferError:
        raise
    except Exception as error:
        raise ConfigError(f"{what}: {type(error).__name__}: {error}") from error


def _prior_masses_ev(config: Config) -> FloatArray:
    """Equally probable values of the mass, which is no parameter of a model without mediator."""
    (mass,) = config.parameters.parameters([PARAMETERS[_mass_name(config.model)]])
    if mass.prior is None:
        return np.full(1, mass.centre)
    return mass.prior.quantile(np.linspace(0.0005, 0.9995, 1000))


def mass_range_mev(space: ParameterSpace) -> tuple[float, float] | None:
    """Range of the mediator mass that the prior allows; None without a Z'."""
    ends = space.range_of("log10_m_zprime_mev")
    return None if ends is None else (10.0 ** ends[0], 10.0 ** ends[1])
