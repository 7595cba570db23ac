"""`compare`: evidences of several hypotheses about the same data, and what goes beside them.

FOLDER is a store (`nuinfer.inference.work.store`), in which every nested run, best fit and simulated data set is a job
with a seed of its own. Beside it lie

FOLDER/hypotheses/HASH/config.toml    the configuration, HASH is its hash
FOLDER/hypotheses/HASH/seed-K.npz     a nested run, whose checksum is in the store
FOLDER/result.json                    what ``--json`` prints

The state of dynesty while it runs is a pickle, and lies where nobody else can put one: `files.private_folder`.
"""

import contextlib
import hashlib
import io
import itertools
import math
import pickle
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError, RunFolderError
from nuinfer.inference.evidence import evidence as known
from nuinfer.inference.evidence.absorption_test import AbsorptionTest, absorption_test
from nuinfer.inference.evidence.evidence import Average, Evidence, Loo
from nuinfer.inference.evidence.hypotheses import absorption_pairs, check, named
from nuinfer.inference.evidence.nested import NestedRun, Setting, resampled, run_nested, without_penalties
from nuinfer.inference.profile.profile import significance
from nuinfer.inference.profile.search import best_fit
from nuinfer.inference.runs.run_folder import FIGURES
from nuinfer.inference.work import files
from nuinfer.inference.work.calls import Call, on_unpickled
from nuinfer.inference.work.simulation import Data, draw_data
from nuinfer.inference.work.store import Execution, Question, address, open_store
from nuinfer.reading import arrays_of, content_of
from nuinfer.typing import FloatArray

HYPOTHESES, RESULT = "hypotheses", "result.json"
OWNED = (*(f"{HYPOTHESES}/*/{name}" for name in ("config.toml", "seed-*.npz")), RESULT, *FIGURES)
"""Files of a comparison beside those of its store, as patterns."""
PSEUDO_EXPERIMENTS = 50
CHECKPOINT_SECONDS = 15.0
STARTS = 1000  # posterior draws among which the search for the best fit starts


@dataclass(frozen=True)
class Comparison:
    """Hypotheses and their evidences, in the order in which they were given.

    Parameters
    ----------
    hypotheses : tuple of Evidence
        What is known of each.
    setting : Setting
        How the evidences were computed.
    warnings : tuple of str
        What the numbers depend on.
    absorption : tuple of AbsorptionTest
        One for each pair that differs in ``model.absorption`` alone.
    folder : Path or None
        Where the results are.
    """

    hypotheses: tuple[Evidence, ...]
    setting: Setting
    warnings: tuple[str, ...] = ()
    absorption: tuple[AbsorptionTest, ...] = ()
    folder: Path | None = None

    def __getitem__(self, name: str) -> Evidence:
        return {evidence.name: evidence for evidence in self.hypotheses}[name]

    @property
    def best(self) -> Evidence:
        """The hypothesis with the largest evidence."""
        return max(self.hypotheses, key=lambda evidence: evidence.ln_z)

    def ln_bayes_factor(self, name: str, against: str | None = None) -> tuple[float, float]:
        """Difference of ln Z to another hypothesis, by default the best one, and its error."""
        return self._difference("ln_z", name, against)

    def ln_bayes_factor_without_one_sided(self, name: str, against: str | None = None) -> tuple[float, float]:
        """The same of ln Z without one-sided terms, by default to the hypothesis that is best with them."""
        return self._difference("ln_z_without_one_sided", name, against)

    def _difference(self, of: str, name: str, against: str | None) -> tuple[float, float]:
        pair = self[name], self.best if against is None else self[against]
        if pair[0] is pair[1]:
            return 0.0, 0.0
        (one, other), errors = ([getattr(each, key) for each in pair] for key in (of, f"{of}_error"))
        return one - other, math.hypot(*errors)

    def average(self, names: Iterable[str] | None = None) -> Average:
        """Average over hypotheses, by default all, of the quantities they share; see `average` of evidences."""
        return known.average(self.hypotheses if names is None else [self[name] for name in names])

    def entry(self, evidence: Evidence) -> dict[str, Any]:
        """One hypothesis of the JSON."""
        ln_b, error = self.ln_bayes_factor(evidence.name)
        bare, bare_error = self.ln_bayes_factor_without_one_sided(evidence.name)
        own = ("name", "ln_z", "ln_z_error", "ln_z_without_one_sided", "ln_z_without_one_sided_error", "quoted_error")
        more = ("scatter", "ln_prior_volume", "best_fit", "max_log_likelihood")
        answer: dict[str, Any] = {name: getattr(evidence, name) for name in own + more}
        answer |= {"ln_bayes_factor": ln_b, "ln_bayes_factor_error": error}
        answer |= {"ln_bayes_factor_without_one_sided": bare, "ln_bayes_factor_without_one_sided_error": bare_error}
        answer |= {
            "scale": "best" if evidence is self.best else known.verbal(ln_b, error),
            "allowed_prior": math.exp(np.mean([run.ln_allowed for run in evidence.runs])),
            "information": float(np.mean([run.information for run in evidence.runs])),
            "seeds": [
                {"seed": seed, "ln_z": run.ln_z, "ln_z_error": run.ln_z_error, "calls": run.calls}
                for seed, run in zip(evidence.seeds, evidence.runs, strict=True)
            ],
            "config_hash": evidence.analysis.config_hash,
        }
        loo, best = evidence.loo, self.best.loo
        if loo is not None and best is not None:
            apart, spread = loo.difference(best)
            answer["loo"] = {"elpd": loo.elpd, "elpd_difference": apart, "elpd_difference_error": spread}
            answer["loo"] |= {"pareto_k_max": loo.k_max, "bins_refitted": loo.refitted}
        return answer

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        answer: dict[str, Any] = {"hypotheses": [self.entry(evidence) for evidence in self.hypotheses]}
        answer |= {"engine": asdict(self.setting), "scale_reference": known.SCALE_REFERENCE, "warnings": self.warnings}
        answer["absorption"] = [
            asdict(test) | {"p_value": test.likelihood_ratio and test.likelihood_ratio.p_value}
            for test in self.absorption
        ]
        with contextlib.suppress(ConfigError):  # they share nothing
            answer["average"] = self.average().to_dict()
        return dict(files.plain(answer))


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
    executor: Executor | None = None,
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
    warnings = tuple(check(hypotheses))
    references = sorted({text for analysis in hypotheses.values() for text in analysis.references()})
    settings, notes = {"setting": setting.identity, "seed": seed}, {"references": references, "command": command}
    hashes = {name: analysis.config_hash for name, analysis in hypotheses.items()}
    packages = tuple(dict.fromkeys(("numpy", "scipy", setting.ready().package)))
    question = Question("comparison", settings, hashes, notes, packages, OWNED)
    with contextlib.ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory()) if out is None else out)
        execution: Execution = {"jobs": jobs, "executor": executor, "progress": progress}
        execution |= {"resume": resume or (out is None and not force), "force": force}
        store = stack.enter_context(open_store(path, question, **execution))
        plan = []
        for name, analysis in hypotheses.items():
            home = path.resolve() / HYPOTHESES / analysis.config_hash
            plan.append(_Hypothesis(name, analysis, pickle.dumps(analysis), setting, seed, home))
            files.make_folder(home)
            files.write_atomic(home / "config.toml", analysis.config_toml().encode())
        runs = iter(store.do([one.nested(k) for one in plan for k in range(seeds)], "nested runs"))
        fits = store.do([one.finish(seeds, loo=loo) for one in plan], "best fits")
        evidences = {}
        for one, fit in zip(plan, fits, strict=True):
            evidences[one.name] = one.evidence(list(itertools.islice(runs, seeds)), fit)
        tests = []
        for with_it, without in absorption_pairs(hypotheses):
            calls = plan[list(hypotheses).index(with_it)].likelihood_ratios(evidences[without], pseudo_experiments)
            values = store.do(calls, f"likelihood ratios of '{with_it}'") if calls else None
            tests.append(absorption_test(evidences[with_it], evidences[without], seed, values))
        kept = None if out is None else path
        result = Comparison(tuple(evidences.values()), setting, warnings, tuple(tests), kept)
        files.write_json(path / RESULT, result.to_dict())
        store.finish()
    return result


@dataclass(frozen=True)
class _Hypothesis:
    """One hypothesis and the jobs that it needs."""

    name: str
    analysis: Analysis
    pickled: bytes
    setting: Setting
    seed: int
    home: Path

    def nested(self, run: int) -> Call:
        """One nested run, whose seed depends on the hypothesis, so that no two are correlated, and on no other."""
        own = int(self.analysis.config_hash[:12], 16) % 2**32
        seed = int(np.random.SeedSequence(self.seed, spawn_key=(own, run)).generate_state(1)[0])
        arguments = self.home / f"seed-{run}.npz", self.setting, seed
        return self._call(f"{self.name} (run {run + 1})", _nested, arguments, ["nested, and without one-sided", seed])

    def finish(self, runs: int, *, loo: bool) -> Call:
        """Best fit and leave-one-out, from the nested runs."""
        paths = [self.home / f"seed-{run}.npz" for run in range(runs)]
        return self._call(self.name, _finish, (paths, self.setting, self.seed, loo), ["fit", self.seed, runs, loo])

    def likelihood_ratios(self, none: Evidence, n: int) -> list[Call]:
        """The likelihood ratio of absorption for the data, and for `n` data sets simulated at the best fit without."""
        if not n:
            return []
        best = dict(none.best_fit)
        calls = [self._call("observed", significance, (self.seed,), ["observed", self.seed])]
        for seed in range(self.seed + 1, self.seed + n + 1):
            decided = ["counts and measurements", none.analysis.config_hash, best, seed]
            data = draw_data(none.analysis, best, np.random.default_rng(seed))
            calls.append(self._call(f"data set {seed - self.seed}", _simulated, (data, seed), decided))
        return calls

    def _call(self, label: str, function: Any, arguments: tuple[Any, ...], decided: Any) -> Call:
        """A job, a function of the hypothesis, addressed by all that decides it."""
        key = address(self.analysis.config_hash, self.setting.identity, decided)
        return Call(key, on_unpickled, (function, self.pickled, *arguments), label)

    def evidence(self, runs: Sequence[Mapping[str, Any]], fit: Mapping[str, Any]) -> Evidence:
        """What is known when all is done."""
        seeds = tuple(run["seed"] for run in runs)
        nested = tuple(read_run(self.home / run["file"], run["sha256"]) for run in runs)
        loo = Loo.from_json(fit["loo"]) if "loo" in fit else None
        best, bare = (fit["best_fit"], fit["max_log_likelihood"]), tuple(tuple(run["bare"]) for run in runs)
        return Evidence(self.name, self.analysis, seeds, nested, *best, loo, bare)


# In a worker ----------------------------------------------------------------------------------------------------------


def _nested(analysis: Analysis, file: Path, setting: Setting, seed: int) -> dict[str, Any]:
    """One nested run, from its checkpoint if there is one, into its file."""
    folder = files.private_folder("checkpoints")
    checkpoint = folder and folder / f"{address(str(file.resolve()))}.save"
    found = run_nested(analysis, seed, setting, checkpoint, CHECKPOINT_SECONDS)
    buffer = io.BytesIO()
    np.savez(buffer, **{field.name: getattr(found, field.name) for field in fields(found)})
    files.write_atomic(file, buffer.getvalue())
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    bare = without_penalties(analysis, found, seed, setting)
    return {"file": file.name, "sha256": digest, "seed": seed, "ln_z": found.ln_z, "bare": bare}


def _finish(analysis: Analysis, paths: Sequence[Path], setting: Setting, seed: int, loo: bool) -> dict[str, Any]:
    """Best fit and leave-one-out of one hypothesis, from its nested runs."""
    found = Evidence("", analysis, (), tuple(map(read_run, paths)), {}, 0.0)
    best = best_fit(analysis, seed, found.draws(STARTS, seed))
    answer: dict[str, Any] = {
        "best_fit": dict(zip(analysis.parameter_names, best.theta.tolist(), strict=True)),
        "max_log_likelihood": best.log_prob - float(analysis.log_prior(best.theta)),
    }

    def refit(without_bin: int) -> FloatArray:
        run = run_nested(analysis, seed, setting, without_bin=without_bin)
        return resampled(run.samples, run.log_weights, known.REFIT_DRAWS, np.random.default_rng(seed))

    return answer | ({"loo": asdict(known.leave_one_out(analysis, *found.weighted, refit))} if loo else {})


def _simulated(analysis: Analysis, data: Data, seed: int) -> float:
    """The likelihood ratio of simulated data."""
    return significance(analysis.with_observed(*data), seed)


def read_run(path: Path, sha256: str | None = None) -> NestedRun:
    """A nested run from its file, which must have the checksum if one is given.

    Raises
    ------
    RunFolderError
        If it is missing or damaged.
    """
    try:
        content = content_of(path)
        if sha256 not in (None, hashlib.sha256(content).hexdigest()):
            raise ValueError("its checksum is another one")  # noqa: TRY301 - named below like all other damage
        arrays = arrays_of(content)
        held: dict[str, Any] = {field.name: arrays[field.name] for field in fields(NestedRun)}
        return NestedRun(**{name: value if value.ndim else value.item() for name, value in held.items()})
    except (OSError, ValueError, KeyError) as error:
        raise RunFolderError(f"{path}: missing or damaged, not a nested run ({error})") from error
