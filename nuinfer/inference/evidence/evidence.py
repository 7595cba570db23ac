"""The evidence of one hypothesis from several nested runs, its best fit, and the words for ratios of evidences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nuinfer.inference.evidence.loo import Loo
from nuinfer.inference.evidence.nested import NestedRun, resampled
from nuinfer.inference.protocol import EvidenceAnalysis
from nuinfer.typing import FloatArray

SCALE = ((1.0, "inconclusive"), (2.5, "weak"), (5.0, "moderate"), (math.inf, "strong"))
"""Upper end of \\|ln B\\| and its word."""

SCALE_REFERENCE = "R. Trotta, Contemp. Phys. 49 (2008) 71, arXiv:0803.4089, Table 1 (Jeffreys' scale, |ln B| 1, 2.5, 5)"


@dataclass(frozen=True)
class Evidence:
    """What is known of one hypothesis.

    Parameters
    ----------
    name : str
        What tables and figures call it.
    analysis : EvidenceAnalysis
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
    analysis: EvidenceAnalysis
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


def ln_prior_volume(analysis: EvidenceAnalysis) -> float:
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
