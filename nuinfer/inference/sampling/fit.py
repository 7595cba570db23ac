"""The fit: several independent ensembles sample a posterior into a run folder that survives a kill."""

from __future__ import annotations

import contextlib
import math
import pickle
import sys
import tomllib
from collections.abc import Iterable, Mapping
from concurrent import futures
from os import PathLike
from pathlib import Path
from typing import Any

import tomli_w

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.runs import folder as run_folder
from nuinfer.inference.runs.blocks import Block, block_indices, write_block
from nuinfer.inference.runs.record import SETTINGS, new_record, resumed_record
from nuinfer.inference.runs.run import Run
from nuinfer.inference.runs.summary import outcome
from nuinfer.inference.sampling.session import Session
from nuinfer.inference.sampling.start import draw_start
from nuinfer.inference.work import files
from nuinfer.inference.work.executors import open_executor
from nuinfer.inference.work.progress import Reporter


def fit(  # noqa: PLR0913 - one of the public names
    analysis: Analysis,
    out: str | PathLike[str],
    *,
    resume: bool = False,
    force: bool = False,
    seed: int | None = None,
    ensembles: int | None = None,
    jobs: int | None = None,
    target_ess: float | None = None,
    max_steps: int | None = None,
    walkers: int | None = None,
    tolerate_nonfinite: int = 0,
    progress: bool | None = None,
    executor: futures.Executor | None = None,
    command: str | None = None,
) -> Run:
    """Sample the posterior of an analysis into a run folder.

    Several independent ensembles advance in rounds until every sampled parameter reaches the target effective sample
    size, R-hat over ensembles < 1.01 and 50 autocorrelation times, or until `max_steps`. The chains depend on the seed,
    the number of walkers and the analysis, not on `jobs`, the executor or interruptions.

    Parameters
    ----------
    analysis : Analysis
        What to sample.
    out : path
        The run folder.
    resume : bool
        Continue the run that is there, if there is one; one that is finished is returned as it is.
    force : bool
        Start over where there is a run.
    seed : int, optional
        Root seed; by default a new one, recorded in ``run.json``.
    ensembles, walkers, target_ess, max_steps : optional
        By default those of ``analysis.sampler``; on resume the first two are those of the run.
    jobs : int, optional
        Worker processes, by default one per core and at most one per ensemble. In a script, call `fit` under
        ``if __name__ == "__main__":``, as for every process pool.
    tolerate_nonfinite : int
        Points of each ensemble whose log-probability is not a number that are rejected, and named in the summary,
        instead of ending the run. On resume it is what is given then.
    progress : bool, optional
        Whether to show progress on standard error, by default yes.
    executor : concurrent.futures.Executor, optional
        Used instead of local processes; its workers must see the run folder.
    command : str, optional
        Recorded as the command of the run, by default that of this process.

    Returns
    -------
    Run
        Its `converged` says whether the criteria were met, its summary what is missing.

    Raises
    ------
    RunFolderError
        If the folder is occupied, in use, foreign, damaged, made with another configuration, or cannot be written.
    ConfigError
        If a setting is not allowed or no start with a finite log-probability is found.
    NonFiniteLogProbError
        If a term of the log-probability is not a number; the chains end at the step before.
    """
    path = Path(out)
    if resume and force:
        raise ConfigError("resume and force: only one of them is allowed")
    asked = {"ensembles": ensembles, "walkers": walkers, "seed": seed, "target_ess": target_ess, "max_steps": max_steps}
    asked["tolerate_nonfinite"] = tolerate_nonfinite
    old = Run(path, analysis) if run_folder.check_output(path, resume=resume, force=force) else None
    record = new_record(analysis, asked, command) if old is None else resumed_record(old, analysis, asked)
    finished = old is not None and bool(old.record.get("complete"))
    if old is not None and finished and all(old.record[key] == record[key] for key in ("target_ess", "max_steps")):
        if progress is not False:
            sys.stderr.write(f"{path}: already finished, {outcome(old.summary())}\n")
        return old
    pickled = pickle.dumps(analysis)
    with contextlib.ExitStack() as stack:
        if executor is None:
            executor = stack.enter_context(open_executor(jobs))
        starts: dict[int, Block] = {}
        if old is None:  # before the folder is made: an analysis without a start leaves nothing behind
            starts = _starts(executor, pickled, record, range(record["ensembles"]))
            files.make_folder(path)
        stack.enter_context(files.locked(path / files.LOCK))
        if old is None:
            run_folder.check_output(path, resume=resume, force=force)  # again, now that nobody else can come in between
            run_folder.clear(path)
        run = _prepare(path, analysis, record)
        lacking = [k for k, folder in enumerate(run.ensemble_folders) if not block_indices(folder)]
        for k, start in (starts or _starts(executor, pickled, record, lacking)).items():
            files.make_folder(run.ensemble_folders[k])
            write_block(run.ensemble_folders[k], 0, start, run.identity)
        with Reporter(path / files.LOG, progress) as reporter:
            session = Session(run, executor, pickled, analysis.sampler.checkpoint_seconds, reporter)
            return session.sample(finished_before=finished)


def _prepare(path: Path, analysis: Analysis, record: Mapping[str, Any]) -> Run:
    """Write the record and the configuration into a locked folder, and tidy up after a kill."""
    run_folder.remove_leftovers(path)
    files.write_json(path / run_folder.RECORD, record)
    texts = {run_folder.CONFIG_INPUT: analysis.config_input, run_folder.CONFIG_RESOLVED: _resolved(analysis, record)}
    for name, text in texts.items():
        if not (path / name).exists():
            files.write_atomic(path / name, text.encode())
    return Run(path, analysis)


def _resolved(analysis: Analysis, record: Mapping[str, Any]) -> str:
    """The configuration that repeats the run: every default, and the settings that `fit` was given."""
    tree = tomllib.loads(analysis.config_toml())
    tree["sampler"] = {**tree.get("sampler", {}), **{key: math.ceil(record[key]) for key in SETTINGS}}
    return tomli_w.dumps(tree)


def _starts(
    executor: futures.Executor, pickled: bytes, record: Mapping[str, Any], ensembles: Iterable[int]
) -> dict[int, Block]:
    """Starts of the ensembles, drawn by the workers, whose arithmetic is that of the chains."""
    waiting = {k: executor.submit(draw_start, pickled, record["walkers"], record["seed"], k) for k in ensembles}
    return {k: future.result() for k, future in waiting.items()}
