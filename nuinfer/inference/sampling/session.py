"""One process at work on a run folder: rounds of sampling, the verdict after each, the results at the end."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from concurrent import futures

import numpy as np

from nuinfer.errors import NonFiniteLogProbError, RunFolderError
from nuinfer.export import arviz_adapter
from nuinfer.inference.runs import diagnostics
from nuinfer.inference.runs import folder as run_folder
from nuinfer.inference.runs.diagnostics import Verdict
from nuinfer.inference.runs.run import Run
from nuinfer.inference.runs.summary import outcome, what_is_missing
from nuinfer.inference.sampling.ensemble import Work, advance
from nuinfer.inference.work import files
from nuinfer.inference.work.progress import Reporter, now

STATUS_SECONDS = 2.0


class Session:
    """Samples a run whose lock this process holds.

    Parameters
    ----------
    run : Run
        The run; every ensemble has its start on disk.
    executor : concurrent.futures.Executor
        Does the work.
    pickled : bytes
        The pickled analysis.
    checkpoint_seconds : float
        Longest time between two blocks.
    reporter : Reporter
        Shows progress.
    """

    def __init__(
        self, run: Run, executor: futures.Executor, pickled: bytes, checkpoint_seconds: float, reporter: Reporter
    ) -> None:
        self._run, self._executor, self._pickled, self._reporter = run, executor, pickled, reporter
        self._checkpoint_seconds = checkpoint_seconds
        self._pending: set[futures.Future[int]] = set()
        self._verdict: Verdict | None = None
        self._on_disk = run.chains.refresh()
        self._begin, self._begin_steps = time.monotonic(), sum(self._on_disk)

    def sample(self, *, finished_before: bool) -> Run:
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
            for target in lengths:
                for work in self._missing(target):
                    self._pending.add(self._executor.submit(advance, work))
                self._wait(target)
                self._verdict = self._judge(target)
                if self._verdict.converged:
                    break
            return self._finish()
        except BaseException as error:
            self._stop()
            self._record_failure(error, target)
            raise

    def _missing(self, target: int) -> list[Work]:
        """What brings every ensemble to step `target`."""
        run, seconds = self._run, self._checkpoint_seconds
        tolerated = run.record.get("tolerate_nonfinite", 0)
        return [
            Work(self._pickled, run.folder, ensemble, run.identity, target, seconds, tolerated)
            for ensemble, steps in enumerate(self._on_disk)
            if steps < target
        ]

    def _wait(self, target: int) -> None:
        """Wait for what is pending, and say how far it is."""
        while self._pending:
            done, self._pending = futures.wait(self._pending, STATUS_SECONDS, futures.FIRST_EXCEPTION)
            for future in done:
                future.result()
            self._write_status("sampling", target)
        self._on_disk = self._run.chains.refresh()

    def _judge(self, target: int) -> Verdict:
        chains, names = self._run.chains, self._run.parameter_names
        chain, log_prob = chains.stacked("chain", target), chains.stacked("log_prob", target)
        verdict = diagnostics.diagnose(chain, log_prob, names, self._run.record["target_ess"])
        self._reporter.line(
            f"step {target}: ESS >= {np.min(verdict.ess):.0f}, R-hat <= {np.max(verdict.rhat):.4f}, "
            f"{verdict.steps_per_tau:.1f} autocorrelation times; {what_is_missing(verdict.missing)}"
        )
        return verdict

    def _finish(self) -> Run:
        """Write the results, then mark the run as complete."""
        run, path = self._run, self._run.folder
        summary = run.complete_summary()
        files.write_json(path / run_folder.SUMMARY, summary)
        arviz_adapter.write_netcdf(run.to_arviz(), path / run_folder.POSTERIOR)
        finished = {"complete": True, "steps": run.steps, "end": now()}
        files.write_json(path / run_folder.RECORD, {**run.record, **finished})
        self._write_status("done", run.steps)
        self._reporter.line(f"{path}: {outcome(summary)}")
        return Run(path, run.analysis)

    def _stop(self) -> None:
        """Let the workers end at a block."""
        stop = self._run.folder / run_folder.STOP
        with contextlib.suppress(OSError):
            stop.touch()
        for future in self._pending:
            future.cancel()
        futures.wait(self._pending)
        with contextlib.suppress(OSError):
            stop.unlink(missing_ok=True)

    def _record_failure(self, error: BaseException, target: int) -> None:
        interrupted = isinstance(error, KeyboardInterrupt)
        with contextlib.suppress(RunFolderError):  # the error itself is what the user has to see
            if isinstance(error, NonFiniteLogProbError):
                point = {name: value if math.isfinite(value) else repr(value) for name, value in error.point.items()}
                files.write_json(self._run.folder / run_folder.NONFINITE, {"term": error.term, "point": point})
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
            "updated": now(),
            "eta_seconds": max(0.0, (wanted or 0.0) * len(ensembles) - total) / rate if known else None,
        }
        files.write_json(self._run.folder / files.STATUS, content, durable=False)
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
