"""Campaigns: thousands of independent jobs on any executor, each result on disk as it ends.

A folder is a store (`nuinfer.inference.work.store`) with ``campaign.toml`` (what was asked) and ``jobs.jsonl`` (address
and labels of every job) in it; the ``complete`` of ``campaign.json`` says that every job has its result. Running the
same command again does what is missing: jobs that were lost, interrupted or failed.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from nuinfer.errors import ConfigError
from nuinfer.inference.studies import calibration
from nuinfer.inference.studies.campaign_jobs import RUNS, CampaignConfig, jobs_of, read_campaign, run_job
from nuinfer.inference.work import files
from nuinfer.inference.work.dispatch import Call
from nuinfer.inference.work.store import Execution, Question, open_store, read_record, read_results
from nuinfer.registry import imported
from nuinfer.typing import AnyArray

if TYPE_CHECKING:
    import pyarrow as pa

KIND, CONFIG, JOBS = "campaign", "campaign.toml", "jobs.jsonl"


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

    def rows(self) -> list[dict[str, Any]]:
        """Jobs that have a result: address and labels first, in the order of the campaign."""
        done = [(labels, ended) for labels, ended in self._ended() if "result" in ended]
        return [{**labels, **(files.flat(one["result"]) | labels), "attempts": one["attempts"]} for labels, one in done]

    def columns(self) -> dict[str, AnyArray]:
        """The rows as numpy arrays by name; NaN where a number is missing."""
        return {name: _array(values) for name, values in _uniform(self.rows()).items()}

    def table(self) -> pa.Table:
        """The rows as a table of pyarrow, which has ``to_pandas`` and can be written as parquet.

        Raises
        ------
        ConfigError
            If pyarrow is not installed.
        """
        return imported("pyarrow", "campaign", extra="campaign").table(_uniform(self.rows()))

    def calibration(self, job: str) -> calibration.Calibration:
        """The verdict on the simulations of a job of the task "calibration".

        Raises
        ------
        ConfigError
            If there are none.
        """
        ended = [one for labels, one in self._ended() if labels["job"] == job and labels["task"] == "calibration"]
        simulations = [one["result"] for one in ended if "result" in one]
        if not simulations:
            raise ConfigError(f"campaign: '{job}' is no job with the task 'calibration' that has results")
        config, _ = read_campaign(self.folder / CONFIG)
        settings = config.jobs[job]
        return calibration.judge(simulations, job, calibration.Setting(config.seed, settings.min_ess, settings.control))

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


def run_campaign(
    campaign: CampaignConfig | str | PathLike[str],
    out: str | PathLike[str],
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
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
    path, beside, text = Path(out), None, None
    if isinstance(campaign, CampaignConfig):
        config = campaign
    else:
        config, text = read_campaign(os.fspath(campaign))
        beside = Path(campaign).expanduser().parent
    every = list(jobs_of(config, beside))
    notes = {"jobs": len(every), "command": shlex.join(sys.argv) if command is None else command}
    execution: Execution = {"jobs": jobs, "scheduler": scheduler, "executor": executor, "progress": progress}
    with open_store(path, Question(KIND, notes=notes, parts=(CONFIG, JOBS, RUNS)), **execution) as store:
        files.write_lines(path / JOBS, ({"key": job.key, **job.case, "number": job.number} for job in every))
        files.write_atomic(path / CONFIG, (text or tomli_w.dumps(config.model_dump(mode="json"))).encode())
        folder = path.resolve()
        calls = [Call(job.key, run_job, (job, folder), f"{job.case['job']} number {job.number}") for job in every]
        store.run(calls, attempts=config.attempts)
        store.finish(complete=not store.missing(calls))
    return Campaign(path)


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
