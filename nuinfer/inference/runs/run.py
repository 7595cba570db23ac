"""A run on disk: chains, summary and the analysis that made it."""

import copy
import dataclasses
import math
import os
import re
from concurrent import futures
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nuinfer.analysis import DATA, Analysis
from nuinfer.errors import ConfigError, DataIntegrityError, NuinferError, RunFolderError, resolved, warn_once
from nuinfer.export import arviz_adapter
from nuinfer.export.getdist import getdist_files
from nuinfer.inference.profile.search import best_fit
from nuinfer.inference.runs import diagnostics, run_folder
from nuinfer.inference.runs import summary as summaries
from nuinfer.inference.runs.sensitivity import Fitted
from nuinfer.inference.runs.stored import Record, Status, Summary, read_stored
from nuinfer.inference.work import files
from nuinfer.loading import load_resolved
from nuinfer.named import Named
from nuinfer.typing import FloatArray, IntArray

ARVIZ_DRAWS = 1000  # per ensemble
CHECKED_DRAWS = 1000

OLD_DATA = "poisson"
"""What runs of 0.1.0 call the term of the data."""


class Run:
    """A run folder, finished or not.

    Its record, names of parameters and terms, ``prior_bounds`` of shape (n_dim, 2), folders of the ensembles, what
    their blocks agree on, and what has been searched for (`nuinfer.inference.runs.completion`) are attributes.

    Parameters
    ----------
    folder : Path
        The folder.
    analysis : Analysis, optional
        What was sampled; rebuilt from the folder's resolved configuration when it is needed.
    trust : bool
        Whether Python files that this configuration names are run even if somebody else has made the folder.
    """

    def __init__(self, folder: Path, analysis: Analysis | None = None, *, trust: bool = False) -> None:
        self.folder, self._analysis, self._trust = folder, analysis, trust
        self.record = record = read_stored(folder / run_folder.RECORD, Record)
        self.parameter_names, named = tuple(record["parameter_names"]), tuple(record["term_names"])
        self.term_names = tuple(DATA if name == OLD_DATA else name for name in named)
        bounds = np.array(record["prior_bounds"], dtype=float)  # None, an open end, becomes NaN
        self.prior_bounds = np.where(np.isnan(bounds), [-np.inf, np.inf], bounds)
        self.ensemble_folders = [run_folder.ensemble_folder(folder, k) for k in range(record["ensembles"])]
        agreed = self.parameter_names, named, record["config_hash"], record["walkers"], record.get("seed", 0)
        self.identity = run_folder.ChainIdentity(*agreed)
        self._blocks: list[list[run_folder.Block]] = [[] for _ in self.ensemble_folders]
        self.searched: futures.Future[Fitted] | None = None
        self._judged: diagnostics.Verdict | None = None
        self._said: dict[tuple[int, int], dict[str, Any]] = {}

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def analysis(self) -> Analysis:
        """What was sampled, on a CPU unless it is given: who looks at a run need not have what made it.

        Raises
        ------
        RunFolderError
            If the model that is built today is another one.
        """
        if self._analysis is None:
            if self.rebuilt.config_hash != self.record["config_hash"] and not self.agrees_with(self.rebuilt):
                moved = "than its chains: the defaults or a data set have changed since it was made"
                raise RunFolderError(f"{self.folder}: today's model gives other log-probabilities {moved}")
            self._analysis = self.rebuilt
        return self._analysis

    def agrees_with(self, analysis: Analysis) -> bool:
        """Whether a model gives the log-probabilities of the last walkers, whatever its configuration hashes to."""
        theta, log_prob = (values[:, -1] for values in (self.samples(0, 1), self.log_prob(0, 1)))
        today, *_ = analysis.evaluate(theta.reshape(-1, theta.shape[-1]))
        return np.allclose(today, log_prob.ravel(), rtol=1e-8, atol=0.0)

    @cached_property
    def rebuilt(self) -> Analysis:
        """What the resolved configuration stands for today; raises as `checked_configuration` and `load_resolved`."""
        text = run_folder.checked_configuration(self.folder, self.record, trust=self._trust)
        rebuilt = load_resolved(text, str(self.record.get("analysis") or Path(run_folder.CONFIG_RESOLVED).stem))
        if (counts := self.record.get("simulated_counts")) is None:
            return rebuilt
        simulated = rebuilt.with_observed(counts, self.record.get("simulated_measured"))
        return dataclasses.replace(simulated, truth=tuple(self.record.get("truth", {}).items()))

    @cached_property
    def described(self) -> Analysis | Named:
        """What says names, labels and ends of the parameters: what is rebuilt or, with a warning, the record alone."""
        try:
            return self.rebuilt
        except (ConfigError, DataIntegrityError) as error:
            return self._named(error)

    @cached_property
    def readable(self) -> Analysis | Named:
        """`analysis` or, with a warning, the record alone where the model of the chains is not to be had."""
        try:
            return self.analysis if self._analysis or isinstance(self.described, Analysis) else self.described
        except NuinferError as error:
            return self._named(error)

    def _named(self, error: NuinferError) -> Named:
        warn_once(f"{self.folder}: its chains open, its model does not: {error}")
        return Named(self.parameter_names, self.prior_bounds, self.record["config_hash"])

    @property
    def status(self) -> dict[str, Any]:
        """What ``status.json`` says now."""
        return read_stored(self.folder / files.STATUS, Status)

    def refresh(self) -> list[int]:
        """Read the blocks that are new on disk; return the steps of each ensemble.

        Raises
        ------
        RunFolderError
            Naming a block that is truncated, foreign or missing.
        """
        known = zip(self.ensemble_folders, self._blocks, strict=True)
        self._blocks = [run_folder.read_blocks(folder, self.identity, blocks) for folder, blocks in known]
        return [blocks[-1].next_step if blocks else 0 for blocks in self._blocks]

    @cached_property
    def steps(self) -> int:
        """Steps that every ensemble has.

        Raises
        ------
        RunFolderError
            If a block is damaged or missing, or nothing has been sampled yet.
        """
        found = self.refresh()
        steps, promised = min(found), self.record.get("steps", 0)
        if steps < promised:
            folder = self.ensemble_folders[found.index(steps)]
            raise RunFolderError(f"{folder}: its last blocks are missing, it ends at step {steps} of {promised}")
        if steps < 1:
            raise RunFolderError(f"{self.folder}: nothing has been sampled yet")
        return steps

    @cached_property
    def verdict(self) -> diagnostics.Verdict:
        """State of the chains, computed from them."""
        return self.verdict_after(self.steps)

    def verdict_after(self, steps: int) -> diagnostics.Verdict:
        """State of the chains after a number of steps that every ensemble has."""
        if self._judged is None or self._judged.steps != steps:
            chain, log_prob = (self._stacked(name, steps) for name in ("chain", "log_prob"))
            self._judged = diagnostics.diagnose(chain, log_prob, self.parameter_names, self.record["target_ess"])
        return self._judged

    @property
    def converged(self) -> bool:
        """Whether the stopping criteria are met."""
        return bool(self.summary()["converged"])

    def samples(self, discard: int | None = None, thin: int | None = None) -> FloatArray:
        """Positions, shape (ensemble, step, walker, n_dim).

        Parameters
        ----------
        discard : int, optional
            Steps left out at the beginning; by default five autocorrelation times, never less than the initial rise.
        thin : int, optional
            Keep every so many steps; by default half the shortest autocorrelation time. ``(0, 1)`` is everything.
        """
        return self._read("chain", discard, thin)

    def log_prob(self, discard: int | None = None, thin: int | None = None) -> FloatArray:
        """Log-probability, shape (ensemble, step, walker)."""
        return self._read("log_prob", discard, thin)

    def log_terms(self, discard: int | None = None, thin: int | None = None) -> dict[str, FloatArray]:
        """Terms of the log-probability by name, each of shape (ensemble, step, walker)."""
        terms = self._read("terms", discard, thin)
        return {name: terms[..., column] for column, name in enumerate(self.term_names)}

    def summary(self) -> dict[str, Any]:
        """Contents of ``summary.json``; computed from the chains as long as the run is not finished."""
        if self.record.get("complete"):
            path = self.folder / run_folder.SUMMARY
            summary = read_stored(path, Summary)
            files.check_unchanged(path, summary, self.record.get("summary_check"))
            if set(summary["parameters"]) != set(self.parameter_names):
                raise RunFolderError(f"{path}: damaged, it has no verdict on {', '.join(self.parameter_names)}")
            return summary
        summary = self.summary_after(self.steps)
        if rejected := self.rejected():
            terms = ", ".join(sorted({one["term"] for one in rejected}))
            reason = f"their log-probability is not a number (term {terms})"
            summary["warnings"].append(f"{len(rejected)} points were rejected because {reason}")
        return summary

    def summary_after(self, steps: int, most: int = summaries.DRAWS_FOR_INTERVALS) -> dict[str, Any]:
        """What the chains say after a number of steps that every ensemble has, from so many draws at most.

        The last one is kept, for figures ask for it one after the other; everybody gets a copy to add to.
        """
        if (steps, most) not in self._said:
            chain, verdict = self._stacked("chain", steps), self.verdict_after(steps)
            prior = self.analysis.sample_prior(min(summaries.PRIOR_DRAWS, most), np.random.default_rng(0))
            said = summaries.summarise(chain, verdict, self.parameter_names, self.prior_bounds, prior, most)
            self._said = {(steps, most): said}
        return copy.deepcopy(self._said[steps, most])

    def predictive_checks(self, draws: int = CHECKED_DRAWS) -> summaries.PredictiveChecks:
        """Posterior predictive p-values of every bin, of the total and of the deviance.

        Parameters
        ----------
        draws : int
            Posterior draws, at most.
        """
        expected, rng = self.analysis.expected(self.draws(draws)), np.random.default_rng(self.record["seed"])
        against = self.analysis.observed_counts, expected.total, rng, expected.variance
        return summaries.predictive_checks(*against, self.analysis.density)

    @cached_property
    def best_fit(self) -> FloatArray:
        """Point of highest posterior density, searched from the draws of the chains too; shape (n_dim,)."""
        known = self.known_best_fit
        return best_fit(self.analysis, self.record["seed"], self.starts()).theta if known is None else known

    @property
    def known_best_fit(self) -> FloatArray | None:
        """The best fit if it is in the record, or has been searched already."""
        if self.searched is not None and self.searched.exception() is None:
            return self.searched.result().best.theta
        if self.record.get("complete") and self.record.get("best_fit"):
            return np.array(self.record["best_fit"])
        return vars(self).get("best_fit")

    def tau_against_length(self) -> tuple[IntArray, FloatArray]:
        """Lengths of the chains and the autocorrelation times estimated from them, see `diagnostics`."""
        return diagnostics.tau_against_length(self.samples(thin=1))

    def rejected(self) -> list[dict[str, Any]]:
        """Points that were rejected because their log-probability is not a number: step, term and point of each."""
        return [one for folder in self.ensemble_folders for one in run_folder.read_rejected(folder)]

    def to_arviz(self, max_draws: int = ARVIZ_DRAWS) -> Any:
        """Chains and model as an ArviZ container, see `contents`; needs the extra ``arviz``."""
        return arviz_adapter.inference_data(self.contents(max_draws))

    def contents(self, max_draws: int = ARVIZ_DRAWS) -> arviz_adapter.Contents:
        """What ``posterior.nc`` holds; chains are ensembles. Without the model the first two groups are all.

        Groups: posterior (with the derived quantities), sample_stats (``lp`` and the terms), prior, log_likelihood
        (per bin), posterior_predictive (simulated counts) and observed_data. Axes of counts are named by
        topology and by the range of deposited energy in GeV.

        Parameters
        ----------
        max_draws : int
            Draws per ensemble, thinned evenly from those that `samples` gives.
        """
        verdict = self.verdict
        most = max(1, max_draws // self.record["walkers"])
        thin = max(verdict.thin, math.ceil((self.steps - verdict.discard) / most))
        stats = {"lp": self.log_prob(thin=thin)}
        stats |= {f"term_{name}": values for name, values in self.log_terms(thin=thin).items()}
        settings = {"prior_draws": max_draws, "seed": self.record["seed"]}
        return arviz_adapter.contents(self.readable, self.samples(thin=thin), stats, **settings)

    def to_getdist(self, folder: str | PathLike[str] | None = None, root: str | None = None) -> Path:
        """Write the chains as the text files of GetDist; see `nuinfer.export.getdist.getdist_files`.

        Parameters
        ----------
        folder : path, optional
            Where to write, by default ``getdist`` in the run folder.
        root : str, optional
            Beginning of the file names, by default the name of the run folder.

        Returns
        -------
        Path
            ``folder/root``, which ``getdist.loadMCSamples`` takes.

        Raises
        ------
        RunFolderError
            If nothing has been sampled, or a file cannot be written.
        ConfigError
            For a root that is not the beginning of a file name.
        """
        path = self.folder / run_folder.GETDIST if folder is None else Path(folder)
        root = resolved(self.folder).name if root is None else root
        if Path(root).name != root or root in ("", ".."):
            raise ConfigError(f"root '{root}': it must be the beginning of a file name")
        content = getdist_files(root, self.readable, self.samples(), self.log_prob())
        files.make_folder(path)
        for name, text in content.items():
            files.write_atomic(path / name, text)
        for old in path.iterdir():
            if re.fullmatch(re.escape(root) + r"_\d+\.txt", old.name) and old.name not in content:
                old.unlink()  # of a run with more ensembles
        return path / root

    def starts(self) -> FloatArray:
        """Points from which searches start: the best draw and some others."""
        return np.vstack([self.draws()[np.argmax(self.log_prob())], self.draws(CHECKED_DRAWS)])

    def draws(self, most: int | None = None) -> FloatArray:
        """The draws, or at least `most` of them, spread evenly, shape (draw, n_dim)."""
        draws = self.samples().reshape(-1, len(self.parameter_names))
        return draws if most is None else draws[:: max(1, len(draws) // most)]

    def _read(self, name: str, discard: int | None, thin: int | None) -> FloatArray:
        first = self.verdict.discard if discard is None else discard
        every = self.verdict.thin if thin is None else thin
        return self._stacked(name, self.steps)[:, first::every]

    def _stacked(self, name: str, steps: int) -> FloatArray:
        """The first `steps` steps of "chain", "log_prob" or "terms", shape (ensemble, step, walker, ...)."""
        each = [[getattr(block, name) for block in blocks[1:]] for blocks in self._blocks]  # blocks[0] is the start
        return np.array([np.concatenate(parts)[:steps] for parts in each])


def open_run(folder: str | PathLike[str], *, trust: bool = False) -> Run:
    """Open a run folder for reading.

    Parameters
    ----------
    folder : path
        The run folder.
    trust : bool
        Whether Python files that its configuration names may run although another user or machine has made it.

    Raises
    ------
    RunFolderError
        If it is not one.
    """
    if not os.path.lexists((path := Path(folder)) / run_folder.RECORD):
        raise RunFolderError(f"{path}: not a run folder (no {run_folder.RECORD})")
    return Run(path, trust=trust)
