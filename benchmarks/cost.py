"""What the forward model costs and where it goes: nodes, tables, targets, regeneration; import time and peak memory.

OMP_NUM_THREADS=1 python benchmarks/cost.py
"""

from __future__ import annotations

import dataclasses
import resource
import subprocess
import sys
import time

import numpy as np

import nuinfer
from nuinfer.forward import ForwardModel
from nuinfer.typing import FloatArray

BATCH = 256
MODELS = {
    "split, no regeneration": ["model.regeneration=false"],
    "split": [],
    "split, coherent": ["model.coherence=coherent"],
    "split, nu and nubar differ": ["model.source=pgamma"],
    "degenerate": ["model.masses=degenerate"],
    "broken power law": ["model.spectrum=broken_power_law"],
    "cut-off": ["model.spectrum=cutoff"],
    "moving targets": ["model.targets=thermal"],
    "no absorption": ["model.absorption=false"],
}


def microseconds(model: ForwardModel, values: dict[str, FloatArray]) -> float:
    """Time per point of the expected counts, best of five."""
    model.expected(values)
    best = np.inf
    for _ in range(5):
        begin = time.perf_counter()
        model.expected(values)
        best = min(best, time.perf_counter() - begin)
    return float(best / BATCH * 1e6)


def price_of_the_variance(preset: str, batch: int) -> float:
    """Time of the log-probability with the effective likelihood over that with Poisson's, the best of many in turn."""
    both = [nuinfer.load(preset, [f"data.likelihood={name}"]) for name in ("effective", "poisson")]
    theta, best = both[0].sample_prior(batch, np.random.default_rng(1)), [np.inf, np.inf]
    for _ in range(max(200, 20_000 // batch)):
        for k, analysis in enumerate(both):
            begin = time.process_time()
            analysis.log_prob(theta)
            best[k] = min(best[k], time.process_time() - begin)
    return best[0] / best[1]


def main() -> None:
    """Print the tables."""
    code = "import time; t = time.perf_counter(); import nuinfer.analysis; print(time.perf_counter() - t)"
    seconds = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    print(f"import of the analysis: {seconds:.2f} s")
    print(f"expected counts of hese7_icecube, microseconds per point at batch {BATCH}:")
    for name, overrides in MODELS.items():
        analysis = nuinfer.load("hese7_icecube", overrides)
        values = analysis.values(analysis.sample_prior(BATCH, np.random.default_rng(1)))
        print(f"  {name:28s} {microseconds(analysis.model, values):7.1f}")
    analysis = nuinfer.load("hese7_icecube")
    values = analysis.values(analysis.sample_prior(BATCH, np.random.default_rng(1)))
    for nodes in (2, 3, 4, 6):
        finer = dataclasses.replace(analysis.model, nodes_per_bin=nodes)
        print(f"  {nodes} nodes per bin              {microseconds(finer, values):7.1f}")
    for preset in ("hese7", "hese12"):
        ratios = ", ".join(f"{price_of_the_variance(preset, batch):.3f} at batch {batch}" for batch in (1, 32, 256))
        print(f"  {preset}, effective likelihood over Poisson's: {ratios}")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
