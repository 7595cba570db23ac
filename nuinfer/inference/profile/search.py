"""The search for a maximum: of everything, or with one parameter fixed.

The log-probability has many narrow maxima, one for every group of bins that a dip can fill, and kinks where a dip
begins or ends at an edge of a bin. In most parameters it is smooth, and nearly a sum of squares. So draws of the prior
all climb (`nuinfer.inference.profile.climb`) for some steps; then, a few times over, the best distinct ones get
children, which take about half of their parameters from another draw of the prior, and climb as well: dips are tried
all over the prior while the rest is at its best already. The best distinct points climb to the end. Then they are the
population of a differential evolution (Storn and Price, J. Global Optim. 11 (1997) 341), which moves along the borders
of exclusions, and from its best point a simplex (Nelder and Mead, Comput. J. 7 (1965) 308; adaptive, Gao and Han,
Comput. Optim. Appl. 51 (2012) 259) follows the kinks. A search with a parameter fixed is a smaller one of the same
kind, from what all the searches before have found.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.climb import IMPOSSIBLE, Section, climb
from nuinfer.typing import FloatArray

PRIOR_DRAWS = 4000
FIRST, CHILDREN = 72, 29  # points that climb at first, and children, for each dimension with effort 1
PARENTS = 20  # points that have children
EVOLVED, GENERATIONS = 40, 100  # points of the differential evolution at the end, with effort 1
ROUNDS, CROSSED = 6, 0.4  # generations; share of the parameters that a child does not have from its parent
STEPS, LAST_STEPS = 6, 15  # of a climb, and of the last one
LITTLE, POOLED = 0.06, 500  # effort of a search with a parameter fixed; points that each search leaves for the others
APART = 0.05  # of the prior range in some parameter: distinct parents
NEARBY = 0.01  # likewise, for the last climb
ACCURACY, EVALUATIONS = 1e-6, 3000  # of the simplex at the end, in the cube and in the log-probability; at most
LOST_ENOUGH = 1e-3  # accuracy of a maximum


@dataclass(frozen=True)
class BestFit:
    """A maximum of the log-probability.

    Parameters
    ----------
    theta : ndarray, shape (n_dim,)
        The parameters.
    log_prob : float
        Log-probability there.
    terms : mapping
        Its terms by name.
    """

    theta: FloatArray
    log_prob: float
    terms: Mapping[str, float]


def best_fit(analysis: Analysis, seed: int = 0, starts: FloatArray | None = None, effort: float = 1.0) -> BestFit:
    """The largest log-probability anywhere in the prior, that is of likelihood times prior.

    Parameters
    ----------
    analysis : Analysis
        What is maximised.
    seed : int
        Of the prior draws and the search.
    starts : array, shape (n, n_dim), optional
        More points to start from, draws of the posterior for example; the best fit is no worse than any of them.
    effort : float
        Time it takes over that of the usual search, which ``benchmarks/global_maximum.py`` tests; less will do where
        there are good `starts`.

    Raises
    ------
    ConfigError
        If no draw of the prior is possible.

    Examples
    --------
    >>> import nuinfer
    >>> fixed = [f"parameters.norm_{name}.value=1" for name in ("conventional", "muon", "prompt")]
    >>> analysis = nuinfer.load("hese7_icecube", ["model.absorption=false", *fixed])
    >>> found = nuinfer.best_fit(analysis)
    >>> found.theta.shape == (len(analysis.parameter_names),), abs(found.log_prob - sum(found.terms.values())) < 1e-9
    (True, True)
    """
    return Search(analysis, seed, starts, effort).maximum()


class Search:
    """Searches of one analysis, each of which starts from what the others have found.

    Parameters
    ----------
    analysis, seed, starts, effort
        As for `best_fit`.
    """

    def __init__(self, analysis: Analysis, seed: int, starts: FloatArray | None = None, effort: float = 1.0) -> None:
        if not 0.0 < effort < math.inf:
            raise ConfigError(f"effort: {effort} is not allowed, it must be positive and finite")
        self._analysis, self._rng = analysis, np.random.default_rng(seed)
        self._drawn = analysis.sample_prior(PRIOR_DRAWS, self._rng)
        bounds = np.array(analysis.prior_bounds, float)
        reached = np.stack([self._drawn.min(axis=0), self._drawn.max(axis=0)], axis=-1)
        wider = reached + np.ptp(reached, axis=-1, keepdims=True) * [-1.0, 1.0]
        self.bounds = np.where(np.isfinite(bounds), bounds, wider)
        section = Section(analysis, self.bounds)
        drawn, known = (
            section.unit(np.asarray(x, float)) for x in (self._drawn, self._drawn[:0] if starts is None else starts)
        )
        drawn, known = (x[section.cost(x) < IMPOSSIBLE] for x in (drawn, known))
        n_first = math.ceil(FIRST * len(bounds) * effort)
        first = np.vstack([drawn[:n_first], known[distinct(known, section.cost(known), n_first)]])
        if not len(first):
            raise ConfigError(f"profile: none of {PRIOR_DRAWS} draws of the prior has a finite log-probability")
        self._pool = self._drawn[:0]
        self._best = self._found(section, first, effort)

    def maximum(self, column: int | None = None, value: float = 0.0) -> BestFit:
        """The maximum, with the parameter of one column fixed to a value or with none fixed."""
        if column is None:
            return self._best
        section = Section(self._analysis, self.bounds, column, value)
        pool = section.unit(self._pool)
        first = pool[distinct(pool, section.cost(pool), math.ceil(FIRST * len(self.bounds) * LITTLE))]
        return self._found(section, first, LITTLE)

    def _found(self, section: Section, first: FloatArray, effort: float) -> BestFit:
        """The highest point that a population which begins at `first` finds; the distinct ones go into the pool."""
        if section.free:
            unit, cost = _generations(section, first, section.unit(self._drawn), effort, self._rng)
            kept = [row for row in distinct(unit, cost, POOLED) if cost[row] < IMPOSSIBLE]
            self._pool = np.vstack([self._pool, section.point(unit[kept])])
            rows = distinct(unit, cost, math.ceil(EVOLVED * math.sqrt(effort)), NEARBY)
            best, lowest = _polished(section, _evolved(section, unit[rows], self._rng))
        else:
            best, lowest = first[0], float(section.cost(first[:1])[0])
        point = section.point(best)
        if lowest < IMPOSSIBLE:
            self._pool = np.vstack([point, self._pool])
        _, terms, _ = self._analysis.evaluate(point[None])
        named = dict(zip(self._analysis.term_names, terms[0].tolist(), strict=True))
        return BestFit(point, -lowest if lowest < IMPOSSIBLE else -math.inf, named)


def distinct(unit: FloatArray, cost: FloatArray, n: int, apart: float = APART) -> list[int]:
    """Rows of the `n` best points that differ by more than `apart` in some parameter.

    Examples
    --------
    >>> distinct(np.array([[0.1], [0.5], [0.11]]), np.array([2.0, 3.0, 1.0]), 3)
    [2, 1]
    """
    rows: list[int] = []
    left = np.argsort(cost, kind="stable")
    while len(left) and len(rows) < n:
        rows.append(int(left[0]))
        left = left[np.max(np.abs(unit[left] - unit[left[0]]), axis=1, initial=0.0) > apart]
    return rows


def _generations(
    section: Section, first: FloatArray, drawn: FloatArray, effort: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Points of the cube that a population which begins at `first` comes to, and their costs."""
    unit, cost = climb(section, first, STEPS)
    n_parent, n_child = math.ceil(PARENTS * math.sqrt(effort)), math.ceil(CHILDREN * drawn.shape[1] * effort)
    for _ in range(ROUNDS):
        parents = unit[distinct(unit, cost, n_parent)]
        children = parents[np.arange(n_child) % len(parents)]
        crossed = rng.random(children.shape) < CROSSED
        born = np.where(crossed, drawn[rng.integers(len(drawn), size=n_child)], children)
        unit, cost = _joined((unit, cost), climb(section, born, STEPS))
    last = climb(section, unit[distinct(unit, cost, 2 * n_parent, NEARBY)], LAST_STEPS)
    return _joined((unit, cost), last)


def _joined(*parts: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
    units, costs = zip(*parts, strict=True)
    return np.vstack(units), np.concatenate(costs)


def _evolved(section: Section, start: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The best point after some generations of differential evolution, which follows the borders of exclusions."""
    settings: Any = {"vectorized": True, "updating": "deferred", "polish": False, "tol": 0.0, "rng": rng}
    settings |= {"maxiter": GENERATIONS, "strategy": "rand1bin", "init": start}
    if len(start) < 5:  # of which scipy makes no population
        return np.asarray(start[0])
    walls = optimize.Bounds(np.zeros(start.shape[1]), np.ones(start.shape[1]))
    evolve: Any = optimize.differential_evolution  # whose types know functions of one point alone
    found: Any = evolve(lambda columns: section.cost(columns.T), walls, **settings)
    return np.asarray(found.x)


def _polished(section: Section, start: FloatArray) -> tuple[FloatArray, float]:
    """Where a simplex that starts at a point ends, which kinks do not stop."""
    settings: Any = {"adaptive": True, "fatol": ACCURACY, "xatol": ACCURACY, "maxfev": EVALUATIONS}

    def cost(unit: FloatArray) -> float:
        return float(section.cost(unit[None])[0])

    walls = optimize.Bounds(np.zeros(len(start)), np.ones(len(start)))
    found: Any = optimize.minimize(cost, start, method="Nelder-Mead", bounds=walls, options=settings)
    return np.asarray(found.x), float(found.fun)
