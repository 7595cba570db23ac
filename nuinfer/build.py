"""A configuration becomes a posterior: data set, physics, parameters and constraints are put together here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from nuinfer.config import (
    Config,
    FixedConfig,
    FractionConfig,
    ModelConfig,
    NormalConfig,
    ParameterConfig,
    SimplexConfig,
)
from nuinfer.constraints import custom, definitions, limit_curve
from nuinfer.constraints.base import Constraint
from nuinfer.detector.dataset import DataSet, load_dataset
from nuinfer.detector.energy_scale import SCALES
from nuinfer.detector.projection import project
from nuinfer.errors import ConfigError, NuinferError
from nuinfer.forward import FRACTIONS, Accuracy, ForwardModel
from nuinfer.parameters import Normal, Parameter, ParameterSpace, Prior, SimplexShare, Uniform
from nuinfer.physics import cosmology, masses, mixing
from nuinfer.physics.masses import MassSplittings
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.propagation import Propagation
from nuinfer.physics.shells import Shells, make_shells
from nuinfer.physics.sources import source_fractions
from nuinfer.posterior import SUM_NU_MASSES_EV, Posterior

_LABELS = {
    "log10_m_zprime_mev": r"$\log_{10}(m_{Z'}/\mathrm{MeV})$",
    "log10_g_prime": r"$\log_{10} g'$",
    "m_nu_ev": r"$m_\nu\ [\mathrm{eV}]$",
    "lightest_nu_mass_ev": r"$m_\mathrm{lightest}\ [\mathrm{eV}]$",
    "gamma": r"$\gamma$",
    "phi_total": r"$\phi_\mathrm{total}$",
    "log10_cutoff_gev": r"$\log_{10}(E_\mathrm{cut}/\mathrm{GeV})$",
    "log10_break_gev": r"$\log_{10}(E_\mathrm{break}/\mathrm{GeV})$",
    "gamma_high": r"$\gamma_\mathrm{high}$",
    "f_e": r"$f_e$",
    "f_mu": r"$f_\mu$",
    "norm_conventional": r"$N_\mathrm{conv}$",
    "norm_muon": r"$N_\mu$",
    "norm_prompt": r"$N_\mathrm{prompt}$",
    "detector_scale": r"$\epsilon_\mathrm{det}$",
    "energy_scale": r"$\epsilon_E$",
}

_MIXING = {
    ("paper", "normal"): (mixing.PAPER, masses.PAPER),
    ("paper", "inverted"): (mixing.PAPER, masses.PAPER),
    ("nufit6.0", "normal"): (mixing.NUFIT60_NORMAL, masses.NUFIT60_NORMAL),
    ("nufit6.0", "inverted"): (mixing.NUFIT60_INVERTED, masses.NUFIT60_INVERTED),
}

_COSMOLOGY = {"paper": cosmology.PAPER, "planck18": cosmology.PLANCK18}

_DOMAIN = {
    "log10_m_zprime_mev": (-100.0, 100.0),
    "log10_g_prime": (-100.0, 100.0),
    "m_nu_ev": (0.0, math.inf),
    "lightest_nu_mass_ev": (0.0, math.inf),
    "phi_total": (0.0, math.inf),
    "log10_cutoff_gev": (3.0, 100.0),
    "log10_break_gev": (0.0, 100.0),
    "f_e": (0.0, 1.0),
    "f_mu": (0.0, 1.0),
    "norm_conventional": (0.0, math.inf),
    "norm_muon": (0.0, math.inf),
    "norm_prompt": (0.0, math.inf),
    "detector_scale": (0.0, math.inf),
    "energy_scale": SCALES,
}
"""Values that have a meaning."""

SPECTRUM_PARAMETERS = MappingProxyType(
    {"cutoff": ("log10_cutoff_gev",), "broken_power_law": ("log10_break_gev", "gamma_high")}
)
"""Parameters that a spectrum has besides gamma."""

MIN_MASS_AT_REST_EV = 0.003
"""Lightest mass of a fit with relic neutrinos at rest; lighter ones still move at more than a tenth of light speed."""


def build_posterior(config: Config) -> Posterior:
    """The posterior that a configuration describes.

    Raises
    ------
    ConfigError, DataIntegrityError
        One line naming the key or file, the value and what is allowed.
    """
    model = config.model
    dataset = load_dataset(config.data.dataset, config.data.min_deposited_energy_gev)
    dataset = project(dataset, config.data.exposure, config.data.effective_area_scale)
    mixing_set, splittings = _MIXING[model.mixing, model.ordering]
    splittings = MassSplittings(
        model.delta_m2_21_ev2 or splittings.delta_m2_21_ev2, model.delta_m2_3l_ev2 or splittings.delta_m2_3l_ev2
    )
    space, shells = _parameter_space(config), _shells(model)
    forward = ForwardModel(
        dataset=dataset,
        mixing=mixing_set,
        source_fractions=None if model.source == "free" else source_fractions(model.source),
        ordering=model.ordering,
        splittings=splittings,
        degenerate=model.masses == "degenerate",
        propagation=_propagation(config, mixing_set, shells),
        accuracy=_accuracy(model),
        spectrum=model.spectrum,
        shells=None if model.spectrum == "power_law" else shells,
    )
    _check_energy_scale(space, dataset)
    posterior = Posterior(space, forward, _constraints(config, space))
    if forward.propagation is None:
        return replace(posterior, constraints=_without_zprime(config, forward, posterior.constraints))
    _check_arguments(posterior)
    return posterior


def _accuracy(model: ModelConfig) -> Accuracy:
    """Numerical settings with which every bin is right to 1e-5."""
    accuracy = Accuracy()
    if model.spectrum == "cutoff":  # falls steeply inside a bin, and takes a table per energy
        accuracy = replace(accuracy, nodes_per_bin=5, chunk=8)
    if model.evolution == "grb":  # has a corner
        accuracy = replace(accuracy, regeneration_intervals=80)
    return accuracy


def _shells(model: ModelConfig) -> Shells:
    if (model.evolution == "single") != (model.source_redshift is not None):
        raise ConfigError(
            f"model.source_redshift: {model.source_redshift} with evolution '{model.evolution}'; only 'single' has one"
        )
    z_max = model.source_redshift or model.z_max
    return make_shells(model.evolution, _COSMOLOGY[model.cosmology], z_max, _accuracy(model).redshift_intervals)


def _propagation(config: Config, mixing_set: mixing.Mixing, shells: Shells) -> Propagation | None:
    model = config.model
    if not model.absorption:
        return None
    if model.mediator == "scalar" and model.neutrino != "majorana":
        raise ConfigError("model.neutrino: 'dirac' is not allowed with model.mediator 'scalar', only 'majorana'")
    if model.targets == "thermal":
        _check_thermal(model)
    return Propagation(
        mixing=mixing_set,
        mediator=Mediator(model.charges, spin=1 if model.mediator == "vector" else 0),
        cosmology=_COSMOLOGY[model.cosmology],
        coherence=model.coherence,
        split=model.masses == "split",
        shells=shells,
        dirac=model.neutrino == "dirac",
        regeneration_intervals=_accuracy(model).regeneration_intervals if model.regeneration else 0,
        targets=model.targets,
    )


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
    absent = _absent(model)
    entries: dict[str, ParameterConfig | FractionConfig] = {
        name: getattr(config.parameters, name) for name in _LABELS if name not in absent
    }
    fractions = [entries[name] for name in FRACTIONS if name in entries]
    taken = [entry.value for entry in fractions if isinstance(entry, FixedConfig)]
    parameters = []
    for name, entry in entries.items():
        try:
            value = entry.value if isinstance(entry, FixedConfig) else None
            if value is not None:
                check_value(name, value)
            if isinstance(entry, SimplexConfig):
                prior: Prior | None = SimplexShare(1.0 - sum(taken), len(fractions) - len(taken))
            else:
                prior = _prior(entry)
            parameters.append(Parameter(name, _LABELS[name], prior=prior, value=value))
        except ConfigError as error:
            raise ConfigError(f"parameters.{name}: {error}") from None
    space = ParameterSpace(tuple(parameters))
    _check_domain(space, 0.0 if model.targets == "thermal" else MIN_MASS_AT_REST_EV)
    return space


def _absent(model: ModelConfig) -> set[str]:
    """Parameters that the model does not depend on."""
    absent = {"m_nu_ev" if model.masses == "split" else "lightest_nu_mass_ev"}
    if not model.absorption:
        absent |= {"log10_m_zprime_mev", "log10_g_prime", "m_nu_ev", "lightest_nu_mass_ev"}
    if model.source != "free":
        absent |= set(FRACTIONS)
    used = SPECTRUM_PARAMETERS.get(model.spectrum, ())
    return absent | {name for names in SPECTRUM_PARAMETERS.values() for name in names if name not in used}


def _check_energy_scale(space: ParameterSpace, dataset: DataSet) -> None:
    """Refuse a scale that lifts events from energies that the response does not hold."""
    scale = next(p for p in space.parameters if p.name == "energy_scale")
    high, most = scale.centre if scale.prior is None else scale.prior.high, dataset.max_energy_scale
    if high > most:
        raise ConfigError(
            f"parameters.energy_scale: {high:g} is not allowed, the response of '{dataset.name}' holds energies from "
            f"{dataset.below_edges_gev[0]:g} GeV: at most {most:g} (energy_scale.value = 1 fixes it)"
        )


def _prior(entry: ParameterConfig) -> Prior | None:
    if isinstance(entry, FixedConfig):
        return None
    if isinstance(entry, NormalConfig):
        low, high = (
            default if end is None else end for end, default in ((entry.low, -math.inf), (entry.high, math.inf))
        )
        return Normal(entry.mean, entry.sigma, low, high)
    return Uniform(entry.low, entry.high)


def check_value(name: str, value: float) -> None:
    """Refuse a value that has no meaning: a negative flux or norm, an overflow.

    Raises
    ------
    ConfigError
        Naming the parameter, the value and its range.
    """
    low, high = _DOMAIN.get(name, (-math.inf, math.inf))
    if math.isnan(value) or not low <= value <= high:
        raise ConfigError(f"parameters.{name}: {value} is not allowed, it must be in [{low:g}, {high:g}]")


def check_values(values: Mapping[str, float]) -> None:
    """Refuse values that have no meaning, by themselves or together.

    Raises
    ------
    ConfigError
        Naming the parameter, the value and its range.
    """
    for name, value in values.items():
        check_value(name, value)
    total = sum(values.get(name, 0.0) for name in FRACTIONS)
    if total > 1.0:
        raise ConfigError(f"parameters.f_e + f_mu: {total:g} is not allowed, it must be at most 1")


def _check_domain(space: ParameterSpace, least_mass_ev: float) -> None:
    """Refuse a space whose ends have no meaning, or without a sampled parameter."""
    check_values(space.centres({}))
    for parameter in space.parameters:
        ends = (parameter.centre,) if parameter.prior is None else (parameter.prior.low, parameter.prior.high)
        for value in ends:
            check_value(parameter.name, value)
        if parameter.name in ("m_nu_ev", "lightest_nu_mass_ev") and ends[0] < least_mass_ev:
            least = f"targets at rest need at least {least_mass_ev} eV"
            raise ConfigError(f"parameters.{parameter.name}: {ends[0]} is not allowed, {least}")
    if not space.names:
        raise ConfigError("parameters: all are fixed, at least one must have a prior")


def _constraints(config: Config, space: ParameterSpace) -> tuple[Constraint, ...]:
    """The constraints that are switched on."""
    box = mass_range_mev(space)
    built = []
    for name, definition in definitions().items():
        settings = getattr(config.constraints, name).model_dump()
        if settings["form"] != "off":
            charges, mediator = config.model.charges, config.model.mediator
            built.append(definition.build(charges=charges, mass_range_mev=box, mediator=mediator, **settings))
    for name, curve in config.constraints.limit_curve.items():
        if curve.form != "off":
            built.append(limit_curve.build(name, config.model.charges, box, **curve.model_dump(exclude={"form"})))
    for name, own in config.constraints.custom.items():
        if own.form != "off":
            built.append(custom.build(name, config.model.charges, box, **own.model_dump(exclude_none=True)))
    return tuple(built)


def _check_arguments(posterior: Posterior) -> None:
    """Refuse a constraint on a value that this analysis does not have, or of a shape that is not that of a batch."""
    theta = posterior.space.prior_transform(np.full((2, len(posterior.space.names)), 0.5))
    point = posterior.point(theta)
    known = {*point, SUM_NU_MASSES_EV}
    for constraint in posterior.constraints:
        missing = [name for name in constraint.arguments if name not in known]
        if missing:
            raise ConfigError(
                f"constraints.{constraint.name}: it depends on '{missing[0]}', "
                f"which is none of {', '.join(sorted(known))}"
            )
        if not constraint.name.startswith("custom."):
            continue
        try:
            np.broadcast_to(posterior.constraint_term(constraint, point), (2,))
        except NuinferError:
            raise
        except Exception as error:
            text = f"its predict failed on a batch of two points: {type(error).__name__}: {error}"
            raise ConfigError(f"constraints.{constraint.name}: {text}") from error


def _without_zprime(config: Config, model: ForwardModel, constraints: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
    """Constraints with the value that those on neutrino masses, no parameters here, take: averaged over the prior."""
    entry = config.parameters.m_nu_ev if model.degenerate else config.parameters.lightest_nu_mass_ev
    name = "m_nu_ev" if model.degenerate else "lightest_nu_mass_ev"
    prior = _prior(entry)
    fixed = entry.value if isinstance(entry, FixedConfig) else math.nan
    values = np.full(1, fixed) if prior is None else prior.quantile(np.linspace(0.0005, 0.9995, 1000))
    sums = 3.0 * model.masses_ev({name: values}).mean(axis=-1)
    return tuple(constraint.averaged({SUM_NU_MASSES_EV: sums}) for constraint in constraints)


def mass_range_mev(space: ParameterSpace) -> tuple[float, float] | None:
    """Range of the mediator mass that the prior allows; None without a Z'."""
    for parameter in space.parameters:
        if parameter.name == "log10_m_zprime_mev":
            ends = (
                (parameter.prior.low, parameter.prior.high) if parameter.prior else (parameter.centre, parameter.centre)
            )
            return 10.0 ** ends[0], 10.0 ** ends[1]
    return None
