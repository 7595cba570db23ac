"""The pieces of work of a comparison and where their results lie.

FOLDER/hypotheses/HASH/seed-K.npz     a nested run; HASH is that of the configuration
FOLDER/hypotheses/HASH/seed-K.save    the state of dynesty while it runs (a pickle)
FOLDER/hypotheses/HASH/fit.json       best fit and leave-one-out
FOLDER/hypotheses/HASH/config.toml    the configuration
"""

from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import RunFolderError
from nuinfer.inference.evidence import loo as leaving_out
from nuinfer.inference.evidence.absorption_test import simulated_significance
from nuinfer.inference.evidence.evidence import Evidence
from nuinfer.inference.evidence.nested import NestedRun, Setting, run_nested
from nuinfer.inference.profile.likelihood_ratio import significance
from nuinfer.inference.profile.profile import Profile
from nuinfer.inference.protocol import EvidenceAnalysis
from nuinfer.inference.runs import folder as run_folder
from nuinfer.inference.work.dispatch import Call
from nuinfer.typing import FloatArray

HYPOTHESES, CONFIG, FIT, RATIOS = "hypotheses", "config.toml", "fit.json", "likelihood_ratios.json"
CHECKPOINT_SECONDS = 15.0
STARTS = 1000  # posterior draws among which the search for the best fit starts


@dataclass(frozen=True)
class Plan:
    """What a comparison consists of.

    Parameters
    ----------
    folder : Path
        Where results lie.
    pickled : mapping
        Name of each hypothesis to its pickled analysis.
    setting : Setting
        Of the nested runs.
    seed, seeds : int
        Root seed and number of runs of each hypothesis.
    loo : bool
        Whether bins are left out.
    """

    folder: Path
    pickled: Mapping[str, bytes]
    setting: Setting
    seed: int
    seeds: int
    loo: bool = True


def seed_of(root: int, config_hash: str, run: int) -> int:
    """Seed of one run: it depends on the hypothesis, so that no two are correlated, and on no other hypothesis."""
    state = np.random.SeedSequence(root, spawn_key=(int(config_hash[:12], 16) % 2**32, run)).generate_state(1)
    return int(state[0])


def runs(plan: Plan, hashes: Mapping[str, str]) -> list[Call]:
    """Calls of the nested runs that are not there yet."""
    return [
        Call(
            f"{name} (run {k + 1})",
            nested_work,
            (plan.pickled[name], str(path), plan.setting, seed_of(plan.seed, h, k)),
        )
        for name, h in hashes.items()
        for k in range(plan.seeds)
        if not (path := _run_file(plan.folder, h, k)).exists()
    ]


def finishes(plan: Plan, hashes: Mapping[str, str]) -> list[Call]:
    """Calls of the best fits and leave-one-out that are not there yet."""
    made = []
    for name, config_hash in hashes.items():
        path = _home(plan.folder, config_hash) / FIT
        wanted = {"seeds": plan.seeds, "loo": plan.loo}
        if not (path.exists() and run_folder.read_json(path).get("made_with") == wanted):
            files = [str(_run_file(plan.folder, config_hash, k)) for k in range(plan.seeds)]
            made.append(
                Call(name, finish_work, (plan.pickled[name], files, str(path), plan.setting, plan.seed, wanted))
            )
    return made


def significances(plan: Plan, name: str, expected: FloatArray, n: int) -> list[Call]:
    """Calls of the significance of the data, and of `n` simulated ones."""
    pickled = plan.pickled[name]
    simulated = [Call(f"data set {k}", simulation_work, (pickled, expected, plan.seed + k)) for k in range(1, n + 1)]
    return [Call("observed", significance_work, (pickled, plan.seed)), *simulated]


def kept_significances(plan: Plan, config_hash: str, n: int) -> list[float] | None:
    """What `significances` gave before, or None."""
    path = _home(plan.folder, config_hash) / RATIOS
    held = run_folder.read_json(path) if path.exists() else {}
    return list(held["values"]) if held.get("simulated") == n else None


def keep_significances(plan: Plan, config_hash: str, values: list[float]) -> None:
    """Keep them for the next time."""
    path = _home(plan.folder, config_hash) / RATIOS
    run_folder.write_json(path, {"simulated": len(values) - 1, "values": values})


def nested_work(pickled: bytes, path: str, setting: Setting, seed: int) -> None:
    """One nested run, from its checkpoint if there is one, into its file."""
    file, analysis = Path(path), _unpickled(pickled)
    run_folder.make_folder(file.parent)
    run_folder.write_atomic(file.with_name(CONFIG), analysis.config_toml().encode())
    checkpoint = file.with_suffix(".save")
    found = run_nested(analysis, seed, setting, checkpoint, CHECKPOINT_SECONDS)
    buffer = io.BytesIO()
    np.savez(buffer, **{field.name: getattr(found, field.name) for field in fields(found)})
    run_folder.write_atomic(file, buffer.getvalue())
    checkpoint.unlink(missing_ok=True)


def finish_work(
    pickled: bytes, files: list[str], path: str, setting: Setting, seed: int, made_with: Mapping[str, Any]
) -> None:
    """Best fit and leave-one-out of one hypothesis, from its nested runs."""
    analysis = _unpickled(pickled)
    found = Evidence("", analysis, (), tuple(read_run(Path(file)) for file in files), {}, 0.0)
    best = Profile(analysis, seed, found.draws(STARTS, seed)).best
    answer: dict[str, Any] = {
        "made_with": dict(made_with),
        "best_fit": dict(zip(analysis.parameter_names, best.point.tolist(), strict=True)),
        "max_log_likelihood": best.log_prob - float(analysis.log_prior(best.point)),
    }
    if made_with["loo"]:

        def refit(without: EvidenceAnalysis) -> FloatArray:
            run = run_nested(without, seed, setting)
            return run.draws(leaving_out.DRAWS, np.random.default_rng(seed))

        answer["loo"] = leaving_out.to_json(leaving_out.leave_one_out(analysis, *found.weighted, refit))
    run_folder.write_json(Path(path), answer)


def significance_work(pickled: bytes, seed: int) -> float:
    """The likelihood ratio of the data."""
    return significance(_unpickled(pickled), seed)


def simulation_work(pickled: bytes, expected: FloatArray, seed: int) -> float:
    """The likelihood ratio of simulated data."""
    return simulated_significance(_unpickled(pickled), expected, seed)


def evidence(plan: Plan, name: str, analysis: Analysis) -> Evidence:
    """What the folder knows of one hypothesis."""
    config_hash = analysis.config_hash
    fit = run_folder.read_json(_home(plan.folder, config_hash) / FIT)
    return Evidence(
        name,
        analysis,
        tuple(seed_of(plan.seed, config_hash, k) for k in range(plan.seeds)),
        tuple(read_run(_run_file(plan.folder, config_hash, k)) for k in range(plan.seeds)),
        fit["best_fit"],
        fit["max_log_likelihood"],
        leaving_out.from_json(fit["loo"]) if "loo" in fit else None,
    )


def read_run(path: Path) -> NestedRun:
    """A nested run from its file.

    Raises
    ------
    RunFolderError
        If it is missing or damaged.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            held = {field.name: archive[field.name] for field in fields(NestedRun)}
        plain = {name: value if value.ndim else value.item() for name, value in held.items()}
        return NestedRun(**plain)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunFolderError(f"{path}: missing or damaged, not a nested run ({error})") from error


def clear(folder: Path) -> None:
    """Remove the results of a comparison."""
    for name in (HYPOTHESES, "figures"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in folder.glob("*.json"):
        path.unlink()


def _home(folder: Path, config_hash: str) -> Path:
    return folder / HYPOTHESES / config_hash


def _run_file(folder: Path, config_hash: str, run: int) -> Path:
    return _home(folder, config_hash) / f"seed-{run}.npz"


@lru_cache(maxsize=4)
def _unpickled(pickled: bytes) -> Analysis:
    analysis: Analysis = pickle.loads(pickled)  # noqa: S301 - bytes that our own parent process has made
    return analysis
