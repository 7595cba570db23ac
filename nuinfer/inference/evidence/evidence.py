"""What is known of a hypothesis from several nested runs, words for ratios of evidences, averages over hypotheses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.evidence.loo import Loo
from nuinfer.inference.evidence.nested import NestedRun, resampled
from nuinfer.inference.runs.summary import shortest_interval
from nuinfer.typing import FloatArray

SCALE = ((1.0, "inconclusive"), (2.5, "weak"), (5.0, "moderate"), (math.inf, "strong"))
"""Upper end of \\|ln B\\| and its word."""

SCALE_REFERENCE = "R. Trotta, Contemp. Phys. 49 (2008) 71, arXiv:0803.4089, Table 1 (Jeffreys' scale, |ln B| 1, 2.5, 5)"


AVERAGE_DRAWS = 20_000
LEVELS = (0.68, 0.95)
PERTURBED = 2000  # sets of evidences within their errors


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
    """

    name: str
    analysis: Analysis
    seeds: tuple[int, ...]
    runs: tuple[NestedRun, ...]
    best_fit: Mapping[str, float]
    max_log_likelihood: float
    loo: Loo | None = None

    @property
    def ln_z(self) -> float:
        """Mean of ln Z over the runs."""
        return float(np.mean([run.ln_z for run in self.runs]))

    @property
    def quoted_error(self) -> float:
        """Error that a single run gives itself, in the quadratic mean."""
        return math.sqrt(float(np.mean([run.ln_z_error**2 for run in self.runs])))

    @property
    def scatter(self) -> float:
        """Standard deviation of ln Z over the runs, 0 for one run."""
        return float(np.std([run.ln_z for run in self.runs], ddof=1)) if len(self.runs) > 1 else 0.0

    @property
    def ln_z_error(self) -> float:
        """The larger of quoted error and scatter: the error of one run, no smaller for being repeated."""
        return max(self.quoted_error, self.scatter)

    @property
    def ln_allowed(self) -> float:
        """Logarithm of the share of the prior that exclusions leave."""
        return float(np.mean([run.ln_allowed for run in self.runs]))

    @cached_property
    def ln_prior_volume(self) -> float:
        """Logarithm of the prior volume; see `ln_prior_volume`."""
        return ln_prior_volume(self.analysis)

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
        samples, log_weights = self.weighted
        return samples[resampled(log_weights, n, np.random.default_rng(seed))]


def ln_prior_volume(analysis: Analysis) -> float:
    """Logarithm of the volume of the box with the peak density of the prior, in the sampled coordinates.

    For uniform priors it is the volume of their box; a normal one counts as 2.507 standard deviations. ln Z goes down
    by as much as this goes up where the data do not care.
    """
    centre = analysis.point()
    return -float(analysis.log_prior([centre[name] for name in analysis.parameter_names]))


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

    def summary(self) -> dict[str, dict[str, Any]]:
        """Median and highest-density intervals of every shared quantity."""
        return {
            name: {"median": float(np.median(column))}
            | {f"hpd{100 * level:.0f}": list(shortest_interval(column, level)) for level in LEVELS}
            for name, column in zip(self.names, self.draws.T, strict=True)
        }

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "weights": dict(self.weights), "weight_errors": dict(self.errors), "parameters": self.summary()
        }  # fmt: skip


def probabilities(ln_z: FloatArray) -> FloatArray:
    """Posterior probabilities of hypotheses with equal prior odds, shape (..., hypothesis).

    Examples
    --------
    >>> probabilities(np.log([1.0, 3.0])).tolist()
    [0.25, 0.75]
    """
    odds = np.exp(ln_z - np.max(ln_z, axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))


def average(evidences: Sequence[Evidence], n: int = AVERAGE_DRAWS, seed: int = 0) -> Average:
    """Average hypotheses with equal prior odds.

    Parameters
    ----------
    evidences : sequence of Evidence
        The hypotheses. They are taken as exclusive alternatives: variants of one model do not belong in here twice.
    n : int
        Draws.
    seed : int
        Of the draws.

    Raises
    ------
    ConfigError
        If they share no parameter.
    """
    if not evidences:
        raise ConfigError("average: no hypothesis is given")
    shared = [
        n for n in evidences[0].analysis.parameter_names if all(n in e.analysis.parameter_names for e in evidences)
    ]
    if not shared:
        raise ConfigError(f"average: {', '.join(e.name for e in evidences)} share no parameter")
    rng = np.random.default_rng(seed)
    ln_z, error = np.array([e.ln_z for e in evidences]), np.array([e.ln_z_error for e in evidences])
    weights = probabilities(ln_z)
    spread = np.std(probabilities(ln_z + error * rng.standard_normal((PERTURBED, len(ln_z)))), axis=0)
    parts: list[dict[str, FloatArray]] = []
    for k, (evidence, count) in enumerate(zip(evidences, rng.multinomial(n, weights), strict=True)):
        theta = evidence.draws(int(count), seed + k)
        columns = dict(zip(evidence.analysis.parameter_names, theta.T, strict=True))
        parts.append({name: columns[name] for name in shared} | evidence.analysis.derived(theta))
    names = tuple(name for name in parts[0] if all(name in part for part in parts))
    draws = np.concatenate([np.stack([part[name] for name in names], axis=-1) for part in parts])
    labels = [e.name for e in evidences]
    return Average(
        dict(zip(labels, weights.tolist(), strict=True)),
        dict(zip(labels, spread.tolist(), strict=True)),
        names,
        rng.permutation(draws),
    )
