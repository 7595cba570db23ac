"""A run as an ArviZ container: chains, and what the model says at their draws."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from nuinfer.export import arviz_adapter
from nuinfer.inference.protocol import SampledAnalysis
from nuinfer.typing import FloatArray

if TYPE_CHECKING:
    from nuinfer.inference.runs.run import Run

CHUNK = 512  # points per call of the model


def container(run: Run, max_draws: int) -> Any:
    """All groups of a run; see `Run.to_arviz`.

    Parameters
    ----------
    run : Run
        The run.
    max_draws : int
        Draws per ensemble, and of the prior.
    """
    analysis = run.analysis
    thin = max(run.verdict.thin, -(-(run.steps - run.verdict.discard) * run.record["walkers"] // max_draws))
    samples, log_prob = run.samples(thin=thin), run.log_prob(thin=thin)
    shape = samples.shape[0], samples.shape[1] * samples.shape[2]
    theta = samples.reshape(-1, samples.shape[-1])
    rng = np.random.default_rng(run.record["seed"])
    poisson = _in_chunks(analysis.poisson_terms, theta)
    simulated = rng.poisson(_in_chunks(analysis.expected_counts, theta))
    terms = {f"term_{name}": values.reshape(shape) for name, values in run.log_terms(thin=thin).items()}
    groups = {
        "posterior": _named(analysis, theta, shape),
        "prior": _named(analysis, analysis.sample_prior(max_draws, rng), (1, max_draws)),
        "sample_stats": {"lp": log_prob.reshape(shape)} | terms,
        "log_likelihood": {"counts": poisson.reshape(*shape, *poisson.shape[1:])},
        "posterior_predictive": {"counts": simulated.reshape(*shape, *simulated.shape[1:])},
        "observed_data": {"counts": np.asarray(analysis.observed_counts)},
    }
    attributes = {"config_hash": run.record["config_hash"], "created_by": "nuinfer"}
    bins = [f"{low:.0f}-{high:.0f} GeV" for low, high in pairwise(analysis.bin_edges_gev)]
    return arviz_adapter.inference_data(groups, attributes, {"topology": analysis.topologies, "bin": bins})


def _in_chunks(function: Callable[[FloatArray], FloatArray], theta: FloatArray) -> FloatArray:
    return np.concatenate([function(theta[first : first + CHUNK]) for first in range(0, len(theta), CHUNK)])


def _named(analysis: SampledAnalysis, theta: FloatArray, shape: tuple[int, int]) -> dict[str, FloatArray]:
    """Sampled parameters and derived quantities by name, each of a shape."""
    columns = dict(zip(analysis.parameter_names, theta.T, strict=True))
    derived = {name: values for name, values in analysis.derived(theta).items() if name not in columns}
    return {name: values.reshape(shape) for name, values in (columns | derived).items()}
