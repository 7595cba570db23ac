"""The run folder: what lies in it, who may write there, and the small files of its ensembles.

Every file is written under a temporary name and renamed, so that a kill loses at most one block of the chains.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nuinfer.errors import RunFolderError
from nuinfer.inference.work import files
from nuinfer.inference.work.files import LOG, STATUS, read_json, write_json

RECORD, SUMMARY, POSTERIOR = "run.json", "summary.json", "posterior.nc"
CONFIG_INPUT, CONFIG_RESOLVED = "config.input.toml", "config.resolved.toml"
STOP, NONFINITE = "stop", "nonfinite.json"
GETDIST, COBAYA = "getdist", "cobaya.yaml"
CONTENT = (
    *("chains", "figures", GETDIST, COBAYA, "report.html", CONFIG_INPUT, CONFIG_RESOLVED, STATUS, SUMMARY, LOG),
    *(POSTERIOR, STOP, NONFINITE),
    RECORD,  # the last to go: it is what makes the folder recognisable
)
PROGRESS = "progress.json"  # of each ensemble


def is_run(path: Path) -> bool:
    """Whether `path` is recognisably a run folder."""
    try:
        return "config_hash" in read_json(path / RECORD)
    except RunFolderError:
        return False


def check_output(path: Path, *, resume: bool, force: bool) -> bool:
    """Whether `path` already holds a run to be continued; nothing is touched.

    Raises
    ------
    RunFolderError
        If it is occupied by a run and neither `resume` nor `force` is given, or by anything else.
    """
    if is_run(path):
        if not (resume or force):
            raise RunFolderError(f"{path}: already holds a run; --resume continues it, --force starts over")
        return resume
    if files.is_foreign(path):
        raise RunFolderError(f"{path}: exists and is not a run folder (no {RECORD}); choose another --out")
    return False


def remove_leftovers(path: Path) -> None:
    """Remove what a run that was killed has left behind: half-written files and its progress."""
    files.remove_leftovers(path)
    for item in (path / STOP, *path.glob(f"chains/*/{PROGRESS}")):
        with contextlib.suppress(OSError):
            item.unlink(missing_ok=True)


def write_progress(folder: Path, steps: int, acceptance: float) -> None:
    """Tell the parent where an ensemble is."""
    write_json(folder / PROGRESS, {"steps": steps, "acceptance": acceptance}, durable=False)


def read_progress(folder: Path, steps: int) -> dict[str, Any]:
    """Where an ensemble is; `steps` are known to be on disk."""
    try:
        live = read_json(folder / PROGRESS)
    except RunFolderError:  # not started yet
        live = {"steps": 0, "acceptance": None}
    return {"steps": max(int(live["steps"]), steps), "acceptance": live["acceptance"]}


def read_rejected(folder: Path) -> list[dict[str, Any]]:
    """Points of an ensemble that were rejected because their log-probability is not a number: step, term, point."""
    path = folder / NONFINITE
    return list(read_json(path).get("rejected", [])) if path.exists() else []


def write_rejected(folder: Path, rejected: Sequence[Mapping[str, Any]]) -> None:
    """Keep the rejected points of an ensemble."""
    write_json(folder / NONFINITE, {"rejected": list(rejected)})


def clear(path: Path) -> None:
    """Remove what a run has put into `path`, and nothing else."""
    files.remove(path, CONTENT)
