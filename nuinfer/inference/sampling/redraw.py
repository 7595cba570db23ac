"""Moves that draw parameters anew, wherever a walker is: independence samplers (Tierney 1994, Ann. Statist. 22, 1701).

`Redraw` draws mass and coupling of the mediator from what the constraints alone say of them. Constraints part the plane
of mass and coupling into islands. Some are smaller than what an ensemble finds by chance, and differences of walkers
seldom lead from one to another. What the constraints say is cheap to know everywhere: the move proposes a cell of the
plane by it, and a point in that cell. The data decide like at any other proposal. Where data and constraints leave the
plane free, as in most of it, nearly every such draw is accepted.

`Student` draws the other parameters, whose posterior is close to normal, from what the other half of the walkers
predicts: differences of walkers need some ten times as many steps as parameters to forget where they were.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from scipy import linalg, ndimage, special

from nuinfer.analysis import Analysis
from nuinfer.constants import COORDINATES
from nuinfer.typing import FloatArray, IntArray

CELLS = 300  # per axis: the smallest islands, at the lightest mediators, are as wide as one
SPREAD = 0.05  # probability that is shared out among all cells, in case constraints and data disagree
RIDGE = 1e-9  # of the variances is added to them: a sum of few walkers has no inverse


@dataclass(frozen=True)
class Redraw:
    """Proposals from a histogram, in the form of a move of emcee.

    Parameters
    ----------
    columns : ndarray, shape (axis,)
        Columns of theta that are drawn.
    edges : tuple of ndarray, shape (cell + 1,)
        Of each.
    weight : ndarray, shape (cell,) * axis
        Probabilities of the cells.
    """

    columns: IntArray
    edges: tuple[FloatArray, ...]
    weight: FloatArray
    nsplits: ClassVar[int] = 2  # of an ensemble, as of the moves of emcee
    _cumulative: FloatArray = field(init=False, repr=False)
    _log_density: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sum up once: every step moves with a copy."""
        volume = np.prod(np.meshgrid(*map(np.diff, self.edges), indexing="ij"), axis=0)
        vars(self).update(_cumulative=np.cumsum(self.weight), _log_density=np.log(self.weight / volume))

    def log_density(self, points: FloatArray) -> FloatArray:
        """Log density of the proposals at points (n, axis), -inf beyond the cells."""
        cells = np.array([np.searchsorted(e, x, side="right") - 1 for e, x in zip(self.edges, points.T, strict=True)])
        most = np.array(self.weight.shape)[:, None]
        inside = np.all((cells >= 0) & (cells < most), axis=0)
        return np.where(inside, self._log_density[tuple(np.clip(cells, 0, most - 1))], -np.inf)

    def setup(self, coords: FloatArray) -> None:
        """Nothing depends on where the walkers are."""

    def get_proposal(
        self,
        coords: FloatArray,
        others: Any,  # noqa: ARG002
        random: np.random.RandomState,
    ) -> tuple[FloatArray, FloatArray]:
        """Walkers (n, n_dim) with other masses and couplings, and the logs of the ratios of densities (n,)."""
        u = random.random_sample((1 + len(self.edges), len(coords)))
        drawn = np.searchsorted(self._cumulative, u[0] * self._cumulative[-1], side="right")
        cells = np.unravel_index(drawn, self.weight.shape)
        place = [e[k] + part * (e[k + 1] - e[k]) for e, k, part in zip(self.edges, cells, u[1:], strict=True)]
        proposed = coords.copy()
        proposed[:, self.columns] = np.transpose(place)
        with np.errstate(invalid="ignore"):
            factors = self.log_density(coords[:, self.columns]) - self.log_density(proposed[:, self.columns])
        return proposed, factors


def redraw_of(analysis: Analysis) -> Redraw | None:
    """The move of an analysis; None if neither mass nor coupling of a mediator is sampled.

    Cells are as probable as each other in the prior. A cell has the largest term among its neighbours, with all other
    parameters in the middle of their priors.
    """
    columns = [analysis.parameter_names.index(name) for name in COORDINATES if name in analysis.parameter_names]
    if not columns:
        return None
    cube = np.full((CELLS + 1, len(analysis.parameter_names)), 0.5)
    cube[:, columns] = np.linspace(0.0, 1.0, CELLS + 1)[:, None]
    edges = analysis.prior_transform(cube)[:, columns].T
    centres = np.meshgrid(*(0.5 * (each[1:] + each[:-1]) for each in edges), indexing="ij")
    points = np.tile(analysis.prior_transform(np.full(cube.shape[1], 0.5)), (centres[0].size, 1))
    points[:, columns] = np.reshape(centres, (len(columns), -1)).T
    term = np.nan_to_num(analysis.log_constraints(points), nan=-np.inf).reshape(centres[0].shape)
    likely = special.softmax(ndimage.maximum_filter(term, 3)) if np.isfinite(term).any() else np.zeros(1)
    return Redraw(np.array(columns), tuple(edges), (1.0 - SPREAD) * likely + SPREAD / term.size)


@dataclass(frozen=True)
class Student:
    """Draws from the predictive distribution of the other walkers, as if those were draws of a normal one.

    With the prior 1/|C|^((d+1)/2) of its covariance that is Student's t of n - d degrees of freedom about their mean,
    with scatter S (n + 1)/(n (n - d)) (Gelman et al. 2013, Bayesian Data Analysis, section 3.6), S being the sum of
    squares of n walkers in d dimensions. It is wider than a normal distribution with their covariance by what so few
    walkers leave open.

    Parameters
    ----------
    columns : ndarray, shape (d,)
        Columns of theta that are drawn.
    """

    columns: IntArray
    nsplits: ClassVar[int] = 2

    def setup(self, coords: FloatArray) -> None:
        """Nothing depends on where the walkers are that it moves."""

    def get_proposal(
        self, coords: FloatArray, others: Any, random: np.random.RandomState
    ) -> tuple[FloatArray, FloatArray]:
        """Walkers (n, n_dim) drawn anew, and the logs of the ratios of densities (n,).

        They stay where they are while the others, arrays (m, n_dim), are all at one place.
        """
        known, here, proposed = np.concatenate(others)[:, self.columns], coords[:, self.columns], coords.copy()
        (n, d), mean = known.shape, np.mean(known, axis=0)
        freedom = max(n - d, 1)
        scatter = (known - mean).T @ (known - mean) * ((n + 1) / (n * freedom))
        scatter[np.diag_indices(d)] *= 1.0 + RIDGE
        normal = random.standard_normal((d, len(coords)))
        root = np.sqrt(random.chisquare(freedom, len(coords)) / freedom)
        try:
            triangle = np.linalg.cholesky(scatter)
        except np.linalg.LinAlgError:
            return proposed, np.zeros(len(coords))
        drawn = normal / root
        proposed[:, self.columns] = mean + (triangle @ drawn).T
        was = linalg.blas.dtrsm(1.0, triangle, (here - mean).T, lower=True)  # threads would cost more
        far, near = (np.log1p(np.sum(each**2, axis=0) / freedom) for each in (drawn, was))
        return proposed, 0.5 * (freedom + d) * (far - near)
