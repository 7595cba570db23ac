"""The search for a maximum: of everything, or with one parameter fixed; for one data set or for many in lockstep.

The log-probability has many narrow maxima, one for every group of bins that a dip can fill, and kinks where a dip
begins or ends at an edge of a bin. In most parameters it is smooth, and nearly a sum of squares. So draws of the prior
all climb (`nuinfer.inference.profile.climb`) for some steps; then, a few times over, the best distinct ones get
children, which take about half of their parameters from another draw of the prior, and climb as well: dips are tried
all over the prior while the rest is at its best already. The best distinct points climb to the end. Then they are the
population of a differential evolution (Storn and Price, J. Global Optim. 11 (1997) 341), which moves along the borders
of exclusions, and from its best point a simplex (Nelder and Mead, Comput. J. 7 (1965) 308; adaptive, Gao and Han,
Comput. Optim. Appl. 51 (2012) 259) follows the kinks. A search with a parameter fixed is a smaller one of the same
kind, from what all the searches before have found for the same data; it may end early, where that decides what is
asked, and where none of what was found is possible, it begins with points scattered around the nearest.

Many problems, data sets or values of the fixed parameter, are searched in lockstep: what each would evaluate by itself
is one batch, and what does not depend on the data, the expected counts of the draws that they begin with, is computed
once. All use the same random numbers, so that a best fit is the same to the bit, whatever other problems there are.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.climb import BATCH, IMPOSSIBLE, Population, Section, climb, flat
from nuinfer.inference.profile.lockstep import evolve, simplex
from nuinfer.observed import DataSets
from nuinfer.typing import ArrayLike, BoolArray, FloatArray, IntArray

PRIOR_DRAWS = 4000
FIRST, CHILDREN = 72, 29  # points that climb at first, and children, for each dimension with effort 1
PARENTS = 20  # points that have children
EVOLVED, LEAST_EVOLVED = 40, 6  # points of the differential evolution at the end, with effort 1 and at the least
CROSSED = 0.5  # share of the parameters that a child does not have from its parent
STEPS, LAST_STEPS, KEPT = 6, 15, 0.6  # of a climb, and of the last one; share that goes on after each step
POOLED = 500  # points that each search leaves for the others
SCATTERED, SCATTER = 4000, (-4.0, -0.5)  # points around others, how far in log10 of the prior range
GOOD, AROUND = 3.0, 100  # log-probability that these others have lost at most; how many of them
APART, NEARBY = 0.05, 0.01  # of the prior range in some parameter: distinct parents, and those of the last climb
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
    return Search(analysis, seed, starts, _of(effort)).best[0]


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
    return Search(analysis, seed, None, _of(effort), data, batch).best


def uphill(analysis: Analysis, theta: ArrayLike) -> BestFit:
    """The maximum that a climb and a simplex reach from one point, no lower than that.

    From a point that is impossible there is no way up: then it is the highest that a short search finds.

    Parameters
    ----------
    analysis : Analysis
        What is maximised.
    theta : array_like, shape (n_dim,)
        Where it begins.
    """
    start = np.atleast_2d(np.asarray(theta, float))
    possible = bool(np.isfinite(analysis.log_prob(start)[0]))
    return Search(analysis, 0, start, FROM_POINT if possible else FROM_DRAWS).best[0]


Decided = Callable[[FloatArray, bool], BoolArray]
"""Whether searches may end, by the best log-probabilities (n,) so far, and whether they have had their generations."""


class Amount(NamedTuple):
    """What a search takes.

    Its effort, which sets the size of populations; generations of children, and of the differential evolution; accuracy
    of the simplex at the end, in the log-probability, and its evaluations at most.
    """

    effort: float
    rounds: int
    generations: int
    accuracy: float
    evaluations: int


WHOLE = Amount(1.0, 6, 100, 1e-7, 3000)
"""Finds the highest maximum anywhere in a prior, as ``benchmarks/global_maximum.py`` tests."""

WITH_DRAWS = WHOLE._replace(effort=0.25)
"""The same where draws of a posterior take part."""

FROM_DRAWS = Amount(0.06, 6, 100, 1e-4, 1000)
"""Where draws of a posterior show the way."""

FROM_POINT = Amount(0.0, 0, 0, 1e-7, 3000)
"""Uphill from given points, without draws of the prior and without children."""

LITTLE = Amount(0.06, 2, 50, 1e-4, 1000)
"""With a parameter fixed, from what the searches before have found."""


def _of(effort: float) -> Amount:
    """The usual search with another effort."""
    if not 0.0 < effort < math.inf:
        raise ConfigError(f"effort: {effort} is not allowed, it must be positive and finite")
    return WHOLE._replace(effort=effort)


class Search:
    """Searches of one analysis, each of which starts from what the others have found for the same data.

    Parameters
    ----------
    analysis, seed, starts
        As for `best_fit`.
    amount : Amount
        What the search for the best fits takes.
    data, batch : optional
        As for `best_fits`; by default the data of the analysis alone.
    bounds : ndarray, shape (data set, n_dim, 2), optional
        Where each is searched: a box inside the prior, by default all of it.

    Attributes
    ----------
    best : list of BestFit
        The maximum for each data set, the highest that any of its searches has found.
    bounds : ndarray, shape (data set, n_dim, 2)
        Finite ends of the boxes.
    pools : list of Population
        For each data set what its searches have left for each other: parameters (n, n_dim) and costs (n,).
    """

    def __init__(
        self,
        analysis: Analysis,
        seed: int,
        starts: FloatArray | None = None,
        amount: Amount = WHOLE,
        data: DataSets | None = None,
        batch: int = BATCH,
        bounds: FloatArray | None = None,
    ) -> None:
        self._analysis, self._seed, self._batch = analysis, seed, batch
        self._data = analysis.own if data is None else data
        rng = np.random.default_rng(seed)
        drawn, ends = analysis.sample_prior(PRIOR_DRAWS, rng), np.array(analysis.prior_bounds, float)
        reached = np.stack([drawn.min(axis=0), drawn.max(axis=0)], axis=-1)
        wider = reached + np.ptp(reached, axis=-1, keepdims=True) * [-1.0, 1.0]
        finite = np.where(np.isfinite(ends), ends, wider)
        boxes = np.repeat(ends[None], len(self._data), axis=0) if bounds is None else bounds
        self.bounds = np.where(np.isfinite(boxes), boxes, finite)
        self._drawn = np.clip((drawn - finite[:, 0]) / np.ptp(finite, axis=-1), 0.0, 1.0)  # in each box alike
        section = Section(analysis, self.bounds, self._data, batch=batch)
        n_first = math.ceil(FIRST * len(ends) * amount.effort)
        first = _possible(section, self._drawn, n_first)
        self.pools: list[Population] = [(drawn[:0], drawn[:0, 0])] * len(self._data)
        if starts is not None and len(starts):
            known, costs = self._known(section, starts)
            chosen = [unit[distinct(unit, cost, n_first or len(unit))] for unit, cost in zip(known, costs, strict=True)]
            first = [np.vstack(both) for both in zip(first, chosen, strict=True)]
        if not all(map(len, first)):
            raise ConfigError(f"profile: none of {PRIOR_DRAWS} draws of the prior has a finite log-probability")
        self.best = self._found(section, first, np.arange(len(self._data)), amount)

    def _known(self, section: Section, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Points in the cubes of all data sets, (data set, n, free), and costs, NaN where they are impossible."""
        inside = np.all((theta >= self.bounds[:, None, :, 0]) & (theta <= self.bounds[:, None, :, 1]), axis=-1)
        unit = np.array([section.unit(theta, k) for k in range(len(self._data))])
        costs = _of_all(section, unit)
        costs[~inside | (costs >= IMPOSSIBLE)] = np.nan
        return unit, costs

    def add(self, theta: FloatArray) -> None:
        """Let searches with a parameter fixed start from the best of some points, (n, n_dim), too."""
        unit, costs = self._known(Section(self._analysis, self.bounds, self._data, batch=self._batch), theta)
        for k, cost in enumerate(costs):
            rows = distinct(unit[k], cost, AROUND, 0.0)
            self._keep(k, theta[rows], cost[rows])

    def _keep(self, k: int, theta: FloatArray, cost: FloatArray) -> None:
        known, costs = self.pools[k]
        self.pools[k] = np.vstack([known, theta]), np.append(costs, cost)

    def fixed(self, column: int, values: FloatArray, of: IntArray, decided: Decided | None = None) -> list[BestFit]:
        """Maxima with the parameter of one column fixed to values (n,), for the data sets (n,).

        Each starts from what was found for its data before this call, and ends early where it is `decided`.
        """
        section = Section(self._analysis, self.bounds[of], self._data.chosen(of), column, values, self._batch)
        pools = [section.unit(self.pools[k][0], row) for row, k in enumerate(of)]
        costs = section.cost(*flat(pools))
        ends = np.cumsum(list(map(len, pools)))[:-1]
        n_first = math.ceil(FIRST * section.n_dim * LITTLE.effort)
        split = list(zip(pools, np.split(costs, ends), strict=True))
        for row in [row for row, (_, cost) in enumerate(split) if len(cost) and cost.min() >= IMPOSSIBLE]:
            split[row] = self._scattered(section, row, self._near(of[row], column, values[row]), split[row])
        first = [pool[distinct(pool, cost, n_first)] for pool, cost in split]
        found = self._found(section, first, of, LITTLE, decided)
        for k, one in zip(of, found, strict=True):
            if one.log_prob > self.best[k].log_prob:
                self.best[k] = one
        return found

    def _near(self, k: int, column: int, value: float) -> IntArray:
        """Good points of the pool that lie next to a value."""
        theta, cost = self.pools[k]
        good = np.flatnonzero(cost < cost.min() + GOOD)
        return good[np.argsort(np.abs(theta[good, column] - value), kind="stable")[:AROUND]]

    def _scattered(self, section: Section, row: int, near: IntArray, pool: Population) -> Population:
        """A population with more points at all distances from some of them, where none is possible.

        So a corner that exclusions leave is followed to its end; an impossible point costs next to nothing.
        """
        rng = np.random.default_rng(self._seed)
        parents = pool[0][np.resize(near, SCATTERED)]
        scale = 10.0 ** rng.uniform(*SCATTER, (SCATTERED, 1)) * (rng.random(parents.shape) < CROSSED)
        unit = np.clip(parents + scale * rng.normal(size=parents.shape), 0.0, 1.0)
        return np.vstack([unit, pool[0]]), np.append(section.cost(unit, np.full(SCATTERED, row)), pool[1])

    def _found(
        self, section: Section, first: list[FloatArray], of: IntArray, amount: Amount, decided: Decided | None = None
    ) -> list[BestFit]:
        """The highest points that populations which begin at `first` find; distinct ones go into the pools."""
        problems, rng = np.arange(len(first)), np.random.default_rng([self._seed, len(section.free)])
        if section.free:
            found = climb(section, first, STEPS, KEPT)
            best, lowest = _lowest(found)
            if (left := _left(lowest, decided, False)).size:
                some, drawn = section.chosen(left), self._drawn[:, section.free]
                for k, each in zip(left, _generations(some, [found[k] for k in left], drawn, amount, rng), strict=True):
                    found[k] = each
                best, lowest = _lowest(found)
            if (left := _left(lowest, decided, True)).size:
                best[left], lowest[left] = _polished(section.chosen(left), [found[k] for k in left], amount, rng)
        else:
            found, best = [], np.array([unit[0] for unit in first])
            lowest = section.cost(best, problems)
        points = section.point(best, problems)
        for k, (unit, cost) in enumerate(found):
            kept = [row for row in distinct(unit, cost, POOLED) if cost[row] < IMPOSSIBLE]
            theta, costs = section.point(unit[kept], np.full(len(kept), k)), cost[kept]
            if lowest[k] < IMPOSSIBLE:
                theta, costs = np.vstack([points[k], theta]), np.append(lowest[k], costs)
            self._keep(of[k], theta, costs)
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
    """Costs of points of each problem, (problem, n), at points of shape (problem or 1, n, free).

    What arrives at Earth at a point is computed once: rows that are equal to the one before share it.
    """
    each, n, free = section.problems, *unit.shape[1:]
    points = np.broadcast_to(unit, (each, n, free)).transpose(1, 0, 2).reshape(-1, free)
    return section.cost(points, np.tile(np.arange(each), n)).reshape(n, each).T


def _possible(section: Section, drawn: FloatArray, n: int) -> list[FloatArray]:
    """The first `n` points of those drawn that are possible, for each problem; no more are computed than it takes."""
    costs = np.empty((section.problems, 0))
    while costs.shape[1] < len(drawn) and np.any(np.sum(costs < IMPOSSIBLE, axis=1) < n):
        more = drawn[None, costs.shape[1] : costs.shape[1] + n]
        costs = np.hstack([costs, _of_all(section, more)])
    return [drawn[np.flatnonzero(cost < IMPOSSIBLE)[:n]] for cost in costs]


def _lowest(found: list[Population]) -> tuple[FloatArray, FloatArray]:
    """The best point of each problem, (problem, free), and its cost."""
    rows = [int(np.argmin(cost)) for _, cost in found]
    best = [(unit[row], cost[row]) for (unit, cost), row in zip(found, rows, strict=True)]
    return np.array([unit for unit, _ in best]), np.array([cost for _, cost in best])


def _left(lowest: FloatArray, decided: Decided | None, searched: bool) -> IntArray:
    """Problems whose search goes on."""
    return np.flatnonzero(np.full(len(lowest), True) if decided is None else ~decided(-lowest, searched))


def _generations(
    section: Section, found: list[Population], drawn: FloatArray, amount: Amount, rng: np.random.Generator
) -> list[Population]:
    """Populations with what their children come to, and what the best of all come to."""
    n_parent = math.ceil(PARENTS * math.sqrt(amount.effort)) or 1
    n_child = math.ceil(CHILDREN * drawn.shape[1] * amount.effort)
    for _ in range(amount.rounds):
        crossed = rng.random((n_child, drawn.shape[1])) < CROSSED
        donors = drawn[rng.integers(len(drawn), size=n_child)]
        parents = [unit[np.resize(distinct(unit, cost, n_parent), n_child)] for unit, cost in found]
        found = _joined(found, climb(section, [np.where(crossed, donors, each) for each in parents], STEPS, KEPT))
    last = [unit[distinct(unit, cost, 2 * n_parent, NEARBY)] for unit, cost in found]
    return _joined(found, climb(section, last, LAST_STEPS))


def _polished(
    section: Section, found: list[Population], amount: Amount, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """What the best distinct points of each problem come to that climbs cannot reach, (problem, free), and its cost."""
    n = max(LEAST_EVOLVED, math.ceil(EVOLVED * math.sqrt(amount.effort)))
    start = np.array([unit[np.resize(distinct(unit, cost, n, NEARBY), n)] for unit, cost in found])
    evolved = evolve(section.cost, start, amount.generations, rng)
    return simplex(section.cost, evolved, amount.accuracy, amount.evaluations)


def _joined(*parts: list[Population]) -> list[Population]:
    return [
        (np.vstack([unit for unit, _ in each]), np.concatenate([cost for _, cost in each]))
        for each in zip(*parts, strict=True)
    ]
