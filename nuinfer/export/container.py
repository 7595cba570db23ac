"""A posterior as an ArviZ container: its draws, and what the model says at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.export import arviz_adapter
from nuinfer.typing import FloatArray

CHUNK = 512  # points per call of the model


def container(
    analysis: Analysis, samples: FloatArray, stats: Mapping[str, FloatArray], *, prior_draws: int, seed: int
) -> Any:
    """Draws of a posterior and of the prior, pointwise likelihood, simulated and observed counts.

    Parameters
    ----------
    analysis : Analysis
        What was sampled.
    samples : ndarray, shape (ensemble, step, walker, n_dim)
        Draws; the chains of the container are the ensembles.
    stats : mapping
        Log-probability ``lp`` and its terms, each of shape (ensemble, step, walker).
    prior_draws : int
        Draws of the prior.
    seed : int
        Of the prior draws and the simulated counts.
    """
    shape = samples.shape[0], samples.shape[1] * samples.shape[2]
    theta = samples.reshape(-1, samples.shape[-1])
    rng = np.random.default_rng(seed)
    poisson = _in_chunks(analysis.poisson_terms, theta)
    simulated = rng.poisson(_in_chunks(analysis.expected_counts, theta))
    groups = {
        "posterior": _named(analysis, theta, shape),
        "prior": _named(analysis, analysis.sample_prior(prior_draws, rng), (1, prior_draws)),
        "sample_stats": {name: values.reshape(shape) for name, values in stats.items()},
        "log_likelihood": {"counts": poisson.reshape(*shape, *poisson.shape[1:])},
        "posterior_predictive": {"counts": simulated.reshape(*shape, *simulated.shape[1:])},
        "observed_data": {"counts": np.asarray(analysis.observed_counts)},
    }
    attributes = {"config_hash": analysis.config_hash, "created_by": "nuinfer"}
    bins = [f"{low:.0f}-{high:.0f} GeV" for low, high in pairwise(analysis.bin_edges_gev)]
    return arviz_adapter.inference_data(groups, attributes, {"topology": analysis.topologies, "bin": bins})


def _in_chunks(function: Callable[[FloatArray], FloatArray], theta: FloatArray) -> FloatArray:
    return np.concatenate([function(theta[first : first + CHUNK]) for first in range(0, len(theta), CHUNK)])


def _named(analysis: Analysis, theta: FloatArray, shape: tuple[int, int]) -> dict[str, FloatArray]:
    """Sampled parameters and derived quantities by name, each of a shape."""
    columns = dict(zip(analysis.parameter_names, theta.T, strict=True))
    derived = {name: values for name, values in analysis.derived(theta).items() if name not in columns}
    return {name: values.reshape(shape) for name, values in (columns | derived).items()}
