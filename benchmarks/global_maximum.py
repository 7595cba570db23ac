"""Is the best fit the global maximum? python benchmarks/global_maximum.py N [--jobs J] [--first K].

N simulated data sets: of `hese7_icecube`, drawn at points of its prior and at its best fit in turn, and every tenth
of `hese7` and of `paper`. The best fit of each is held against the best of two expensive searches: `best_fit` with
three times the effort, and four populations of a differential evolution over the whole prior, each followed by a
descent. Prints what is lost against them (negative where the best fit is higher), how often more than 0.01, and the
time of a fit on one core.
"""

from __future__ import annotations

import argparse
import functools
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from scipy import optimize

import nuinfer
from nuinfer.analysis import Analysis
from nuinfer.typing import FloatArray

SCIPY: Any = optimize  # whose types do not know functions of many points
EFFORT, POPULATIONS, PER_DIMENSION, GENERATIONS = 3.0, 4, 16, 600
MISSED = 0.01


@functools.cache
def analysis_of(preset: str) -> tuple[Analysis, FloatArray]:
    """Analysis of a preset, ready, and its best fit."""
    analysis = nuinfer.load(preset)
    return analysis, nuinfer.best_fit(analysis).theta


def simulated(k: int) -> Analysis:
    """Data set number `k`."""
    analysis, best = analysis_of({3: "hese7", 7: "paper"}.get(k % 10, "hese7_icecube"))
    rng = np.random.default_rng([16, k])
    theta = analysis.sample_prior(1, rng)[0] if k % 2 else best
    return analysis.with_observed(rng.poisson(analysis.expected_counts(theta)))


def evolved(analysis: Analysis, seed: int) -> float:
    """Highest log-probability that differential evolution finds, which shares nothing with `best_fit`."""
    rng, found = np.random.default_rng(seed), []
    shape = PER_DIMENSION * (1 + len(analysis.parameter_names)), len(analysis.parameter_names)

    def cost(cube: FloatArray) -> FloatArray:
        log_prob = analysis.log_prob(analysis.prior_transform(np.clip(cube.T, 1e-9, 1.0 - 1e-9)))
        return np.where(np.isfinite(log_prob), -log_prob, 1e30)

    settings: dict[str, Any] = {"vectorized": True, "updating": "deferred", "polish": False, "tol": 0.0, "atol": 1e-3}
    settings |= {"strategy": "rand1bin", "mutation": (0.4, 0.9), "recombination": 0.9, "maxiter": GENERATIONS}
    for _ in range(POPULATIONS):
        one = SCIPY.differential_evolution(cost, [(0.0, 1.0)] * shape[1], init=rng.random(shape), rng=rng, **settings)
        descent = SCIPY.minimize(lambda u: cost(u).item(), one.x, method="Nelder-Mead")
        found.append(-min(one.fun, descent.fun))
    return float(max(found))


def compared(k: int) -> tuple[float, float, float, float]:
    """Best fit of data set `k`, what the two expensive searches found, and processor seconds of the fit."""
    analysis = simulated(k)
    start = time.process_time()
    best = nuinfer.best_fit(analysis, seed=k)
    seconds = time.process_time() - start
    again = nuinfer.best_fit(analysis, seed=10_000 + k, effort=EFFORT)
    return best.log_prob, again.log_prob, evolved(analysis, k), seconds


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    numbers = range(given.first, given.first + given.n)
    lost, seconds, start = [], [], time.perf_counter()
    with ProcessPoolExecutor(given.jobs) as pool:
        for k, (best, again, other, spent) in zip(numbers, pool.map(compared, numbers), strict=True):
            lost.append(max(again, other) - best)
            seconds.append(spent)
            print(f"{k:4d} {simulated(k).name:14s} {best:10.4f}  lost {lost[-1]:8.4f} ", end="")
            print(f"(more effort {again - best:8.4f}, evolution {other - best:8.4f})  {spent:5.2f} s", flush=True)
    print(
        f"{given.n} data sets: {sum(np.array(lost) > MISSED)} lower by more than {MISSED}, the worst by {max(lost):.4f}"
    )
    print(f"a fit takes {np.median(seconds):.2f} s (median), at most {max(seconds):.2f} s, of one core;", end=" ")
    print(f"all of it took {(time.perf_counter() - start) / 60.0:.1f} minutes with {given.jobs} workers")


if __name__ == "__main__":
    main()
