"""A run on disk: chains, summary and the analysis that made it."""

from __future__ import annotations

import importlib
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nuinfer.errors import ConfigError, NuinferError, RunFolderError
from nuinfer.inference.profile.profile import Profile
from nuinfer.inference.profile.search import improved
from nuinfer.inference.protocol import SampledAnalysis
from nuinfer.inference.runs import diagnostics
from nuinfer.inference.runs import folder as run_folder
from nuinfer.inference.runs.container import container
from nuinfer.inference.runs.diagnostics import Verdict
from nuinfer.inference.runs.folder import Block, ChainIdentity
from nuinfer.inference.runs.getdist_chains import write_getdist
from nuinfer.inference.runs.predictive import PredictiveChecks, predictive_checks
from nuinfer.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from nuinfer.inference.sampling.short import ShortRun

ARVIZ_DRAWS = 1000  # per ensemble
CHECKED_DRAWS = 1000
RECORD_KEYS = ("parameter_names", "term_names", "prior_bounds", "config_hash", "walkers", "ensembles", "target_ess")


class Chains:
    """The blocks of a run, each read once.

    Parameters
    ----------
    run : Path
        The run folder.
    identity : ChainIdentity
        What its blocks must agree on.
    ensembles : int
        Number of ensembles.
    """

    def __init__(self, run: Path, identity: ChainIdentity, ensembles: int) -> None:
        self._folders = [run_folder.ensemble_folder(run, k) for k in range(ensembles)]
        self._identity = identity
        self._blocks: list[list[Block]] = [[] for _ in self._folders]

    def refresh(self) -> list[int]:
        """Read what is new on disk; return the steps of each ensemble.

        Raises
        ------
        RunFolderError
            Naming a block that is truncated, foreign or missing.
        """
        for folder, blocks in zip(self._folders, self._blocks, strict=True):
            new = run_folder.read_blocks(folder, self._identity, start=len(blocks))
            if blocks and new and new[0].first_step != blocks[-1].next_step:
                path = run_folder.block_path(folder, len(blocks))
                raise RunFolderError(f"{path}: foreign block, it does not continue the one before it")
            blocks.extend(new)
        return [blocks[-1].next_step if blocks else 0 for blocks in self._blocks]

    def stacked(self, name: str, steps: int) -> FloatArray:
        """The first `steps` steps of "chain", "log_prob" or "terms", shape (ensemble, step, walker, ...)."""
        each = [[getattr(block, name) for block in blocks[1:]] for blocks in self._blocks]  # blocks[0] is the start
        return np.array([np.concatenate(parts)[:steps] for parts in each])


class Run:
    """A run folder, finished or not.

    Parameters
    ----------
    folder : Path
        The folder.
    analysis : SampledAnalysis, optional
        What was sampled; rebuilt from the folder's resolved configuration when it is needed.

    Raises
    ------
    RunFolderError
        If it is not a run folder.
    """

    def __init__(self, folder: Path, analysis: SampledAnalysis | None = None) -> None:
        self.folder = folder
        self.record = run_folder.read_json(folder / run_folder.RECORD)
        absent = [key for key in RECORD_KEYS if key not in self.record]
        if absent:
            raise RunFolderError(f"{folder / run_folder.RECORD}: damaged, it has no '{absent[0]}'")
        self._analysis = analysis
        self.parameter_names = tuple(self.record["parameter_names"])
        self.term_names = tuple(self.record["term_names"])

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def analysis(self) -> SampledAnalysis:
        """What was sampled."""
        if self._analysis is None:
            rebuilt = importlib.import_module("nuinfer").load(self.folder / run_folder.CONFIG_RESOLVED)
            counts = self.record.get("simulated_counts")
            self._analysis = rebuilt if counts is None else rebuilt.with_observed(counts)
        return self._analysis

    @property
    def status(self) -> dict[str, Any]:
        """What ``status.json`` says now."""
        return run_folder.read_json(self.folder / run_folder.STATUS)

    @property
    def identity(self) -> ChainIdentity:
        """What its blocks agree on."""
        return ChainIdentity(self.parameter_names, self.term_names, self.record["config_hash"], self.record["walkers"])

    @property
    def prior_bounds(self) -> FloatArray:
        """Support of each prior, shape (n_dim, 2)."""
        bounds = np.array(self.record["prior_bounds"], dtype=float)  # None, an open end, becomes NaN
        return np.where(np.isnan(bounds), [-np.inf, np.inf], bounds)

    def ensemble_folder(self, ensemble: int) -> Path:
        """Folder of the blocks of one ensemble."""
        return run_folder.ensemble_folder(self.folder, ensemble)

    @cached_property
    def chains(self) -> Chains:
        """The blocks."""
        return Chains(self.folder, self.identity, self.record["ensembles"])

    @cached_property
    def steps(self) -> int:
        """Steps that every ensemble has.

        Raises
        ------
        RunFolderError
            If a block is damaged or missing, or nothing has been sampled yet.
        """
        found = self.chains.refresh()
        steps, promised = min(found), self.record.get("steps", 0)
        if steps < promised:
            folder = self.ensemble_folder(found.index(steps))
            raise RunFolderError(f"{folder}: its last blocks are missing, it ends at step {steps} of {promised}")
        if steps < 1:
            raise RunFolderError(f"{self.folder}: nothing has been sampled yet")
        return steps

    @cached_property
    def verdict(self) -> Verdict:
        """State of the chains, computed from them."""
        chain, log_prob = self.chains.stacked("chain", self.steps), self.chains.stacked("log_prob", self.steps)
        return diagnostics.diagnose(chain, log_prob, self.parameter_names, self.record["target_ess"])

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
            return run_folder.read_json(self.folder / run_folder.SUMMARY)
        chain = self.chains.stacked("chain", self.steps)
        summary = diagnostics.summarise(chain, self.verdict, self.parameter_names, self.prior_bounds)
        rejected = self.rejected()
        if rejected:
            terms = ", ".join(sorted({one["term"] for one in rejected}))
            summary["warnings"].append(
                f"{len(rejected)} points were rejected because their log-probability is not a number (term {terms})"
            )
        return summary

    def complete_summary(self) -> dict[str, Any]:
        """The summary with what has to be computed from the model: profile limits and predictive checks.

        Each one-sided limit gets the profile-likelihood limit beside it, null where the data exclude nothing inside the
        prior; what the model does not describe becomes a warning.
        """
        summary = self.summary()
        limited = {name: entry["limit95"] for name, entry in summary["parameters"].items() if "limit95" in entry}
        try:
            for name, limit in limited.items():
                limit["profile"] = self.profile.limit(name, limit["side"])
            summary["warnings"] += self.predictive_checks().warnings()
        except NuinferError as error:  # the chains are worth keeping whatever happens here
            summary["warnings"].append(f"profile limits and predictive checks failed: {error}")
        return summary

    @cached_property
    def profile(self) -> Profile:
        """Profile likelihood of what was sampled; its search starts from the chains too."""
        draws = self.samples().reshape(-1, len(self.parameter_names))
        best = draws[np.argmax(self.log_prob())]
        thinned = draws[:: max(1, len(draws) // CHECKED_DRAWS)]
        return Profile(self.analysis, self.record["seed"], np.vstack([best, thinned]))

    def predictive_checks(self, draws: int = CHECKED_DRAWS) -> PredictiveChecks:
        """Posterior predictive p-values of every bin, of the total and of the deviance.

        Parameters
        ----------
        draws : int
            Posterior draws, at most.
        """
        theta = self.samples().reshape(-1, len(self.parameter_names))
        theta = theta[:: max(1, len(theta) // draws)]
        rng = np.random.default_rng(self.record["seed"])
        return predictive_checks(self.analysis.observed_counts, self.analysis.expected_counts(theta), rng)

    @cached_property
    def best_fit(self) -> FloatArray:
        """Point of highest posterior density: the best draw of the chains, improved by a search; shape (n_dim,)."""
        draws = self.samples().reshape(-1, len(self.parameter_names))
        return improved(self.analysis, draws[np.argmax(self.log_prob())], np.std(draws, axis=0))

    def tau_against_length(self) -> tuple[IntArray, FloatArray]:
        """Lengths of the chains and the autocorrelation times estimated from them, see `diagnostics`."""
        return diagnostics.tau_against_length(self.samples(thin=1))

    @cached_property
    def left_out(self) -> dict[str, ShortRun]:
        """The posterior without each constraint in turn, from short runs in memory, which take seconds each.

        Raises
        ------
        ConfigError
            If what was sampled is not an `Analysis`, which alone can be changed.
        """
        from nuinfer.analysis import Analysis
        from nuinfer.inference.sampling.leave_one_out import leave_one_out

        if not isinstance(self.analysis, Analysis):
            raise ConfigError(f"{self.folder}: {type(self.analysis).__name__} has no constraints to leave out")
        return leave_one_out(self.analysis, self.record["seed"])

    def rejected(self) -> list[dict[str, Any]]:
        """Points that were rejected because their log-probability is not a number: step, term and point of each."""
        folders = [self.ensemble_folder(k) for k in range(self.record["ensembles"])]
        return [one for folder in folders for one in run_folder.read_rejected(folder)]

    def to_arviz(self, max_draws: int = ARVIZ_DRAWS) -> Any:
        """Chains and model as an ArviZ container; chains are ensembles.

        Groups: posterior and prior (with the derived quantities), sample_stats (``lp`` and the terms), log_likelihood
        (Poisson, per bin), posterior_predictive (simulated counts) and observed_data. Axes of counts are named by
        topology and by the range of deposited energy in GeV.

        Parameters
        ----------
        max_draws : int
            Draws per ensemble, thinned evenly from those that `samples` gives.
        """
        return container(self, max_draws)

    def to_getdist(self, folder: str | PathLike[str] | None = None, root: str | None = None) -> Path:
        """Write the chains as the text files of GetDist; see `nuinfer.inference.runs.getdist_chains.write_getdist`."""
        return write_getdist(self, None if folder is None else Path(folder), root)

    def _read(self, name: str, discard: int | None, thin: int | None) -> FloatArray:
        first = self.verdict.discard if discard is None else discard
        every = self.verdict.thin if thin is None else thin
        return self.chains.stacked(name, self.steps)[:, first::every]


def open_run(folder: str | PathLike[str]) -> Run:
    """Open a run folder for reading.

    Raises
    ------
    RunFolderError
        If it is not one.
    """
    path = Path(folder)
    if not run_folder.is_run(path):
        raise RunFolderError(f"{path}: not a run folder (no {run_folder.RECORD})")
    return Run(path)
