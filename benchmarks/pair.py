"""Cost of log_prob here and in another checkout, measured in turn: python benchmarks/pair.py OTHER_CHECKOUT [ROUNDS].

Prints, for each preset and batch, microseconds per point of both (the best of all rounds) and their ratio, and the time
of `nuinfer predict hese7` from an empty cache of compiled functions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CASES = [("hese7", []), ("hese7", ["model.regeneration=false"]), ("paper", [])]
BATCHES = (1, 32, 256, 1024)

MEASURE = """
import json, sys, time
import numpy as np
import nuinfer
cases, batches = json.loads(sys.argv[1])
found = []
for preset, overrides in cases:
    analysis = nuinfer.load(preset, overrides)
    theta = analysis.sample_prior(max(batches), np.random.default_rng(1))
    for batch in batches:
        points = theta[0] if batch == 1 else theta[:batch]
        analysis.log_prob(points)
        best, until = float("inf"), time.perf_counter() + 0.5
        while time.perf_counter() < until:
            start = time.perf_counter()
            analysis.log_prob(points)
            best = min(best, time.perf_counter() - start)
        found.append(1e6 * best / batch)
print(json.dumps(found))
"""


def run(checkout: Path, *command: str, cache: str | None = None) -> str:
    """Output of a command with the package of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    environment |= {} if cache is None else {"NUMBA_CACHE_DIR": cache}
    done = subprocess.run(
        [sys.executable, *command], cwd=checkout, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def seconds_from_an_empty_cache(checkout: Path) -> float:
    """Wall time of the first `nuinfer predict hese7`."""
    with tempfile.TemporaryDirectory() as cache:
        start = time.perf_counter()
        run(checkout, "-m", "nuinfer", "predict", "hese7", cache=cache)
        return time.perf_counter() - start


def main(other: str, rounds: int = 3) -> None:
    """Measure both checkouts in turn."""
    checkouts = (Path(__file__).resolve().parents[1], Path(other).resolve())
    asked = json.dumps([CASES, BATCHES])
    found = [[json.loads(run(c, "-c", MEASURE, asked)) for c in checkouts] for _ in range(rounds)]
    here, there = (list(map(min, *(each[k] for each in found))) if rounds > 1 else found[0][k] for k in (0, 1))
    rows = [(f"{preset} {' '.join(overrides)}", batch) for preset, overrides in CASES for batch in BATCHES]
    print(f"{'log_prob, microseconds per point':42s} {'batch':>5s} {'here':>9s} {'there':>9s} {'there/here':>10s}")
    for (case, batch), a, b in zip(rows, here, there, strict=True):
        print(f"{case:42s} {batch:5d} {a:9.2f} {b:9.2f} {b / a:10.2f}")
    first, second = (seconds_from_an_empty_cache(checkout) for checkout in checkouts)
    print(f"{'first predict, empty cache, seconds':48s} {first:9.1f} {second:9.1f} {second / first:10.2f}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
