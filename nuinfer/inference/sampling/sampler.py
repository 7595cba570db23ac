"""How an ensemble moves: emcee with differential evolution, the whole half-ensemble in one call of the posterior.

Moves: differential evolution (ter Braak 2006, Nelson et al. 2013 arXiv:1311.5229) with gamma0 = 2.38/sqrt(2 n_dim) for
nine steps in ten, and with gamma0 = 1, which jumps between modes, for the tenth. emcee's released `DESnookerMove`
breaks detailed balance; it is there as a negative control only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import emcee
import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import NonFiniteLogProbError
from nuinfer.inference.runs.blocks import Block
from nuinfer.typing import FloatArray


def moves() -> list[tuple[Any, float]]:
    """Weighted proposals."""
    return [(emcee.moves.DEMove(), 0.9), (emcee.moves.DEMove(gamma0=1.0), 0.1)]


def defective_moves() -> list[tuple[Any, float]]:
    """Proposals that distort a posterior, for checks that have to find it."""
    return [(emcee.moves.DESnookerMove(), 1.0)]


def states(
    analysis: Analysis,
    last: Block,
    proposals: list[tuple[Any, float]] | None = None,
    reject: Callable[[NonFiniteLogProbError], None] | None = None,
) -> Iterator[emcee.State]:
    """Endless states of the sampler after the block `last`; each is overwritten by the next.

    Parameters
    ----------
    analysis : Analysis
        What is sampled.
    last : Block
        Where the chain is.
    proposals : list, optional
        Weighted moves, by default those of `moves`.
    reject : callable, optional
        Told of every point that is not a number; the point is rejected unless it raises.
    """

    def log_prob_and_terms(theta: FloatArray) -> FloatArray:
        answer = np.full((len(theta), 1 + last.terms.shape[-1]), -np.inf)
        rows = np.arange(len(theta))
        while len(rows):
            try:
                answer[rows] = np.column_stack(analysis.evaluate(theta[rows]))
                break
            except NonFiniteLogProbError as error:
                if reject is None:
                    raise
                reject(error)
                bad = np.all(theta[rows] == [error.point[name] for name in analysis.parameter_names], axis=1)
                rows = rows[~bad]
        return answer

    _, walkers, n_dim = last.chain.shape
    terms = last.terms[-1] if last.terms.shape[-1] > 1 else last.terms[-1, :, 0]  # emcee squeezes a single blob
    start = emcee.State(last.chain[-1], last.log_prob[-1], terms, last.random_state, copy=True)
    sampler = emcee.EnsembleSampler(walkers, n_dim, log_prob_and_terms, moves=proposals or moves(), vectorize=True)
    sampler.log_prob_fn = log_prob_and_terms  # emcee's wrapper around it would print a traceback of every error
    after: Iterator[emcee.State] = sampler.sample(start, iterations=None, store=False, skip_initial_state_check=True)
    return after
