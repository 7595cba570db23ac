"""Evaluations of the full log-probability per second on one core, beside the ceiling that emcee itself sets.

OMP_NUM_THREADS=1 python benchmarks/evaluations.py [PRESET ...]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import emcee
import numpy as np

import nuinfer
from nuinfer.config import presets
from nuinfer.typing import FloatArray

SECONDS = 1.0
WALKERS = 256


def rate(function: Callable[[FloatArray], object], theta: FloatArray) -> float:
    """Rows of `theta` per second, best of five."""
    function(theta)
    best = 0.0
    for _ in range(5):
        begin, calls = time.perf_counter(), 0
        while time.perf_counter() - begin < SECONDS / 5:
            function(theta)
            calls += 1
        best = max(best, calls * len(theta) / (time.perf_counter() - begin))
    return best


def ceiling(n_dim: int) -> float:
    """Evaluations per second of emcee on a trivial Gaussian, whole half-ensembles per call."""
    start = np.random.default_rng(0).normal(size=(WALKERS, n_dim))
    moves = [(emcee.moves.DEMove(), 0.9), (emcee.moves.DEMove(gamma0=1.0), 0.1)]
    sampler = emcee.EnsembleSampler(WALKERS, n_dim, lambda x: -0.5 * (x * x).sum(axis=-1), moves=moves, vectorize=True)
    begin = time.perf_counter()
    sampler.run_mcmc(start, 500)
    return WALKERS * 500 / (time.perf_counter() - begin)


def main(names: list[str]) -> None:
    """Print a table."""
    for preset in names:
        analysis = nuinfer.load(preset)
        theta = analysis.sample_prior(4096, np.random.default_rng(1))
        allowed = theta[np.isfinite(analysis.log_prob(theta))]
        top = ceiling(len(analysis.parameter_names))
        print(f"{preset}: emcee alone {top:,.0f} evaluations/s at {WALKERS} walkers")
        for batch in (1, 32, 256, 4096):
            speed = rate(analysis.log_prob, np.resize(allowed, (batch, allowed.shape[1])))
            print(f"  batch {batch:5d}: {speed:10,.0f} evaluations/s, {speed / top:.2f} of emcee's own rate")


if __name__ == "__main__":
    main(sys.argv[1:] or list(presets()))
