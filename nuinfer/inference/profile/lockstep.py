"""Differential evolution and Nelder and Mead's simplex, of many problems in lockstep.

scipy has both, for one problem at a time; here each step of all problems is one batch. Random numbers are the same for
all problems, so that what comes of one does not depend on the others.
"""

from collections.abc import Callable

import numpy as np

from nuinfer.typing import FloatArray, IntArray

Cost = Callable[[FloatArray, IntArray], FloatArray]
"""Cost (n,) of points of the unit cube (n, free), each of the problem (n,)."""

CROSSOVER, SCALES = 0.7, (0.5, 1.0)  # of a differential evolution; the scale of differences is drawn anew each time
FIRST_STEP, FROM_ZERO = 0.05, 0.00025  # edges of the first simplex: over the coordinate, and where that is zero


def evolve(cost: Cost, start: FloatArray, generations: int, rng: np.random.Generator) -> FloatArray:
    """The best point of each problem after some generations of differential evolution (rand/1/bin).

    Parameters
    ----------
    cost : callable
        What is minimised.
    start : ndarray, shape (problem, population, free)
        Points of the unit cube, four or more for each problem.
    generations : int
        How many.
    rng : Generator
        Source of the random numbers.

    Returns
    -------
    ndarray, shape (problem, free)
    """
    (problems, n, free), unit = start.shape, start.copy()
    of = np.repeat(np.arange(problems), n)
    here = cost(unit.reshape(-1, free), of).reshape(problems, n)
    for _ in range(generations):
        order = rng.random((n, n))
        np.fill_diagonal(order, np.inf)  # a point is none of its own parents
        one, two, three = np.argsort(order, axis=1)[:, :3].T
        crossed = rng.random((n, free)) < CROSSOVER
        crossed[np.arange(n), rng.integers(free, size=n)] = True
        mutant = unit[:, one] + rng.uniform(*SCALES) * (unit[:, two] - unit[:, three])
        mutant = np.where((mutant < 0.0) | (mutant > 1.0), rng.random((n, free)), mutant)
        trial = np.where(crossed, mutant, unit)
        there = cost(trial.reshape(-1, free), of).reshape(problems, n)
        better = there <= here
        unit[better], here[better] = trial[better], there[better]
    return np.asarray(unit[np.arange(problems), np.argmin(here, axis=1)])


def simplex(cost: Cost, start: FloatArray, accuracy: float, evaluations: int) -> tuple[FloatArray, FloatArray]:
    """Where a simplex ends that begins at a point, for each problem, with the factors of Gao and Han.

    Parameters
    ----------
    cost : callable
        What is minimised.
    start : ndarray, shape (problem, free)
        Points of the unit cube.
    accuracy : float
        Largest difference between the costs of its corners at the end; where costs are level it stays wide.
    evaluations : int
        It ends where it has taken so many.

    Returns
    -------
    unit : ndarray, shape (problem, free)
    cost : ndarray, shape (problem,)
    """
    problems, free = start.shape
    expand, shrink = 1.0 + 2.0 / free, 1.0 - 1.0 / free
    contract = 0.75 - 0.5 / free
    corners = np.repeat(start[:, None], 1 + free, axis=1)
    moved = np.where(start != 0.0, (1.0 + FIRST_STEP) * start, FROM_ZERO)
    corners[:, range(1, 1 + free), range(free)] = np.where(moved > 1.0, 2.0 - moved, moved)
    values = cost(corners.reshape(-1, free), np.repeat(np.arange(problems), 1 + free)).reshape(problems, 1 + free)
    used, going = np.full(problems, 1 + free), np.arange(problems)
    while True:
        order = np.argsort(values[going], axis=1, kind="stable")
        corners[going] = np.take_along_axis(corners[going], order[:, :, None], axis=1)
        values[going] = np.take_along_axis(values[going], order, axis=1)
        going = going[(values[going, -1] - values[going, 0] > accuracy) & (used[going] < evaluations)]
        if not going.size:
            return corners[:, 0], values[:, 0]
        low, second, high = values[going, 0], values[going, -2], values[going, -1]
        centre, worst = corners[going, :-1].mean(axis=1), corners[going, -1]

        def along(factor: FloatArray | float, centre: FloatArray = centre, worst: FloatArray = worst) -> FloatArray:
            return np.clip(centre + np.asarray(factor)[..., None] * (centre - worst), 0.0, 1.0)

        point = along(1.0)
        value = cost(point, going)
        further, inside = value < low, value >= high
        again = np.flatnonzero(further | (value >= second))
        factor = np.where(further, expand, np.where(inside, -contract, contract))
        other = along(factor)[again]
        found = cost(other, going[again]) if again.size else np.empty(0)
        used[going] += 1
        used[going[again]] += 1
        taken = found < np.where(inside, high, value)[again]
        point[again[taken]], value[again[taken]] = other[taken], found[taken]
        shrinks = np.zeros(going.size, bool)
        shrinks[again] = ~taken & ~further[again]
        stays = going[~shrinks]
        corners[stays, -1], values[stays, -1] = point[~shrinks], value[~shrinks]
        small = going[shrinks]
        if small.size:
            corners[small, 1:] = corners[small, :1] + shrink * (corners[small, 1:] - corners[small, :1])
            shrunk = cost(corners[small, 1:].reshape(-1, free), np.repeat(small, free))
            values[small, 1:] = shrunk.reshape(-1, free)
            used[small] += free
