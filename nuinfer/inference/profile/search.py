"""The search for a maximum: of everything, or with one parameter fixed; for one data set or for many in lockstep.

The log-probability has many narrow maxima, one for every group of bins that a dip can fill, and kinks where a dip
begins or ends at an edge of a bin. In most parameters it is smooth, and nearly a sum of squares. So draws of the prior
all climb (`nuinfer.inference.profile.climb`) for some steps; then, a few times over, the best distinct ones get
children, which take about half of their parameters from another draw of the prior, and climb as well: dips are tried
all over the prior while the rest is at its best already. The best distinct points climb to the end. Then they are the
population of a differential evolution (Storn and Price, J. Global Optim. 11 (1997) 341), which moves along the borders
of exclusions, and from its best point a simplex (Nelder and Mead, Comput. J. 7 (1965) 308; adaptive, Gao and Han,
Comput. Optim. Appl. 51 (2012) 259) follows the kinks. A search with a parameter fixed is a smaller one of the same
kind, from what all the searches before have found for the same data.

Many problems, data sets or values of the fixed parameter, are searched in lockstep: what each would evaluate by itself
is one batch, and what does not depend on the data, the expected counts of the draws that they begin with, is computed
once. All use the same random numbers, so that a best fit is the same to the bit, whatever other problems there are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.climb import BATCH, IMPOSSIBLE, Population, Section, climb, flat
from nuinfer.inference.profile.lockstep import evolve, simplex
from nuinfer.observed import DataSets
from nuinfer.typing import ArrayLike, FloatArray, IntArray

PRIOR_DRAWS = 4000
FIRST, CHILDREN = 72, 29  # points that climb at first, and children, for each dimension with effort 1
PARENTS = 20  # points that have children
EVOLVED, GENERATIONS = 40, 100  # points of the differential evolution at the end, with effort 1
LEAST_EVOLVED = 6
ROUNDS, CROSSED = 6, 0.5  # generations; share of the parameters that a child does not have from its parent
STEPS, LAST_STEPS, KEPT = 6, 15, 0.6  # of a climb, and of the last one; share that goes on after each step
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
    return Search(analysis, seed, starts, effort).best[0]


def best_fits(
    analysis: Analysis, data: DataSets, seed: int = 0, effort: float = 1.0, batch: int = BATCH
) -> list[BestFit]:
    """The best fit to each of many data sets, to the bit what `best_fit` finds for it with the same seed.

    Parameters
    ----------
    analysis : Analysis
        Model, priors and constraints.
    data : DataSets
        See `Analysis.data_sets`.
    seed, effort
        As for `best_fit`.
    batch : int
        Points that are evaluated at a time; it changes time and memory only.

    Raises
    ------
    ConfigError
        If no draw of the prior is possible for one of them.
    """
    return Search(analysis, seed, None, effort, data, batch).best


class Search:
    """Searches of one analysis, each of which starts from what the others have found for the same data.

    Parameters
    ----------
    analysis, seed, starts, effort
        As for `best_fit`.
    data, batch : optional
        As for `best_fits`; by default the data of the analysis alone.

    Attributes
    ----------
    best : list of BestFit
        The maximum for each data set.
    bounds : ndarray, shape (n_dim, 2)
        Finite ends of the priors.
    """

    def __init__(
        self,
        analysis: Analysis,
        seed: int,
        starts: FloatArray | None = None,
        effort: float = 1.0,
        data: DataSets | None = None,
        batch: int = BATCH,
    ) -> None:
        if not 0.0 < effort < math.inf:
            raise ConfigError(f"effort: {effort} is not allowed, it must be positive and finite")
        self._analysis, self._seed, self._batch = analysis, seed, batch
        self._data = analysis.own if data is None else data
        rng = np.random.default_rng(seed)
        self._drawn = analysis.sample_prior(PRIOR_DRAWS, rng)
        bounds = np.array(analysis.prior_bounds, float)
        reached = np.stack([self._drawn.min(axis=0), self._drawn.max(axis=0)], axis=-1)
        wider = reached + np.ptp(reached, axis=-1, keepdims=True) * [-1.0, 1.0]
        self.bounds = np.where(np.isfinite(bounds), bounds, wider)
        section = Section(analysis, self.bounds, self._data, batch=batch)
        n_first = math.ceil(FIRST * len(bounds) * effort)
        known = section.unit(np.asarray(self._drawn[:0] if starts is None else starts, float))
        drawn, costs = section.unit(self._drawn), _of_all(section, np.vstack([section.unit(self._drawn), known]))
        first = []
        for cost in costs:
            possible, there = cost < IMPOSSIBLE, cost[len(drawn) :]
            rows = distinct(known, np.where(there < IMPOSSIBLE, there, np.nan), n_first)
            first.append(np.vstack([drawn[possible[: len(drawn)]][:n_first], known[rows]]))
            if not len(first[-1]):
                raise ConfigError(f"profile: none of {PRIOR_DRAWS} draws of the prior has a finite log-probability")
        self._pool = [self._drawn[:0]] * len(self._data)
        self.best = self._found(section, first, effort, np.arange(len(self._data)))

    def fixed(self, column: int, values: ArrayLike, of: IntArray | None = None) -> list[BestFit]:
        """Maxima with the parameter of one column fixed to values (n,), for the data sets (n,), by default the first.

        Each starts from what was found for its data before this call.
        """
        values = np.atleast_1d(np.asarray(values, float))
        of = np.zeros(len(values), np.intp) if of is None else of
        section = Section(self._analysis, self.bounds, self._data.chosen(of), column, values, self._batch)
        pools = [section.unit(self._pool[k]) for k in of]
        costs = section.cost(*flat(pools))
        ends = np.cumsum(list(map(len, pools)))[:-1]
        n_first = math.ceil(FIRST * len(self.bounds) * LITTLE)
        split = zip(pools, np.split(costs, ends), strict=True)
        return self._found(section, [pool[distinct(pool, cost, n_first)] for pool, cost in split], LITTLE, of)

    def _found(self, section: Section, first: list[FloatArray], effort: float, of: IntArray) -> list[BestFit]:
        """The highest points that populations which begin at `first` find; distinct ones go into the pools."""
        problems, rng = np.arange(len(first)), np.random.default_rng([self._seed, len(section.free)])
        if section.free:
            found = _generations(section, first, section.unit(self._drawn), effort, rng)
            n = max(LEAST_EVOLVED, math.ceil(EVOLVED * math.sqrt(effort)))
            rows = [distinct(*each, n, NEARBY) for each in found]
            start = np.array([unit[np.resize(few, n)] for (unit, _), few in zip(found, rows, strict=True)])
            best, lowest = simplex(section.cost, evolve(section.cost, start, GENERATIONS, rng), ACCURACY, EVALUATIONS)
        else:
            found, best = [], np.array([unit[0] for unit in first])
            lowest = section.cost(best, problems)
        points = section.point(best, problems)
        for k, (unit, cost) in enumerate(found):
            kept = [row for row in distinct(unit, cost, POOLED) if cost[row] < IMPOSSIBLE]
            more = section.point(unit[kept], np.full(len(kept), k))
            self._pool[of[k]] = np.vstack([points[k : k + 1][lowest[k : k + 1] < IMPOSSIBLE], self._pool[of[k]], more])
        (_, terms, _), names = section.terms(best, problems), self._analysis.term_names
        return [
            BestFit(point, -cost if cost < IMPOSSIBLE else -math.inf, dict(zip(names, each, strict=True)))
            for point, cost, each in zip(points, lowest.tolist(), terms.tolist(), strict=True)
        ]


def distinct(unit: FloatArray, cost: FloatArray, n: int, apart: float = APART) -> list[int]:
    """Rows of the `n` best points that differ by more than `apart` in some parameter; none whose cost is NaN.

    Examples
    --------
    >>> distinct(np.array([[0.1], [0.5], [0.11]]), np.array([2.0, 3.0, 1.0]), 3)
    [2, 1]
    """
    rows: list[int] = []
    left = np.argsort(cost, kind="stable")
    left = left[~np.isnan(cost[left])]
    while len(left) and len(rows) < n:
        rows.append(int(left[0]))
        left = left[np.max(np.abs(unit[left] - unit[left[0]]), axis=1, initial=0.0) > apart]
    return rows


def _of_all(section: Section, unit: FloatArray) -> FloatArray:
    """Costs of the same points for all problems, (problem, n).

    What arrives at Earth at a point is computed once: rows that are equal to the one before share it.
    """
    each = section.problems
    of = np.tile(np.arange(each), len(unit))
    return section.cost(np.repeat(unit, each, axis=0), of).reshape(len(unit), each).T


def _generations(
    section: Section, first: Sequence[FloatArray], drawn: FloatArray, effort: float, rng: np.random.Generator
) -> list[Population]:
    """Points that populations which begin at `first` come to, and their costs."""
    found = climb(section, first, STEPS, KEPT)
    n_parent, n_child = math.ceil(PARENTS * math.sqrt(effort)), math.ceil(CHILDREN * drawn.shape[1] * effort)
    for _ in range(ROUNDS):
        crossed = rng.random((n_child, drawn.shape[1])) < CROSSED
        donors = drawn[rng.integers(len(drawn), size=n_child)]
        parents = [unit[np.resize(distinct(unit, cost, n_parent), n_child)] for unit, cost in found]
        found = _joined(found, climb(section, [np.where(crossed, donors, each) for each in parents], STEPS, KEPT))
    last = [unit[distinct(unit, cost, 2 * n_parent, NEARBY)] for unit, cost in found]
    return _joined(found, climb(section, last, LAST_STEPS))


def _joined(*parts: list[Population]) -> list[Population]:
    return [
        (np.vstack([unit for unit, _ in each]), np.concatenate([cost for _, cost in each]))
        for each in zip(*parts, strict=True)
    ]
