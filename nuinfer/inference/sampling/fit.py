"""The fit: several independent ensembles sample a posterior into a run folder that survives a kill."""

import contextlib
import hashlib
import math
import pickle
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import tomli_w

from nuinfer.analysis import Analysis
from nuinfer.errors import LOG, ConfigError, NonFiniteLogProbError, RunFolderError, forgiven, warn_once
from nuinfer.export import arviz_adapter
from nuinfer.inference.runs import run_folder
from nuinfer.inference.runs.completion import complete_summary
from nuinfer.inference.runs.diagnostics import RHAT_MAX, Verdict, least_ess, least_length
from nuinfer.inference.runs.record import SETTINGS, new_record, resumed_record
from nuinfer.inference.runs.run import Run
from nuinfer.inference.runs.summary import outcome, up_to
from nuinfer.inference.sampling.ensemble import Work, advance, start_of
from nuinfer.inference.work import files
from nuinfer.inference.work.calls import Awaited, on_unpickled
from nuinfer.inference.work.ending import ended_by_signals
from nuinfer.inference.work.executors import start, workers_of
from nuinfer.inference.work.progress import Reporter, now
from nuinfer.inference.work.store import Execution, executor_of

STATUS_SECONDS = 2.0
STATUS_DRAWS = 20_000  # from which limits are told meanwhile
QUIET_SECONDS, STOP_SECONDS = 1.5, 20.0  # that workers have to end at a step, without and with a word
FIRST = 256  # points that compile all that workers need


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
    size, R-hat over ensembles < 1.01 and enough autocorrelation times (`nuinfer.inference.runs.diagnostics.diagnose`),
    or until `max_steps`. The chains depend on the seed, the number of walkers and the analysis, not on `jobs`, the
    executor or interruptions.

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
        Root seed, by default that of ``analysis.sampler`` (1504 in the presets).
    ensembles, walkers, target_ess, max_steps : optional
        By default those of ``analysis.sampler``; on resume seed, ensembles and walkers are those of the run.
    jobs : int, optional
        Worker processes, by default one per core and at most one per ensemble. In a script, call `fit` under
        ``if __name__ == "__main__":``, as for every process pool.
    tolerate_nonfinite : int
        Points of each ensemble whose log-probability is not a number that are rejected, and named in the summary,
        instead of ending the run. On resume it is what is given then.
    progress : bool, optional
        Whether to show progress on standard error, by default yes, unless the logger ``nuinfer`` is above WARNING.
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
    asked = {"ensembles": ensembles, "walkers": walkers, "seed": seed, "target_ess": target_ess, "max_steps": max_steps}
    asked["tolerate_nonfinite"] = tolerate_nonfinite
    where: Execution = {"jobs": jobs, "executor": executor, "progress": progress, "resume": resume, "force": force}
    return fit_as(analysis, Path(out), asked, command, **where)


def fit_as(
    analysis: Analysis,
    path: Path,
    asked: Mapping[str, Any],
    command: str | None = None,
    meanwhile: Callable[[Run], object] | None = None,
    **execution: Unpack[Execution],
) -> Run:
    """Sample into a run folder as `fit` does.

    Parameters
    ----------
    analysis, path, command
        As for `fit`.
    asked : mapping
        The settings that `fit` is given; None is the analysis' default.
    meanwhile : callable, optional
        Called with the run when its chains have ended, while the workers search for best fits: draws figures, for
        example.
    **execution
        See `nuinfer.inference.work.store.Execution`; by default a folder that is in use already is refused.
    """
    resume, force = execution.get("resume", False), execution.get("force", False)
    if resume and force:
        raise ConfigError("resume and force: only one of them is allowed")
    claim = partial(run_folder.check_output, path, resume=resume, force=force)
    old = Run(path, analysis) if claim() else None
    record = new_record(analysis, asked, command) if old is None else resumed_record(old, analysis, asked)
    finished = old is not None and bool(old.record.get("complete"))
    if old is not None and finished and all(old.record[key] == record[key] for key in ("target_ess", "max_steps")):
        Reporter(path / files.LOG, execution.get("progress")).show(
            f"{path}: already finished, {outcome(old.summary())}"
        )
        return old
    least, target = least_ess(record["ensembles"], record["walkers"]), asked.get("target_ess")
    if target is not None and target < least:
        enough = f"chains that are long enough have {least:g}"
        warn_once(f"a target of {target:g} effective samples makes the fit no shorter: {enough}")
    LOG.info("%s: %d ensembles of %d walkers start", path, record["ensembles"], record["walkers"])
    pickled = pickle.dumps(analysis)
    with contextlib.ExitStack() as stack:
        check = stack.enter_context(ended_by_signals())
        executor = executor_of(execution, stack)
        start(executor, start_of.__module__, record["ensembles"])
        with contextlib.suppress(NonFiniteLogProbError):  # compiled here, once, not by the workers side by side
            analysis.evaluate(analysis.sample_prior(FIRST, np.random.default_rng(0)))
        every, given = range(record["ensembles"]), (start_of, pickled, record["walkers"], record["seed"])
        lacking = [k for k in every if old is None or not run_folder.block_indices(old.ensemble_folders[k])]
        waiting = {k: executor.submit(on_unpickled, *given, k) for k in lacking}
        arviz_adapter.prepare()  # meanwhile
        starts = {k: future.result() for k, future in waiting.items()}  # by workers, whose arithmetic is the chains'
        goes_on = stack.enter_context(files.held(path, claim, run_folder.CONTENT))  # an analysis without a start: none
        if goes_on and old is None:
            raise RunFolderError(f"{path}: another process has made a run there meanwhile; --resume continues it")
        files.remove(path, (run_folder.STOP,))
        resolved = _resolved(analysis, record)
        if not (path / run_folder.CONFIG_RESOLVED).exists():
            record["resolved_sha256"] = digest = hashlib.sha256(resolved.encode()).hexdigest()
            record["signature"] = files.signature(digest)
            record["kept"] = run_folder.keep(path, resolved, analysis.checksums)
        files.write_record(path / run_folder.RECORD, record)
        for name, text in ((run_folder.CONFIG_INPUT, analysis.config_input), (run_folder.CONFIG_RESOLVED, resolved)):
            if not (path / name).exists():
                files.write_atomic(path / name, text.encode())
        run = Run(path, analysis)
        for k, drawn in starts.items():
            files.make_folder(run.ensemble_folders[k])
            run_folder.write_block(run.ensemble_folders[k], 0, drawn, run.identity)
        with Reporter(path / files.LOG, execution.get("progress")) as reporter:
            return _Session(run, executor, pickled, reporter, check).sample(finished, meanwhile)


def _resolved(analysis: Analysis, record: Mapping[str, Any]) -> str:
    """The configuration that repeats the run: every default, and the settings that `fit` was given."""
    tree = tomllib.loads(analysis.config_toml())
    tree["sampler"] = {**tree.get("sampler", {}), **{key: math.ceil(record[key]) for key in SETTINGS}}
    return tomli_w.dumps(tree)


class _Session:
    """One process at work on a run whose lock it holds: rounds of sampling, the verdict after each, the results.

    Parameters
    ----------
    run : Run
        The run; every ensemble has its start on disk.
    executor : concurrent.futures.Executor
        Does the work.
    pickled : bytes
        The pickled analysis.
    reporter : Reporter
        Shows progress.
    check : callable
        Raises KeyboardInterrupt if the work is to end.
    """

    def __init__(
        self, run: Run, executor: futures.Executor, pickled: bytes, reporter: Reporter, check: Callable[[], None]
    ) -> None:
        self._run, self._executor, self._pickled, self._reporter = run, executor, pickled, reporter
        self._check = check
        self._pending = Awaited()
        self._verdict: Verdict | None = None
        self._limits: dict[str, Any] = {}
        self._on_disk = run.refresh()
        self._begin, self._begin_steps = time.monotonic(), sum(self._on_disk)

    def sample(self, finished_before: bool, meanwhile: Callable[[Run], object] | None) -> Run:
        """Run the rounds and finish the folder.

        What an interrupted run has on disk is judged only where an uninterrupted one would have been, so that both
        end after the same steps; a finished one that goes on with other targets is judged where it is.
        """
        available, record = max(self._on_disk), self._run.record
        lengths = [n for n in round_lengths(max(record["max_steps"], available)) if n >= available]
        if finished_before and available < lengths[0]:
            lengths = [available, *lengths]
        target = lengths[0]
        try:
            self._reporter.line(f"{self._run.folder}: seed {record['seed']}, from step {min(self._on_disk)}")
            length = f"{least_length(record['ensembles']):g} autocorrelation times (tau)"
            self._reporter.line(f"until ESS {record['target_ess']:g}, {length}, R-hat {RHAT_MAX}")
            for target in lengths:
                self._advance(target)
                self._verdict = verdict = self._run.verdict_after(target)
                so_far = self._run.summary_after(target, STATUS_DRAWS)["parameters"]
                self._limits = {name: entry["limit95"] for name, entry in so_far.items() if "limit95" in entry}
                end = f"{verdict.decides} decides" if verdict.decides else "converged"
                reached = f"{verdict.steps_per_tau:.1f} tau, {up_to(float(np.max(verdict.rhat)))}"
                self._reporter.line(f"step {target}: ESS {np.min(verdict.ess):.0f}, {reached}; {end}", *verdict.missing)
                if verdict.converged:
                    break
            return self._finish(meanwhile)
        except BaseException as error:
            self._stop(error, target)
            raise

    def _advance(self, target: int) -> None:
        """Bring every ensemble to step `target`, and say how far it is."""
        run, seconds = self._run, self._run.analysis.sampler.checkpoint_seconds
        tolerated = run.record.get("tolerate_nonfinite", 0)
        behind = tuple(k for k, steps in enumerate(self._on_disk) if steps < target)
        groups = min(workers_of(self._executor) or len(behind), len(behind))
        for group in (behind[k::groups] for k in range(groups)):  # the larger the batches, the less each point costs
            work = Work(self._pickled, run.folder, group, run.identity, target, seconds, tolerated)
            self._pending.add(self._executor.submit(advance, work))
        while self._pending.running:
            if ended := self._pending.next(STATUS_SECONDS):
                ended.result()
            self._write_status("sampling", target)
            self._check()
        self._on_disk = run.refresh()

    def _finish(self, meanwhile: Callable[[Run], object] | None) -> Run:
        """Write the results, then mark the run as complete."""
        run, path = self._run, self._run.folder
        failed: list[Exception] = []

        def while_workers_search(note: Callable[[str], object]) -> None:
            with forgiven(run_folder.POSTERIOR, note):
                files.write_atomic(path / run_folder.POSTERIOR, arviz_adapter.netcdf(run.contents()))
            try:
                if meanwhile:
                    meanwhile(run)
            except Exception as error:  # noqa: BLE001 - raised when the run is whole
                failed.append(error)

        self._check()
        self._reporter.line("profile limits, predictive checks, figures: about 10 s")
        summary = complete_summary(run, self._executor, while_workers_search)
        files.write_json(path / run_folder.SUMMARY, summary)
        finished = {"complete": True, "steps": run.steps, "end": now(), "summary_check": files.checksum(summary)}
        if (best := run.known_best_fit) is not None:
            finished["best_fit"] = best.tolist()
        files.write_record(path / run_folder.RECORD, {**run.record, **finished})
        self._write_status("done", run.steps)
        self._reporter.line(f"{path}: {outcome(summary)}")
        for error in failed:
            raise error
        return Run(path, run.analysis)

    def _stop(self, error: BaseException, target: int) -> None:
        """Let the workers end at a block, and keep what went wrong."""
        stop, interrupted = self._run.folder / run_folder.STOP, isinstance(error, KeyboardInterrupt)
        with contextlib.suppress(OSError):
            stop.touch()
        try:
            for future in list(self._pending.running):
                future.cancel()
            if not self._pending.all_within(QUIET_SECONDS):
                with contextlib.suppress(RunFolderError):
                    self._reporter.line("waiting for workers to end at a step; another Ctrl-C ends them now")
            self._pending.all_within(STOP_SECONDS)
        finally:
            with contextlib.suppress(OSError):
                stop.unlink(missing_ok=True)
            with contextlib.suppress(RunFolderError):  # the error itself is what the user has to see
                if isinstance(error, NonFiniteLogProbError):
                    point = {key: value if math.isfinite(value) else repr(value) for key, value in error.point.items()}
                    files.write_record(self._run.folder / run_folder.NONFINITE, {"term": error.term, "point": point})
                self._write_status("interrupted" if interrupted else "failed", target)
                self._reporter.line("interrupted" if interrupted else f"failed: {error}")

    def _write_status(self, state: str, target: int) -> None:
        record, verdict = self._run.record, self._verdict
        where = zip(self._run.ensemble_folders, self._on_disk, strict=True)
        ensembles = [run_folder.read_progress(folder, steps) for folder, steps in where]
        total = sum(one["steps"] for one in ensembles)
        rate = (total - self._begin_steps) / max(time.monotonic() - self._begin, 1e-9)
        wanted = min(max(verdict.needed_steps, target), record["max_steps"]) if verdict else None
        known = wanted is not None and rate > 0.0 and state == "sampling"
        content = {
            "state": state,
            "converged": bool(verdict and verdict.converged),
            "missing": list(verdict.missing) if verdict else ["not judged yet"],
            "steps": min(one["steps"] for one in ensembles),
            "target_steps": target,
            "max_steps": record["max_steps"],
            "ensembles": ensembles,
            "rhat_max": float(np.max(verdict.rhat)) if verdict else None,
            "ess_min": float(np.min(verdict.ess)) if verdict else None,
            "target_ess": record["target_ess"],
            "steps_per_tau": verdict.steps_per_tau if verdict else None,
            "limit95": self._limits,
            "updated": now(),
            "steps_per_second": rate if state == "sampling" else None,
            "eta_seconds": max(0.0, (wanted or 0.0) * len(ensembles) - total) / rate if known else None,
        }
        files.write_record(self._run.folder / files.STATUS, content, durable=False)
        self._reporter.steps(total, (wanted or target) * len(ensembles), f"step {content['steps']}")


def round_lengths(max_steps: int, first: int = 400, growth: float = 1.3) -> Iterator[int]:
    """Steps after which convergence is checked: a fixed, growing schedule that ends at `max_steps`.

    It does not depend on the chains, so that an interrupted run ends where an uninterrupted one does.

    Examples
    --------
    >>> list(round_lengths(1000))
    [400, 520, 676, 879, 1000]
    """
    steps = first
    while steps < max_steps:
        yield steps
        steps = math.ceil(steps * growth)
    yield max_steps
