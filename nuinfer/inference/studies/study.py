"""Jobs of analyses at hand, in a folder that can be gone on with or in memory: what limits and significances ask."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from nuinfer.analysis import Analysis
from nuinfer.errors import NotConvergedError
from nuinfer.inference.studies.campaign import call_of, jobs_of_case
from nuinfer.inference.studies.jobs import JobsConfig, Row
from nuinfer.inference.work.calls import Inline
from nuinfer.inference.work.groups import MOST
from nuinfer.inference.work.store import Execution, Question, Store, open_store, read_results


class Study:
    """A store for the jobs of analyses at hand, see `open_study`.

    Parameters
    ----------
    store : Store
        Where results are kept.
    seed : int
        Root seed.
    """

    def __init__(self, store: Store, seed: int) -> None:
        self._store, self._seed = store, seed

    def rows(self, asked: Mapping[str, tuple[Analysis, dict[str, Any]]], what: str) -> dict[str, list[Row]]:
        """Results of jobs, those that are there already and the rest.

        Parameters
        ----------
        asked : mapping
            Label to analysis and settings, as those of ``[jobs.NAME]`` in a campaign.
        what : str
            What the jobs are called.

        Raises
        ------
        NotConvergedError
            If one fails.
        """
        tables = {
            label: list(jobs_of_case({"job": label}, JobsConfig(analysis=(one.name,), **settings), one, self._seed))
            for label, (one, settings) in asked.items()
        }
        self._store.run([call_of(job, self._store.folder) for jobs in tables.values() for job in jobs], what)
        there = read_results(self._store.folder)
        for job in (job for jobs in tables.values() for job in jobs):
            if "result" not in there[job.key]:
                reason = there[job.key]["reason"]
                raise NotConvergedError(f"{job.case['job']}, number {job.number}: {reason}; run it again")
        return {label: [there[job.key]["result"] for job in jobs] for label, jobs in tables.items()}


@contextlib.contextmanager
def open_study(
    kind: str,
    settings: Mapping[str, Any],
    seed: int,
    out: str | PathLike[str] | None = None,
    **execution: Unpack[Execution],
) -> Iterator[Study]:
    """A study that is kept in a folder, or in memory.

    Parameters
    ----------
    kind : str
        What the folder holds.
    settings : mapping
        What must be the same when it is gone on with.
    seed : int
        Root seed of simulated data and searches.
    out : path, optional
        The folder; what is there already is not done again.
    **execution
        See `nuinfer.inference.work.store.Execution`; with neither an executor, nor a scheduler, nor more than one of
        `jobs`, it is done in this process.

    Raises
    ------
    RunFolderError
        If the folder belongs to something else, is in use or cannot be written.
    """
    alone = execution.get("scheduler") is None and execution.get("executor") is None
    if alone and execution.get("jobs") in (None, 1):
        execution = {**execution, "executor": Inline(), "group": execution.get("group") or MOST}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()) if out is None else out)
        if out is None:  # nobody looks into a folder that is gone afterwards
            execution = {"progress": False, **execution}
        store = stack.enter_context(open_store(folder, Question(kind, {**settings, "seed": seed}), **execution))
        yield Study(store, seed)
        store.finish()
