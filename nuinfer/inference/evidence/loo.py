"""Leave-one-bin-out: how well a hypothesis predicts each bin from the others.

Pareto-smoothed importance sampling (Vehtari, Gelman and Gabry 2017, arXiv:1507.04544) over the Poisson terms of the
bins, from the weighted draws of nested sampling; a bin whose Pareto k exceeds 0.7 is left out in earnest and the
posterior sampled again. With few and sparse bins it is a secondary number: nothing is ranked by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from nuinfer.analysis import Analysis
from nuinfer.export import arviz_adapter
from nuinfer.typing import FloatArray

RELIABLE_K = 0.7
DRAWS = 2000  # of a posterior that is sampled again
NEGLIGIBLE = 30.0  # below the largest logarithm of a weight


@dataclass(frozen=True)
class Loo:
    """Expected log predictive density by bin.

    Parameters
    ----------
    by_bin : ndarray, shape (topology * bin,)
        ln p(counts of the bin | counts of all others).
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
        """Elpd minus that of another hypothesis and the error of the difference, from its spread over the bins."""
        apart = self.by_bin - other.by_bin
        return float(np.sum(apart)), math.sqrt(len(apart)) * float(np.std(apart, ddof=1))


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
    terms = analysis.poisson_terms(samples[kept]).reshape(np.count_nonzero(kept), -1)
    by_bin, k = arviz_adapter.psis_loo(terms, log_weights[kept])
    bad = np.flatnonzero(~(k <= RELIABLE_K))
    for index in bad:
        again = analysis.poisson_terms(refit(int(index))).reshape(-1, terms.shape[1])[:, index]
        by_bin[index] = special.logsumexp(again) - math.log(len(again))
    return Loo(by_bin, float(np.max(k)), tuple(bad.tolist()))


def from_json(content: Mapping[str, Any]) -> Loo:
    """What `dataclasses.asdict` has made of it, and a file of it."""
    k_max = content["k_max"]
    return Loo(np.array(content["by_bin"], float), math.inf if k_max is None else k_max, tuple(content["refitted"]))
