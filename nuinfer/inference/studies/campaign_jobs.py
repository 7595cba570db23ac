"""A campaign: what many independent jobs are, read from TOML, the jobs that it stands for, and how each is done.

A table ``[jobs.NAME]`` says what is done with which analyses, which keys of their configuration vary, on which data.
It stands for one job per analysis, combination of the varied values, and number of a simulated data set. A job is
addressed by a hash of everything that decides its result, so that results outlive changes of the file around them.
"""

from __future__ import annotations

import itertools
import json
import math
import pickle
import platform
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from nuinfer.analysis import Analysis, load
from nuinfer.config import Count, EntryName, Table, presets, validated
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.search import best_fit
from nuinfer.inference.studies.jobs import KINDS, JobsConfig, Row, Work, named
from nuinfer.inference.work.executors import unpickled
from nuinfer.inference.work.files import flat
from nuinfer.inference.work.store import address
from nuinfer.registry import is_path, load_file

RUNS = "runs"  # folder of what jobs leave beside their rows


class CampaignConfig(Table):
    """The whole file: the root seed, how often a job is started whose worker dies, and the jobs."""

    seed: Annotated[int, Field(ge=0)] = 1504
    attempts: Count = 3
    jobs: dict[EntryName, JobsConfig] = Field(min_length=1)


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
    """

    key: str
    case: Mapping[str, Any]
    analysis: bytes
    settings: JobsConfig
    seed: int
    number: int


def parse_campaign(text: str) -> CampaignConfig:
    """Check a TOML text.

    Raises
    ------
    ConfigError
        One line that names the key, the value and what is allowed.

    Examples
    --------
    >>> parse_campaign('[jobs.fits]' + chr(10) + 'task = "best_fit"' + chr(10) + 'analysis = "hese7"').jobs["fits"].n
    1
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}") from error
    config = validated(CampaignConfig, tree)
    for name, jobs in config.jobs.items():
        for refusal in _refusals(jobs):
            raise ConfigError(f"jobs.{name}.{refusal}")
    return config


def read_campaign(path: str | Path) -> tuple[CampaignConfig, str]:
    """Read a campaign and its text.

    Raises
    ------
    ConfigError
        If the file cannot be read or is not a campaign.
    """
    try:
        text = Path(path).expanduser().read_text()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"'{path}': not a readable TOML file") from error
    return parse_campaign(text), text


def _refusals(jobs: JobsConfig) -> Iterator[str]:
    """Combinations that mean nothing: key and reason."""
    given = set(jobs.model_dump(exclude_defaults=True))
    truth, draws_data = {"truth", "at", "others"} & given, KINDS.find(jobs.task, "task").draws_data
    if draws_data and ("data" in given or truth):
        yield f"data: a {jobs.task} draws its own data and truths; leave out data, truth, at, others"
    if not draws_data and jobs.data == "observed" and truth:
        yield f"{min(truth)}: the observed data have no known truth; set data to asimov or simulated"
    if jobs.n > 1 and not draws_data and jobs.data != "simulated":
        yield f"n: {jobs.n} is not allowed with data '{jobs.data}', which are the same each time"
    if jobs.data == "asimov" and jobs.others == "prior":
        yield "others: 'prior' is not allowed with data 'asimov', only with 'simulated'"
    if jobs.task != "exclusion" and jobs.test:
        yield "test: only task 'exclusion' has one"
    for key, values in jobs.vary.items():
        if not values:
            yield f"vary.{key}: at least one value is needed"
        if key in jobs.set:
            yield f"vary.{key}: it is set too; leave one out"


def jobs_of(config: CampaignConfig, folder: Path | None = None) -> Iterator[Job]:
    """Jobs that a campaign stands for, in the order of its tables; each address once.

    Parameters
    ----------
    config : CampaignConfig
        The campaign.
    folder : Path, optional
        Where the campaign file lies: analyses that are files may be given relative to it.

    Raises
    ------
    ConfigError
        If an analysis cannot be built; names the table.
    """
    seen: set[str] = set()
    for name, settings in config.jobs.items():
        for analysis, labels in _cases(name, settings, folder):
            KINDS.find(settings.task, "task").check(f"jobs.{name}", settings, analysis)
            if settings.data != "observed":
                truth_of(analysis, settings.truth).point(settings.at)  # refuses what is no parameter
            case = {"job": name, "task": settings.task, **labels}
            content, pickled = _content(analysis, settings), pickle.dumps(analysis)
            for number in range(settings.n):
                key = address(content, config.seed, number)
                if key not in seen:
                    seen.add(key)
                    yield Job(key, case, pickled, settings, config.seed, number)


def count_jobs(path: str | Path) -> dict[str, int]:
    """Number of jobs of each table of a campaign file, everything checked."""
    config, _ = read_campaign(path)
    counted = dict.fromkeys(config.jobs, 0)
    for job in jobs_of(config, Path(path).expanduser().parent):
        counted[job.case["job"]] += 1
    return counted


def _cases(name: str, settings: JobsConfig, folder: Path | None) -> Iterator[tuple[Analysis, dict[str, Any]]]:
    """The analyses of a table, with what tells them apart."""
    for preset_or_path in settings.analysis:
        beside = folder / preset_or_path if folder is not None and preset_or_path not in presets() else None
        source = str(beside) if beside is not None and beside.is_file() else preset_or_path
        for values in itertools.product(*settings.vary.values()):
            varied = dict(zip(settings.vary, values, strict=True))
            try:
                analysis = _loaded(source, json.dumps(settings.set | varied))
            except ConfigError as error:
                raise ConfigError(f"jobs.{name}: {error}") from error
            plain = {key: json.dumps(v) if isinstance(v, list | dict) else v for key, v in varied.items()}
            yield analysis, {"analysis": preset_or_path, **plain}


@lru_cache(maxsize=64)
def _loaded(source: str, overrides: str) -> Analysis:
    return load(source, json.loads(overrides))


def truth_of(analysis: Analysis, truth: str) -> Analysis:
    """The analysis whose expected counts are simulated for another: itself, or its Standard Model."""
    return analysis.with_overrides({"model.absorption": False}) if truth == "standard_model" else analysis


def _content(analysis: Analysis, settings: JobsConfig) -> dict[str, Any]:
    """Everything that decides the results of a case, seed and number apart."""
    content: dict[str, Any] = settings.model_dump(mode="json", exclude={"analysis", "set", "vary", "n"})
    content["config_hash"] = analysis.config_hash
    if settings.task == "posterior":
        content["sampler"] = analysis.config.sampler.model_dump(mode="json")
    if is_path(settings.task):
        content["task"] = load_file(settings.task, "task").sha256
    return content


# In a worker ----------------------------------------------------------------------------------------------------------


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
    row = KINDS.find(job.settings.task, "task").run(task)
    for name, value in flat(row).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"the result '{name}' is {value}, not a number")
    spent = {"seconds": time.perf_counter() - begin, "cpu_seconds": time.process_time() - cpu}
    return {**row, **spent, "host": platform.node()}


def with_data(analysis: Analysis, settings: JobsConfig, seed: np.random.SeedSequence) -> Analysis:
    """The analysis with the data of a job: expected counts of its truth, or a Poisson draw around them."""
    rng = np.random.default_rng(seed)
    truth, values = truth_of(analysis, settings.truth), settings.at
    if settings.others == "prior":
        drawn = named(truth, truth.sample_prior(1, rng)[0])
        values = {name: v for name, v in drawn.items() if name.removeprefix("log10_") not in values} | values
    elif settings.others == "best_fit":  # to the data that there are: a truth does not depend on what is forecast
        unprojected = truth.with_overrides({"data.exposure": 1.0, "data.effective_area_scale": 1.0})
        values = _best_truth(pickle.dumps(unprojected), tuple(sorted(values.items())))
    counts = np.sum(list(truth.predict(values).values()), axis=0)
    return analysis.with_observed(counts if settings.data == "asimov" else rng.poisson(counts).astype(float))


@lru_cache(maxsize=8)
def _best_truth(pickled: bytes, at: tuple[tuple[str, float], ...]) -> dict[str, float]:
    """All parameters: those given, the others where they fit the observed data best."""
    analysis: Analysis = unpickled(pickled)
    point = analysis.point(dict(at))
    fixed = [name if name in point else f"log10_{name}" for name, _ in at]
    if set(fixed) >= set(analysis.parameter_names):
        return point
    free = analysis.with_overrides({f"parameters.{name}.value": point[name] for name in fixed})
    return point | named(free, best_fit(free).theta)
