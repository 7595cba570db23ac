"""What the samplers need to know of an analysis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from nuinfer.typing import ArrayLike, FloatArray


class SamplerDefaults(Protocol):
    """The ``[sampler]`` table: what `fit` uses where it is given nothing else."""

    @property
    def ensembles(self) -> int:
        """Number of independent ensembles."""
        ...

    @property
    def walkers(self) -> int:
        """Walkers of each ensemble."""
        ...

    @property
    def target_ess(self) -> float:
        """Effective sample size that every sampled parameter must reach."""
        ...

    @property
    def max_steps(self) -> int:
        """Largest number of steps of each ensemble."""
        ...

    @property
    def seed(self) -> int:
        """Root seed."""
        ...

    @property
    def checkpoint_seconds(self) -> float:
        """Longest time between two blocks on disk."""
        ...


class SampledAnalysis(Protocol):
    """A posterior with named terms and the record of where it comes from; `nuinfer.analysis.Analysis` is one.

    It must pickle: workers receive it once per process.
    """

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Sampled parameters, in column order."""
        ...

    @property
    def term_names(self) -> tuple[str, ...]:
        """Terms of the log-probability, in column order."""
        ...

    @property
    def prior_bounds(self) -> FloatArray:
        """Support of each prior, shape (n_dim, 2), infinite where it is open."""
        ...

    @property
    def sampler(self) -> SamplerDefaults:
        """Defaults of the sampler."""
        ...

    @property
    def observed_counts(self) -> FloatArray:
        """Observed counts, shape (topology, bin)."""
        ...

    @property
    def topologies(self) -> tuple[str, ...]:
        """Names of the rows of counts."""
        ...

    @property
    def bin_edges_gev(self) -> FloatArray:
        """Edges of the bins of counts, shape (bin + 1,)."""
        ...

    @property
    def config_input(self) -> str:
        """The configuration as the user wrote it."""
        ...

    @property
    def config_hash(self) -> str:
        """Hash of everything that affects the statistics."""
        ...

    @property
    def checksums(self) -> dict[str, str]:
        """Data file to sha256."""
        ...

    def config_toml(self) -> str:
        """Return the configuration with every default filled in."""
        ...

    def references(self) -> list[str]:
        """Return what was used and has to be cited."""
        ...

    def evaluate(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log-probability, shape (n,), and its terms, shape (n, n_term), at theta of shape (n, n_dim)."""
        ...

    def sample_prior(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw from the prior, shape (n, n_dim)."""
        ...

    def into_prior(self, theta: FloatArray, held: Iterable[int] = ()) -> FloatArray:
        """Move points inside the bounds into the support of the prior, continuously; columns `held` stay."""
        ...

    def derived(self, theta: FloatArray) -> dict[str, FloatArray]:
        """Derived quantities at theta, each of shape (*batch,)."""
        ...

    def expected_counts(self, theta: ArrayLike) -> FloatArray:
        """Expected counts, shape (*batch, topology, bin)."""
        ...

    def poisson_terms(self, theta: FloatArray) -> FloatArray:
        """Log-likelihood per bin, shape (*batch, topology, bin)."""
        ...


class SimulatedAnalysis(SampledAnalysis, Protocol):
    """An analysis that can take other data."""

    def with_observed(self, counts: ArrayLike) -> SimulatedAnalysis:
        """Return the same analysis of other counts."""
        ...


class EvidenceAnalysis(SimulatedAnalysis, Protocol):
    """An analysis whose evidence can be computed."""

    def with_observed(self, counts: ArrayLike) -> EvidenceAnalysis:
        """Return the same analysis of other counts."""
        ...

    def log_terms(self, theta: ArrayLike) -> dict[str, FloatArray]:
        """Every named term, each of shape (*batch,)."""
        ...

    def point(self) -> dict[str, float]:
        """Values of all parameters at the centre of the prior, where its density is largest."""
        ...

    def log_prior(self, theta: ArrayLike) -> FloatArray:
        """Log of the normalised prior density, shape (*batch,)."""
        ...

    def prior_transform(self, u: ArrayLike) -> FloatArray:
        """Map the unit cube, shape (*batch, n_dim), to parameters distributed like the prior."""
        ...

    def log_exclusion(self, theta: ArrayLike) -> FloatArray:
        """0 where no exclusion applies, else -inf; shape (*batch,)."""
        ...
