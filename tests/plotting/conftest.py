"""What all tests of figures share."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def nothing_is_sampled(monkeypatch):
    """The posterior without a constraint is some draws of the prior: figures of it do not wait for a sampler."""

    def quick(analysis, seed):
        draws = analysis.sample_prior(400, np.random.default_rng(seed)).reshape(2, 10, 20, -1)
        return {c.name: SimpleNamespace(samples=draws, ess=2000.0, rhat=1.0) for c in analysis.constraints}

    monkeypatch.setattr("nuinfer.inference.sampling.short.leave_one_out", quick)
