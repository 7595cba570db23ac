"""What a campaign costs beside its jobs: overhead per job of each engine, throughput with 1 and 2 workers.

OMP_NUM_THREADS=1 python benchmarks/scaling.py [ENGINE ...]        with ENGINE of: processes, dask
mpiexec -n 3 python -m mpi4py.futures benchmarks/scaling.py mpi    (with OMP_NUM_THREADS=1; two workers)
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

from nuinfer.inference.studies.campaign import Campaign, CampaignConfig, run_campaign
from nuinfer.inference.studies.jobs import JobsConfig
from nuinfer.inference.work.calls import Call, Inline, dispatch
from nuinfer.inference.work.executors import open_executor
from nuinfer.inference.work.store import RESULTS, Question, open_store

EMPTY, FITS = 500, 20
SCHEDULERS = {"processes": None, "dask": "local", "mpi": "mpi"}


def nothing(number: int) -> dict[str, float]:
    """A job that does nothing, with a result as large as that of a best fit."""
    return {f"x{k}": float(number + k) for k in range(12)}


def overhead_s(scheduler: str | None, workers: int | None) -> tuple[float, float]:
    """Seconds until the first answer; CPU seconds of the dispatching process per empty job after that."""
    begin = time.perf_counter()
    with open_executor(workers, scheduler) as executor:
        list(dispatch(executor, [Call(str(k), nothing, (k,)) for k in range(2 * (workers or 2))]))
        first, cpu = time.perf_counter(), time.process_time()
        list(dispatch(executor, [Call(str(k), nothing, (k,)) for k in range(EMPTY)]))
        return first - begin, (time.process_time() - cpu) / EMPTY


def storing_s() -> tuple[float, float]:
    """CPU seconds to dispatch an empty job in this process and store its result, and its bytes on disk."""
    with tempfile.TemporaryDirectory() as name:
        with open_store(Path(name), Question("benchmark"), executor=Inline(), progress=False) as store:
            begin = time.process_time()
            store.run([Call(f"{k:020d}", nothing, (k,)) for k in range(EMPTY)])
            spent = time.process_time() - begin
        return spent / EMPTY, (Path(name) / RESULTS).stat().st_size / EMPTY


def fits(scheduler: str | None, workers: int | None, n: int = FITS) -> tuple[float, float, float]:
    """Best fits per second once the workers are warm, mean CPU seconds of one, share of their time that workers fit.

    The share says what the engine costs whatever else the machine is doing.
    """
    jobs = JobsConfig(task="best_fit", analysis=("hese7_icecube",), data="simulated", n=n)
    warm = jobs.model_copy(update={"n": 2 * (workers or 2)})
    with tempfile.TemporaryDirectory() as name, open_executor(workers, scheduler) as executor:
        out = Path(name)
        run_campaign(CampaignConfig(seed=1, jobs={"warm": warm}), out / "warm", executor=executor, progress=False)
        begin = time.perf_counter()
        config = CampaignConfig(seed=2, jobs={"fits": jobs})
        group = max(1, n // (2 * (workers or 2)))  # as for workers of our own, each has some
        done: Campaign = run_campaign(config, out / "fits", executor=executor, progress=False, group=group)
        spent = time.perf_counter() - begin
        columns = done.columns()
        busy = float(columns["seconds"].sum()) / (spent * (workers or 2))
        return n / spent, float(columns["cpu_seconds"].mean()), busy


def main(engines: list[str]) -> None:
    """Print tables."""
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load before: {load:.1f}")
    per_row, size = storing_s()
    print(f"storing a result: {1e3 * per_row:.2f} ms, {size:.0f} bytes")
    print("| engine | workers | start [s] | dispatch [CPU ms] | fits/s | CPU s a fit | share of time in fits |")
    print("|---|---|---|---|---|---|---|")
    for engine in engines:
        for workers in (None,) if engine == "mpi" else (1, 2):
            start, empty = overhead_s(SCHEDULERS[engine], workers)
            rate, each, busy = fits(SCHEDULERS[engine], workers)
            count = workers or "mpi"
            print(
                f"| {engine} | {count} | {start:.2f} | {1e3 * empty:.2f} | {rate:.2f} | {each:.2f} | {busy:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1:] or ["processes", "dask"])
