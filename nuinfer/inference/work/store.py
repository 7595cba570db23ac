"""The folder of a study that can be killed at any moment and goes on: what was asked, what has ended, how far it is.

FOLDER/KIND.json       what was asked, by which versions, when, complete or not; nothing is written before it
FOLDER/results.jsonl   a line for each job that ended: its result, or why it has none
FOLDER/status.json     how far it is
FOLDER/log.txt, lock

Campaigns, comparisons and calibrations are such folders. A job is addressed by a hash of all that decides its result,
so that results outlive changes of what is asked around them. Workers send results to the process that holds the lock,
which alone writes. A line is appended whole and carries its checksum; where a kill leaves half a line, that job is done
again. The system has a line as soon as it is written, so that killing the process loses nothing; the disk has it within
a second, which is what a power cut can take.

JSON lines and not sqlite3, because these folders lie on the file systems of clusters, on which SQLite's locks are not
to be relied on and its write-ahead log does not work, because a reader needs neither lock nor library, and because
nothing is ever looked up or changed: results are appended once and read in one go.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypedDict, Unpack

from nuinfer import __version__
from nuinfer.errors import RunFolderError
from nuinfer.inference.work import files
from nuinfer.inference.work.calls import Call, Ended
from nuinfer.inference.work.ending import ended_by_signals
from nuinfer.inference.work.executors import open_executor, workers_of
from nuinfer.inference.work.groups import dispatch_grouped, group_size
from nuinfer.inference.work.progress import Reporter, Tally, now

RESULTS, FORMAT = "results.jsonl", 2  # format 1: folders of nuinfer 0.1.0, one layout for each kind
ADDRESS_LENGTH = 20  # hexadecimal digits: 80 bits, so that 10^6 jobs collide with a probability below 1e-12
SYNC_SECONDS = 1.0


@dataclass(frozen=True)
class Question:
    """What a folder is asked.

    Parameters
    ----------
    kind : str
        "campaign", "comparison", ...: the name of its record.
    settings : mapping
        What must be the same when the folder is gone on with.
    hypotheses : mapping
        Names to hashes of configurations; there may be more of them the next time, but no name may change its meaning.
    notes : mapping
        What else the record tells.
    packages : tuple of str
        Their versions are recorded, beside that of nuinfer.
    parts : tuple of str
        Files that belong to it beside those of every store, as patterns; ``force`` removes them.
    """

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    hypotheses: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] = ("numpy", "scipy")
    parts: tuple[str, ...] = ()


class Execution(TypedDict, total=False):
    """Where work is done, whether it is shown, and what becomes of a folder that exists. No number hangs on it.

    Parameters
    ----------
    jobs : int, optional
        Worker processes, by default one per core.
    scheduler : str, optional
        Other workers, see `nuinfer.inference.work.executors.open_executor`.
    executor : concurrent.futures.Executor, optional
        Used instead of either; its workers must see the folder.
    progress : bool, optional
        Whether to show progress on standard error, by default yes.
    group : int, optional
        Calls that a worker makes at once where that is faster, by default up to 16, such that all workers have some.
    resume, force : bool
        Go on with what is in the folder, as by default, or start over; with neither a folder that is in use already is
        refused, as the commands do.
    """

    jobs: int | None
    scheduler: str | None
    executor: Executor | None
    progress: bool | None
    group: int | None
    resume: bool
    force: bool


def executor_of(execution: Execution, stack: contextlib.ExitStack) -> Executor:
    """The executor that is given, or workers of our own, until the stack ends."""
    jobs, scheduler = execution.get("jobs"), execution.get("scheduler")
    return execution.get("executor") or stack.enter_context(open_executor(jobs, scheduler))


def address(*content: Any) -> str:
    """Address of a job: a hash of everything that decides its result.

    Examples
    --------
    >>> address("fit", {"seed": 1, "n": 2}) == address("fit", {"n": 2, "seed": 1})
    True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:ADDRESS_LENGTH]


def read_record(folder: Path, kind: str) -> dict[str, Any]:
    """The record of a folder.

    Raises
    ------
    RunFolderError
        If it is no folder of this kind, or one of nuinfer 0.1.0.
    """
    path = folder / f"{kind}.json"
    if not path.is_file():
        raise RunFolderError(f"{folder}: is not the folder of a {kind} (no {path.name})")
    record = files.read_json(path)
    if record.get("format") != FORMAT:
        raise RunFolderError(f"{folder}: is the folder of a {kind} of another version of nuinfer, which is not read")
    return record


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Address to what is known of each job that ended: ``result`` or ``reason``, and ``attempts``.

    It needs no lock and may be called while jobs are running.

    Raises
    ------
    RunFolderError
        If a line is damaged.
    """
    return {entry["key"]: entry for entry in files.read_lines(folder / RESULTS)}


@contextlib.contextmanager
def open_store(folder: Path, question: Question, **execution: Unpack[Execution]) -> Iterator[Store]:
    """Take possession of a folder, new or to be gone on with.

    Parameters
    ----------
    folder : Path
        The folder.
    question : Question
        What it is asked.
    **execution
        See `Execution`; workers are started when they are needed.

    Raises
    ------
    RunFolderError
        If the folder is occupied, foreign, in use, or was asked something else; nothing is touched then.
    """
    resume, force = execution.get("resume", True), execution.get("force", False)
    claim = partial(_claimed, folder, question, resume=resume, force=force)
    owned = RESULTS, files.STATUS, files.LOG, *question.parts  # not the record: it says whose folder it is
    with contextlib.ExitStack() as stack:
        check = stack.enter_context(ended_by_signals())
        old = stack.enter_context(files.held(folder, claim, owned))
        hypotheses = {**old.get("hypotheses", {}), **question.hypotheses}
        versions = {"nuinfer": __version__} | {name: version(name) for name in question.packages}
        record = {"kind": question.kind, "format": FORMAT, **question.settings, "hypotheses": hypotheses}
        record |= {**question.notes, "versions": versions, "start": old.get("start", now()), "complete": False}
        files.write_record(folder / f"{question.kind}.json", record)
        yield Store(folder, record, execution, stack, check)


def _claimed(folder: Path, question: Question, *, resume: bool, force: bool) -> dict[str, Any]:
    """The record of a folder that is gone on with, empty if there is none, or why it cannot be had."""
    kind, record = question.kind, f"{question.kind}.json"
    there = (folder / record).is_file()
    goes_on = files.claimed(folder, kind, record, there, resume=resume, force=force)
    old = read_record(folder, kind) if there else {}  # of our own, or it is refused
    if not goes_on:
        return {}
    for key, value in files.plain(question.settings).items():
        if old.get(key) != value:
            text = f"it was made with {key} {old.get(key)} and here it is {value}; choose another --out"
            raise RunFolderError(f"{folder}: holds another {kind}, {text}")
    for name, config_hash in question.hypotheses.items():
        if old["hypotheses"].get(name, config_hash) != config_hash:
            raise RunFolderError(f"{folder}: '{name}' was another configuration there; choose another --out")
    return old


class Store:
    """A folder in our possession, see `open_store`.

    Parameters
    ----------
    folder : Path
        The folder.
    record : dict
        What its record holds.
    execution : Execution
        Where jobs are done.
    stack : ExitStack
        Closes what is opened here.
    check : callable
        Raises KeyboardInterrupt if the work is to end.
    """

    def __init__(
        self,
        folder: Path,
        record: dict[str, Any],
        execution: Execution,
        stack: contextlib.ExitStack,
        check: Callable[[], None],
    ) -> None:
        self.folder, self._record, self._execution, self._stack = folder, record, execution, stack
        self._check = check
        self._reporter = stack.enter_context(Reporter(folder / files.LOG, execution.get("progress")))
        self._file = stack.enter_context(files.open_lines(folder / RESULTS))
        self._done = {entry["key"] for entry in files.read_lines(folder / RESULTS) if "result" in entry}
        self._synced = 0.0
        self._tally: Tally | None = None

    @cached_property
    def _executor(self) -> Executor:
        """The one that was given, or workers of our own."""
        return executor_of(self._execution, self._stack)

    def missing(self, calls: Iterable[Call]) -> list[Call]:
        """Those of some jobs that have no result."""
        return [call for call in calls if call.key not in self._done]

    def do(self, calls: Sequence[Call], what: str) -> list[Any]:
        """Do the jobs that have no result, the first error ends it; the results of all, in their order."""
        self.run(calls, what, keep_going=False)
        there = read_results(self.folder)
        return [there[call.key]["result"] for call in calls]

    def run(self, calls: Sequence[Call], what: str = "jobs", *, attempts: int = 3, keep_going: bool = True) -> None:
        """Do the jobs that have no result, and keep each as it ends.

        Parameters
        ----------
        calls : sequence of Call
            The jobs; the key of each is its `address`, what it returns must be plain values.
        what : str
            What they are called.
        attempts : int
            How often a job is started whose worker dies.
        keep_going : bool
            Whether the other jobs go on when one fails; else its error is raised.
        """
        missing = self.missing(calls)
        self._tally = tally = Tally(self.folder, self._reporter, what, len(calls), len(missing))
        if not missing:
            return
        try:
            with contextlib.closing(dispatch_grouped(self._executor, missing, attempts, self._group(missing))) as ended:
                for one in ended:
                    self._keep(one)
                    tally.step(one)
                    self._check()
                    if one.error is not None and not keep_going:
                        raise one.error  # noqa: TRY301 - the status is written for whatever ends this
        except BaseException as error:
            with contextlib.suppress(RunFolderError):  # the error itself is what the user has to see
                tally.write("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
            raise

    def _group(self, calls: Sequence[Call]) -> int:
        """How many calls of a group are made at a time."""
        workers = workers_of(self._executor) or self._execution.get("jobs")
        return self._execution.get("group") or group_size(len(calls), workers)

    def _keep(self, ended: Ended) -> None:
        entry: dict[str, Any] = {"key": ended.key, "attempts": ended.attempts}
        entry |= {"result": ended.result} if ended.error is None else {"reason": ended.reason}
        files.append_line(self._file, entry)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()
        if ended.error is None:
            self._done.add(ended.key)

    def finish(self, *, complete: bool = True, **notes: Any) -> None:
        """Say in the record that all is done that could be, and what else it shall tell."""
        os.fsync(self._file.fileno())
        if self._tally is not None:
            self._tally.write("done" if complete else "incomplete")
        content = {**self._record, **notes, "complete": complete, "end": now()}
        files.write_record(self.folder / f"{content['kind']}.json", content)
