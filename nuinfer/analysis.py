"""What users hold: parameters, data, model and constraints of a configuration, and everything one can ask of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import tomli_w

from nuinfer import config as configuration
from nuinfer import provenance
from nuinfer.build import Parts, build, mass_range_mev
from nuinfer.config import Config, SamplerConfig
from nuinfer.constraints.base import CUSTOM, Constraint, log_terms, numbers_of
from nuinfer.detector.dataset import DataSet
from nuinfer.detector.flux_points import FluxPoints
from nuinfer.detector.response import Expected
from nuinfer.errors import ConfigError, PhysicsDomainError
from nuinfer.forward import ForwardModel
from nuinfer.likelihood import Density, data_log_likelihood, data_log_terms, drawn
from nuinfer.observed import DataSets, Observed, observed, stacked, updated
from nuinfer.parameters import DERIVED, ParameterSpace, physical_point
from nuinfer.physics.mediator import spelled
from nuinfer.physics.mixing import Mixing
from nuinfer.shown import as_html, as_text
from nuinfer.tried import check_box
from nuinfer.typing import ArrayLike, FloatArray, IntArray
from nuinfer.unpack import rows_where

DATA = "data"
"""Name of the term of the data."""


@dataclass(frozen=True, repr=False)
class Analysis:
    """A data set, a model, priors and constraints, ready to be evaluated on batches of parameter vectors.

    Every method takes theta of shape (*batch, n_dim), a single vector included. Make one with `nuinfer.load`.

    Parameters
    ----------
    config : Config
        The resolved configuration.
    config_input : str
        The text it was read from.
    name : str
        Name of the preset or file.
    counts, measured, truth : tuple, optional
        Counts by topology, and pairs of a constraint and what it measured, that replace the data; see `with_observed`.
        Pairs of a parameter and its value with which they were simulated.
    given : Parts, optional
        Parameters, model and constraints; built from the configuration if they are left out.

    Attributes
    ----------
    parameter_names : tuple of str
        Names of the sampled parameters, in the order of the columns of theta.
    term_names : tuple of str
        Names of the terms of the log-probability, in the order in which they are evaluated.
    observed_counts : ndarray, shape (topology, bin)
        Observed counts, or those that replace them, in `topologies` and between `bin_edges_gev`.
    parts, space, model, constraints, dataset, mixing
        What it consists of: parameters and priors, the model of the counts, constraints, data set, mixing matrix.
    """

    config: Config
    config_input: str = ""
    name: str = "analysis"
    counts: tuple[tuple[float, ...], ...] | None = None
    measured: tuple[tuple[str, float], ...] = ()
    truth: tuple[tuple[str, float], ...] = ()
    given: Parts | None = field(default=None, compare=False)
    parts: Parts = field(init=False, compare=False)
    space: ParameterSpace = field(init=False, compare=False)
    model: ForwardModel = field(init=False, compare=False)
    constraints: tuple[Constraint, ...] = field(init=False, compare=False)
    dataset: DataSet | FluxPoints = field(init=False, compare=False)
    mixing: Mixing = field(init=False, compare=False)
    parameter_names: tuple[str, ...] = field(init=False, compare=False)
    term_names: tuple[str, ...] = field(init=False, compare=False)
    topologies: tuple[str, ...] = field(init=False, compare=False)
    bin_edges_gev: FloatArray = field(init=False, compare=False)
    observed_counts: FloatArray = field(init=False, compare=False)
    own: DataSets = field(init=False, compare=False)
    checksums: dict[str, str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        parts = build(self.config) if self.given is None else self.given
        dataset, data = parts.model.dataset, observed(parts, self.counts, self.measured)
        facts: dict[str, object] = {
            **parts._asdict(),
            "constraints": data.constraints,
            "topologies": dataset.topologies,
            "bin_edges_gev": dataset.bin_edges_gev,
            "parts": parts,
            "dataset": dataset,
            "mixing": parts.model.mixing,
            "parameter_names": parts.space.names,
            "term_names": ("prior", *(c.name for c in parts.constraints), DATA),
            "observed_counts": data.counts,
            "own": stacked(data, [(data.counts, {})]),
            "checksums": data.checksums,
        }
        vars(self).update(facts)
        if self.given is None and not configuration.names_code(self.config):
            tried = self if parts.simpler is parts else replace(self, given=parts.simpler)
            check_box(parts.space.n_dim, self.prior_transform, tried.evaluate)

    def __reduce__(self) -> tuple[Any, ...]:
        used = self.checksums, self.config, self.config_input, self.name, self.counts, self.measured, self.truth
        return _again, used

    __repr__ = as_text
    _repr_html_ = as_html

    @cached_property
    def _numbers(self) -> FloatArray:
        """Of the constraints, as their terms take them, shape (constraint, 4)."""
        return numbers_of(self.constraints)

    @property
    def density(self) -> Density:
        """Of the data around what is expected of them."""
        return self.model.density

    @property
    def absorbs(self) -> bool:
        """Whether there is a mediator that absorbs neutrinos on their way."""
        return self.model.mass_name is not None

    @property
    def parameter_labels(self) -> dict[str, str]:
        """LaTeX labels of the sampled parameters."""
        return {p.name: p.label for p, _ in self.space.sampled}

    @property
    def derived_labels(self) -> dict[str, str]:
        """LaTeX labels of the derived quantities."""
        return {name: self.spelled(label) for name, label in DERIVED.items()}

    @property
    def mediator(self) -> str:
        """Kind of the mediator, "vector" or "scalar"."""
        return self.config.model.mediator

    def spelled(self, text: str) -> str:
        """A text about a vector's m_Z' and g' as it is for its mediator, see `nuinfer.physics.mediator.spelled`."""
        return spelled(text, self.mediator)

    @property
    def prior_bounds(self) -> FloatArray:
        """Support of the priors, shape (n_dim, 2)."""
        return self.space.bounds

    @property
    def mass_range_mev(self) -> tuple[float, float] | None:
        """Range of the mediator mass that the prior allows, or its fixed value twice; None without absorption."""
        return mass_range_mev(self.space)

    @property
    def sampler(self) -> SamplerConfig:
        """Settings of the sampler."""
        return self.config.sampler

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

    def evaluate(
        self, theta: FloatArray, data: DataSets | None = None, of: IntArray | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Log-probability, terms and counts of a batch, stopping early where a point is already impossible.

        Parameters
        ----------
        theta : ndarray, shape (n, n_dim)
        data : DataSets, optional
            Data that replace its own, see `data_sets`, and in `of` (n,) which of them a point is held against.

        Returns
        -------
        log_prob : ndarray, shape (n,)
            -inf outside the prior or an exclusion.
        terms : ndarray, shape (n, n_term)
            In the order of `term_names`; -inf for terms that were not evaluated.
        counts : ndarray, shape (n, component, topology, bin)
            Expected counts; 0 where they were not evaluated.

        Raises
        ------
        NonFiniteLogProbError
            If a term is NaN or +inf; it names the term and holds the point.
        """
        x, data = self.space.check(theta), self.own if data is None else data
        of = np.zeros(len(x), np.intp) if of is None else of
        with np.errstate(all="ignore"):  # what comes of it is checked
            columns, log_prior, _ = self.space.unpack(x)
            terms = np.full((len(self.constraints) + 2, len(x)), -np.inf)  # a row per term while they are filled
            terms[0] = total = log_prior
            inside = possible = rows_where(total > -np.inf)
            values = self.space.named(columns[:, inside])
            if self.constraints:
                found = self.parts.observables(self.constraints, values)
                terms[1:-1, inside] = log_terms(found, self._numbers, data.measured, of[inside])
                totals = np.add.accumulate(terms[:-1])
                terms[1:-1][totals[:-1] == -np.inf] = -np.inf
                total = totals[-1]
                possible = rows_where(total > -np.inf)
                if possible is not inside:
                    kept = rows_where(total[inside] > -np.inf)
                    values = {name: np.ascontiguousarray(value[kept]) for name, value in values.items()}
            found = np.zeros((0, len(self.model.component_names), *self.observed_counts.shape))
            if total[possible].size:
                data_of = data.counts, data.factorials, of[possible]
                expected, terms[-1, possible] = self.model.evaluate(values, *data_of)
                found, total = expected.components, total + terms[-1]
            counts = found
            if len(found) < len(x):
                counts = np.zeros((len(x), *found.shape[1:]))
                counts[possible] = found
            if not (terms < np.inf).all():  # NaN included
                self.parts.refuse_nonfinite(x, dict(zip(self.term_names, terms, strict=True)))
            return total, terms.T.copy(), counts

    def log_prob(self, theta: ArrayLike) -> FloatArray:
        """Prior + likelihood + exclusions, shape (*batch,); raises what `evaluate` does."""
        x = self.space.check(theta)
        return self.evaluate(x.reshape(-1, x.shape[-1]))[0].reshape(x.shape[:-1])

    def log_terms(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Every named term at theta, inside the prior or not; each of shape (*batch,); raises what `evaluate` does."""
        x, values, log_prior, finite = self.parts.unpack(theta)
        found = [log_prior, *self.parts.terms(self.constraints, self.own.measured, values)]
        data = self.own.counts, self.own.factorials, np.zeros(len(x), np.intp)
        found.append(data_log_likelihood(*data, self.parts.expected(values, finite), self.density))
        terms = dict(zip(self.term_names, found, strict=True))
        self.parts.refuse_nonfinite(x, terms)
        return {name: term.reshape(np.shape(theta)[:-1]).copy() for name, term in terms.items()}

    def log_constraints(self, theta: ArrayLike) -> FloatArray:
        """Sum of the terms of constraints that are not users' own, shape (*batch,); NaN where one makes no sense."""
        return self._sum_of(theta, lambda c: not c.name.startswith(CUSTOM), refuse=False)

    def _sum_of(self, theta: ArrayLike, chosen: Callable[[Constraint], bool], *, refuse: bool = True) -> FloatArray:
        """Sum of the terms of some constraints, shape (*batch,); one that is NaN or +inf may be refused."""
        x, values, _, _ = self.parts.unpack(theta)
        rows = [row for row, one in enumerate(self.constraints) if chosen(one)]
        terms = self.parts.terms([self.constraints[row] for row in rows], self.own.measured[:, rows], values)
        if refuse:
            self.parts.refuse_nonfinite(x, {self.constraints[row].name: terms[k] for k, row in enumerate(rows)})
        return np.asarray(terms.sum(axis=0)).reshape(np.shape(theta)[:-1])

    def log_likelihood(self, theta: ArrayLike) -> FloatArray:
        """The data and smooth constraints, one-sided ones too, without prior and exclusions; shape (*batch,)."""
        left_out = {"prior", *(c.name for c in self.constraints if c.is_exclusion)}
        terms = [term for name, term in self.log_terms(theta).items() if name not in left_out]
        with np.errstate(over="ignore"):
            return np.asarray(sum(terms))

    def log_exclusion(self, theta: ArrayLike) -> FloatArray:
        """0 where no exclusion applies, else -inf; shape (*batch,)."""
        return self._sum_of(theta, lambda c: c.is_exclusion)

    def log_penalty(self, theta: ArrayLike) -> FloatArray:
        """Sum of the terms that are no densities of measured values but weigh the prior, one-sided ones; (*batch,)."""
        return self._sum_of(theta, lambda c: c.is_penalty)

    def observables(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """What each constraint predicts at theta, by name; its Standard Model value if it lacks a mediator."""
        rows = self.parts.observables(self.constraints, self.parts.unpack(theta)[1])
        return {c.name: row.reshape(np.shape(theta)[:-1]) for c, row in zip(self.constraints, rows, strict=True)}

    def values(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Named physical values at theta, logarithms undone; each of shape (*batch,), infinite where they overflow."""
        return {name: value.reshape(np.shape(theta)[:-1]) for name, value in self.parts.unpack(theta)[1].items()}

    def expected(self, theta: ArrayLike) -> Expected:
        """Expected counts by component and their variance, batch (*batch,); NaN where they make no sense."""
        _, values, _, finite = self.parts.unpack(theta)
        with np.errstate(all="ignore"):
            found = self.parts.expected(values, finite)
        return Expected(*(each.reshape(*np.shape(theta)[:-1], *each.shape[1:]) for each in found))

    def components(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Expected counts by component, each of shape (*batch, topology, bin); NaN where they make no sense."""
        counts = np.moveaxis(self.expected(theta).components, -3, 0)
        return dict(zip(self.model.component_names, counts, strict=True))

    def expected_counts(self, theta: ArrayLike) -> FloatArray:
        """Expected counts of all components, shape (*batch, topology, bin); refuses such that are not finite."""
        counts = self.expected(theta).total
        if (bad := ~np.all(np.isfinite(counts), axis=(-2, -1))).any():
            at = dict(zip(self.parameter_names, np.asarray(theta)[bad][0].tolist(), strict=True))
            raise PhysicsDomainError(f"the expected counts are not finite at {at}")
        return counts

    def data_terms(self, theta: ArrayLike) -> FloatArray:
        """Log-probability of each bin, shape (*batch, topology, bin); NaN where the counts make no sense."""
        expected = self.expected(theta)
        return data_log_terms(self.observed_counts, expected.total, expected.variance, self.density)

    def drawn(self, theta: ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Simulated counts, a data set for each point, shape (*batch, topology, bin)."""
        return drawn(self.expected(theta), rng, self.density)

    def edges_gev(self, theta: ArrayLike) -> FloatArray:
        """Energies in GeV at which the flux at Earth is not smooth, shape (*batch, edge); none without absorption."""
        _, values, _, _ = self.parts.unpack(theta)
        return self.model.transport.edges_gev(self.model.points(values)).reshape(*np.shape(theta)[:-1], -1)

    def derived(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """``m_zprime_mev``, ``g_prime``, ``log10_e_res_gev`` at the heaviest, (*batch,); none if nothing absorbs."""
        return self.model.derived(self.values(theta))

    def point(self, at: Mapping[str, float] | None = None) -> dict[str, float]:
        """Values of all parameters: those of `at`, else the centre of the prior; see `ParameterSpace.point`."""
        return self.space.point(at or {})

    def theta(self, at: Mapping[str, float] | None = None) -> FloatArray:
        """The sampled parameters at named values, (n_dim,), as `log_prob` and its like take them; see `point`."""
        point = self.point(at)
        return np.array([point[name] for name in self.parameter_names])

    def expected_at(self, at: Mapping[str, float] | None = None) -> Expected:
        """Expected counts and their variance at named values, inside the prior or not; see `point`."""
        return self.parts.expected_at(self.point(at))

    def predict(self, at: Mapping[str, float] | None = None) -> dict[str, FloatArray]:
        """Expected counts by component (topology, bin) at named values, inside the prior or not; see `point`."""
        return dict(zip(self.model.component_names, self.expected_at(at).components, strict=True))

    def predict_observables(self, at: Mapping[str, float] | None = None) -> dict[str, float]:
        """What each constraint predicts at named values, inside the prior or not; see `predict`."""
        values = physical_point(self.point(at))
        with np.errstate(all="ignore"):
            return {c.name: float(np.ravel(self.parts.observable(c, values))[0]) for c in self.constraints}

    def with_overrides(self, overrides: Iterable[str] | Mapping[str, Any]) -> Analysis:
        """A new analysis with configuration keys changed; data that replace observed ones stay, defaults stay open."""
        config = configuration.parse(tomli_w.dumps(configuration.left_open(self.config)), overrides)
        return replace(self, config=config, given=None)

    def with_observed(self, counts: ArrayLike, measured: Mapping[str, float] | None = None) -> Analysis:
        """The same analysis of other data, simulated ones for example.

        Parameters
        ----------
        counts : array_like, shape (topology, bin)
            They replace the observed ones, and enter `checksums` and with them `config_hash`.
        measured : mapping of str to float, optional
            Values that replace what two-sided constraints, by name, measured; they enter likewise.

        Raises
        ------
        ConfigError
            For another shape, counts that are negative or not finite, or a value that is not, or of something else.
        """
        rows = tuple(map(tuple, np.asarray(counts, float).tolist())) if np.ndim(counts) == 2 else ()
        values = updated(self.constraints, self.measured, measured or {})
        return replace(self, counts=rows, measured=values, truth=(), given=self.parts)

    def data_sets(self, drawn: Sequence[tuple[ArrayLike, Mapping[str, float]]]) -> DataSets:
        """Many data sets for `evaluate`, each what `with_observed` takes; raises what that does."""
        return stacked(Observed(self.observed_counts, self.constraints, self.checksums, self.density.lowest), drawn)

    def config_toml(self) -> str:
        """The resolved configuration as TOML, every key written out."""
        return tomli_w.dumps(provenance.plain(self.config))

    @property
    def config_hash(self) -> str:
        """Hash of everything that decides the posterior: model, data with checksums, constraints, parameters."""
        return provenance.config_hash(self.config, self.checksums)

    def references(self) -> list[str]:
        """References of everything used: data set, model, measurements, and the formulas that predict them."""
        return list(self.parts.cited)


def _again(used: dict[str, str], *facts: Any) -> Analysis:
    """An analysis sent by another process, built again; refused if a file has changed meanwhile."""
    analysis = Analysis(*facts)
    if changed := sorted({file for file, _ in used.items() ^ analysis.checksums.items()}):
        raise ConfigError(f"analysis '{analysis.name}': '{changed[0]}' has changed while it was in use")
    return analysis
