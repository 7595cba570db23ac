"""All channels of a scalar: full posteriors a second on one core, and the error of every bin.

Errors are those of the expected counts of a bin, against a march with steps four times shorter. One thread, at points
of the prior: OMP_NUM_THREADS=1 python benchmarks/self_interactions.py
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import cast

import numpy as np

import nuinfer
from nuinfer.transport.march import March

PRESET = "hese7_nutau_scalar"
CASES: dict[str, list[str]] = {
    "nu_tau": [],
    "all flavours alike": ["model.couplings=flavour_blind"],
    "any symmetric matrix": ["model.couplings=[[0.3, 0.2, [0, 0.1]], [0.2, 0.5, 0.4], [[0, 0.1], 0.4, 1]]"],
}
POINTS, FEW, REPEATS = 128, 24, 7
STRONG = 0.13
"""Couplings above which bins are apart: hardly anything arrives there."""


def points(analysis: nuinfer.Analysis, n: int) -> np.ndarray:
    """Points of the prior at which there is something to calculate."""
    theta = analysis.sample_prior(4 * n, np.random.default_rng(1))
    return theta[np.isfinite(analysis.log_prob(theta))][:n]


def rate(analysis: nuinfer.Analysis) -> float:
    """Posteriors per second of processor time, in batches, the best of several."""
    theta, best = points(analysis, POINTS), np.inf
    for _ in range(REPEATS):
        begin = time.process_time()
        analysis.log_prob(theta)
        best = min(best, time.process_time() - begin)
    return len(theta) / best


def errors(analysis: nuinfer.Analysis) -> tuple[np.ndarray, np.ndarray]:
    """Couplings of a few points, and the relative error of the worst bin of each."""
    march = cast("March", analysis.model.transport)
    finer = replace(march, steps=tuple(step / 4.0 for step in march.steps))
    values = analysis.values(points(analysis, FEW))
    counts, fine = (replace(analysis.model, transport=each).expected(values).total for each in (march, finer))
    return np.asarray(values["g_prime"]), np.abs(counts / fine - 1.0).max(axis=(-2, -1))


def measured(overrides: list[str]) -> dict[str, float]:
    """Rate and errors of one case."""
    analysis = nuinfer.load(PRESET, overrides)
    coupling, worst = errors(analysis)
    return {
        "rate": rate(analysis), "median": float(np.median(worst)), "q90": float(np.quantile(worst, 0.9)),
        "weak": float(worst[coupling < STRONG].max()), "strong": float(worst.max()),
    }  # fmt: skip


def main() -> None:
    """Print a table."""
    for name, overrides in CASES.items():
        one = measured(overrides)
        print(f"{name}: {one['rate']:.0f} posteriors per second and core; error of the worst bin: median")
        print(f"  {one['median']:.1e}, 90 % {one['q90']:.1e}, at most {one['weak']:.1e} up to g = {STRONG},")
        print(f"  {one['strong']:.1e} above")


if __name__ == "__main__":
    main()
