"""Cost of the external constraints, each and all together, per point: one at a time, and in batches.

OMP_NUM_THREADS=1 python benchmarks/constraints.py
"""

from __future__ import annotations

import functools
import timeit
from collections.abc import Callable

import numpy as np

import nuinfer
from nuinfer.constraints import CONSTRAINTS

BATCHES = (1, 256)
SECONDS, REPEATS = 0.02, 7


def microseconds(function: Callable[[], object]) -> float:
    """Best of several repeats."""
    calls = max(1, int(SECONDS / min(timeit.repeat(function, number=1, repeat=3))))
    return 1e6 * min(timeit.repeat(function, number=calls, repeat=REPEATS)) / calls


def main() -> None:
    """Print a table."""
    on = [f"constraints.{name}.form={definition.forms[-1]}" for name, definition in CONSTRAINTS.shipped.items()]
    analysis = nuinfer.load("hese7", on)
    print(f"{'us per point':>14}" + "".join(f"  batch {batch:4d}" for batch in BATCHES))
    total = np.zeros(len(BATCHES))
    for constraint in analysis.constraints:
        costs = []
        for batch in BATCHES:
            values = analysis.values(analysis.sample_prior(batch, np.random.default_rng(1)))
            values["sum_nu_masses_ev"] = 3.0 * analysis.model.masses_ev(values).mean(axis=-1)
            point = [values[name] for name in constraint.arguments]
            costs.append(microseconds(functools.partial(constraint.log_term, *point)) / batch)
        total += costs
        print(f"{constraint.name:>14}" + "".join(f"{cost:12.3f}" for cost in costs))
    print(f"{'all together':>14}" + "".join(f"{cost:12.3f}" for cost in total))


if __name__ == "__main__":
    main()
