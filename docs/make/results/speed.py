"""What evaluations, fits and campaigns cost on this machine, nothing else running (four minutes)."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import nuinfer

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
PRESETS: dict[str, tuple[str, list[str]]] = {
    "hese7": ("hese7", []),
    "without regeneration": ("hese7", ["model.regeneration=false"]),
    "paper": ("paper", []),
    "broken power law": ("hese7", ["model.spectrum=broken_power_law"]),
    "broken power law without regeneration": (
        "hese7",
        ["model.spectrum=broken_power_law", "model.regeneration=false"],
    ),
    "cut-off": ("hese7", ["model.spectrum=cutoff"]),
    "cut-off without regeneration": ("hese7", ["model.spectrum=cutoff", "model.regeneration=false"]),
    "thermal": ("hese7", ["model.targets=thermal"]),
    "thermal without regeneration": ("hese7", ["model.targets=thermal", "model.regeneration=false"]),
}
BATCHES = (1, 256)


def make(work: Path) -> dict[str, Any]:
    """The values."""
    sys.path.append(str(BENCHMARKS))
    import numpy as np
    import pair
    import rates as cost
    import scaling

    rates: dict[str, dict[str, int]] = {}
    for name, (preset, overrides) in PRESETS.items():
        analysis = nuinfer.load(preset, overrides)
        theta = analysis.sample_prior(4096, np.random.default_rng(1))
        allowed = theta[np.isfinite(analysis.log_prob(theta))]
        points = {str(batch): np.resize(allowed, (batch, allowed.shape[1])) for batch in BATCHES}
        seconds = {batch: cost.seconds(partial(analysis.log_prob, rows)) for batch, rows in points.items()}
        rates[name] = {batch: round(len(points[batch]) / each) for batch, each in seconds.items()}
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    start, before = time.perf_counter(), processor_s()
    command = [sys.executable, "-m", "nuinfer", "fit", "hese7", "--out", str(work / "fit"), "--force"]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
    fit_s, fit_cpu_s = time.perf_counter() - start, processor_s() - before
    per_row, size = scaling.storing_s()
    engines = {}
    for engine in ("processes", "dask"):
        for workers in (1, 2):
            begun, dispatch = scaling.overhead_s(scaling.SCHEDULERS[engine], workers)
            rate, each, busy = scaling.fits(scaling.SCHEDULERS[engine], workers)
            engines[f"{engine} {workers}"] = {
                "engine": engine,
                "workers": workers,
                "start_s": begun,
                "dispatch_ms": 1e3 * dispatch,
                "fits_per_s": rate,
                "cpu_s": each,
                "busy": busy,
            }
    return {
        "rates": rates,
        "thousands": {name: {batch: rate / 1e3 for batch, rate in found.items()} for name, found in rates.items()},
        "single_ms": {name: 1e3 / found["1"] for name, found in rates.items()},
        "emcee_thousands": 1e3 / cost.ceiling(),
        "peak_mb": peak_mb,
        "first_predict_s": pair.seconds_from_an_empty_cache(BENCHMARKS.parent),
        "fit_s": fit_s,
        "fit_cpu_s": fit_cpu_s,
        "storing_ms": 1e3 * per_row,
        "row_bytes": size,
        "engines": engines,
    }


def processor_s() -> float:
    """Processor seconds of all processes that this one started and that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def tables(values: dict[str, Any]) -> dict[str, str]:
    """Engines of campaigns."""
    head = [
        "| engine | workers | start [s] | dispatch [CPU ms per job] | fits/s | CPU s per fit | share of time in fits |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [
        f"| {one['engine']} | {one['workers']} | {one['start_s']:.1f} | {one['dispatch_ms']:.1f} "
        f"| {one['fits_per_s']:.2f} | {one['cpu_s']:.2f} | {one['busy']:.3f} |"
        for one in values["engines"].values()
    ]
    return {"engines": "\n".join([*head, *rows])}
