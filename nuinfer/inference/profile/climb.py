"""Many climbs at once: damped Gauss-Newton steps of many points, whose differences are one batch.

The curvature of a Poisson log-likelihood is taken as sum over bins of d mu d mu / mu (Fisher's scoring), that of a
constraint as if it were minus half a square, so that first differences are enough. The damping is that of Levenberg and
Marquardt.
"""

from typing import NamedTuple

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.typing import FloatArray

IMPOSSIBLE = 1e30  # instead of infinity, which optimisers cannot average
DIFFERENCE = 1e-5  # over the prior range
DAMPING, EASED, STIFFENED = 1e-2, 0.2, 10.0  # at first; its factors after a step that helps and one that does not
LEAST_LOST, LEAST_COUNT, LEAST_CURVATURE = 1e-2, 1e-9, 1e-9  # what is divided by is no less


class Local(NamedTuple):
    """Quadratic models around n points: cost (n,), slope (n, free), curvature (n, free, free)."""

    cost: FloatArray
    slope: FloatArray
    curvature: FloatArray


class Section:
    """The free parameters, scaled to the unit cube, with one column of theta fixed or none.

    Parameters
    ----------
    analysis : Analysis
        What is maximised.
    bounds : ndarray, shape (n_dim, 2)
        Ends of the cube, finite.
    column, value
        What is fixed to which value.
    """

    def __init__(self, analysis: Analysis, bounds: FloatArray, column: int | None = None, value: float = 0.0) -> None:
        self._analysis, self._value, self._n_dim = analysis, value, len(bounds)
        self.free = [k for k in range(len(bounds)) if k != column]
        self._low, self._high = bounds[self.free].T
        weights = np.array([prior.coefficients[1] for _, prior in analysis.space.sampled])
        self._stiffness = np.diag(2.0 * weights[self.free] * (self._high - self._low) ** 2)

    def point(self, unit: FloatArray) -> FloatArray:
        """Parameters, shape (..., n_dim), at points of the cube, shape (..., free)."""
        theta = np.full((*unit.shape[:-1], self._n_dim), float(self._value))
        theta[..., self.free] = np.clip(self._low + unit * (self._high - self._low), self._low, self._high)
        return self._analysis.into_prior(theta, [k for k in range(self._n_dim) if k not in self.free])

    def unit(self, theta: FloatArray) -> FloatArray:
        """Points of the cube, shape (n, free), of parameters of shape (n, n_dim)."""
        return np.asarray(np.clip((theta[:, self.free] - self._low) / (self._high - self._low), 0.0, 1.0))

    def cost(self, unit: FloatArray) -> FloatArray:
        """Minus the log-probability, shape (n,), at n points of the cube."""
        log_prob, *_ = self._analysis.evaluate(self.point(unit))
        return np.where(np.isfinite(log_prob), -log_prob, IMPOSSIBLE)

    def local(self, unit: FloatArray) -> Local:
        """Quadratic models of the cost around n points of the cube; no slope towards what is impossible."""
        (n, free), ahead = unit.shape, np.where(unit < 0.5, DIFFERENCE, -DIFFERENCE)
        rows = np.repeat(unit[:, None], 1 + free, axis=1)
        order = range(free, 0, -1)  # what is next to the point moves a parameter of the detector, which costs little
        rows[:, order, range(free)] += ahead
        log_prob, terms, counts = self._analysis.evaluate(self.point(rows.reshape(-1, free)))
        cost = np.where(np.isfinite(log_prob), -log_prob, IMPOSSIBLE).reshape(n, 1 + free, 1)
        counts, terms = counts.sum(axis=1).reshape(n, 1 + free, -1), terms[:, 1:-1].reshape(n, 1 + free, -1)
        usable = np.maximum(cost[:, order], cost[:, :1]) < IMPOSSIBLE

        def slope(values: FloatArray) -> FloatArray:
            with np.errstate(invalid="ignore"):
                return np.where(usable, (values[:, order] - values[:, :1]) / ahead[:, :, None], 0.0)

        with np.errstate(invalid="ignore"):  # what is impossible has no slope, whatever its weight
            lost = np.max(terms, axis=(0, 1), initial=-np.inf) - terms[:, :1]
        lost = np.clip(np.nan_to_num(lost, nan=IMPOSSIBLE), LEAST_LOST, IMPOSSIBLE)
        weights = np.maximum(counts[:, :1], LEAST_COUNT), 2.0 * lost
        scores = np.concatenate([slope(counts), slope(terms)], axis=2) / np.sqrt(np.concatenate(weights, axis=2))
        return Local(cost[:, 0, 0].copy(), slope(cost)[:, :, 0], scores @ scores.transpose(0, 2, 1) + self._stiffness)


def climb(section: Section, start: FloatArray, steps: int) -> tuple[FloatArray, FloatArray]:
    """Points moved to lower costs, all of them together.

    Parameters
    ----------
    section : Section
        The cube and the cost.
    start : ndarray, shape (n, free)
        Where they begin.
    steps : int
        How many are tried; no point gets worse.

    Returns
    -------
    unit : ndarray, shape (n, free)
    cost : ndarray, shape (n,)
    """
    unit, here, damping = start.copy(), section.local(start), np.full((len(start), 1), DAMPING)
    for _ in range(steps):
        trial = np.clip(unit + _step(unit, here, damping), 0.0, 1.0)
        there = section.local(trial)
        better = there.cost < here.cost
        for old, new in zip((unit, *here), (trial, *there), strict=True):
            old[better] = new[better]
        damping *= np.where(better[:, None], EASED, STIFFENED)
    return unit, here.cost


def _step(unit: FloatArray, here: Local, damping: FloatArray) -> FloatArray:
    """To the minimum of the damped quadratic models, along the walls of the cube where they stand, shape (n, free)."""
    stopped = ((unit <= 0.0) & (here.slope > 0.0)) | ((unit >= 1.0) & (here.slope < 0.0))
    slope = np.where(stopped, 0.0, here.slope)
    matrix = np.where(stopped[:, :, None] | stopped[:, None, :], 0.0, here.curvature)
    diagonal = np.einsum("nii->ni", matrix)
    diagonal += damping * np.maximum(diagonal, np.abs(slope)) + stopped + LEAST_CURVATURE
    return -np.linalg.solve(matrix, slope[:, :, None])[:, :, 0]
