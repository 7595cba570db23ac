"""What one job of a campaign does, in a worker: data, a task, a flat row of numbers."""

from __future__ import annotations

import math
import pickle
import platform
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.likelihood_ratio import exclusion, log_likelihood, significance
from nuinfer.inference.profile.profile import Profile
from nuinfer.inference.runs import folder as run_folder
from nuinfer.inference.sampling.fit import fit
from nuinfer.inference.studies import calibration
from nuinfer.inference.studies.campaign_config import Job, JobsConfig, truth_of
from nuinfer.inference.work.workers import Inline, unpickled
from nuinfer.typing import FloatArray

RUNS = "runs"
Row = dict[str, Any]


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
        Names to numbers, texts, or None where there is no number. ``seconds``, ``cpu_seconds`` and ``host`` differ from
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
    row = _TASKS[job.settings.task](analysis, job, seed, folder)
    wrong = [name for name, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
    if wrong:
        raise ConfigError(f"the result '{wrong[0]}' is {row[wrong[0]]}, not a number")
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
    best = Profile(free).best.point
    return MappingProxyType(point | dict(zip(free.parameter_names, best.tolist(), strict=True)))


def _named(analysis: Analysis, point: FloatArray) -> Row:
    return dict(zip(analysis.parameter_names, point.tolist(), strict=True))


def _best_fit(analysis: Analysis, job: Job, seed: int, folder: Path) -> Row:  # noqa: ARG001 - the interface of a task
    best = Profile(analysis, seed).best
    return {"log_likelihood": log_likelihood(analysis, best), **_named(analysis, best.point)}


def _limit(analysis: Analysis, job: Job, seed: int, folder: Path) -> Row:  # noqa: ARG001 - likewise
    profile = Profile(analysis, seed)
    limit = profile.limit(job.settings.parameter, job.settings.side, job.settings.level)
    best = profile.best
    return {"limit": limit, "log_likelihood": log_likelihood(analysis, best), **_named(analysis, best.point)}


def _significance(analysis: Analysis, job: Job, seed: int, folder: Path) -> Row:  # noqa: ARG001 - likewise
    return {"q": significance(analysis, seed)}


def _exclusion(analysis: Analysis, job: Job, seed: int, folder: Path) -> Row:  # noqa: ARG001 - likewise
    return {"q": exclusion(analysis, job.settings.test["m_zprime_mev"], job.settings.test["g_prime"], seed)}


def _posterior(analysis: Analysis, job: Job, seed: int, folder: Path) -> Row:
    path = folder / RUNS / job.key
    run_folder.make_folder(path.parent)
    run = fit(analysis, path, resume=True, seed=seed, progress=False, executor=Inline(), command="nuinfer campaign")
    summary = run.summary()
    row: Row = {name: summary[name] for name in ("converged", "steps", "ess_min", "rhat_max")}
    for name, entry in summary["parameters"].items():
        row |= {f"median.{name}": entry["median"]}
        for level in ("hpd68", "hpd95"):
            row |= {f"{level}_{end}.{name}": value for end, value in zip(("low", "high"), entry[level], strict=True)}
    return row


def _calibration(analysis: Analysis, job: Job, seed: int, folder: Path) -> Row:  # noqa: ARG001 - likewise
    setting = calibration.Setting(job.seed, job.settings.min_ess, job.settings.control)
    found = calibration.simulate(analysis, setting, job.number)
    row: Row = {name: found[name] for name in ("ess", "steps", "observed")}
    for kind in ("truth", "rank", "pull"):
        row |= {f"{kind}.{name}": value for name, value in found[kind].items()}
    return row


def _odds(analysis: Analysis, job: Job, seed: int, folder: Path) -> Row:  # noqa: ARG001 - likewise
    from nuinfer.inference.evidence.nested import Setting, run_nested

    run = run_nested(analysis, seed, Setting(live=job.settings.live))
    names = ("ln_z", "ln_z_error", "ln_allowed", "information", "calls")
    return {name: getattr(run, name) for name in names}


_TASKS: Mapping[str, Callable[[Analysis, Job, int, Path], Row]] = MappingProxyType(
    {
        "best_fit": _best_fit,
        "limit": _limit,
        "significance": _significance,
        "exclusion": _exclusion,
        "posterior": _posterior,
        "calibration": _calibration,
        "odds": _odds,
    }
)
