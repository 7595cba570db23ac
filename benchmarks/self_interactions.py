"""A scalar coupled to nu_tau, all channels: full posteriors a second on one core, and the error of every bin.

Errors are those of the expected counts of a bin, against a march with steps four times shorter. One thread, at points
of the prior: OMP_NUM_THREADS=1 python benchmarks/self_interactions.py [PRESET ...]
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import cast

import numpy as np

import nuinfer
from nuinfer.transport.march import March

POINTS, FEW, REPEATS = 128, 24, 5


def main(presets: list[str]) -> None:
    """Print a table."""
    for preset in presets:
        analysis = nuinfer.load(preset, ["model.channels=all"])
        theta = analysis.sample_prior(4 * POINTS, np.random.default_rng(1))
        theta = theta[np.isfinite(analysis.log_prior(theta))][:POINTS]
        analysis.log_prob(theta[:2])
        best = np.inf
        for _ in range(REPEATS):
            begin = time.process_time()
            analysis.log_prob(theta)
            best = min(best, time.process_time() - begin)
        march = cast("March", analysis.model.transport)
        finer = replace(march, steps=tuple(step / 4.0 for step in march.steps))
        values = analysis.values(theta[:FEW])
        counts, fine = (replace(analysis.model, transport=each).expected(values).total for each in (march, finer))
        worst = np.abs(counts / fine - 1.0).max(axis=(-2, -1))
        print(f"{preset}: {len(theta) / best:.0f} posteriors per second and core")
        print(f"  error of the worst bin: median {np.median(worst):.1e}, 90 % {np.quantile(worst, 0.9):.1e}")
        for coupling, error in sorted(zip(values["g_prime"].tolist(), worst.tolist(), strict=True)):
            print(f"    g = {coupling:.4f}: {error:.1e}")


if __name__ == "__main__":
    main(sys.argv[1:] or ["hese7_nutau_scalar"])
