"""Ensembles that step together: the proposals of all of them are one batch of the posterior.

Steps are emcee's (Foreman-Mackey et al. 2013, arXiv:1202.3665, the two halves of an ensemble in turn), each ensemble
with its own stream of random numbers, so that its chain does not depend on which others step with it. Moves are emcee's
and those of `nuinfer.inference.sampling.redraw`, which have the same form. emcee's released `DESnookerMove` breaks
detailed balance; it is there as a negative control only.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from emcee.moves import DEMove, DESnookerMove, StretchMove

from nuinfer.analysis import Analysis
from nuinfer.errors import NonFiniteLogProbError
from nuinfer.inference.runs.run_folder import Block
from nuinfer.inference.sampling.redraw import Student, redraw_of
from nuinfer.typing import BoolArray, FloatArray

Proposals = list[tuple[Any, float]]
"""Moves in the form of emcee's, and their weights."""

Reject = Callable[[NonFiniteLogProbError], None]


def moves(analysis: Analysis) -> Proposals:
    """Weighted proposals, the last for an analysis with a mediator.

    `Student` of what `Redraw` does not draw; differential evolution (ter Braak 2006, Nelson et al. 2013
    arXiv:1311.5229) with gamma0 = 2.38/sqrt(2 n_dim), and with gamma0 = 1, which jumps between modes; stretches, which
    bring back walkers that a funnel holds, where differences of the others are too large (little flux leaves the
    spectrum free); `Redraw`.
    """
    redraw = redraw_of(analysis)
    others = np.setdiff1d(np.arange(len(analysis.parameter_names)), [] if redraw is None else redraw.columns)
    general = [(DEMove(), 0.25), (DEMove(gamma0=1.0), 0.05), (StretchMove(), 0.1)]
    student = [(Student(others), 0.5)] if len(others) else []
    return [*student, *general, *([] if redraw is None else [(redraw, 0.1)])]


def defective_moves() -> Proposals:
    """Proposals that distort a posterior, for checks that have to find it."""
    return [(DESnookerMove(), 1.0)]


@dataclass
class Walkers:
    """Where an ensemble is; a step replaces the arrays.

    Parameters
    ----------
    coords : ndarray, shape (walker, n_dim)
        The walkers.
    log_prob : ndarray, shape (walker,)
        Their log-probabilities.
    terms : ndarray, shape (walker, n_term)
        Their terms.
    random : numpy.random.RandomState
        The ensemble's own random numbers.
    """

    coords: FloatArray
    log_prob: FloatArray
    terms: FloatArray
    random: np.random.RandomState


def after(block: Block) -> Walkers:
    """Where an ensemble is after a block."""
    random = np.random.RandomState()
    random.set_state(block.random_state)
    return Walkers(block.chain[-1], block.log_prob[-1], block.terms[-1], random)


def step(
    ensembles: Sequence[Walkers], analysis: Analysis, proposals: Proposals, rejects: Sequence[Reject] = ()
) -> None:
    """One step of some ensembles of as many walkers each, as emcee makes it of one.

    Parameters
    ----------
    ensembles : sequence of Walkers
        They are moved.
    analysis : Analysis
        What is sampled.
    proposals : list
        Weighted moves.
    rejects : sequence of callable, optional
        Of each ensemble: told of a point that is not a number, which is rejected unless it raises; by default all do.
    """
    drawn = [_drawn(one, proposals) for one in ensembles]
    for second in (False, True):
        parts = [half ^ second for _, half in drawn]
        made = [
            move.get_proposal(one.coords[part], np.array_split(one.coords[~part], move.nsplits - 1), one.random)
            for one, (move, _), part in zip(ensembles, drawn, parts, strict=True)
        ]
        theta = np.concatenate([each for each, _ in made])
        log_prob, terms = np.full(len(theta), -np.inf), np.full((len(theta), len(analysis.term_names)), -np.inf)
        rows = np.arange(len(theta))
        while len(rows):
            try:
                log_prob[rows], terms[rows], *_ = analysis.evaluate(theta[rows])
                break
            except NonFiniteLogProbError as error:
                if not rejects:
                    raise
                bad = np.all(theta[rows] == [error.point[name] for name in analysis.parameter_names], axis=1)
                for ensemble in np.unique(rows[bad] * len(made) // len(theta)):
                    rejects[ensemble](error)
                rows = rows[~bad]
        found = (np.split(values, len(made)) for values in (theta, log_prob, terms))
        for one, part, (_, factors), *new in zip(ensembles, parts, made, *found, strict=True):
            _settle(one, part, factors, *new)


def _drawn(one: Walkers, proposals: Proposals) -> tuple[Any, BoolArray]:
    """The move of a step, and the half of the walkers that goes first."""
    choices, weights = zip(*proposals, strict=True)
    move = copy(choices[int(one.random.choice(len(choices), p=np.array(weights) / sum(weights)))])  # threads share it
    half = np.arange(len(one.coords)) % 2 == 0
    one.random.shuffle(half)
    move.setup(one.coords)
    return move, half


def _settle(
    one: Walkers, part: BoolArray, factors: FloatArray, theta: FloatArray, log_prob: FloatArray, terms: FloatArray
) -> None:
    """Accept proposals of a part of the walkers by the rule of Metropolis and Hastings."""
    gain = factors + log_prob - one.log_prob[part]
    accepted = gain > np.log(one.random.random_sample(len(gain)))
    rows, old = np.flatnonzero(part)[accepted], (one.coords, one.log_prob, one.terms)
    one.coords, one.log_prob, one.terms = (values.copy() for values in old)  # who has the old arrays keeps them
    one.coords[rows], one.log_prob[rows], one.terms[rows] = theta[accepted], log_prob[accepted], terms[accepted]
