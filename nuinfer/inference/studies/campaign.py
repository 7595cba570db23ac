"""Campaigns: thousands of independent jobs on any executor, each result on disk as it ends.

A table ``[jobs.NAME]`` of its TOML file says what is done with which analyses, which keys of their configuration vary,
on which data. It stands for one job per analysis, combination of the varied values, and number of a simulated data set.
A job is addressed by a hash of everything that decides its result, so that results outlive changes of the file around
them.

A folder is a store (`nuinfer.inference.work.store`) with ``campaign.toml`` (what was asked) and ``jobs.jsonl`` (address
and labels of every job) in it; the ``complete`` of ``campaign.json`` says that every job has its result. Going on
with it does what is missing: jobs that were lost, interrupted or failed.
"""

import itertools
import json
import os
import pickle
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tomli_w
from pydantic import Field

from nuinfer.analysis import Analysis
from nuinfer.config import Count, EntryName, Table, presets, read_toml_text, split_override, toml, validated
from nuinfer.errors import ConfigError, NotConvergedError, expanded, shortened_in, warn_once
from nuinfer.inference.studies import calibration
from nuinfer.inference.studies.jobs import KINDS, RUNS, Job, JobsConfig, run_job, run_jobs, truth_of
from nuinfer.inference.work import files
from nuinfer.inference.work.calls import Call
from nuinfer.inference.work.progress import this_command
from nuinfer.inference.work.store import Execution, Question, address, open_store, read_record, read_results
from nuinfer.loading import load
from nuinfer.registry import imported, is_path, load_file
from nuinfer.typing import AnyArray

KIND, CONFIG, JOBS = "campaign", "campaign.toml", "jobs.jsonl"


class CampaignConfig(Table):
    """The whole file: the root seed, how often a job is started whose worker dies, and the jobs."""

    seed: Annotated[int, Field(ge=0)] = 1504
    attempts: Count = 3
    jobs: dict[EntryName, JobsConfig] = Field(min_length=1)


@dataclass(frozen=True)
class Campaign:
    """A campaign on disk, which can be read while it runs.

    Parameters
    ----------
    folder : Path
        Its folder.
    """

    folder: Path

    @property
    def complete(self) -> bool:
        """Whether every job has its result."""
        return bool(read_record(self.folder, KIND)["complete"])

    def status(self) -> dict[str, Any]:
        """Contents of ``status.json``: how many jobs are done, have failed, are left."""
        return files.read_json(self.folder / files.STATUS)

    def failures(self) -> list[dict[str, Any]]:
        """Jobs that failed when they were last tried: address, labels, reason and how often they were started."""
        return [{**labels, **ended} for labels, ended in self._ended() if "reason" in ended]

    def reasons(self) -> str:
        """How many jobs failed, and why, in one line; empty if none did."""
        reasons = Counter(one["reason"] for one in self.failures())
        listed = "; ".join(f"{reason} ({n})" for reason, n in reasons.most_common())
        return f"{reasons.total()} jobs failed: {listed}" if reasons else ""

    def rows(self) -> list[dict[str, Any]]:
        """Jobs that have a result: address and labels first, in the order of the campaign."""
        done = [(labels, ended) for labels, ended in self._ended() if "result" in ended]
        return [{**labels, **(files.flat(one["result"]) | labels), "attempts": one["attempts"]} for labels, one in done]

    def columns(self) -> dict[str, AnyArray]:
        """The rows as numpy arrays by name; NaN where a number is missing.

        Raises
        ------
        NotConvergedError
            If every job has failed; with the reasons.
        """
        return {name: _array(values) for name, values in _uniform(self._some_rows()).items()}

    def table(self) -> Any:
        """The rows as a table of pyarrow, which has ``to_pandas`` and can be written as parquet.

        Raises
        ------
        ConfigError
            If pyarrow is not installed.
        NotConvergedError
            If every job has failed; with the reasons.
        """
        return imported("pyarrow", "campaign", extra="campaign").table(_uniform(self._some_rows()))

    def calibration(self, job: str) -> calibration.Calibration:
        """The verdict on the simulations of a job of the task "calibration".

        Raises
        ------
        ConfigError
            If there are none.
        NotConvergedError
            If every job has failed; with the reasons.
        """
        self._some_rows()
        ended = [one for labels, one in self._ended() if labels["job"] == job and labels["task"] == "calibration"]
        simulations = [one["result"] for one in ended if "result" in one]
        if not simulations:
            raise ConfigError(f"campaign: '{job}' is no job with the task 'calibration' that has results")
        config, _ = read_campaign(self.folder / CONFIG)
        settings = config.jobs[job]
        return calibration.judge(simulations, job, calibration.Setting(config.seed, settings.min_ess, settings.control))

    def _some_rows(self) -> list[dict[str, Any]]:
        """The rows, if there are any or no job has failed."""
        rows, reasons = self.rows(), self.reasons()
        if reasons and not rows:
            raise NotConvergedError(f"{self.folder}: all {reasons}; run it again")
        return rows

    def _ended(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Labels of each job that has ended, and how, in the order of the campaign."""
        there = read_results(self.folder)
        every = files.read_lines(self.folder / JOBS)
        return [(labels, there[labels["key"]]) for labels in every if labels["key"] in there]


def open_campaign(folder: str | PathLike[str]) -> Campaign:
    """Open the folder of a campaign.

    Raises
    ------
    RunFolderError
        If it is none.
    """
    read_record(Path(folder), KIND)
    return Campaign(Path(folder))


def run_campaign(  # noqa: PLR0913 - one of the public names
    campaign: CampaignConfig | str | PathLike[str],
    out: str | PathLike[str],
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
    group: int | None = None,
    resume: bool = True,
    force: bool = False,
    overrides: Iterable[str] = (),
    command: str | None = None,
) -> Campaign:
    """Do what is missing of a campaign.

    Parameters
    ----------
    campaign : CampaignConfig or path
        What to do.
    out : path
        Its folder; results that are there already are kept.
    jobs, scheduler : optional
        See `nuinfer.inference.work.executors.open_executor`. They do not change a number.
    executor : concurrent.futures.Executor, optional
        Used instead.
    progress : bool, optional
        Whether to show progress, by default yes.
    group : int, optional
        Jobs of one analysis that a worker does at once, by default up to 16; it does not change a number either.
    resume, force : bool
        As in `nuinfer.inference.work.store.Execution`.
    overrides : iterable of str
        Changed keys of every analysis in it, ``sampler.device=cuda`` for example.
    command : str, optional
        Recorded as the command, by default that of this process.

    Returns
    -------
    Campaign
        Its `complete` says whether every job has its result, its `failures` which have none and why.

    Raises
    ------
    ConfigError
        If the campaign or an analysis in it is not allowed, or an extra is missing.
    RunFolderError
        If the folder belongs to something else, is in use or cannot be written.
    """
    path, beside = Path(out), None
    if isinstance(campaign, CampaignConfig):
        config, text = campaign, tomli_w.dumps(campaign.model_dump(mode="json"))
    else:
        (config, text), beside = read_campaign(os.fspath(campaign)), expanded(campaign).parent
    changed = dict(map(split_override, overrides))
    own = {name: table.model_copy(update={"set": table.set | changed}) for name, table in config.jobs.items()}
    every = list(jobs_of(config.model_copy(update={"jobs": own}), beside))
    notes = {"jobs": len(every), "command": this_command() if command is None else command}
    execution: Execution = {"jobs": jobs, "scheduler": scheduler, "executor": executor, "progress": progress}
    execution |= {"group": group, "resume": resume, "force": force}
    with open_store(path, Question(KIND, notes=notes, parts=(CONFIG, JOBS, RUNS)), **execution) as store:
        files.write_lines(path / JOBS, ({"key": job.key, **job.case, "number": job.number} for job in every))
        files.write_atomic(path / CONFIG, text.encode())
        folder = path.resolve()
        calls = [call_of(job, folder) for job in every]
        store.run(calls, attempts=config.attempts)
        store.finish(complete=not store.missing(calls))
    return Campaign(path)


# What a file stands for -----------------------------------------------------------------------------------------------


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
    config = validated(CampaignConfig, toml(text))
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
        text = read_toml_text(expanded(path))
    except (OSError, ValueError) as error:
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
        again = 0
        for analysis, labels in _cases(name, settings, folder):
            KINDS.find(settings.task, "task").check(f"jobs.{name}", settings, analysis)
            if settings.data != "observed":
                truth_of(analysis, settings.truth).point(settings.at)  # refuses what is no parameter
            case = {"job": name, "task": settings.task, **labels}
            case = {key: shortened_in(value) if isinstance(value, str) else value for key, value in case.items()}
            for job in jobs_of_case(case, settings, analysis, config.seed):
                again += job.key in seen
                if job.key not in seen:
                    seen.add(job.key)
                    yield job
        if again:
            warn_once(f"jobs.{name}: {again} of its jobs are there already, and are done once")


def jobs_of_case(case: Mapping[str, Any], settings: JobsConfig, analysis: Analysis, seed: int) -> Iterator[Job]:
    """The jobs for one analysis, one for each number of a data set; `case` is what tells them from others."""
    content, pickled = _content(analysis, settings), pickle.dumps(analysis)
    for number in range(settings.n):
        key, group = address(content, seed, number), address(content, seed)
        yield Job(key, case, pickled, settings, seed, number, group)


def call_of(job: Job, folder: Path) -> Call:
    """A job as a store takes it."""
    return Call(job.key, run_job, (job, folder), f"{job.case['job']} number {job.number}", job.group, run_jobs)


def count_jobs(path: str | Path) -> dict[str, int]:
    """Number of jobs of each table of a campaign file, everything checked."""
    config, _ = read_campaign(path)
    counted = Counter(job.case["job"] for job in jobs_of(config, expanded(path).parent))
    return {name: counted[name] for name in config.jobs}


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


def _content(analysis: Analysis, settings: JobsConfig) -> dict[str, Any]:
    """Everything that decides the results of a case, seed and number apart."""
    content: dict[str, Any] = settings.model_dump(mode="json", exclude={"analysis", "set", "vary", "n"})
    content["config_hash"] = analysis.config_hash
    if settings.task == "posterior":
        content["sampler"] = analysis.config.sampler.model_dump(mode="json", exclude={"device"})
    if is_path(settings.task):
        content["task"] = load_file(settings.task, "task").sha256
    return content


# Columns --------------------------------------------------------------------------------------------------------------


def _uniform(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Columns of rows, None where a row has no entry; texts where the values of a column are of several types."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    for name, values in columns.items():
        kinds = {float if isinstance(v, int) and not isinstance(v, bool) else type(v) for v in values if v is not None}
        if len(kinds) > 1:
            columns[name] = [v if v is None else str(v) for v in values]
    return columns


def _array(values: list[Any]) -> AnyArray:
    """A column as numpy sees it."""
    kinds = {type(value) for value in values}
    if kinds <= {int, float, type(None)}:
        return np.array(values, float if kinds - {int} else int)
    return np.array(values, object if type(None) in kinds or str in kinds else None)
