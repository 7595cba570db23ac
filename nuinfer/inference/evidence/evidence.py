"""What is known of a hypothesis from several nested runs, words for ratios of evidences, averages over hypotheses.

Leave-one-bin-out says how well a hypothesis predicts each bin from the others: Pareto-smoothed importance sampling
(Vehtari, Gelman and Gabry 2017, arXiv:1507.04544) over the terms of the bins, from the weighted draws of nested
sampling; a bin whose Pareto k exceeds 0.7, or that makes a part of the prior impossible, of which these draws know
nothing, is left out in earnest and the posterior sampled again. With few and sparse bins it is a secondary number:
nothing is ranked by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import special

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.export import arviz_adapter
from nuinfer.inference.evidence.nested import NestedRun, resampled
from nuinfer.inference.runs.summary import median_and_intervals
from nuinfer.typing import FloatArray

SCALE = ((1.0, "inconclusive"), (2.5, "weak"), (5.0, "moderate"), (math.inf, "strong"))
"""Upper end of \\|ln B\\| and its word."""

SCALE_REFERENCE = "R. Trotta, Contemp. Phys. 49 (2008) 71, arXiv:0803.4089, Table 1 (Jeffreys' scale, |ln B| 1, 2.5, 5)"

RELIABLE_K = 0.7
REFIT_DRAWS = 2000  # of a posterior that is sampled again
NEGLIGIBLE = 30.0  # below the largest logarithm of a weight
AVERAGE_DRAWS = 20_000
PERTURBED = 2000  # sets of evidences within their errors


@dataclass(frozen=True)
class Loo:
    """Expected log predictive density by bin.

    Parameters
    ----------
    by_bin : ndarray, shape (topology * bin,)
        ln p(data of the bin | data of all others); -inf where no draw without the bin allows it.
    k_max : float
        Largest Pareto k.
    refitted : tuple of int
        Bins whose posterior was sampled again without them.
    """

    by_bin: FloatArray
    k_max: float
    refitted: tuple[int, ...]

    @property
    def elpd(self) -> float:
        """Sum over the bins."""
        return float(np.sum(self.by_bin))

    def difference(self, other: Loo) -> tuple[float, float]:
        """Elpd minus that of another hypothesis and the error of the difference, from its spread over the bins.

        The error is NaN where a bin is impossible, and the difference where it is so for both.
        """
        with np.errstate(invalid="ignore"):
            apart = self.by_bin - other.by_bin
            return float(np.sum(apart)), math.sqrt(len(apart)) * float(np.std(apart, ddof=1))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Loo:
        """What `dataclasses.asdict` has made of it, and a file of that."""
        k_max = math.inf if content["k_max"] is None else content["k_max"]
        by_bin = [-math.inf if value is None else value for value in content["by_bin"]]
        return cls(np.array(by_bin, float), k_max, tuple(content["refitted"]))


@dataclass(frozen=True)
class Evidence:
    """What is known of one hypothesis.

    Parameters
    ----------
    name : str
        What tables and figures call it.
    analysis : Analysis
        The hypothesis.
    seeds : tuple of int
        Seeds of the runs.
    runs : tuple of NestedRun
        Independent nested runs.
    best_fit : mapping
        Sampled parameters at the largest product of likelihood and priors.
    max_log_likelihood : float
        ln L there.
    loo : Loo, optional
        Leave-one-bin-out.
    without_one_sided : tuple of (float, float)
        Of each run, ln Z without one-sided terms and its error.
    """

    name: str
    analysis: Analysis
    seeds: tuple[int, ...]
    runs: tuple[NestedRun, ...]
    best_fit: Mapping[str, float]
    max_log_likelihood: float
    loo: Loo | None = None
    without_one_sided: tuple[tuple[float, float], ...] = ()

    @property
    def ln_z(self) -> float:
        """Mean of ln Z over the runs."""
        return float(np.mean([run.ln_z for run in self.runs]))

    @property
    def ln_z_without_one_sided(self) -> float:
        """The same without one-sided terms: the probability of the data alone, counts and measured values."""
        return float(np.mean([ln_z for ln_z, _ in self.without_one_sided]))

    @property
    def ln_z_without_one_sided_error(self) -> float:
        """Its error, found like `ln_z_error`."""
        ln_z, errors = zip(*self.without_one_sided, strict=True)
        return max(_quoted(errors), scatter(ln_z))

    @property
    def quoted_error(self) -> float:
        """Error that a single run gives itself, in the quadratic mean."""
        return _quoted([run.ln_z_error for run in self.runs])

    @property
    def scatter(self) -> float:
        """Standard deviation of ln Z over the runs, 0 for one run."""
        return scatter([run.ln_z for run in self.runs])

    @property
    def ln_z_error(self) -> float:
        """The larger of quoted error and scatter: the error of one run, no smaller for being repeated."""
        return max(self.quoted_error, self.scatter)

    @property
    def ln_prior_volume(self) -> float:
        """Logarithm of the volume of the box with the peak density of the prior, in the sampled coordinates.

        For uniform priors it is the volume of their box; a normal one counts as 2.507 standard deviations. ln Z goes
        down by as much as this goes up where the data do not care.
        """
        return -float(self.analysis.log_prior(self.analysis.theta()))

    @cached_property
    def weighted(self) -> tuple[FloatArray, FloatArray]:
        """Draws of all runs, shape (n, n_dim), and logarithms of their weights, shape (n,)."""
        weights = np.concatenate([run.log_weights for run in self.runs]) - math.log(len(self.runs))
        return np.concatenate([run.samples for run in self.runs]), weights

    @cached_property
    def log_likelihood(self) -> FloatArray:
        """Likelihood, ln L, of the draws of `weighted`, shape (n,)."""
        return np.concatenate([run.log_likelihood for run in self.runs])

    @property
    def effective(self) -> float:
        """Equal draws that those of all runs are worth."""
        return sum(run.effective for run in self.runs)

    def draws(self, n: int, seed: int = 0) -> FloatArray:
        """Posterior draws of equal weight, shape (n, n_dim)."""
        return resampled(*self.weighted, n, np.random.default_rng(seed))


def _quoted(errors: Sequence[float]) -> float:
    """Quadratic mean of the errors of several runs."""
    return math.sqrt(float(np.mean(np.square(errors))))


def scatter(values: Sequence[float]) -> float:
    """Standard deviation over several runs, 0 for one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def verbal(ln_b: float, error: float = 0.0) -> str:
    """Words for a ratio of evidences, a span of them if the error crosses a border of `SCALE`.

    Examples
    --------
    >>> verbal(-3.0), verbal(2.4, 0.3)
    ('moderate', 'weak to moderate')
    """
    size = abs(ln_b)
    low, high = (next(word for end, word in SCALE if x < end) for x in (max(size - error, 0.0), size + error))
    return low if low == high else f"{low} to {high}"


def in_one_sentence(hypotheses: Sequence[Mapping[str, Any]]) -> str:
    """Which hypothesis is favoured and by how much, or that none is."""
    best, *others = sorted(hypotheses, key=lambda entry: -float(entry["ln_z"]))
    if not others:
        return f"Result: '{best['name']}' is alone."
    second = others[0]
    ahead = f"ln B = {-second['ln_bayes_factor']:.2f} ± {second['ln_bayes_factor_error']:.2f}, {second['scale']}"
    if SCALE[0][1] in second["scale"]:
        return f"Result: none is favoured; '{best['name']}' is ahead of '{second['name']}' by {ahead}."
    return f"Result: '{best['name']}' is favoured, over '{second['name']}', the next one, by {ahead}."


def leave_one_out(
    analysis: Analysis, samples: FloatArray, log_weights: FloatArray, refit: Callable[[int], FloatArray]
) -> Loo:
    """Leave-one-bin-out from weighted draws of the posterior.

    Parameters
    ----------
    analysis : Analysis
        The hypothesis.
    samples : ndarray, shape (n, n_dim)
        Posterior draws.
    log_weights : ndarray, shape (n,)
        Logarithms of their weights, which add up to one.
    refit : callable
        From a bin, counted over (topology, bin), to draws of equal weight of the posterior without it.
    """
    kept = log_weights > np.max(log_weights) - NEGLIGIBLE
    terms = analysis.data_terms(samples[kept]).reshape(np.count_nonzero(kept), -1)
    smoothed, k = arviz_adapter.pareto_smoothed((log_weights[kept][:, None] - terms).T)  # weights multiply the ratios
    by_bin = special.logsumexp(smoothed + terms.T, axis=1)
    bad = np.flatnonzero(~(k <= RELIABLE_K) | analysis.density.excludes(analysis.observed_counts).ravel())
    for index in bad:
        again = analysis.data_terms(refit(int(index))).reshape(-1, terms.shape[1])[:, index]
        by_bin[index] = special.logsumexp(again) - math.log(len(again))
    return Loo(by_bin, float(np.max(k)), tuple(bad.tolist()))


# Averages over hypotheses ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Average:
    """A posterior averaged over hypotheses of equal prior odds.

    Parameters
    ----------
    weights, errors : mapping
        Name of a hypothesis to its posterior probability among them, and its error from those of ln Z.
    names : tuple of str
        Parameters that all of them sample, and derived quantities that all of them have.
    draws : ndarray, shape (n, name)
        Draws of equal weight.
    """

    weights: Mapping[str, float]
    errors: Mapping[str, float]
    names: tuple[str, ...]
    draws: FloatArray

    def to_dict(self) -> dict[str, Any]:
        """As plain values, with median and highest-density intervals of every shared quantity."""
        columns = zip(self.names, self.draws.T, strict=True)
        parameters = {name: median_and_intervals(column) for name, column in columns}
        return {"weights": dict(self.weights), "weight_errors": dict(self.errors), "parameters": parameters}


def probabilities(ln_z: FloatArray) -> FloatArray:
    """Posterior probabilities of hypotheses with equal prior odds, shape (..., hypothesis).

    Examples
    --------
    >>> probabilities(np.log([1.0, 3.0])).tolist()
    [0.25, 0.75]
    """
    return np.asarray(special.softmax(ln_z, axis=-1))


def average(evidences: Sequence[Evidence]) -> Average:
    """Average hypotheses with equal prior odds.

    Parameters
    ----------
    evidences : sequence of Evidence
        The hypotheses. They are taken as exclusive alternatives: variants of one model do not belong in here twice.

    Raises
    ------
    ConfigError
        If they share no parameter.
    """
    if not evidences:
        raise ConfigError("average: no hypothesis is given")
    first, *others = (evidence.analysis.parameter_names for evidence in evidences)
    shared = [name for name in first if all(name in names for names in others)]
    if not shared:
        raise ConfigError(f"average: {', '.join(e.name for e in evidences)} share no parameter")
    rng = np.random.default_rng(0)
    ln_z, error = np.array([e.ln_z for e in evidences]), np.array([e.ln_z_error for e in evidences])
    weights = probabilities(ln_z)
    spread = np.std(probabilities(ln_z + error * rng.standard_normal((PERTURBED, len(ln_z)))), axis=0)
    parts: list[dict[str, FloatArray]] = []
    for k, (evidence, count) in enumerate(zip(evidences, rng.multinomial(AVERAGE_DRAWS, weights), strict=True)):
        theta = evidence.draws(int(count), k)
        columns = dict(zip(evidence.analysis.parameter_names, theta.T, strict=True))
        parts.append({name: columns[name] for name in shared} | evidence.analysis.derived(theta))
    names = tuple(name for name in parts[0] if all(name in part for part in parts))
    draws = np.concatenate([np.stack([part[name] for name in names], axis=-1) for part in parts])
    labels = [e.name for e in evidences]
    shares, errors = (dict(zip(labels, values.tolist(), strict=True)) for values in (weights, spread))
    return Average(shares, errors, names, rng.permutation(draws))
