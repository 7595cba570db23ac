"""The posterior on a GPU against a CPU: python benchmarks/gpu.py [--device cpu] [--seconds 60] [--data-sets 4000].

Prints the name of the card, how far its numbers are from those of the CPU, rates by size of the batch, what thousands
of posteriors of simulated data and of best fits take, all in one process. Every part prints its results as they come;
one that fails says so and the next goes on. Below five minutes in all: a part stops after
`--seconds`, says how far it came, and what the whole would take at that rate. ``--device cpu`` shows what the script
does where there is no card.
"""

from __future__ import annotations

import argparse
import functools
import time
import traceback
from collections.abc import Callable

import numpy as np

import nuinfer
from nuinfer.inference.profile import search
from nuinfer.inference.work.simulation import draw_data
from nuinfer.observed import DataSets

CASES = {"hese7": (), "hese7 without regeneration": ("model.regeneration=false",)}
BATCHES = (32, 256, 2048, 16384, 131072)
WALKERS, STEPS, FITS = 64, 841, 20_000
CHUNK = 1_000  # data sets of a call of `best_fits`


def seconds_of(work: Callable[[], object], at_least: float = 0.5) -> float:
    """The shortest time of several calls, after one that compiles."""
    work()
    best, until = float("inf"), time.perf_counter() + at_least
    while time.perf_counter() < until:
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def say_machine(device: str) -> None:
    """The card, or that it is a CPU."""
    if device == "cpu":
        print("a CPU: nothing here is the rate of a GPU")
        return
    from nuinfer.device import check, cuda

    check()
    card = cuda.get_current_device()
    free, total = cuda.current_context().get_memory_info()
    name = card.name.decode() if isinstance(card.name, bytes) else card.name
    number = ".".join(map(str, card.compute_capability))
    print(f"{name}, compute capability {number}, {card.MULTIPROCESSOR_COUNT} multiprocessors")
    print(f"{total / 2**30:.0f} GiB, {free / 2**30:.0f} GiB free")


def equality(device: str, seconds: float) -> None:  # noqa: ARG001 - as all parts
    """Largest differences of log-probabilities and counts."""
    for name, overrides in CASES.items():
        analysis = nuinfer.load("hese7", overrides)
        theta = analysis.sample_prior(4000, np.random.default_rng(1))
        here, _, counts = analysis.evaluate(theta)
        start = time.perf_counter()
        there, _, others = analysis.with_overrides([f"sampler.device={device}"]).evaluate(theta)
        first = time.perf_counter() - start
        finite = np.isfinite(here)
        same = np.array_equal(finite, np.isfinite(there))
        off = np.max(np.abs(there[finite] / here[finite] - 1.0))
        of_counts = np.max(np.abs(others - counts) / np.where(counts == 0.0, 1.0, counts))
        verdict = "equal" if same and max(off, of_counts) < 1e-10 else "NOT EQUAL"
        print(f"{name}: {len(theta)} points, {verdict} within 1e-10; relative differences: log_prob {off:.1e}, "
              f"counts {of_counts:.1e}; first call {first:.1f} s, compilation included")  # fmt: skip


def rates(device: str, seconds: float) -> None:
    """Points per second: of the kernel alone, with what is sent and comes back, and of the whole log_prob."""
    print(f"{'points per second':28s} {'batch':>7s} {'kernel':>12s} {'and transfers':>14s} {'log_prob':>12s}")
    until = time.perf_counter() + seconds
    for name, overrides in CASES.items():
        analysis = nuinfer.load("hese7", [*overrides, f"sampler.device={device}"])
        model, own, rng = analysis.model, analysis.own, np.random.default_rng(1)
        for batch in BATCHES:
            if time.perf_counter() > until:
                print(f"{name}: stopped after {seconds:.0f} s")
                break
            theta = analysis.sample_prior(batch, rng)
            values, of = analysis.values(theta), np.zeros(batch, np.intp)
            data = own.counts, own.factorials, of
            kernel = float("nan")
            if device == "cuda":
                from nuinfer.device import cuda

                launch, *_ = model._card.launch(model.points(values), model._passing(values), data)

                def computed(launch: Callable[[], None] = launch) -> None:
                    launch()
                    cuda.synchronize()

                kernel = batch / seconds_of(computed)
            moved = batch / seconds_of(functools.partial(model.evaluate, values, *data))
            whole = batch / seconds_of(functools.partial(analysis.evaluate, theta))
            print(f"{name:28s} {batch:7d} {kernel:12.0f} {moved:14.0f} {whole:12.0f}", flush=True)


def simulated(analysis: nuinfer.Analysis, n: int) -> DataSets:
    """Data sets drawn at the centre of the prior."""
    rng = np.random.default_rng(3)
    there = analysis.with_overrides(["sampler.device=cpu"])  # a point at a time
    drawn = (draw_data(there, None, rng) for _ in range(n))
    return analysis.data_sets([(one.counts, one.measured) for one in drawn])


def posteriors(device: str, seconds: float, n: int) -> None:
    """Differential evolution of 64 walkers for each of many data sets, all in one batch, from draws of the prior."""
    analysis, rng = nuinfer.load("hese7_icecube", [f"sampler.device={device}"]), np.random.default_rng(2)
    data, half = simulated(analysis, n), WALKERS // 2
    of = np.repeat(np.arange(n), half)
    n_dim = len(analysis.parameter_names)
    walkers = analysis.sample_prior(n * WALKERS, rng).reshape(2, n, half, n_dim)
    log_prob = np.array([analysis.evaluate(part.reshape(-1, n_dim), data, of)[0].reshape(n, half) for part in walkers])
    start, steps, taken = time.perf_counter(), 0, 0
    while steps < STEPS and time.perf_counter() - start < seconds:
        scale = 1.0 if rng.random() < 0.1 else 2.38 / np.sqrt(2.0 * n_dim)
        for part in (0, 1):
            one, two = rng.integers(half, size=half), rng.integers(half - 1, size=half)
            two += two >= one
            other = walkers[1 - part]
            proposal = walkers[part] + (scale + 1e-5 * rng.standard_normal((n, half, 1))) * (
                other[:, one] - other[:, two]
            )
            found = analysis.evaluate(proposal.reshape(-1, n_dim), data, of)[0].reshape(n, half)
            accepted = np.log(rng.random((n, half))) < found - log_prob[part]
            walkers[part][accepted], log_prob[part][accepted] = proposal[accepted], found[accepted]
            taken += int(accepted.sum())
        steps += 1
    spent = time.perf_counter() - start
    rate, share = steps * n * WALKERS / spent, taken / max(1, steps * n * WALKERS)
    print(f"{n} posteriors of simulated data, {WALKERS} walkers: {steps} of {STEPS} steps in {spent:.1f} s "
          f"({rate:.0f} evaluations per second, {share:.0%} accepted)"
          + (f"; at this rate {STEPS} steps take {spent * STEPS / steps:.0f} s" if steps < STEPS else ""))  # fmt: skip


def best_fits(device: str, seconds: float, n: int) -> None:
    """Best fits of many data sets in lockstep."""
    analysis = nuinfer.load("hese7_icecube", [f"sampler.device={device}"])
    data, chunk = simulated(analysis, n), min(CHUNK, n)
    start, done = time.perf_counter(), 0
    while done < FITS and (done == 0 or time.perf_counter() - start < seconds):
        search.best_fits(analysis, data.chosen(np.arange(done, done + chunk) % n), seed=done, batch=BATCHES[-1])
        done += chunk
        print(f"{done} best fits in {time.perf_counter() - start:.1f} s", flush=True)
    spent = time.perf_counter() - start
    if done < FITS:
        print(f"at this rate {FITS} best fits take {spent * FITS / done:.0f} s")


def main() -> None:
    """Every part in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--seconds", type=float, default=60.0, help="of each part (default: 60)")
    parser.add_argument("--data-sets", type=int, default=4000)
    given = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "machine": lambda: say_machine(given.device),
        "equality": lambda: equality(given.device, given.seconds),
        "rates": lambda: rates(given.device, given.seconds),
        "posteriors": lambda: posteriors(given.device, given.seconds, given.data_sets),
        "best fits": lambda: best_fits(given.device, given.seconds, given.data_sets),
    }
    for name, part in parts.items():
        print(f"== {name}", flush=True)
        try:
            part()
        except Exception as error:  # noqa: BLE001 - the next part is worth as much
            print(f"FAILED: {type(error).__name__}: {error}")
            traceback.print_exc()
            if name == "machine":
                break


if __name__ == "__main__":
    main()
