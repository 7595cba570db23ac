"""Cost of the external constraints, each and all together, per point at a batch of 1024.

OMP_NUM_THREADS=1 python benchmarks/constraints.py
"""

from __future__ import annotations

import timeit
from collections.abc import Callable

import numpy as np

import nuinfer
from nuinfer.constraints import BUILDERS
from nuinfer.typing import FloatArray

BATCH = 1024
REPEATS, CALLS = 7, 50


def microseconds_per_point(function: Callable[[], object]) -> float:
    """Best of several repeats."""
    function()
    return 1e6 * min(timeit.repeat(function, number=CALLS, repeat=REPEATS)) / CALLS / BATCH


def main() -> None:
    """Print a table."""
    forms = {"sn1987a": "one_sided", "neutrino_mass": "one_sided"}
    on = [f"constraints.{name}.form={forms.get(name, 'two_sided')}" for name in BUILDERS]
    analysis = nuinfer.load("hese7", on)
    theta = analysis.sample_prior(BATCH, np.random.default_rng(1))
    posterior, point = analysis.posterior, analysis.posterior.point(theta)

    def term(k: int) -> Callable[[], FloatArray]:
        return lambda: posterior.constraint_term(posterior.constraints[k], point)

    costs = {c.name: microseconds_per_point(term(k)) for k, c in enumerate(posterior.constraints)}
    for name, cost in costs.items():
        print(f"{name:>14}: {cost:.3f} us per point")
    together = microseconds_per_point(lambda: [posterior.constraint_term(c, point) for c in posterior.constraints])
    print(f"{'all together':>14}: {together:.3f} us per point at batch {BATCH} (goal: below 2)")


if __name__ == "__main__":
    main()
