"""Averages over hypotheses, each weighted by its evidence, of the quantities that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.inference.evidence.evidence import Evidence
from nuinfer.inference.runs.intervals import shortest_interval
from nuinfer.typing import FloatArray

DRAWS = 20_000
LEVELS = (0.68, 0.95)
PERTURBED = 2000  # sets of evidences within their errors


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


def average(evidences: Sequence[Evidence], n: int = DRAWS, seed: int = 0) -> Average:
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
