"""Cost of the full log-probability on one core, as a ratio to the ceiling that emcee itself sets, measured in one run.

OMP_NUM_THREADS=1 python benchmarks/rates.py [PRESET ...]
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable

import emcee
import numpy as np

import nuinfer
from nuinfer.config import presets

BATCHES = (1, 32, 256, 1024)
SECONDS = 0.5
WALKERS, N_DIM, STEPS = 256, 9, 20


def seconds(function: Callable[[], object]) -> float:
    """Time of a call, best of as many as there is time for."""
    function()
    best, until = np.inf, time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        begin = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - begin)
    return float(best)


def ceiling() -> float:
    """Microseconds per evaluation of emcee with a Gaussian, whole half-ensembles per call."""
    start = np.random.default_rng(0).normal(size=(WALKERS, N_DIM))
    moves = [(emcee.moves.DEMove(), 0.9), (emcee.moves.DEMove(gamma0=1.0), 0.1)]
    sampler = emcee.EnsembleSampler(WALKERS, N_DIM, lambda x: -0.5 * (x * x).sum(axis=-1), moves=moves, vectorize=True)
    return 1e6 * seconds(lambda: sampler.run_mcmc(start, STEPS, store=False)) / (WALKERS * STEPS)


def main(names: list[str]) -> None:
    """Print a table."""
    cases = [(name, overrides) for name in names for overrides in ([], ["model.regeneration=false"])]
    top = ceiling()
    print(
        f"emcee alone, {WALKERS} walkers in {N_DIM} dimensions: {top:.2f} us per evaluation, {1e6 / top:,.0f} a second"
    )
    print(
        f"{'us per point (over that) at a batch of':42s}" + "".join(f"{batch:>16d}" for batch in BATCHES) + "   32/1024"
    )
    for preset, overrides in cases:
        analysis = nuinfer.load(preset, overrides)
        theta = analysis.sample_prior(4096, np.random.default_rng(1))
        allowed = theta[np.isfinite(analysis.log_prob(theta))]
        costs = []
        for batch in BATCHES:
            points = allowed[0] if batch == 1 else np.resize(allowed, (batch, allowed.shape[1]))
            costs.append(1e6 * seconds(functools.partial(analysis.log_prob, points)) / batch)
        row = "".join(f"{cost:8.2f} ({cost / top:5.1f})" for cost in costs)
        print(f"{' '.join([preset, *overrides]):42s}{row}{costs[1] / costs[3]:10.2f}")


if __name__ == "__main__":
    main(sys.argv[1:] or list(presets()))
