"""Best fits of simulated data against much dearer searches: what docs/run-folder.md quotes (an hour of one core)."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))
import global_maximum

DATA_SETS, WORKERS = 200, 2


def make(work: Path) -> dict[str, Any]:
    """The values; every data set is kept as it ends."""
    work.mkdir(parents=True, exist_ok=True)
    kept = work / "compared.jsonl"
    done = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    with ProcessPoolExecutor(WORKERS) as pool, kept.open("a") as file:
        for one in pool.map(global_maximum.compared, range(len(done), DATA_SETS)):
            done.append(one)
            file.write(json.dumps(one) + "\n")
            file.flush()
    best, again, other, seconds = np.array(done).T
    lost = np.maximum(again, other) - best
    return {
        "data_sets": len(done),
        "missed": int(np.sum(lost > global_maximum.MISSED)),
        "missed_by_evolution": int(np.sum(best - other > global_maximum.MISSED)),
        "worst": float(lost.max()),
        "seconds": float(np.median(seconds)),
    }
