"""Many climbs at once: damped Gauss-Newton steps of many points, whose differences are one batch.

The points may belong to different problems: other data, or another value of a parameter that is fixed. What becomes of
a point depends on those of its own problem alone, to the bit.

The curvature of a Poisson log-likelihood is taken as sum over bins of d mu d mu / mu (Fisher's scoring), that of a
constraint as if it were minus half a square, so that first differences are enough. The damping is that of Levenberg and
Marquardt.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.observed import DataSets
from nuinfer.typing import FloatArray, IntArray

IMPOSSIBLE = 1e30  # instead of infinity, which optimisers cannot average
DIFFERENCE = 1e-5  # over the prior range
DAMPING, EASED, STIFFENED = 1e-2, 0.2, 10.0  # at first; its factors after a step that helps and one that does not
LEAST_LOST, LEAST_COUNT, LEAST_CURVATURE = 1e-2, 1e-9, 1e-9  # what is divided by is no less
SETTLED = 1e-6  # in the cost: what its model promises a point that goes no further
BATCH = 4096
"""Points that are evaluated at a time, whose counts are kept until then; more of them where a device wants more."""


class Local(NamedTuple):
    """Quadratic models around n points: cost (n,), slope (n, free), curvature (n, free, free)."""

    cost: FloatArray
    slope: FloatArray
    curvature: FloatArray


class Section:
    """The free parameters, scaled to the unit cube, of some problems; one column of theta may be fixed.

    Methods take points of the cube, shape (n, free), and the problem of each, shape (n,).

    Parameters
    ----------
    analysis : Analysis
        What is maximised.
    bounds : ndarray, shape (problem, n_dim, 2)
        Ends of the cube of each problem, finite.
    data : DataSets
        The data of each problem.
    column : int, optional
        What is fixed.
    values : ndarray, shape (problem,), optional
        To which value in each problem.
    batch : int
        Points that are evaluated at a time.
    """

    def __init__(
        self,
        analysis: Analysis,
        bounds: FloatArray,
        data: DataSets,
        column: int | None = None,
        values: FloatArray | None = None,
        batch: int = BATCH,
    ) -> None:
        self._analysis, self._data, self._batch = analysis, data, batch
        self.problems = len(data)
        self._values = np.zeros(self.problems) if values is None else np.asarray(values, float)
        self.n_dim = bounds.shape[1]
        self.free = [k for k in range(self.n_dim) if k != column]
        self._low, self._high = np.moveaxis(bounds[:, self.free], -1, 0)
        weights = np.array([prior.coefficients[1] for _, prior in analysis.space.sampled])
        self._stiffness = 2.0 * weights[self.free] * (self._high - self._low) ** 2
        self._peaks = np.array([constraint.largest_term for constraint in analysis.constraints])

    def chosen(self, problems: IntArray) -> Section:
        """Some of the problems."""
        some = copy.copy(self)
        some.problems, some._data, some._values = len(problems), self._data.chosen(problems), self._values[problems]
        some._low, some._high, some._stiffness = (each[problems] for each in (self._low, self._high, self._stiffness))
        return some

    def point(self, unit: FloatArray, of: IntArray) -> FloatArray:
        """Parameters, shape (n, n_dim)."""
        theta = np.repeat(self._values[of, None], self.n_dim, axis=1)
        low, high = self._low[of], self._high[of]
        theta[:, self.free] = np.clip(low + unit * (high - low), low, high)
        return self._analysis.into_prior(theta, [k for k in range(self.n_dim) if k not in self.free])

    def unit(self, theta: FloatArray, of: int) -> FloatArray:
        """Points of the cube of a problem, shape (n, free), of parameters of shape (n, n_dim)."""
        low, high = self._low[of], self._high[of]
        return np.asarray(np.clip((theta[:, self.free] - low) / (high - low), 0.0, 1.0))

    def terms(self, unit: FloatArray, of: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Minus the log-probability (n,), terms and counts as `Analysis.evaluate` has them."""
        log_prob, terms, counts = self._analysis.evaluate(self.point(unit, of), self._data, of)
        return np.where(np.isfinite(log_prob), -log_prob, IMPOSSIBLE), terms, counts

    def cost(self, unit: FloatArray, of: IntArray) -> FloatArray:
        """Minus the log-probability, shape (n,)."""
        parts = [self.terms(unit[rows], of[rows])[0] for rows in _slices(len(unit), self._batch)]
        return np.concatenate([np.empty(0), *parts])

    def local(self, unit: FloatArray, of: IntArray) -> Local:
        """Quadratic models of the cost; no slope towards what is impossible."""
        size = math.ceil(self._batch / (1 + unit.shape[1]))
        parts = [self._local(unit[rows], of[rows]) for rows in _slices(len(unit), size)]
        return Local(*map(np.concatenate, zip(*parts, strict=True)))

    def _local(self, unit: FloatArray, of: IntArray) -> Local:
        (n, free), ahead = unit.shape, np.where(unit < 0.5, DIFFERENCE, -DIFFERENCE)
        points = np.repeat(unit[:, None], 1 + free, axis=1)
        order = range(free, 0, -1)  # what is next to the point moves a parameter of the detector, which costs little
        points[:, order, range(free)] += ahead
        cost, terms, counts = self.terms(points.reshape(-1, free), np.repeat(of, 1 + free))
        cost = cost.reshape(n, 1 + free, 1)
        counts, terms = counts.sum(axis=1).reshape(n, 1 + free, -1), terms[:, 1:-1].reshape(n, 1 + free, -1)
        usable = np.maximum(cost[:, order], cost[:, :1]) < IMPOSSIBLE

        def slope(values: FloatArray) -> FloatArray:
            with np.errstate(invalid="ignore"):
                return np.where(usable, (values[:, order] - values[:, :1]) / ahead[:, :, None], 0.0)

        lost = np.clip(self._peaks - terms[:, :1], LEAST_LOST, IMPOSSIBLE)
        weights = np.maximum(counts[:, :1], LEAST_COUNT), 2.0 * lost
        scores = np.concatenate([slope(counts), slope(terms)], axis=2) / np.sqrt(np.concatenate(weights, axis=2))
        curvature = scores @ scores.transpose(0, 2, 1) + self._stiffness[of][:, None] * np.eye(free)
        return Local(cost[:, 0, 0].copy(), slope(cost)[:, :, 0], curvature)


def _slices(n: int, size: int) -> list[slice]:
    return [slice(k, k + size) for k in range(0, max(n, 1), size)]


Population = tuple[FloatArray, FloatArray]
"""Points of one problem, (n, free), and their costs, (n,)."""


def flat(starts: Sequence[FloatArray]) -> tuple[FloatArray, IntArray]:
    """Points of each problem as one array, and the problem of each row."""
    return np.concatenate(starts), np.repeat(np.arange(len(starts)), list(map(len, starts)))


def climb(section: Section, starts: Sequence[FloatArray], steps: int, kept: float = 1.0) -> list[Population]:
    """Points moved to lower costs, all of them together.

    Parameters
    ----------
    section : Section
        The cube and the cost.
    starts : sequence of ndarray, shape (n, free)
        Where they begin, for each problem.
    steps : int
        How many are tried at most; no point gets worse.
    kept : float
        Share of the points of a problem, the lowest ones, that goes on after each step; the others stay where they are.

    Returns
    -------
    list of Population
        For each problem.
    """
    unit, of = flat(starts)
    here, damping, going = section.local(unit, of), np.full((len(unit), 1), DAMPING), np.arange(len(unit))
    for step in range(1, steps + 1):
        move, gain = _step(unit[going], Local(*(each[going] for each in here)), damping[going])
        worth = gain > SETTLED
        if not worth.any():
            break
        moved = going[worth]
        trial = np.clip(unit[moved] + move[worth], 0.0, 1.0)
        last = step == steps  # after which no slopes are needed
        there: tuple[FloatArray, ...] = (section.cost(trial, of[moved]),) if last else section.local(trial, of[moved])
        better = there[0] < here.cost[moved]
        unit[moved[better]] = trial[better]
        for old, new in zip(here, there, strict=False):
            old[moved[better]] = new[better]
        damping[moved] *= np.where(better[:, None], EASED, STIFFENED)
        if kept < 1.0:
            going = _lowest(here.cost, of, going, kept)
    ends = np.cumsum(list(map(len, starts)))[:-1]
    return list(zip(np.split(unit, ends), np.split(here.cost, ends), strict=True))


def _lowest(cost: FloatArray, of: IntArray, rows: IntArray, kept: float) -> IntArray:
    """A share of the rows of each problem, those of the lowest costs, in their order."""
    sorted_rows = rows[np.lexsort((cost[rows], of[rows]))]
    counted = np.bincount(of[rows])
    first = np.cumsum(counted) - counted
    rank = np.arange(len(rows)) - first[of[sorted_rows]]
    return np.sort(sorted_rows[rank < np.ceil(kept * counted[of[sorted_rows]])])


def _step(unit: FloatArray, here: Local, damping: FloatArray) -> tuple[FloatArray, FloatArray]:
    """To the minimum of the damped quadratic models, along the walls of the cube where they stand, shape (n, free).

    And what they promise there at least, shape (n,).
    """
    stopped = ((unit <= 0.0) & (here.slope > 0.0)) | ((unit >= 1.0) & (here.slope < 0.0))
    slope = np.where(stopped, 0.0, here.slope)
    matrix = np.where(stopped[:, :, None] | stopped[:, None, :], 0.0, here.curvature)
    diagonal = np.einsum("nii->ni", matrix)
    diagonal += damping * np.maximum(diagonal, np.abs(slope)) + stopped + LEAST_CURVATURE
    move = -np.linalg.solve(matrix, slope[:, :, None])[:, :, 0]
    return move, -0.5 * np.sum(slope * move, axis=1)
