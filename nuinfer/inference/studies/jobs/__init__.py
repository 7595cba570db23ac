"""Jobs of campaigns: what they can do, and how one is done in a worker.

There is one file per kind, with the constant ``JOB``, found by listing this folder. A user's own kind is such a file
too, named by ``task = "mine.py"``.
"""

from __future__ import annotations

import math
import operator
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from nuinfer.analysis import Analysis
from nuinfer.config.fields import LISTED, Count, Positive, Table, one_of
from nuinfer.errors import ConfigError
from nuinfer.inference.profile import search  # best_fit is the name of a kind here
from nuinfer.inference.profile.profile import COUPLING
from nuinfer.inference.runs.summary import EDGE_BAND
from nuinfer.inference.studies.calibration import Control
from nuinfer.inference.work.calls import unpickled
from nuinfer.inference.work.files import flat
from nuinfer.inference.work.simulation import Data, draw_data
from nuinfer.observed import DataSets
from nuinfer.registry import Registry
from nuinfer.typing import ArrayLike, FloatArray

RUNS = "runs"  # folder of what jobs leave beside their rows
AT_EDGE = "at_edge"  # column of parameters
Row = dict[str, Any]


@dataclass(frozen=True)
class JobKind:
    """One kind of job.

    Parameters
    ----------
    name : str
        What ``task`` calls it.
    run : callable, optional
        Does one: names to numbers, texts, None where there is no number, or groups of them by name.
    run_all : callable, optional
        Instead, does those for many data sets at once.
    check : callable
        From ``jobs.NAME``, the settings and an analysis; raises ConfigError for what would fail in every job.
    draws_data : bool
        Whether it draws its own data and truths, so that keys which choose them mean nothing.
    """

    name: str
    run: Callable[[Work], Row] | None = None
    check: Callable[[str, JobsConfig, Analysis], None] = lambda *_: None
    draws_data: bool = False
    run_all: Callable[[Works], list[Row]] | None = None


KINDS = Registry(__name__, "JOB", JobKind)


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class JobsConfig(Table):
    """``[jobs.NAME]``: one task for one or many analyses and data sets.

    Which keys matter depends on the task: ``parameter``, ``side`` and ``level`` are those of a limit, ``test`` is the
    point of an exclusion, ``min_ess`` and ``control`` are those of a calibration, ``live`` that of odds.
    """

    task: Annotated[str, one_of(KINDS, files=True)]
    analysis: Annotated[tuple[str, ...], LISTED, BeforeValidator(_listed), Field(min_length=1)]
    set: dict[str, Any] = Field(default={})
    vary: dict[str, Annotated[tuple[Any, ...], LISTED]] = Field(default={})
    n: Count = 1
    data: Literal["observed", "asimov", "simulated"] = "observed"
    truth: Literal["z_prime", "standard_model"] = "z_prime"
    at: dict[str, float] = Field(default={})
    others: Literal["best_fit", "centre", "prior"] = "best_fit"
    parameter: str = "log10_g_prime"
    side: Literal["upper", "lower"] = "upper"
    level: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.95
    test: dict[str, float] = Field(default={})
    min_ess: Positive = 400.0
    control: Control = "none"
    live: Annotated[int, Field(ge=50)] = 400


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Parameters
    ----------
    key : str
        Its address: a hash of configuration, data, task and seed.
    case : mapping
        What tells it from the others, beside its number: the name of its table, the task, the analysis, varied keys.
    analysis : bytes
        What is fitted, pickled.
    settings : JobsConfig
        Its table.
    seed : int
        Root seed of the campaign.
    number : int
        Number of the simulated data set; data of one number and one truth are the same for all jobs.
    group : str
        The same for jobs that differ in their number alone.
    """

    key: str
    case: Mapping[str, Any]
    analysis: bytes
    settings: JobsConfig
    seed: int
    number: int
    group: str = ""


@dataclass(frozen=True)
class Work:
    """What a job has to work with.

    Parameters
    ----------
    analysis : Analysis
        With the data of the job.
    settings : JobsConfig
        Keys of its table.
    seed : int
        Of everything random in it; another for each number.
    campaign_seed, number : int
        Root seed of the campaign, and number of the simulated data set.
    folder : Path
        Of its own, not made yet, for a kind that leaves more than its row.
    """

    analysis: Analysis
    settings: JobsConfig
    seed: int
    campaign_seed: int
    number: int
    folder: Path


@dataclass(frozen=True)
class Works:
    """What jobs for many data sets have to work with.

    Parameters
    ----------
    analysis : Analysis
        What is fitted; its own data do not count.
    data : DataSets
        Of the jobs.
    settings : JobsConfig
        Keys of their table.
    seed : int
        Of the searches: the root seed of the campaign, so that no result depends on what else is in the batch.
    """

    analysis: Analysis
    data: DataSets
    settings: JobsConfig
    seed: int


def named(analysis: Analysis, point: FloatArray) -> Row:
    """Sampled parameters as columns."""
    return dict(zip(analysis.parameter_names, point.tolist(), strict=True))


def found_at(analysis: Analysis, best: FloatArray) -> Row:
    """Sampled parameters of a best fit as columns, and `AT_EDGE`: those at an edge of their prior that nature has not.

    The rule: within `EDGE_BAND` of a prior that ends at both sides. A flux or a norm of 0 is no such edge.
    """
    domains = {one.name: one.domain for one in analysis.space.parameters}
    bounds, at_edge = zip(analysis.parameter_names, analysis.prior_bounds.tolist(), strict=True), []
    for (name, ends), value in zip(bounds, best.tolist(), strict=True):
        near = [abs(value - end) < EDGE_BAND * (ends[1] - ends[0]) for end in ends]
        chosen = [end != limit for end, limit in zip(ends, domains[name], strict=True)]
        if all(map(math.isfinite, ends)) and any(map(operator.and_, near, chosen)):
            at_edge.append(name)
    return named(analysis, best) | {AT_EDGE: " ".join(at_edge)}


def needs_absorption(where: str, settings: JobsConfig, analysis: Analysis) -> None:
    """Refuse an analysis without a Z'."""
    if not analysis.config.model.absorption:
        raise ConfigError(f"{where}.task: '{settings.task}' needs model.absorption = true")


def needs_coupling(where: str, analysis: Analysis) -> None:
    """Refuse an analysis without a Z' or with its coupling fixed."""
    if not analysis.config.model.absorption:
        raise ConfigError(f"{where}: model.absorption = false, so there is no Z'; it must be true")
    if COUPLING not in analysis.parameter_names:
        raise ConfigError(f"{where}: parameters.{COUPLING} is fixed; it must have a prior")


def checked_masses(where: str, analysis: Analysis, masses_mev: ArrayLike) -> FloatArray:
    """Masses in MeV at which an analysis can be asked for the coupling, shape (mass,).

    Raises
    ------
    ConfigError
        Unless they increase and lie in the prior, and there is a coupling to be asked for; `where` says of what.
    """
    needs_coupling(where, analysis)
    masses = np.atleast_1d(np.asarray(masses_mev, float))
    apart = np.diff(masses) > 1e-6 * np.abs(masses[1:])  # their labels differ too
    if masses.ndim != 1 or not masses.size or not np.all(np.isfinite(masses)) or not np.all(apart):
        raise ConfigError(f"masses_mev: {np.asarray(masses_mev).tolist()} is not allowed; increasing masses are needed")
    low, high = analysis.mass_range_mev or (math.nan, math.nan)
    outside = (masses < low * (1.0 - 1e-9)) | (masses > high * (1.0 + 1e-9))
    if outside.any():
        text = f"it must be in the prior, from {low:g} to {high:g}"
        raise ConfigError(f"masses_mev: {masses[outside][0]:g} is not allowed; {text}")
    return masses


def truth_of(analysis: Analysis, truth: str) -> Analysis:
    """The analysis whose data are simulated for another: itself, or its Standard Model."""
    return analysis.with_overrides({"model.absorption": False}) if truth == "standard_model" else analysis


# In a worker ----------------------------------------------------------------------------------------------------------


def run_job(job: Job, folder: Path) -> Row:
    """Do one job, see `run_jobs`."""
    return run_jobs([(job, folder)])[0]


def run_jobs(given: Sequence[tuple[Job, Path]]) -> list[Row]:
    """Do jobs that differ in their number alone.

    Parameters
    ----------
    given : sequence of (Job, Path)
        Each with the folder of the campaign, which a posterior fit writes its run folder into.

    Returns
    -------
    list of dict
        What their kind gives for each. ``seconds`` and ``cpu_seconds``, a share of what all took, differ from one
        execution to the next.

    Raises
    ------
    ConfigError
        If a number is not finite.
    """
    begin, cpu = time.perf_counter(), time.process_time()
    first = given[0][0]
    analysis: Analysis = unpickled(first.analysis)
    kind = KINDS.find(first.settings.task, "task")
    seeds = [np.random.SeedSequence(job.seed, spawn_key=(job.number,)).spawn(2) for job, _ in given]
    drawn = [drawn_data(analysis, first.settings, data) for data, _ in seeds]
    if kind.run_all is not None:
        rows = kind.run_all(Works(analysis, analysis.data_sets(drawn), first.settings, first.seed))
    else:
        rows = [_alone(kind, analysis, *each) for each in zip(given, drawn, seeds, strict=True)]
    spent = {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - cpu}
    for row in rows:
        for name, value in flat(row).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"the result '{name}' is {value}, not a number")
    share = {name: value / len(rows) for name, value in spent.items()}
    return [row | share for row in rows]


def _alone(
    kind: JobKind, analysis: Analysis, given: tuple[Job, Path], drawn: Data, seeds: Sequence[np.random.SeedSequence]
) -> Row:
    """What a kind that does one job at a time gives."""
    (job, folder), run = given, kind.run
    if run is None:
        raise ConfigError(f"task: '{kind.name}' has neither run nor run_all")
    seed = int(seeds[1].generate_state(1, np.uint64)[0] >> np.uint64(1))  # fits a signed integer of 64 bits
    own = analysis if job.settings.data == "observed" else analysis.with_observed(*drawn)
    return dict(run(Work(own, job.settings, seed, job.seed, job.number, folder / RUNS / job.key)))


def drawn_data(analysis: Analysis, settings: JobsConfig, seed: np.random.SeedSequence) -> Data:
    """The data of a job: observed ones, expectations of its truth, or a draw around them."""
    if settings.data == "observed":
        return Data(analysis.observed_counts, dict(analysis.measured))
    rng = np.random.default_rng(seed)
    truth, values = truth_of(analysis, settings.truth), settings.at
    if settings.others == "prior":
        drawn = named(truth, truth.sample_prior(1, rng)[0])
        values = {name: v for name, v in drawn.items() if name.removeprefix("log10_") not in values} | values
    elif settings.others == "best_fit":  # to the data that there are: a truth does not depend on what is forecast
        unprojected = truth.with_overrides({"data.exposure": 1.0, "data.effective_area_scale": 1.0})
        values = _best_truth(pickle.dumps(unprojected), tuple(sorted(values.items())))
    return draw_data(truth, values, None if settings.data == "asimov" else rng)


@lru_cache(maxsize=8)
def _best_truth(pickled: bytes, at: tuple[tuple[str, float], ...]) -> dict[str, float]:
    """All parameters: those given, the others where they fit the observed data best."""
    analysis: Analysis = unpickled(pickled)
    point = analysis.point(dict(at))
    fixed = [name if name in point else f"log10_{name}" for name, _ in at]
    if set(fixed) >= set(analysis.parameter_names):
        return point
    free = analysis.with_overrides({f"parameters.{name}.value": point[name] for name in fixed})
    return point | named(free, search.best_fit(free).theta)
