"""One job of a campaign, in a worker: its data, what its kind does with them, a flat row of numbers."""

from __future__ import annotations

import math
import pickle
import platform
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.search import best_fit
from nuinfer.inference.studies.campaign_config import Job, truth_of
from nuinfer.inference.studies.jobs import JobsConfig, Row, Work, flat, kind_of
from nuinfer.inference.work.workers import unpickled
from nuinfer.typing import FloatArray

RUNS = "runs"  # folder of what jobs leave beside their rows


def run_job(job: Job, folder: Path) -> Row:
    """Do one job.

    Parameters
    ----------
    job : Job
        The job.
    folder : Path
        Folder of the campaign, which a posterior fit writes its run folder into.

    Returns
    -------
    dict
        What its kind gives. ``seconds``, ``cpu_seconds`` and ``host`` differ from
        one execution to the next.

    Raises
    ------
    ConfigError
        If a number is not finite.
    """
    begin, cpu = time.perf_counter(), time.process_time()
    data, work = np.random.SeedSequence(job.seed, spawn_key=(job.number,)).spawn(2)
    analysis: Analysis = unpickled(job.analysis)
    if job.settings.data != "observed":
        analysis = with_data(analysis, job.settings, data)
    seed = int(work.generate_state(1, np.uint64)[0] >> np.uint64(1))  # fits a signed integer of 64 bits
    task = Work(analysis, job.settings, seed, job.seed, job.number, folder / RUNS / job.key)
    row = kind_of(job.settings.task).run(task)
    for name, value in flat(row).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"the result '{name}' is {value}, not a number")
    spent = {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - cpu}
    return {**row, **spent, "host": platform.node()}


def with_data(analysis: Analysis, settings: JobsConfig, seed: np.random.SeedSequence) -> Analysis:
    """The analysis with the data of a job: expected counts of its truth, or a Poisson draw around them."""
    rng = np.random.default_rng(seed)
    truth = truth_of(analysis, settings.truth)
    if settings.others == "prior":
        drawn = truth.sample_prior(1, rng)[0]
        values = dict(zip(truth.parameter_names, drawn.tolist(), strict=True))
        values = {name: v for name, v in values.items() if name.removeprefix("log10_") not in settings.at}
        counts = _counts(truth, values | settings.at)
    elif settings.others == "centre":
        counts = _counts(truth, settings.at)
    else:
        counts = _counts(truth, _best_truth(pickle.dumps(_unprojected(truth)), tuple(sorted(settings.at.items()))))
    return analysis.with_observed(counts if settings.data == "asimov" else rng.poisson(counts).astype(float))


def _counts(analysis: Analysis, values: Mapping[str, float]) -> FloatArray:
    return np.asarray(np.sum(list(analysis.predict(values).values()), axis=0))


def _unprojected(analysis: Analysis) -> Analysis:
    """The analysis of the data that there are, so that a truth does not depend on the exposure of a forecast."""
    return analysis.with_overrides({"data.exposure": 1.0, "data.effective_area_scale": 1.0})


@lru_cache(maxsize=8)
def _best_truth(pickled: bytes, at: tuple[tuple[str, float], ...]) -> Mapping[str, float]:
    """All parameters: those given, the others where they fit the observed data best."""
    analysis = unpickled(pickled)
    point = analysis.point(dict(at))
    fixed = {name: point[name] for name, _ in at if name in point} | {
        f"log10_{name}": point[f"log10_{name}"] for name, _ in at if name not in point
    }
    if set(fixed) >= set(analysis.parameter_names):
        return MappingProxyType(point)
    free = analysis.with_overrides({f"parameters.{name}.value": value for name, value in fixed.items()})
    best = best_fit(free).theta
    return MappingProxyType(point | dict(zip(free.parameter_names, best.tolist(), strict=True)))
