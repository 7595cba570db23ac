"""What does each constraint do: the posterior again, with one of them switched off.

Reweighting the draws of the full posterior would fail where a constraint cuts hard, for there are no draws beyond it;
each posterior gets a short run of its own instead, in memory.
"""

from __future__ import annotations

from nuinfer.analysis import Analysis
from nuinfer.inference.sampling.short import ShortRun, sample

ENSEMBLES, WALKERS, STEPS = 2, 128, 400


def leave_one_out(
    analysis: Analysis, seed: int, ensembles: int = ENSEMBLES, walkers: int = WALKERS, steps: int = STEPS
) -> dict[str, ShortRun]:
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
        Constraint to the run without it, in the order of the analysis; empty if there are no constraints.
    """
    names = [constraint.name for constraint in analysis.constraints]
    others = {name: analysis.with_overrides([f"constraints.{name}.form=off"]) for name in names}
    return {
        name: sample(other, seed, ensembles=ensembles, walkers=walkers, steps=steps) for name, other in others.items()
    }
