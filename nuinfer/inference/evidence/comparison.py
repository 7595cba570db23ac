"""`compare`: evidences of several hypotheses about the same data, and what goes beside them.

Every nested run is a piece of work of its own, with its own seed and checkpoint; what is finished stays in the folder,
so that a comparison that was killed goes on where it was, to the same numbers.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import math
import pickle
import tempfile
from collections.abc import Mapping, Sequence
from concurrent import futures
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

from nuinfer import __version__
from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError, NuinferError, RunFolderError
from nuinfer.inference.evidence import comparison_work as work
from nuinfer.inference.evidence.absorption_test import LikelihoodRatio, savage_dickey
from nuinfer.inference.evidence.comparison_result import AbsorptionTest, Comparison
from nuinfer.inference.evidence.evidence import Evidence
from nuinfer.inference.evidence.hypotheses import absorption_pairs, check, named
from nuinfer.inference.evidence.nested import Setting
from nuinfer.inference.profile.profile import Profile
from nuinfer.inference.runs import folder as run_folder
from nuinfer.inference.work.dispatch import Call, dispatch
from nuinfer.inference.work.executors import open_executor
from nuinfer.inference.work.progress import Reporter, now

RECORD, RESULT, TABLE = "comparison.json", "result.json", "comparison.md"
PSEUDO_EXPERIMENTS = 50


def compare(
    analyses: Mapping[str, Analysis] | Sequence[Analysis],
    out: str | PathLike[str] | None = None,
    *,
    seeds: int = 2,
    seed: int = 1504,
    setting: Setting | None = None,
    loo: bool = True,
    pseudo_experiments: int = PSEUDO_EXPERIMENTS,
    resume: bool = False,
    force: bool = False,
    jobs: int | None = None,
    executor: futures.Executor | None = None,
    progress: bool | None = None,
    command: str = "",
) -> Comparison:
    """Compare hypotheses about the same data by their evidences.

    Parameters
    ----------
    analyses : mapping of str to Analysis, or sequence of Analysis
        The hypotheses by name; those of a sequence are called after their presets or files, or what tells them apart.
    out : path, optional
        Folder of the results; without one nothing is kept.
    seeds : int
        Nested runs of each hypothesis, at least 1; with 1 there is no scatter to check the quoted error.
    seed : int
        Root seed. Together with a hypothesis and the number of the run it decides every number.
    setting : Setting, optional
        Engine and accuracy.
    loo : bool
        Whether to leave out bins.
    pseudo_experiments : int
        Simulated data sets for the likelihood ratio of a pair with and without absorption; 0 leaves it out.
    resume, force : bool
        Go on with the folder, or start over, where there is a comparison already.
    jobs : int, optional
        Worker processes, by default one per core; they do not change a number. In a script, call `compare` under
        ``if __name__ == "__main__":``.
    executor : concurrent.futures.Executor, optional
        Used instead of local processes; its workers must see the folder.
    progress : bool, optional
        Whether to show progress on standard error.
    command : str
        Recorded as the command.

    Returns
    -------
    Comparison

    Raises
    ------
    ConfigError
        If the hypotheses cannot be compared or a setting is not allowed.
    RunFolderError
        If the folder is occupied, foreign, in use or made with other settings.
    """
    hypotheses = named(analyses)
    setting = setting or Setting()
    for name, value, least in (("seeds", seeds, 1), ("pseudo_experiments", pseudo_experiments, 0), ("seed", seed, 0)):
        if value < least:
            raise ConfigError(f"{name}: {value} is not allowed; it must be at least {least}")
    if resume and force:
        raise ConfigError("resume and force: only one of them is allowed")
    warnings = check(hypotheses)
    record = _record(hypotheses, setting, seed, command)
    with contextlib.ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory()) if out is None else out)
        if out is not None:
            _claim(path, record, resume=resume, force=force)
        stack.enter_context(run_folder.locked(path / run_folder.LOCK))
        if force:
            work.clear(path)
        run_folder.remove_leftovers(path)
        record = _merged(path, record)
        run_folder.write_json(path / RECORD, record)
        reporter = stack.enter_context(Reporter(path / run_folder.LOG, progress))
        executor = stack.enter_context(open_executor(jobs)) if executor is None else executor
        pickled = {name: pickle.dumps(analysis) for name, analysis in hypotheses.items()}
        plan = work.Plan(path.resolve(), pickled, setting, seed, seeds, loo=loo)
        hashes = {name: analysis.config_hash for name, analysis in hypotheses.items()}
        _do(executor, work.runs(plan, hashes), reporter, "nested runs")
        _do(executor, work.finishes(plan, hashes), reporter, "best fits")
        evidences = {name: work.evidence(plan, name, analysis) for name, analysis in hypotheses.items()}
        tests = []
        for with_it, without in absorption_pairs(hypotheses):
            pair = evidences[with_it], evidences[without]
            tests.append(_absorption_test(plan, executor, reporter, *pair, pseudo_experiments))
        kept = None if out is None else path
        result = Comparison(tuple(evidences.values()), setting, tuple(warnings), tuple(tests), kept)
        run_folder.write_json(path / RESULT, result.to_dict())
        run_folder.write_json(path / RECORD, {**record, "complete": True, "end": now()})
    return result


def _record(hypotheses: Mapping[str, Analysis], setting: Setting, seed: int, command: str) -> dict[str, Any]:
    packages = ("numpy", "scipy", setting.engine)
    return {
        "hypotheses": {name: analysis.config_hash for name, analysis in hypotheses.items()},
        "setting": asdict(setting),
        "seed": seed,
        "versions": {"nuinfer": __version__} | {name: _version(name) for name in packages},
        "references": sorted({text for analysis in hypotheses.values() for text in analysis.references()}),
        "command": command,
        "start": now(),
        "complete": False,
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError(f"engine: {package} is not installed; pip install 'nuinfer[{package}]'") from None


def _claim(path: Path, record: Mapping[str, Any], *, resume: bool, force: bool) -> None:
    """Make the folder, or refuse it before anything is touched."""
    if not (path / RECORD).exists():
        if path.exists() and (not path.is_dir() or any(item.name != run_folder.LOCK for item in path.iterdir())):
            raise RunFolderError(f"{path}: exists and is not a comparison (no {RECORD}); choose another --out")
        run_folder.make_folder(path)
        return
    if not (resume or force):
        raise RunFolderError(f"{path}: already holds a comparison; --resume continues it, --force starts over")
    if resume:
        _merged(path, record)


def _merged(path: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a comparison that goes on, hypotheses added to those that are there.

    Raises
    ------
    RunFolderError
        If it was made with other settings, or a hypothesis has changed.
    """
    if not (path / RECORD).exists():
        return dict(record)
    old = run_folder.read_json(path / RECORD)
    for key in ("setting", "seed"):
        if old.get(key) != record[key]:
            raise RunFolderError(
                f"{path}: was made with {key} {old.get(key)}, here it is {record[key]}; use another --out"
            )
    there = old.get("hypotheses", {})
    for name, config_hash in record["hypotheses"].items():
        if there.get(name, config_hash) != config_hash:
            raise RunFolderError(f"{path}: '{name}' was another configuration there; choose another --out")
    return {**record, "hypotheses": {**there, **record["hypotheses"]}, "start": old.get("start", record["start"])}


def _do(executor: futures.Executor, calls: Sequence[Call], reporter: Reporter, what: str) -> list[Any]:
    """Make calls, show how far they are, and return what they give, in their order."""
    results: dict[str, Any] = {}
    for ended in dispatch(executor, calls):
        if ended.error is not None:
            if isinstance(ended.error, NuinferError):
                reporter.line(f"{ended.key}: {ended.error}")
            raise ended.error
        results[ended.key] = ended.result
        reporter.line(f"{what}, {len(results)} of {len(calls)}: {ended.key}")
    return [results[call.key] for call in calls]


def _absorption_test(
    plan: work.Plan,
    executor: futures.Executor,
    reporter: Reporter,
    absorption: Evidence,
    none: Evidence,
    pseudo_experiments: int,
) -> AbsorptionTest:
    """All three tests of one pair."""
    note, ratio, dickey = "", None, None
    try:
        dickey = savage_dickey(absorption, none.analysis, plan.seed)
    except ConfigError as problem:
        note = str(problem)
    if pseudo_experiments:
        config_hash = absorption.analysis.config_hash
        values = work.kept_significances(plan, config_hash, pseudo_experiments)
        if values is None:
            expected = none.analysis.expected_counts(Profile(none.analysis, plan.seed).best.point)
            calls = work.significances(plan, absorption.name, expected, pseudo_experiments)
            values = _do(executor, calls, reporter, f"'{absorption.name}', likelihood ratios")
            work.keep_significances(plan, config_hash, values)
        observed, *simulated = values
        ratio = LikelihoodRatio(observed, tuple(simulated))
    ln_b = absorption.ln_z - none.ln_z
    error = math.hypot(absorption.ln_z_error, none.ln_z_error)
    return AbsorptionTest(absorption.name, none.name, ln_b, error, dickey, ratio, note)
