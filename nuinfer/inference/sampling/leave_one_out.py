"""What does each constraint do: the posterior again, with one of them switched off.

Reweighting the draws of the full posterior would fail where a constraint cuts hard, for there are no draws beyond it;
each posterior gets a short run of its own instead, in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.inference.runs import diagnostics
from nuinfer.inference.sampling.ensemble import start_of, states
from nuinfer.typing import FloatArray

ENSEMBLES, WALKERS, STEPS = 2, 128, 400


@dataclass(frozen=True)
class LeftOut:
    """A posterior without one constraint.

    Parameters
    ----------
    constraint : str
        The one that is switched off.
    samples : ndarray, shape (ensemble, step, walker, n_dim)
        Draws, without the burn-in.
    ess : float
        Smallest effective sample size of a parameter.
    rhat : float
        Largest R-hat of a parameter.
    """

    constraint: str
    samples: FloatArray
    ess: float
    rhat: float


def leave_one_out(
    analysis: Analysis, seed: int, ensembles: int = ENSEMBLES, walkers: int = WALKERS, steps: int = STEPS
) -> dict[str, LeftOut]:
    """Sample the posterior of an analysis without each of its constraints in turn.

    Parameters
    ----------
    analysis : Analysis
        With its constraints.
    seed : int
        Seed of the short runs.
    ensembles, walkers, steps : int
        Size of each.

    Returns
    -------
    dict
        Constraint to its `LeftOut`, in the order of the analysis; empty if there are no constraints.
    """
    return {
        constraint.name: _sampled(
            constraint.name,
            analysis.with_overrides([f"constraints.{constraint.name}.form=off"]),
            (seed, ensembles, walkers, steps),
        )
        for constraint in analysis.posterior.constraints
    }


def _sampled(constraint: str, analysis: Analysis, size: tuple[int, int, int, int]) -> LeftOut:
    seed, ensembles, walkers, steps = size
    chains, log_probs = [], []
    for ensemble in range(ensembles):
        start = start_of(analysis, walkers, seed, ensemble)
        made = [(state.coords.copy(), state.log_prob.copy()) for state in islice(states(analysis, start), steps)]
        chain, log_prob = zip(*made, strict=True)
        chains.append(chain)
        log_probs.append(log_prob)
    verdict = diagnostics.diagnose(np.array(chains), np.array(log_probs), analysis.parameter_names, 1.0)
    samples = np.array(chains)[:, verdict.discard :: verdict.thin]
    return LeftOut(constraint, samples, float(np.min(verdict.ess)), float(np.max(verdict.rhat)))
