"""In which state a run is, and what its numbers are worth: the box at the top of the page."""

from __future__ import annotations

import contextlib
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from nuinfer.errors import RunFolderError
from nuinfer.inference.runs import run_folder
from nuinfer.inference.runs.run import Run
from nuinfer.inference.runs.summary import NOT_CONVERGED
from nuinfer.inference.work.files import read_json

SILENT_SECONDS = 120.0  # a process at work writes its status every few seconds, but not while it judges the chains


@dataclass(frozen=True)
class State:
    """What stands at the top of the page.

    Parameters
    ----------
    level : {"good", "preliminary", "empty"}
        Converged; not converged or not finished; nothing to show yet.
    headline : str
        A few words.
    lines : tuple of str
        Why, and what to do.
    missing : tuple of str
        What convergence lacks.
    warnings : tuple of str
        What the numbers do not say by themselves.
    """

    level: Literal["good", "preliminary", "empty"]
    headline: str
    lines: tuple[str, ...]
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_summary(run: Run) -> dict[str, Any] | None:
    """The summary of a run, computed from its chains if it has not finished; None if nothing has been sampled.

    Raises
    ------
    RunFolderError
        If a block or the summary is damaged.
    """
    if not run.record.get("complete") and min(run.chains.refresh()) < 1:
        return None
    summary = run.summary()
    needed = {"converged", "steps", "parameters", "warnings"}
    if not needed <= set(summary) or set(summary["parameters"]) != set(run.parameter_names):
        path = run.folder / run_folder.SUMMARY
        raise RunFolderError(f"{path}: damaged, it has no verdict on {', '.join(run.parameter_names)}")
    return summary


def state_of(run: Run, summary: Mapping[str, Any] | None) -> State:
    """The state of a run.

    Parameters
    ----------
    run : Run
        The run.
    summary : mapping or None
        What `read_summary` gives.
    """
    resume = shlex.join(
        ["nuinfer", "fit", str(run.folder / run_folder.CONFIG_RESOLVED), "--out", str(run.folder), "--resume"]
    )
    lines = [] if run.record.get("complete") else [*_whereabouts(run), f"Continue with: {resume}"]
    if summary is None:
        return State("empty", "Nothing has been sampled yet", tuple(lines))
    lacking = tuple(text.removeprefix(NOT_CONVERGED) for text in summary["warnings"] if text.startswith(NOT_CONVERGED))
    others = tuple(text for text in summary["warnings"] if not text.startswith(NOT_CONVERGED))
    reached = (
        f"{run.record['ensembles']} ensembles of {run.record['walkers']} walkers, {summary['steps']} steps each; "
        f"at least {_shown(summary.get('ess_min'), '.0f')} effective samples of every parameter "
        f"({run.record['target_ess']:g} asked for), R-hat at most {_shown(summary.get('rhat_max'), '.4f')}"
    )
    if not summary["converged"]:
        finished = bool(run.record.get("complete"))
        headline = "Not converged: preliminary numbers" if finished else "Not finished, not converged: preliminary"
        if finished:
            lines.append(f"The run ended at step {summary['steps']} of at most {run.record.get('max_steps', '?')}.")
        return State("preliminary", headline, (*lines, reached), lacking, others)
    if not run.record.get("complete"):
        return State("preliminary", "Not finished: preliminary numbers", (*lines, reached), warnings=others)
    return State("good", "Converged", (reached,), warnings=others)


def _whereabouts(run: Run) -> list[str]:
    """What is known of a run that has not finished."""
    found = []
    with contextlib.suppress(RunFolderError):  # killed before its first status
        status = run.status
        state, updated = str(status.get("state")), str(status.get("updated"))
        silent = _seconds_since(updated)
        if state == "sampling" and silent < SILENT_SECONDS:
            found.append(f"The run is at work: step {status.get('steps')} of {status.get('target_steps')} so far.")
        elif state == "sampling":
            found.append(f"The run seems to have been killed: its last sign of life is of {updated}.")
        else:
            found.append(f"The run was {'stopped by an error' if state == 'failed' else state} on {updated}.")
    path = run.folder / run_folder.NONFINITE
    if path.exists():
        with contextlib.suppress(RunFolderError):
            broken = read_json(path)
            point = ", ".join(f"{name} = {value}" for name, value in dict(broken.get("point", {})).items())
            found.append(f"The term '{broken.get('term')}' of the log-probability is not a number at {point}.")
    return found or ["The run has left no status: it was stopped at its very beginning."]


def _seconds_since(time: str) -> float:
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()
    except (TypeError, ValueError):
        return math.inf


def _shown(value: float | None, style: str) -> str:
    return "unknown" if value is None or not math.isfinite(value) else format(value, style)
