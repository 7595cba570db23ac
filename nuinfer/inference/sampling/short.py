"""A short run in memory, for a posterior that is needed and not kept: without one of the constraints, for example."""

import math
from dataclasses import dataclass

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.inference.runs import diagnostics
from nuinfer.inference.runs.diagnostics import Verdict
from nuinfer.inference.sampling import lockstep
from nuinfer.inference.sampling.ensemble import start_of
from nuinfer.inference.sampling.lockstep import Proposals
from nuinfer.typing import FloatArray


@dataclass(frozen=True)
class ShortRun:
    """Chains in memory and their state.

    Parameters
    ----------
    chain : ndarray, shape (ensemble, step, walker, n_dim)
        All steps.
    log_prob : ndarray, shape (ensemble, step, walker)
        Their log-probabilities.
    verdict : Verdict
        State of the chains.
    """

    chain: FloatArray
    log_prob: FloatArray
    verdict: Verdict

    @property
    def kept(self) -> FloatArray:
        """Steps without the burn-in, shape (ensemble, step, walker, n_dim)."""
        return self.chain[:, self.verdict.discard :]

    @property
    def samples(self) -> FloatArray:
        """Draws without the burn-in and thinned, shape (ensemble, step, walker, n_dim)."""
        return self.kept[:, :: self.verdict.thin]

    @property
    def ess(self) -> float:
        """Smallest effective sample size of a parameter."""
        return float(np.min(self.verdict.ess))

    @property
    def rhat(self) -> float:
        """Largest R-hat of a parameter, NaN for a single ensemble."""
        return float(np.max(self.verdict.rhat))


def sample(
    analysis: Analysis,
    seed: int,
    *,
    ensembles: int = 1,
    walkers: int | None = None,
    steps: int = 400,
    min_ess: float = 1.0,
    max_steps: int | None = None,
    proposals: Proposals | None = None,
) -> ShortRun:
    """Sample a posterior in memory and in this process, as a fit does it.

    Parameters
    ----------
    analysis : Analysis
        What to sample.
    seed : int
        Root seed; each ensemble has its own child of it.
    ensembles : int
        Independent ensembles.
    walkers : int, optional
        Of each, by default those of ``analysis.sampler``.
    steps : int
        Steps after which the chains are judged.
    min_ess, max_steps : float, int, optional
        The chains grow by half until every parameter has this effective sample size, or to `max_steps`; without it
        they do not grow.
    proposals : list, optional
        Weighted moves, by default those of a fit.
    """
    walkers = walkers or analysis.sampler.walkers
    started = [lockstep.after(start_of(analysis, walkers, seed, k)) for k in range(ensembles)]
    proposals = proposals or lockstep.moves(analysis)
    made: list[list[tuple[FloatArray, FloatArray]]] = []
    while True:
        while len(made) < steps:
            lockstep.step(started, analysis, proposals)
            made.append([(one.coords, one.log_prob) for one in started])
        chain, log_prob = (np.array([[row[e][k] for row in made] for e in range(ensembles)]) for k in (0, 1))
        found = ShortRun(chain, log_prob, diagnostics.diagnose(chain, log_prob, analysis.parameter_names, min_ess))
        if max_steps is None or found.ess >= min_ess or steps >= max_steps:
            return found
        steps = min(math.ceil(1.5 * steps), max_steps)


def leave_one_out(
    analysis: Analysis, seed: int, ensembles: int = 2, walkers: int | None = None, steps: int = 400
) -> dict[str, ShortRun]:
    """What each constraint does: the posterior without each of them in turn.

    Reweighting the draws of the full posterior would fail where a constraint cuts hard, for there are no draws beyond
    it; each posterior gets a short run of its own instead.

    Parameters
    ----------
    analysis : Analysis
        With its constraints.
    seed : int
        Seed of the short runs.
    ensembles, walkers, steps
        Size of each, as in `sample`.

    Returns
    -------
    dict
        Constraint to the run without it, in the order of the analysis; empty if there are no constraints.
    """
    names = [constraint.name for constraint in analysis.constraints]
    others = {name: analysis.with_overrides([f"constraints.{name}.form=off"]) for name in names}
    return {
        name: sample(other, seed, ensembles=ensembles, walkers=walkers, steps=steps) for name, other in others.items()
    }
