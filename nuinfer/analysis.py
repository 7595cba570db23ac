"""What users hold: parameters, data, model and constraints of a configuration, and everything one can ask of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from nuinfer import config as configuration
from nuinfer import provenance
from nuinfer.build import SUM_NU_MASSES_EV, Parts, build, mass_range_mev
from nuinfer.config import Config, SamplerConfig
from nuinfer.constraints.base import Constraint
from nuinfer.detector.dataset import DataSet
from nuinfer.errors import ConfigError, NonFiniteLogProbError, PhysicsDomainError
from nuinfer.forward import ForwardModel
from nuinfer.likelihood import poisson_log_likelihood, poisson_log_terms
from nuinfer.parameters import DERIVED, ParameterSpace, physical_values
from nuinfer.physics.mixing import Mixing
from nuinfer.physics.resonance import resonance_redshift
from nuinfer.typing import ArrayLike, BoolArray, FloatArray, IntArray

DATA = "poisson"
"""Name of the term of the counts."""


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
    parts : Parts, optional
        Parameters, model and constraints; built from the configuration if they are not given.

    Raises
    ------
    ConfigError, DataIntegrityError
        One line naming the key or file, the value and what is allowed.
    """

    config: Config
    config_input: str = ""
    name: str = "analysis"
    counts: tuple[tuple[float, ...], ...] | None = None
    parts: Parts | None = field(default=None, repr=False, compare=False)
    space: ParameterSpace = field(init=False, repr=False, compare=False)
    model: ForwardModel = field(init=False, repr=False, compare=False)
    constraints: tuple[Constraint, ...] = field(init=False, repr=False, compare=False)
    observed_counts: FloatArray = field(init=False, repr=False, compare=False)
    checksums: dict[str, str] = field(init=False, repr=False, compare=False)
    cited: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = build(self.config) if self.parts is None else self.parts
        observed, checksums = parts.model.dataset.observed, parts.checksums
        if self.counts is not None:
            shape, observed = observed.shape, np.array(self.counts, float)
            if observed.shape != shape or not np.all(np.isfinite(observed) & (observed >= 0.0)):
                text = f"finite numbers >= 0 of shape {shape} are needed, got {observed.shape}"
                raise ConfigError(f"observed counts: {text}")
            digest = hashlib.sha256(json.dumps(self.counts).encode()).hexdigest()
            checksums = {**checksums, "observed counts": digest}
        facts = {**parts._asdict(), "parts": parts, "observed_counts": observed, "checksums": checksums}
        for name, value in facts.items():
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return Analysis, (self.config, self.config_input, self.name, self.counts)

    @property
    def dataset(self) -> DataSet:
        """The data set."""
        return self.model.dataset

    @property
    def mixing(self) -> Mixing:
        """The mixing matrix."""
        return self.model.mixing

    @property
    def absorbs(self) -> bool:
        """Whether there is a mediator that absorbs neutrinos on their way."""
        return self.model.mass_name is not None

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the sampled parameters, in the order of the columns of theta."""
        return self.space.names

    @property
    def parameter_labels(self) -> dict[str, str]:
        """LaTeX labels of the sampled parameters."""
        return {p.name: p.label for p, _ in self.space.sampled}

    @property
    def derived_labels(self) -> dict[str, str]:
        """LaTeX labels of the derived quantities."""
        return {name: derived.label for name, derived in DERIVED.items()}

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of the terms of the log-probability, in the order in which they are evaluated."""
        return ("prior", *(c.name for c in self.constraints), DATA)

    @property
    def prior_bounds(self) -> FloatArray:
        """Support of the priors, shape (n_dim, 2)."""
        return self.space.bounds

    @property
    def mass_range_mev(self) -> tuple[float, float] | None:
        """Range of the mediator mass that the prior allows, or its fixed value twice; None without absorption."""
        return mass_range_mev(self.space)

    @property
    def bin_edges_gev(self) -> FloatArray:
        """Edges of the deposited-energy bins in GeV, shape (bin + 1,)."""
        return self.dataset.bin_edges_gev

    @property
    def topologies(self) -> tuple[str, ...]:
        """Names of the topologies."""
        return self.dataset.topologies

    @property
    def sampler(self) -> SamplerConfig:
        """Settings of the sampler."""
        return self.config.sampler

    # The prior

    def prior_transform(self, u: ArrayLike) -> FloatArray:
        """Map the unit cube (*batch, n_dim) to parameters distributed like the prior."""
        return self.space.prior_transform(u)

    def sample_prior(self, n: int, rng: np.random.Generator) -> FloatArray:
        """`n` draws from the prior, shape (n, n_dim)."""
        return self.space.sample(n, rng)

    def into_prior(self, theta: ArrayLike, held: Iterable[int] = ()) -> FloatArray:
        """Fractions on a simplex that add up to too much scaled down, those of the columns `held` apart."""
        return self.space.into_prior(theta, held)

    def log_prior(self, theta: ArrayLike) -> FloatArray:
        """Log of the normalised prior density, -inf outside; shape (*batch,)."""
        return self.space.log_prior(theta)

    # The posterior

    def evaluate(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log-probability and terms of a batch, stopping early where a point is already impossible.

        Parameters
        ----------
        theta : ndarray, shape (n, n_dim)

        Returns
        -------
        log_prob : ndarray, shape (n,)
            -inf outside the prior or an exclusion.
        terms : ndarray, shape (n, n_term)
            In the order of `term_names`; -inf for terms that were not evaluated.

        Raises
        ------
        NonFiniteLogProbError
            If a term is NaN or +inf; it names the term and holds the point.
        """
        x = self.space.check(theta)
        with np.errstate(all="ignore"):  # what comes of it is checked
            columns, log_prior, _ = self.space.unpack(x)
            terms = np.full((len(self.constraints) + 2, len(x)), -np.inf)  # a row per term while they are filled
            terms[0] = total = log_prior
            for row, constraint in enumerate(self.constraints, start=1):
                possible = _where(total > -np.inf)
                terms[row, possible] = self._term(constraint, self._named(columns[:, possible]))
                total = total + terms[row]
            possible = _where(total > -np.inf)
            if total[possible].size:
                counts = self.model.components(self._named(columns[:, possible]))
                terms[-1, possible] = poisson_log_likelihood(self.observed_counts, counts)
                total = total + terms[-1]
            terms = terms.T.copy()
            self._refuse_nonfinite(x, terms)
            return total, terms

    def log_prob(self, theta: ArrayLike) -> FloatArray:
        """Prior + likelihood + exclusions, shape (*batch,).

        Raises
        ------
        NonFiniteLogProbError
            If a term is not a number.
        """
        x = self.space.check(theta)
        return self.evaluate(x.reshape(-1, x.shape[-1]))[0].reshape(x.shape[:-1])

    def log_terms(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Every named term at theta, inside the prior or not; each of shape (*batch,).

        Raises
        ------
        NonFiniteLogProbError
            If a term is NaN or +inf.
        """
        x, values, log_prior, finite = self._unpack(theta)
        with np.errstate(all="ignore"):
            terms = np.empty((len(x), len(self.constraints) + 2))
            terms[:, 0] = log_prior
            for column, constraint in enumerate(self.constraints, start=1):
                terms[:, column] = self._term(constraint, values)
            terms[:, -1] = poisson_log_likelihood(self.observed_counts, self._counts(values, finite))
        self._refuse_nonfinite(x, terms)
        batch = np.shape(theta)[:-1]
        return {name: term.reshape(batch) for name, term in zip(self.term_names, terms.T.copy(), strict=True)}

    def log_likelihood(self, theta: ArrayLike) -> FloatArray:
        """Poisson terms and smooth constraints, without prior and exclusions; shape (*batch,)."""
        left_out = {"prior", *(c.name for c in self.constraints if c.is_exclusion)}
        terms = [term for name, term in self.log_terms(theta).items() if name not in left_out]
        with np.errstate(over="ignore"):
            return np.asarray(sum(terms))

    def log_exclusion(self, theta: ArrayLike) -> FloatArray:
        """0 where no exclusion applies, else -inf; shape (*batch,)."""
        x, values, _, _ = self._unpack(theta)
        total = np.zeros(len(x))
        with np.errstate(all="ignore"):
            for constraint in self.constraints:
                if constraint.is_exclusion:
                    total = total + self._term(constraint, values)
                    self._refuse(x, total, constraint.name)
        return total.reshape(np.shape(theta)[:-1])

    def observables(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """What each constraint predicts at theta, by its name; its Standard Model value where there is no mediator."""
        _, values, _, _ = self._unpack(theta)
        batch = np.shape(theta)[:-1]
        spread = (np.broadcast_to(self._observable(c, values), (math.prod(batch),)) for c in self.constraints)
        return {c.name: found.reshape(batch) for c, found in zip(self.constraints, spread, strict=True)}

    # The model

    def values(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Named physical values at theta, logarithms undone; each of shape (*batch,), infinite where they overflow."""
        _, values, _, _ = self._unpack(theta)
        return {name: value.reshape(np.shape(theta)[:-1]) for name, value in values.items()}

    def masses_ev(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """Target masses in eV at named values, shape (*batch, 3), or (*batch, 1) if degenerate."""
        return self.model.masses_ev(values)

    def components(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Expected counts by component, each of shape (*batch, topology, bin)."""
        _, values, _, finite = self._unpack(theta)
        counts = self._counts(values, finite)
        batch = np.shape(theta)[:-1]
        return {
            name: counts[:, k].reshape(*batch, *counts.shape[2:]) for k, name in enumerate(self.model.component_names)
        }

    def expected_counts(self, theta: ArrayLike) -> FloatArray:
        """Expected counts of all components, shape (*batch, topology, bin).

        Raises
        ------
        PhysicsDomainError
            If they are not finite.
        """
        x, values, _, finite = self._unpack(theta)
        counts = self._counts(values, finite).sum(axis=1)
        bad = ~np.all(np.isfinite(counts), axis=(-2, -1))
        if bad.any():
            at = dict(zip(self.parameter_names, x[bad][0].tolist(), strict=True))
            raise PhysicsDomainError(f"the expected counts are not finite at {at}")
        return np.asarray(counts.reshape(*np.shape(theta)[:-1], *counts.shape[1:]))

    def poisson_terms(self, theta: ArrayLike) -> FloatArray:
        """Poisson log-probability per bin, shape (*batch, topology, bin); NaN where the counts make no sense."""
        _, values, _, finite = self._unpack(theta)
        terms = poisson_log_terms(self.observed_counts, self._counts(values, finite).sum(axis=1))
        return terms.reshape(*np.shape(theta)[:-1], *terms.shape[1:])

    def edges_gev(self, theta: ArrayLike) -> FloatArray:
        """Energies in GeV at which the flux at Earth is not smooth, shape (*batch, edge); none without absorption."""
        values = self.values(theta)
        mass = values.get("m_zprime_mev", values["gamma"])
        return self.model.transport.edges_gev(mass, self.masses_ev(values))

    def coupling_of_depth(self, depth: ArrayLike, redshift: ArrayLike, m_zprime_mev: ArrayLike) -> FloatArray:
        """Coupling at which a crossing at `redshift` has the optical depth `depth` for a unit entry of R.

        Raises
        ------
        PhysicsDomainError
            Without absorption.
        """
        return self.model.coupling_of_depth(depth, redshift, m_zprime_mev)

    def derived(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Derived quantities, each of shape (*batch,): ``m_zprime_mev``, ``g_prime`` and ``log10_e_res_gev``.

        The last is the energy of the dip at the heaviest target, E = m_Z'^2/(2 m). Empty without absorption.
        """
        if not self.absorbs:
            return {}
        values = self.values(theta)
        heaviest = self.masses_ev(values).max(axis=-1)
        dip = resonance_redshift(1.0, values["m_zprime_mev"], heaviest) + 1.0
        return {name: values[name] for name in ("m_zprime_mev", "g_prime")} | {"log10_e_res_gev": np.log10(dip)}

    def point(self, at: Mapping[str, float] | None = None) -> dict[str, float]:
        """Values of all parameters: those of `at`, else the centre of the prior or the fixed value.

        Of f_e and f_mu, one that is not given takes half of what the other leaves.

        Raises
        ------
        ConfigError
            For an unknown name, or a value that is not finite.
        """
        space, given = self.space, {}
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
        at = self.point(at)
        with np.errstate(all="ignore"):
            counts = self.model.components(physical_values({name: np.full(1, value) for name, value in at.items()}))
        parts = dict(zip(self.model.component_names, counts[0], strict=True))
        for name, part in parts.items():
            if not np.all(np.isfinite(part)):
                raise PhysicsDomainError(f"the expected '{name}' counts are not finite at {at}")
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
        return replace(self, counts=rows)

    def config_toml(self) -> str:
        """The resolved configuration as TOML, every key written out."""
        return tomli_w.dumps(provenance.plain(self.config))

    @property
    def config_hash(self) -> str:
        """Hash of everything that decides the posterior: model, data with checksums, constraints, parameters."""
        return provenance.config_hash(self.config, self.checksums)

    def references(self) -> list[str]:
        """References of everything used: data set, model, measurements, and the formulas that predict them."""
        return list(self.cited)

    # Inside

    def _unpack(self, theta: ArrayLike) -> tuple[FloatArray, dict[str, FloatArray], FloatArray, BoolArray]:
        """Theta as (n, n_dim), named values, log prior, and whether all values are finite."""
        x = self.space.check(theta).reshape(-1, self.space.n_dim)
        columns, log_prior, finite = self.space.unpack(x)
        return x, self._named(columns), log_prior, finite

    def _named(self, columns: FloatArray) -> dict[str, FloatArray]:
        return dict(zip(self.space.value_names, columns, strict=True))

    def _counts(self, values: dict[str, FloatArray], finite: BoolArray) -> FloatArray:
        """Expected counts by component, NaN where a value is not finite: the model never sees such a point."""
        with np.errstate(all="ignore"):
            if finite.all():
                return self.model.components(values)
            counts = self.model.components({name: np.where(finite, value, 1.0) for name, value in values.items()})
        counts[~finite] = np.nan
        return counts

    def _observable(self, constraint: Constraint, values: dict[str, FloatArray]) -> FloatArray:
        if not self.absorbs:
            return np.asarray(constraint.standard_model)
        if SUM_NU_MASSES_EV in constraint.arguments:  # one mass stands for three if they are degenerate
            values = {**values, SUM_NU_MASSES_EV: 3.0 * self.masses_ev(values).mean(axis=-1)}
        return constraint.predict(*(values[name] for name in constraint.arguments))

    def _term(self, constraint: Constraint, values: dict[str, FloatArray]) -> FloatArray:
        return constraint.log_term_of(self._observable(constraint, values))

    def _refuse_nonfinite(self, theta: FloatArray, terms: FloatArray) -> None:
        if not np.all(terms < np.inf):  # NaN included
            for column, name in enumerate(self.term_names):
                self._refuse(theta, terms[:, column], name)

    def _refuse(self, theta: FloatArray, term: FloatArray, name: str) -> None:
        bad = ~(term < np.inf)
        if bad.any():
            raise NonFiniteLogProbError(name, dict(zip(self.parameter_names, theta[bad][0].tolist(), strict=True)))


def _where(mask: BoolArray) -> slice | IntArray:
    """Index of the points of a mask; all of them by a slice, which copies nothing."""
    return slice(None) if mask.all() else np.flatnonzero(mask)


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
    return Analysis(config, text, Path(preset_or_path).stem)
