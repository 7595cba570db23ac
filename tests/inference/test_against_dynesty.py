"""The posteriors of the shipped presets from two samplers that share nothing: emcee and dynesty (independent, slow)."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import pytest

import nuinfer
from nuinfer.config import presets

NAMES = ("log10_m_zprime_mev", "log10_g_prime")
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


def nested_draws(analysis, seed, live=600):
    """Draws of the posterior with their weights, from nested sampling of the unit cube."""
    from dynesty import NestedSampler

    def log_likelihood(theta):
        log_prob = float(analysis.log_prob(theta))  # likelihood and exclusions
        return log_prob - float(analysis.log_prior(theta)) if np.isfinite(log_prob) else -1e100

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = NestedSampler(
            log_likelihood, analysis.prior_transform, len(analysis.parameter_names),
            nlive=live, sample="rwalk", rstate=np.random.default_rng(seed),
        )  # fmt: skip
        sampler.run_nested(dlogz=0.05, print_progress=False)
    weights = sampler.results.importance_weights()
    return sampler.results.samples, weights


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("dynesty") is None, reason="dynesty is not installed")
@pytest.mark.parametrize("preset", presets())
def test_marginals_of_mass_and_coupling_agree(preset, tmp_path):
    """Shares of the draws below five quantiles of each, and of their quadrants, within four Monte-Carlo errors.

    The error of nested sampling is that of its effective sample size, but never less than that of its live points.
    """
    analysis = nuinfer.load(preset)
    run = nuinfer.fit(analysis, tmp_path / "run", progress=False)
    assert run.converged, run.summary()["warnings"]
    columns = [analysis.parameter_names.index(name) for name in NAMES]
    ours = run.samples().reshape(-1, len(analysis.parameter_names))[:, columns]
    ess = min(run.summary()["parameters"][name]["ess"] for name in NAMES)
    theirs, weights = nested_draws(analysis, seed=3)
    effective = min(600.0, 1.0 / np.sum(weights**2))
    cuts = np.quantile(ours, LEVELS, axis=0)
    regions = [lambda x, k=k, cut=cut: x[:, k] < cut for k in range(2) for cut in cuts[:, k]]
    middle = cuts[LEVELS.index(0.5)]
    regions += [lambda x, s=s, t=t: ((x[:, 0] < middle[0]) == s) & ((x[:, 1] < middle[1]) == t)
                for s in (True, False) for t in (True, False)]  # fmt: skip
    for region in regions:
        share, other = np.mean(region(ours)), np.sum(weights[region(theirs[:, columns])])
        error = np.sqrt(share * (1.0 - share) * (1.0 / ess + 1.0 / effective))
        assert abs(share - other) < 4.0 * error
