"""Campaigns: thousands of independent jobs on any executor, each result on disk as it ends.

A folder holds ``campaign.toml`` (what was asked), ``jobs.parquet`` (address and labels of every job), ``results/``,
``failures.json``, ``status.json`` and ``campaign.json``, whose ``complete`` says that every job has its result. Running
the same command again does what is missing: jobs that were lost, interrupted or failed.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from nuinfer import __version__
from nuinfer.errors import ConfigError, RunFolderError
from nuinfer.inference.runs import folder as run_folder
from nuinfer.inference.studies import calibration
from nuinfer.inference.studies import campaign_store as store
from nuinfer.inference.studies.campaign_config import CampaignConfig, Job, jobs_of, read_campaign
from nuinfer.inference.studies.campaign_tasks import RUNS, run_job
from nuinfer.inference.work.dispatch import Call, Ended, dispatch
from nuinfer.inference.work.executors import open_executor, worker_lost
from nuinfer.inference.work.progress import Reporter, now
from nuinfer.typing import AnyArray

if TYPE_CHECKING:
    import pyarrow as pa

RECORD, CONFIG, FAILURES = "campaign.json", "campaign.toml", "failures.json"
STATUS_SECONDS, LINE_SECONDS = 1.0, 30.0


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
        return bool(run_folder.read_json(self.folder / RECORD).get("complete"))

    def status(self) -> dict[str, Any]:
        """Contents of ``status.json``: how many jobs are done, have failed, are left."""
        return run_folder.read_json(self.folder / run_folder.STATUS)

    def failures(self) -> list[dict[str, Any]]:
        """Jobs that failed in the last run: address, labels, reason and how often they were started."""
        path = self.folder / FAILURES
        return list(run_folder.read_json(path)["failures"]) if path.exists() else []

    def table(self) -> pa.Table:
        """Jobs that have a result: one row each, labels first, in the order of the campaign."""
        return store.read(self.folder)

    def columns(self) -> dict[str, AnyArray]:
        """The table as numpy arrays by name; NaN where a number is missing."""
        return {name: _numbers(column) for name, column in _named_columns(self.table())}

    def calibration(self, job: str) -> calibration.Calibration:
        """The verdict on the simulations of a job of the task "calibration".

        Raises
        ------
        ConfigError
            If there are none.
        """
        rows = [row for row in self.table().to_pylist() if row["job"] == job and row["task"] == "calibration"]
        if not rows:
            raise ConfigError(f"campaign: '{job}' is no job with the task 'calibration' that has results")
        config, _ = read_campaign(self.folder / CONFIG)
        settings = config.jobs[job]
        simulations = [{"ess": row["ess"], **{kind: _group(row, kind) for kind in ("rank", "pull")}} for row in rows]
        return calibration.judge(simulations, job, calibration.Setting(config.seed, settings.min_ess, settings.control))


def open_campaign(folder: str | PathLike[str]) -> Campaign:
    """Open the folder of a campaign.

    Raises
    ------
    RunFolderError
        If it is none.
    """
    path = Path(folder)
    if not (path / RECORD).is_file():
        raise RunFolderError(f"{path}: is not the folder of a campaign (no {RECORD})")
    return Campaign(path)


def run_campaign(
    campaign: CampaignConfig | str | PathLike[str],
    out: str | PathLike[str],
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    executor: futures.Executor | None = None,
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
    store.arrow()
    path, beside, text = Path(out), None, None
    if isinstance(campaign, CampaignConfig):
        config = campaign
    else:
        config, text = read_campaign(os.fspath(campaign))
        beside = Path(campaign).expanduser().parent
    every = list(jobs_of(config, beside))
    _check_folder(path)
    run_folder.make_folder(path / store.RESULTS)
    with run_folder.locked(path / run_folder.LOCK), Reporter(path / run_folder.LOG, progress) as reporter:
        run_folder.remove_leftovers(path)
        store.write_manifest(path, ({store.KEY: job.key, **job.case, "number": job.number} for job in every))
        written = text or tomli_w.dumps(config.model_dump(mode="json"))
        run_folder.write_atomic(path / CONFIG, written.encode())
        record = {"version": __version__, "start": now(), "jobs": len(every), "complete": False}
        record["command"] = shlex.join(sys.argv) if command is None else command
        run_folder.write_json(path / RECORD, record)
        there = store.keys(path)
        missing = [job for job in every if job.key not in there]
        session = _Session(path, every, len(every) - len(missing), reporter)
        if missing:
            with contextlib.ExitStack() as stack:
                workers = executor or stack.enter_context(open_executor(jobs, scheduler))
                session.run(workers, missing, config.attempts)
        store.compact(path, least=2)
        session.write_status("incomplete" if session.failed else "done")
        run_folder.write_json(path / RECORD, {**record, "end": now(), "complete": not session.failed})
    return Campaign(path)


class _Session:
    """One process at work on a campaign."""

    def __init__(self, path: Path, every: Sequence[Job], done: int, reporter: Reporter) -> None:
        self._path, self._jobs, self._reporter = path, {job.key: job for job in every}, reporter
        self._done = self._before = done
        self.failed: list[dict[str, Any]] = []
        self._begin = self._written = self._said = time.monotonic()
        self._single = 0
        (path / FAILURES).unlink(missing_ok=True)
        reporter.line(f"{path}: {done} of {len(every)} jobs are there")
        self.write_status("running")

    def run(self, executor: futures.Executor, missing: Sequence[Job], attempts: int) -> None:
        """Do the missing jobs, and store each as it ends."""
        folder = self._path.resolve()
        calls = (Call(job.key, run_job, (job, folder)) for job in missing)
        try:
            with contextlib.closing(dispatch(executor, calls, attempts)) as ended:
                for one in ended:
                    self._store(one)
        except BaseException as error:
            with contextlib.suppress(RunFolderError):  # the error itself is what the user has to see
                self.write_status("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
            raise
        self._say(f"{self._done} of {len(self._jobs)} jobs done, {len(self.failed)} failed")

    def _store(self, ended: Ended) -> None:
        if ended.error is None:
            store.add(self._path, ended.key, {**ended.result, "attempts": ended.attempts})
            self._done, self._single = self._done + 1, self._single + 1
            if self._single >= store.PER_BATCH:
                store.compact(self._path)
                self._single = 0
        else:
            self._fail(ended)
        at = time.monotonic()
        if at - self._written >= STATUS_SECONDS:
            self.write_status("running")
            self._written = at
        if at - self._said >= LINE_SECONDS:
            left = self._eta()
            eta = "" if left is None else f", {left:.0f} s to go"
            self._say(f"{self._done} of {len(self._jobs)} jobs done, {len(self.failed)} failed{eta}")

    def _fail(self, ended: Ended) -> None:
        job, error = self._jobs[ended.key], ended.error
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        if worker_lost(error):
            reason = f"its worker died, {ended.attempts} times"
        labels = {**job.case, "number": job.number}
        self.failed.append({"key": ended.key, **labels, "reason": reason, "attempts": ended.attempts})
        run_folder.write_json(self._path / FAILURES, {"failures": self.failed})
        self._reporter.line(f"failed: {job.case['job']} number {job.number} ({ended.key}): {reason}")

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        self._reporter.line(text)

    def _rate(self) -> float:
        return (self._done - self._before) / max(time.monotonic() - self._begin, 1e-9)

    def _eta(self) -> float | None:
        rate = self._rate()
        return (len(self._jobs) - self._done - len(self.failed)) / rate if rate else None

    def write_status(self, state: str) -> None:
        """Tell readers how far it is."""
        left = len(self._jobs) - self._done - len(self.failed)
        content = {
            "state": state,
            "jobs": len(self._jobs),
            "done": self._done,
            "failed": len(self.failed),
            "left": left,
            "jobs_per_second": self._rate() or None,
            "eta_seconds": self._eta() if state == "running" else None,
            "updated": now(),
            "failures": [f"{one['job']} number {one['number']}: {one['reason']}" for one in self.failed[:10]],
        }
        run_folder.write_json(self._path / run_folder.STATUS, content, durable=False)
        eta = content["eta_seconds"]
        text = f"{self._done} of {len(self._jobs)} jobs" + (f", {eta:.0f} s to go" if eta is not None else "")
        self._reporter.steps(self._done, len(self._jobs), text)


def _check_folder(path: Path) -> None:
    """Refuse a folder that belongs to something else; nothing is touched."""
    own = {run_folder.LOCK, run_folder.LOG, store.RESULTS, store.MANIFEST, CONFIG, RUNS}
    if (path / RECORD).is_file():
        return
    try:
        other = path.exists() and (not path.is_dir() or any(item.name not in own for item in path.iterdir()))
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read ({error.strerror})") from error
    if other:
        raise RunFolderError(f"{path}: exists and is not the folder of a campaign (no {RECORD}); choose another --out")


def _named_columns(table: pa.Table) -> Iterator[tuple[str, Any]]:
    return zip(table.column_names, table.columns, strict=True)


def _numbers(column: Any) -> AnyArray:
    """A column as numpy sees it; one without any value is a column of NaN."""
    return np.full(len(column), np.nan) if column.null_count == len(column) else np.asarray(column.to_numpy())


def _group(row: Mapping[str, Any], kind: str) -> dict[str, float]:
    prefix = f"{kind}."
    return {name.removeprefix(prefix): v for name, v in row.items() if name.startswith(prefix) and v is not None}
