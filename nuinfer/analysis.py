"""The composition root: a configuration becomes an `Analysis`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from nuinfer import config as configuration
from nuinfer.config import Config, FixedConfig, NormalConfig, ParameterConfig, SamplerConfig
from nuinfer.constraints import BUILDERS
from nuinfer.constraints.base import Constraint
from nuinfer.datafiles import DataFolder, data_root, locate
from nuinfer.detector.dataset import load_dataset
from nuinfer.errors import ConfigError, PhysicsDomainError
from nuinfer.forward import Accuracy, ForwardModel, physical_point
from nuinfer.parameters import Normal, Parameter, ParameterSpace, Prior, Uniform
from nuinfer.physics import cosmology, masses, mixing
from nuinfer.physics.masses import MassSplittings
from nuinfer.physics.mediator import Mediator
from nuinfer.physics.propagation import Propagation, make_shells
from nuinfer.physics.sources import source_fractions
from nuinfer.posterior import Posterior
from nuinfer.typing import ArrayLike, FloatArray

_LABELS = {
    "log10_m_zprime_mev": r"$\log_{10}(m_{Z'}/\mathrm{MeV})$",
    "log10_g_prime": r"$\log_{10} g'$",
    "m_nu_ev": r"$m_\nu\ [\mathrm{eV}]$",
    "lightest_nu_mass_ev": r"$m_\mathrm{lightest}\ [\mathrm{eV}]$",
    "gamma": r"$\gamma$",
    "phi_total": r"$\phi_\mathrm{total}$",
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
    "norm_conventional": (0.0, math.inf),
    "norm_muon": (0.0, math.inf),
    "norm_prompt": (0.0, math.inf),
    "detector_scale": (0.0, math.inf),
    "energy_scale": (1.0, 1.0),  # the response is not folded at other scales
}
"""Values that have a meaning."""

MIN_MASS_AT_REST_EV = 0.003
"""Lightest mass of a fit with relic neutrinos at rest; lighter ones still move at more than a tenth of light speed."""


@dataclass(frozen=True)
class Analysis:
    """A data set, a model, priors and constraints, ready to be evaluated on batches of parameter vectors.

    Every method takes theta of shape (*batch, n_dim), a single vector included. Make one with `load`.

    Parameters
    ----------
    config : Config
        The resolved configuration.
    config_input : str
        The text it was read from.
    name : str
        Name of the preset or file.
    """

    config: Config
    config_input: str = ""
    name: str = "analysis"

    def __reduce__(self) -> tuple[Any, ...]:
        return Analysis, (self.config, self.config_input, self.name)

    @cached_property
    def posterior(self) -> Posterior:
        """The posterior built from the configuration."""
        return _build_posterior(self.config)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the sampled parameters, in the order of the columns of theta."""
        return self.posterior.space.names

    @property
    def parameter_labels(self) -> dict[str, str]:
        """LaTeX labels of the sampled parameters."""
        return {p.name: p.label for p, _ in self.posterior.space.sampled}

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of the terms of the log-probability."""
        return self.posterior.term_names

    @property
    def prior_bounds(self) -> FloatArray:
        """Support of the priors, shape (n_dim, 2)."""
        return self.posterior.space.bounds

    @property
    def observed_counts(self) -> FloatArray:
        """Observed counts, shape (topology, bin)."""
        return self.posterior.model.dataset.observed

    @property
    def bin_edges_gev(self) -> FloatArray:
        """Edges of the deposited-energy bins in GeV, shape (bin + 1,)."""
        return self.posterior.model.dataset.bin_edges_gev

    @property
    def topologies(self) -> tuple[str, ...]:
        """Names of the topologies."""
        return self.posterior.model.dataset.topologies

    @property
    def sampler(self) -> SamplerConfig:
        """Settings of the sampler."""
        return self.config.sampler

    def prior_transform(self, u: ArrayLike) -> FloatArray:
        """Map the unit cube (*batch, n_dim) to parameters distributed like the prior."""
        return self.posterior.space.prior_transform(u)

    def sample_prior(self, n: int, rng: np.random.Generator) -> FloatArray:
        """`n` draws from the prior, shape (n, n_dim)."""
        return self.posterior.space.sample(n, rng)

    def log_prior(self, theta: ArrayLike) -> FloatArray:
        """Log of the normalised prior density, -inf outside; shape (*batch,)."""
        return self.posterior.space.log_prior(theta)

    def log_likelihood(self, theta: ArrayLike) -> FloatArray:
        """Poisson terms and smooth constraints, without prior and exclusions; shape (*batch,)."""
        exclusions = {c.name for c in self.posterior.constraints if c.is_exclusion}
        terms = self.posterior.log_terms(theta)
        return np.asarray(sum(term for name, term in terms.items() if name not in {"prior", *exclusions}))

    def log_exclusion(self, theta: ArrayLike) -> FloatArray:
        """0 where no exclusion applies, else -inf; shape (*batch,)."""
        return self.posterior.log_exclusion(theta)

    def log_prob(self, theta: ArrayLike) -> FloatArray:
        """Prior + likelihood + exclusions, shape (*batch,).

        Raises
        ------
        NonFiniteLogProbError
            If a term is not a number.
        """
        return self.posterior.log_prob(theta)

    def log_terms(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Every named term, each of shape (*batch,)."""
        return self.posterior.log_terms(theta)

    def evaluate(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log-probability (n,) and terms (n, n_term) of a batch (n, n_dim)."""
        return self.posterior.evaluate(theta)

    def expected_counts(self, theta: ArrayLike) -> FloatArray:
        """Expected counts of all components, shape (*batch, topology, bin)."""
        return self.posterior.expected_counts(theta)

    def poisson_terms(self, theta: ArrayLike) -> FloatArray:
        """Poisson log-probability per bin, shape (*batch, topology, bin)."""
        return self.posterior.poisson_terms(theta)

    def derived(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Derived quantities, each of shape (*batch,): ``m_zprime_mev``, ``g_prime`` and ``log10_e_res_gev``.

        The last is the energy of the dip at the heaviest target, E = m_Z'^2/(2 m). Empty without absorption.
        """
        model, point = self.posterior.model, self.posterior.point(theta)
        if model.propagation is None:
            return {}
        edge = model.propagation.edges_gev(point["m_zprime_mev"], model.masses_ev(point).max(axis=-1, keepdims=True))[
            ..., 0
        ]
        values = {"m_zprime_mev": point["m_zprime_mev"], "g_prime": point["g_prime"], "log10_e_res_gev": np.log10(edge)}
        batch = np.shape(theta)[:-1]
        return {name: np.broadcast_to(value, batch).copy() for name, value in values.items()}

    def point(self, at: Mapping[str, float] | None = None) -> dict[str, float]:
        """Values of all parameters: those of `at`, else the centre of the prior or the fixed value.

        Raises
        ------
        ConfigError
            For an unknown name, or a value that is not finite.
        """
        values = {p.name: p.centre for p in self.posterior.space.parameters}
        for name, value in (at or {}).items():
            logarithm = f"log10_{name}"
            if name not in values and logarithm not in values:
                raise ConfigError(f"parameter '{name}': not one of {', '.join(values)}")
            if name not in values:
                if not value > 0.0:
                    raise ConfigError(f"parameter '{name}': {value} is not allowed, it must be positive")
                values[logarithm] = math.log10(value)
            else:
                values[name] = value
        for name, value in values.items():
            _check_value(name, value)
        return values

    def predict(self, at: Mapping[str, float] | None = None) -> dict[str, FloatArray]:
        """Expected counts by component at named values, inside the prior or not.

        Parameters
        ----------
        at : mapping of str to float, optional
            Parameters by name, ``m_zprime_mev`` and ``g_prime`` included; the others take the centre of their prior.

        Returns
        -------
        dict
            ``astro``, ``conventional``, ``prompt``, ``muon``: arrays of shape (topology, bin).
        """
        with np.errstate(all="ignore"):
            parts = self.posterior.model.components(physical_point(self.point(at)))
        for name, part in parts.items():
            if not np.all(np.isfinite(part)):
                raise PhysicsDomainError(f"the expected '{name}' counts are not finite at {self.point(at)}")
        return parts

    def with_overrides(self, overrides: Iterable[str] | Mapping[str, Any]) -> Analysis:
        """A new analysis with configuration keys changed."""
        return Analysis(configuration.parse(self.config_toml(), overrides), self.config_input, self.name)

    def config_toml(self) -> str:
        """The resolved configuration as TOML, every key written out."""
        return tomli_w.dumps(_plain(self.config))

    @property
    def config_hash(self) -> str:
        """Hash of everything that decides the posterior: model, data with checksums, constraints, parameters."""
        content = {**_plain(self.config), "checksums": self.checksums}
        content.pop("sampler")
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def checksums(self) -> dict[str, str]:
        """Sha256 of the files of the data set, and of those of the constraints if there are any."""
        files = dict(self.posterior.model.dataset.checksums)
        if self.posterior.constraints:
            files |= {f"constraints/{k}": v for k, v in DataFolder.open(locate("constraints")).checksums().items()}
        return files

    def references(self) -> list[str]:
        """References of the data set and of the measurements used."""
        data = list(self.posterior.model.dataset.references)
        return data + [f"{c.name}: {c.measurement.reference}" for c in self.posterior.constraints]


def load(preset_or_path: str | Path, overrides: Iterable[str] | Mapping[str, Any] = ()) -> Analysis:
    """Build the analysis of a preset or of a TOML file.

    Parameters
    ----------
    preset_or_path : str or Path
        Name of a preset (``hese7``, ``hese7_icecube``) or path of a file.
    overrides : iterable of str, or mapping
        ``"table.key=value"`` strings, or dotted keys to values.

    Returns
    -------
    Analysis

    Raises
    ------
    ConfigError, DataIntegrityError
        One line naming the key or file, the value and what is allowed.

    Examples
    --------
    >>> analysis = load("hese7_icecube", ["model.source=pgamma"])
    >>> analysis.expected_counts(analysis.prior_transform([0.5] * len(analysis.parameter_names))).shape
    (2, 15)
    """
    text = configuration.read_text(preset_or_path)
    config = configuration.parse(text, overrides)
    folder = locate(config.data.dataset)
    if not folder.is_relative_to(data_root()):  # a run must find the user's data from any working directory
        config = config.model_copy(update={"data": config.data.model_copy(update={"dataset": str(folder.resolve())})})
    analysis = Analysis(config, text, Path(preset_or_path).stem)
    _ = analysis.posterior  # everything that can be wrong is found now
    return analysis


def _plain(config: Config) -> dict[str, Any]:
    """The configuration as plain TOML values."""
    tree = config.model_dump(mode="json", exclude_none=True)
    return dict(tree)


def _build_posterior(config: Config) -> Posterior:
    model = config.model
    dataset = load_dataset(config.data.dataset, config.data.min_deposited_energy_gev)
    mixing_set, splittings = _MIXING[model.mixing, model.ordering]
    splittings = MassSplittings(
        model.delta_m2_21_ev2 or splittings.delta_m2_21_ev2, model.delta_m2_3l_ev2 or splittings.delta_m2_3l_ev2
    )
    space = _parameter_space(config)
    forward = ForwardModel(
        dataset=dataset,
        mixing=mixing_set,
        source_fractions=source_fractions(model.source),
        ordering=model.ordering,
        splittings=splittings,
        degenerate=model.masses == "degenerate",
        propagation=_propagation(config, mixing_set),
    )
    return Posterior(space, forward, _constraints(config, space))


def _propagation(config: Config, mixing_set: mixing.Mixing) -> Propagation | None:
    model = config.model
    if (model.evolution == "single") != (model.source_redshift is not None):
        raise ConfigError(
            f"model.source_redshift: {model.source_redshift} with evolution '{model.evolution}'; only 'single' has one"
        )
    if not model.absorption:
        return None
    background = _COSMOLOGY[model.cosmology]
    return Propagation(
        mixing=mixing_set,
        mediator=Mediator(model.charges),
        cosmology=background,
        coherence=model.coherence,
        split=model.masses == "split",
        shells=make_shells(
            model.evolution, background, model.source_redshift or model.z_max, Accuracy().redshift_intervals
        ),
        depth_factor=0.5 if model.neutrino == "dirac" else 1.0,
    )


def _parameter_space(config: Config) -> ParameterSpace:
    """The parameters that the model depends on."""
    model = config.model
    entries: dict[str, ParameterConfig] = {name: getattr(config.parameters, name) for name in _LABELS}
    del entries["m_nu_ev" if model.masses == "split" else "lightest_nu_mass_ev"]
    if not model.absorption:
        for name in ("log10_m_zprime_mev", "log10_g_prime", "m_nu_ev", "lightest_nu_mass_ev"):
            entries.pop(name, None)
    parameters = []
    for name, entry in entries.items():
        try:
            fixed = entry.value if isinstance(entry, FixedConfig) else None
            parameters.append(Parameter(name, _LABELS[name], prior=_prior(entry), value=fixed))
        except ConfigError as error:
            raise ConfigError(f"parameters.{name}: {error}") from None
    space = ParameterSpace(tuple(parameters))
    _check_domain(space)
    return space


def _prior(entry: ParameterConfig) -> Prior | None:
    if isinstance(entry, FixedConfig):
        return None
    if isinstance(entry, NormalConfig):
        low, high = (
            default if end is None else end for end, default in ((entry.low, -math.inf), (entry.high, math.inf))
        )
        return Normal(entry.mean, entry.sigma, low, high)
    return Uniform(entry.low, entry.high)


def _check_value(name: str, value: float) -> None:
    """Refuse a value that has no meaning: a negative flux or norm, a target too light to be at rest, an overflow."""
    low, high = _DOMAIN.get(name, (-math.inf, math.inf))
    if math.isnan(value) or not low <= value <= high:
        raise ConfigError(f"parameters.{name}: {value} is not allowed, it must be in [{low:g}, {high:g}]")


def _check_domain(space: ParameterSpace) -> None:
    """Refuse a space whose ends have no meaning, or without a sampled parameter."""
    for parameter in space.parameters:
        ends = (parameter.centre,) if parameter.prior is None else (parameter.prior.low, parameter.prior.high)
        for value in ends:
            _check_value(parameter.name, value)
        if parameter.name in ("m_nu_ev", "lightest_nu_mass_ev") and ends[0] < MIN_MASS_AT_REST_EV:
            least = f"targets at rest need at least {MIN_MASS_AT_REST_EV} eV"
            raise ConfigError(f"parameters.{parameter.name}: {ends[0]} is not allowed, {least}")
    if not space.names:
        raise ConfigError("parameters: all are fixed, at least one must have a prior")


def _constraints(config: Config, space: ParameterSpace) -> tuple[Constraint, ...]:
    """The constraints that are switched on."""
    box = _mass_range_mev(space)
    built = []
    for name, build in BUILDERS.items():
        settings = getattr(config.constraints, name).model_dump()
        if settings["form"] != "off":
            built.append(build(charges=config.model.charges, mass_range_mev=box, **settings))
    return tuple(built)


def _mass_range_mev(space: ParameterSpace) -> tuple[float, float] | None:
    """Range of the mediator mass that the prior allows; None without a Z'."""
    for parameter in space.parameters:
        if parameter.name == "log10_m_zprime_mev":
            ends = (
                (parameter.prior.low, parameter.prior.high) if parameter.prior else (parameter.centre, parameter.centre)
            )
            return 10.0 ** ends[0], 10.0 ** ends[1]
    return None
