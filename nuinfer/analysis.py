"""What users hold: a configuration, its posterior, and everything one can ask of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from nuinfer import config as configuration
from nuinfer import provenance
from nuinfer.build import build_posterior, mass_range_mev
from nuinfer.config import Config, SamplerConfig
from nuinfer.constraints.base import Constraint
from nuinfer.detector.dataset import DataSet
from nuinfer.errors import ConfigError, PhysicsDomainError
from nuinfer.forward import physical_point
from nuinfer.parameters import DERIVED, ParameterSpace
from nuinfer.physics.dip import coupling_of_depth
from nuinfer.physics.mixing import Mixing
from nuinfer.posterior import Posterior
from nuinfer.typing import ArrayLike, FloatArray


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
    counts : tuple of tuple of float, optional
        Counts that replace the observed ones, by topology; see `with_observed`.
    """

    config: Config
    config_input: str = ""
    name: str = "analysis"
    counts: tuple[tuple[float, ...], ...] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Analysis, (self.config, self.config_input, self.name, self.counts)

    @cached_property
    def posterior(self) -> Posterior:
        """The posterior built from the configuration."""
        built = build_posterior(self.config)
        return built if self.counts is None else _with_counts(built, self.counts)

    @property
    def space(self) -> ParameterSpace:
        """Parameters and priors."""
        return self.posterior.space

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """The external constraints that are on."""
        return self.posterior.constraints

    @property
    def dataset(self) -> DataSet:
        """The data set."""
        return self.posterior.model.dataset

    @property
    def mixing(self) -> Mixing:
        """The mixing matrix."""
        return self.posterior.model.mixing

    @property
    def absorbs(self) -> bool:
        """Whether there is a mediator that absorbs neutrinos on their way."""
        return self.posterior.model.propagation is not None

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the sampled parameters, in the order of the columns of theta."""
        return self.posterior.space.names

    @property
    def parameter_labels(self) -> dict[str, str]:
        """LaTeX labels of the sampled parameters."""
        return {p.name: p.label for p, _ in self.posterior.space.sampled}

    @property
    def derived_labels(self) -> dict[str, str]:
        """LaTeX labels of the derived quantities."""
        return {name: derived.label for name, derived in DERIVED.items()}

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of the terms of the log-probability."""
        return self.posterior.term_names

    @property
    def prior_bounds(self) -> FloatArray:
        """Support of the priors, shape (n_dim, 2)."""
        return self.posterior.space.bounds

    @property
    def mass_range_mev(self) -> tuple[float, float] | None:
        """Range of the mediator mass that the prior allows, or its fixed value twice; None without absorption."""
        return mass_range_mev(self.posterior.space)

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

    def into_prior(self, theta: ArrayLike, held: Iterable[int] = ()) -> FloatArray:
        """Fractions on a simplex that add up to too much scaled down, those of the columns `held` apart."""
        return self.posterior.space.into_prior(theta, held)

    def log_prior(self, theta: ArrayLike) -> FloatArray:
        """Log of the normalised prior density, -inf outside; shape (*batch,)."""
        return self.posterior.space.log_prior(theta)

    def log_likelihood(self, theta: ArrayLike) -> FloatArray:
        """Poisson terms and smooth constraints, without prior and exclusions; shape (*batch,)."""
        exclusions = {c.name for c in self.posterior.constraints if c.is_exclusion}
        terms = self.posterior.log_terms(theta)
        with np.errstate(over="ignore"):
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

    def values(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Named physical values at theta, logarithms undone; each of shape (*batch,), or () if fixed."""
        return self.posterior.point(theta)

    def masses_ev(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """Target masses in eV at named values, shape (*batch, 3), or (*batch, 1) if degenerate."""
        return self.posterior.model.masses_ev(values)

    def components(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Expected counts by component, each of shape (*batch, topology, bin)."""
        return self.posterior.model.components(self.values(theta))

    def observables(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """What each constraint predicts at theta, by its name; its Standard Model value where there is no mediator."""
        point = self.posterior.point(theta)
        return {c.name: self.posterior.observable(c, point) for c in self.constraints}

    def edges_gev(self, theta: ArrayLike) -> FloatArray:
        """Energies in GeV at which the flux at Earth is not smooth, shape (*batch, edge); none without absorption."""
        propagation, values = self.posterior.model.propagation, self.values(theta)
        if propagation is None:
            return np.empty((*np.shape(theta)[:-1], 0))
        return propagation.edges_gev(values["m_zprime_mev"], self.masses_ev(values))

    def coupling_of_depth(self, depth: ArrayLike, redshift: ArrayLike, m_zprime_mev: ArrayLike) -> FloatArray:
        """Coupling at which a crossing at `redshift` has the optical depth `depth` for a unit entry of R.

        Raises
        ------
        PhysicsDomainError
            Without absorption.
        """
        propagation = self.posterior.model.propagation
        if propagation is None:
            raise PhysicsDomainError("coupling_of_depth: model.absorption = false, so nothing absorbs")
        unit = np.asarray(depth, float) / propagation.depth_factor
        return coupling_of_depth(unit, redshift, m_zprime_mev, propagation.cosmology)

    def point(self, at: Mapping[str, float] | None = None) -> dict[str, float]:
        """Values of all parameters: those of `at`, else the centre of the prior or the fixed value.

        Of f_e and f_mu, one that is not given takes half of what the other leaves.

        Raises
        ------
        ConfigError
            For an unknown name, or a value that is not finite.
        """
        space, given = self.posterior.space, {}
        names = [p.name for p in space.parameters]
        for name, value in (at or {}).items():
            logarithm = f"log10_{name}"
            if name not in names and logarithm not in names:
                raise ConfigError(f"parameter '{name}': not one of {', '.join(names)}")
            if name not in names:
                if not value > 0.0:
                    raise ConfigError(f"parameter '{name}': {value} is not allowed, it must be positive")
                given[logarithm] = math.log10(value)
            else:
                given[name] = value
        values = space.centres(given)
        space.check_values(values)
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
        return Analysis(configuration.parse(self.config_toml(), overrides), self.config_input, self.name, self.counts)

    def with_observed(self, counts: ArrayLike) -> Analysis:
        """The same analysis of other counts, simulated ones for example.

        Parameters
        ----------
        counts : array_like, shape (topology, bin)
            Counts that replace the observed ones. They enter `checksums` and with them `config_hash`.

        Raises
        ------
        ConfigError
            For another shape, or counts that are negative or not finite.

        Examples
        --------
        >>> analysis = load("hese7")
        >>> float(analysis.with_observed(2.0 * analysis.observed_counts).observed_counts.sum())
        120.0
        """
        rows = tuple(map(tuple, np.asarray(counts, float).tolist())) if np.ndim(counts) == 2 else ()
        other = Analysis(self.config, self.config_input, self.name, rows)
        other.__dict__["posterior"] = _with_counts(self.posterior, rows)  # nothing else has to be built again
        return other

    def config_toml(self) -> str:
        """The resolved configuration as TOML, every key written out."""
        return tomli_w.dumps(provenance.plain(self.config))

    @property
    def config_hash(self) -> str:
        """Hash of everything that decides the posterior: model, data with checksums, constraints, parameters."""
        return provenance.config_hash(self.config, self.checksums)

    @cached_property
    def checksums(self) -> dict[str, str]:
        """Sha256 of the files of the data set, of the user's own, and of those of the constraints if there are any."""
        files = provenance.checksums(self.config, self.dataset, self.constraints)
        if self.counts is not None:
            files["observed counts"] = hashlib.sha256(json.dumps(self.counts).encode()).hexdigest()
        return files

    def references(self) -> list[str]:
        """References of everything used: data set, model, measurements, and the formulas that predict them."""
        return provenance.references(self.config, self.dataset, self.constraints)


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
    analysis = Analysis(config, text, Path(preset_or_path).stem)
    _ = analysis.posterior, analysis.checksums, analysis.references()  # everything that can be wrong is found now
    return analysis


def _with_counts(posterior: Posterior, counts: tuple[tuple[float, ...], ...]) -> Posterior:
    """The same posterior with other observed counts."""
    model, observed = posterior.model, np.array(counts, float)
    expected = model.dataset.observed.shape
    if observed.shape != expected or not np.all(np.isfinite(observed) & (observed >= 0.0)):
        raise ConfigError(f"observed counts: finite numbers >= 0 of shape {expected} are needed, got {observed.shape}")
    return replace(posterior, model=replace(model, dataset=replace(model.dataset, observed=observed)))
