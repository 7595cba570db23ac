"""`compare`: evidences of several hypotheses about the same data, and what goes beside them.

FOLDER is a store (`nuinfer.inference.work.store`), in which every nested run, best fit and simulated data set is a job
with a seed of its own. Beside it lie

FOLDER/hypotheses/HASH/config.toml    the configuration, HASH is its hash
FOLDER/hypotheses/HASH/seed-K.npz     a nested run, whose checksum is in the store
FOLDER/hypotheses/HASH/seed-K.save    the state of dynesty while it runs (a pickle)
FOLDER/result.json                    what ``--json`` prints
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import pickle
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from concurrent import futures
from dataclasses import asdict, dataclass, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError, RunFolderError
from nuinfer.inference.evidence import loo as leaving_out
from nuinfer.inference.evidence.absorption_test import absorption_test
from nuinfer.inference.evidence.comparison import Comparison
from nuinfer.inference.evidence.evidence import Evidence
from nuinfer.inference.evidence.hypotheses import absorption_pairs, check, named
from nuinfer.inference.evidence.nested import NestedRun, Setting, find_engine, run_nested
from nuinfer.inference.profile.likelihood_ratio import significance
from nuinfer.inference.profile.search import best_fit
from nuinfer.inference.work.dispatch import Call
from nuinfer.inference.work.executors import given_or_opened
from nuinfer.inference.work.files import make_folder, write_atomic, write_json
from nuinfer.inference.work.store import Question, address, open_store
from nuinfer.inference.work.workers import unpickled
from nuinfer.registry import imported
from nuinfer.typing import FloatArray

HYPOTHESES, RESULT = "hypotheses", "result.json"
PSEUDO_EXPERIMENTS = 50
CHECKPOINT_SECONDS = 15.0
STARTS = 1000  # posterior draws among which the search for the best fit starts


def compare(  # noqa: PLR0913 - one of the public names
    analyses: Mapping[str, Analysis] | Sequence[Analysis],
    out: str | PathLike[str] | None = None,
    *,
    seeds: int = 2,
    seed: int = 1504,
    setting: Setting | None = None,
    engine: str | None = None,
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
    engine : str, optional
        Another engine than that of `setting`: its name, or a Python file of your own (see `Setting`).
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
    setting = setting if engine is None else replace(setting, engine=engine)
    for name, value, least in (("seeds", seeds, 1), ("pseudo_experiments", pseudo_experiments, 0), ("seed", seed, 0)):
        if value < least:
            raise ConfigError(f"{name}: {value} is not allowed; it must be at least {least}")
    if resume and force:
        raise ConfigError("resume and force: only one of them is allowed")
    warnings = check(hypotheses)
    question = _question(hypotheses, setting, seed)
    with contextlib.ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory()) if out is None else out)
        options: dict[str, Any] = {"resume": resume or out is None, "force": force}
        store = stack.enter_context(open_store(path, question, **options, command=command, progress=progress))
        workers = stack.enter_context(given_or_opened(executor, jobs))
        plan = [_Hypothesis(name, a, pickle.dumps(a), setting, seed, path.resolve()) for name, a in hypotheses.items()]
        for one in plan:
            one.keep_configuration()
        runs = iter(store.do([one.nested(k) for one in plan for k in range(seeds)], workers, "nested runs"))
        fits = store.do([one.finish(seeds, loo=loo) for one in plan], workers, "best fits")
        evidences = {
            one.name: one.evidence(list(itertools.islice(runs, seeds)), fit)
            for one, fit in zip(plan, fits, strict=True)
        }
        tests = []
        for with_it, without in absorption_pairs(hypotheses):
            calls = plan[list(hypotheses).index(with_it)].likelihood_ratios(evidences[without], pseudo_experiments)
            values = store.do(calls, workers, f"likelihood ratios of '{with_it}'") if calls else None
            tests.append(absorption_test(evidences[with_it], evidences[without], seed, values))
        kept = None if out is None else path
        result = Comparison(tuple(evidences.values()), setting, tuple(warnings), tuple(tests), kept)
        write_json(path / RESULT, result.to_dict())
        store.finish()
    return result


def _question(hypotheses: Mapping[str, Analysis], setting: Setting, seed: int) -> Question:
    engine = find_engine(setting.engine)
    imported(engine.package, "engine", engine.extra)
    return Question(
        "comparison",
        {"setting": setting.identity, "seed": seed},
        {name: analysis.config_hash for name, analysis in hypotheses.items()},
        {"references": sorted({text for analysis in hypotheses.values() for text in analysis.references()})},
        tuple(dict.fromkeys(("numpy", "scipy", engine.package))),
        (HYPOTHESES, RESULT, "figures"),
    )


def seed_of(root: int, config_hash: str, run: int) -> int:
    """Seed of one run: it depends on the hypothesis, so that no two are correlated, and on no other hypothesis."""
    state = np.random.SeedSequence(root, spawn_key=(int(config_hash[:12], 16) % 2**32, run)).generate_state(1)
    return int(state[0])


@dataclass(frozen=True)
class _Hypothesis:
    """One hypothesis and the jobs that it needs."""

    name: str
    analysis: Analysis
    pickled: bytes
    setting: Setting
    seed: int
    folder: Path

    @property
    def home(self) -> Path:
        """Its folder."""
        return self.folder / HYPOTHESES / self.analysis.config_hash

    def keep_configuration(self) -> None:
        """Write its configuration."""
        make_folder(self.home)
        write_atomic(self.home / "config.toml", self.analysis.config_toml().encode())

    def nested(self, run: int) -> Call:
        """One nested run."""
        seed = seed_of(self.seed, self.analysis.config_hash, run)
        arguments = str(self.home / f"seed-{run}.npz"), self.setting, seed
        return self._call(f"{self.name} (run {run + 1})", _nested_work, arguments, ["nested", seed])

    def finish(self, runs: int, *, loo: bool) -> Call:
        """Best fit and leave-one-out, from the nested runs."""
        paths = [str(self.home / f"seed-{run}.npz") for run in range(runs)]
        return self._call(self.name, _finish_work, (paths, self.setting, self.seed, loo), ["fit", self.seed, runs, loo])

    def likelihood_ratios(self, none: Evidence, n: int) -> list[Call]:
        """The likelihood ratio of absorption for the data, and for `n` data sets simulated at the best fit without."""
        if not n:
            return []
        best = dict(none.best_fit)
        expected = none.analysis.expected_counts(np.array([best[name] for name in none.analysis.parameter_names]))
        calls = [self._call("observed", _significance_work, (self.seed,), ["observed", self.seed])]
        for seed in range(self.seed + 1, self.seed + n + 1):
            decided = ["simulated", none.analysis.config_hash, best, seed]
            calls.append(self._call(f"data set {seed - self.seed}", _simulation_work, (expected, seed), decided))
        return calls

    def _call(self, label: str, function: Any, arguments: tuple[Any, ...], decided: Any) -> Call:
        """A job, addressed by the hypothesis and all else that decides it."""
        key = address(self.analysis.config_hash, self.setting.identity, decided)
        return Call(key, function, (self.pickled, *arguments), label)

    def evidence(self, runs: Sequence[Mapping[str, Any]], fit: Mapping[str, Any]) -> Evidence:
        """What is known when all is done."""
        seeds = tuple(run["seed"] for run in runs)
        nested = tuple(read_run(self.home / run["file"], run["sha256"]) for run in runs)
        loo = leaving_out.from_json(fit["loo"]) if "loo" in fit else None
        return Evidence(self.name, self.analysis, seeds, nested, fit["best_fit"], fit["max_log_likelihood"], loo)


# In a worker ----------------------------------------------------------------------------------------------------------


def _nested_work(pickled: bytes, path: str, setting: Setting, seed: int) -> dict[str, Any]:
    """One nested run, from its checkpoint if there is one, into its file."""
    file = Path(path)
    checkpoint = file.with_suffix(".save")
    found = run_nested(unpickled(pickled), seed, setting, checkpoint, CHECKPOINT_SECONDS)
    buffer = io.BytesIO()
    np.savez(buffer, **{field.name: getattr(found, field.name) for field in fields(found)})
    write_atomic(file, buffer.getvalue())
    checkpoint.unlink(missing_ok=True)
    return {
        "file": file.name,
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "seed": seed,
        "ln_z": found.ln_z,
    }


def _finish_work(pickled: bytes, files: Sequence[str], setting: Setting, seed: int, loo: bool) -> dict[str, Any]:
    """Best fit and leave-one-out of one hypothesis, from its nested runs."""
    analysis: Analysis = unpickled(pickled)
    found = Evidence("", analysis, (), tuple(read_run(Path(file)) for file in files), {}, 0.0)
    best = best_fit(analysis, seed, found.draws(STARTS, seed))
    answer: dict[str, Any] = {
        "best_fit": dict(zip(analysis.parameter_names, best.theta.tolist(), strict=True)),
        "max_log_likelihood": best.log_prob - float(analysis.log_prior(best.theta)),
    }
    if loo:

        def refit(without_bin: int) -> FloatArray:
            run = run_nested(analysis, seed, setting, without_bin=without_bin)
            return run.draws(leaving_out.DRAWS, np.random.default_rng(seed))

        answer["loo"] = asdict(leaving_out.leave_one_out(analysis, *found.weighted, refit))
    return answer


def _significance_work(pickled: bytes, seed: int) -> float:
    """The likelihood ratio of the data."""
    return significance(unpickled(pickled), seed)


def _simulation_work(pickled: bytes, expected: FloatArray, seed: int) -> float:
    """The likelihood ratio of data drawn from expected counts; the constraints keep their measured values."""
    counts = np.random.default_rng(seed).poisson(expected)
    return significance(unpickled(pickled).with_observed(counts), seed)


def read_run(path: Path, sha256: str | None = None) -> NestedRun:
    """A nested run from its file, which must have the checksum if one is given.

    Raises
    ------
    RunFolderError
        If it is missing or damaged.
    """
    try:
        content = path.read_bytes()
        if sha256 not in (None, hashlib.sha256(content).hexdigest()):
            raise ValueError("its checksum is another one")  # noqa: TRY301 - named below like all other damage
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            held = {field.name: archive[field.name] for field in fields(NestedRun)}
        return NestedRun(**{name: value if value.ndim else value.item() for name, value in held.items()})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunFolderError(f"{path}: missing or damaged, not a nested run ({error})") from error
