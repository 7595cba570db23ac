"""The search for a maximum: of everything, or with one parameter fixed.

The log-probability has many narrow modes, one for every group of bins that a dip can fill. The global maximum is the
best of several independent populations of a differential evolution (Storn and Price, J. Global Optim. 11 (1997) 341).
They begin all over the prior, each ends in one mode, and a quasi-Newton descent follows; all are evaluated in one call.
A search with a parameter fixed starts from these modes, from what the populations were on their way and from draws of
the prior: a smaller evolution and a descent.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.typing import FloatArray

PRIOR_DRAWS = 4000  # of which the possible ones come first into the populations
ISLANDS, PER_DIMENSION = 4, 16  # populations of the global search, and their size over one more than the dimensions
EARLY = 20  # generation at which populations still are all over the place
GENERATIONS = 600
POOL = 1000  # draws of the prior among the starts of searches with a parameter fixed
STRATA = 8  # per parameter; the best draw of each is a start
LOST_ENOUGH = 1e-3  # spread of the log-probability in the population at which a search ends
IMPOSSIBLE = 1e30  # instead of infinity, which the optimisers cannot average
GRADIENT_STEP = 1e-5  # of the prior range
Cost = Callable[[FloatArray], FloatArray]  # of n points, shape (n, free)


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


def best_fit(analysis: Analysis, seed: int = 0, starts: FloatArray | None = None) -> BestFit:
    """The global maximum of the log-probability, that is of likelihood times prior.

    Parameters
    ----------
    analysis : Analysis
        What is maximised.
    seed : int
        Of the prior draws and the search.
    starts : array, shape (n, n_dim), optional
        More points to start from, draws of the posterior for example; the best fit is no worse than any of them.

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
    return Search(analysis, seed, starts).maximum()


class Search:
    """Searches of one analysis, each of which starts from what the others have found.

    Parameters
    ----------
    analysis, seed, starts
        As for `best_fit`.
    """

    def __init__(self, analysis: Analysis, seed: int, starts: FloatArray | None = None) -> None:
        self._analysis, self._seed = analysis, seed
        rng = np.random.default_rng(seed)
        drawn = analysis.sample_prior(PRIOR_DRAWS, rng)
        known = drawn[:0] if starts is None else starts
        bounds = np.array(analysis.prior_bounds, float)
        reached = np.stack([drawn.min(axis=0), drawn.max(axis=0)], axis=-1)
        wider = reached + np.ptp(reached, axis=-1, keepdims=True) * [-1.0, 1.0]
        self.bounds = np.where(np.isfinite(bounds), bounds, wider)
        section = _Section(analysis, self.bounds, None, 0.0)
        unit = section.unit(drawn)
        impossible = section.cost(unit) >= IMPOSSIBLE
        if impossible.all() and not len(known):
            raise ConfigError(f"profile: none of {PRIOR_DRAWS} draws of the prior has a finite log-probability")
        size = ISLANDS * PER_DIMENSION * (len(bounds) + 1)
        early, ends, costs = _islands(section.cost, unit[np.argsort(impossible, kind="stable")[:size]], rng)
        modes = [_descended(section.cost, end, cost)[0] for end, cost in zip(ends, costs, strict=True)]
        self._pool = np.vstack([section.point(np.vstack([modes, early])), known[:POOL], drawn[:POOL]])

    def maximum(self, column: int | None = None, value: float = 0.0) -> BestFit:
        """The maximum, with the parameter of one column fixed to a value or with none fixed."""
        section = _Section(self._analysis, self.bounds, column, value)
        starts, costs = section.starts(self._pool)
        unit, lowest = starts[np.argmin(costs)], float(np.min(costs))
        if lowest < IMPOSSIBLE and len(section.free):
            if column is not None:
                unit, lowest = _evolved(section.cost, starts, self._seed)
            unit, lowest = _descended(section.cost, unit, lowest)
        point = section.point(unit)
        if lowest < IMPOSSIBLE:
            self._pool = np.vstack([point, self._pool])
        _, terms = self._analysis.evaluate(point[None])
        named = dict(zip(self._analysis.term_names, terms[0].tolist(), strict=True))
        return BestFit(point, -lowest if lowest < IMPOSSIBLE else -math.inf, named)


class _Section:
    """The free parameters, scaled to the unit cube, with one column of theta fixed or none."""

    def __init__(self, analysis: Analysis, bounds: FloatArray, column: int | None, value: float) -> None:
        self._analysis, self._value, self._n_dim = analysis, value, len(bounds)
        self.free = [k for k in range(len(bounds)) if k != column]
        self._low, self._high = bounds[self.free].T

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
        log_prob, _ = self._analysis.evaluate(self.point(unit))
        return np.where(np.isfinite(log_prob), -log_prob, IMPOSSIBLE)

    def starts(self, pool: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The best point of a pool in each stratum of each free parameter, at least 5, with their costs."""
        unit = self.unit(pool)
        costs = self.cost(unit)
        chosen = set(np.argsort(costs)[:5].tolist())
        for values in unit.T:
            stratum = (STRATA * np.argsort(np.argsort(values))) // len(values)
            rows = [np.flatnonzero(stratum == k) for k in range(STRATA)]
            chosen |= {int(row[np.argmin(costs[row])]) for row in rows}
        rows_chosen = sorted(chosen)
        return unit[rows_chosen], costs[rows_chosen]


def _islands(cost: Cost, start: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, list[float]]:
    """Differential evolution of independent populations in the unit cube, all of them in one call per generation.

    Returns
    -------
    early : ndarray, shape (point, free)
        The populations on their way.
    ends : ndarray, shape (island, free)
        Best point of each island.
    costs : list of float
        Their costs.
    """
    size, free = len(start) // ISLANDS, start.shape[1]
    unit, value = start.reshape(ISLANDS, size, free).copy(), cost(start).reshape(ISLANDS, size)
    early, island = start, np.arange(ISLANDS)[:, None]
    for generation in range(GENERATIONS):
        if generation == EARLY:
            early = unit.reshape(-1, free).copy()
        one, two, three = rng.integers(size, size=(3, ISLANDS, size))
        step = unit[island, two] - unit[island, three]
        trial = unit[island, one] + rng.uniform(0.4, 0.9, (ISLANDS, size, 1)) * step
        changed = (rng.random(trial.shape) < 0.9) | (np.arange(free) == rng.integers(free, size=(ISLANDS, size, 1)))
        trial = np.where(changed, np.clip(1.0 - np.abs(1.0 - np.abs(trial)), 0.0, 1.0), unit)  # reflected at the walls
        found = cost(trial.reshape(-1, free)).reshape(value.shape)
        better = found <= value
        unit[better], value[better] = trial[better], found[better]
        if np.all(np.ptp(value, axis=1) < LOST_ENOUGH):
            break
    best = value.argmin(axis=1)
    return early, unit[island[:, 0], best], value.min(axis=1).tolist()


def _evolved(cost: Cost, start: FloatArray, seed: int) -> tuple[FloatArray, float]:
    """Differential evolution of a population in the unit cube."""
    walls = optimize.Bounds(np.zeros(start.shape[1]), np.ones(start.shape[1]))
    settings: dict[str, Any] = {"vectorized": True, "updating": "deferred", "polish": False, "maxiter": 400}
    settings |= {"init": start, "tol": 0.0, "atol": LOST_ENOUGH, "rng": np.random.default_rng(seed)}
    settings["func"] = lambda columns: cost(columns.T)
    found = optimize.differential_evolution(bounds=walls, **settings)
    return np.asarray(found.x), float(found.fun)


def _descended(cost: Cost, start: FloatArray, lowest: float) -> tuple[FloatArray, float]:
    """Quasi-Newton descent with all points of the gradient in one call; kept if it is better."""
    steps = GRADIENT_STEP * np.eye(len(start))

    def with_gradient(unit: FloatArray) -> tuple[float, FloatArray]:
        ahead, behind = np.clip(unit + steps, 0.0, 1.0), np.clip(unit - steps, 0.0, 1.0)
        values = cost(np.vstack([unit, ahead, behind]))
        rise = values[1 : 1 + len(unit)] - values[1 + len(unit) :]
        gradient = np.where(np.abs(rise) < IMPOSSIBLE / 2.0, rise / np.sum(ahead - behind, axis=1), 0.0)
        return float(values[0]), gradient

    found: Any = optimize.minimize(with_gradient, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * len(start))
    return (np.asarray(found.x), float(found.fun)) if found.fun < lowest else (start, lowest)
