"""The search for a maximum: of everything, or with one parameter fixed.

The log-probability has many narrow modes, one for every group of bins that a dip can fill. The global maximum is the
best of several independent populations of a differential evolution (Storn and Price, J. Global Optim. 11 (1997) 341).
They begin all over the prior, each ends in one mode, and a quasi-Newton descent follows. A
search with a parameter fixed starts from these modes, from what the populations were on their way and from draws of the
prior: a smaller evolution and a descent.
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
ALL_OVER: dict[str, Any] = {"strategy": "rand1bin", "mutation": (0.4, 0.9), "recombination": 0.9, "maxiter": 600}
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
    """The largest log-probability that is found anywhere in the prior, that is of likelihood times prior.

    Where a narrow mode of a model with absorption is the highest, it can be missed, by some tenths.

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
        size = PER_DIMENSION * (len(bounds) + 1)
        places = unit[np.argsort(impossible, kind="stable")[: ISLANDS * size]].reshape(ISLANDS, size, -1)
        islands = [_evolved(section.cost, place, rng, **ALL_OVER) for place in places]
        modes = [_descended(section.cost, end, cost)[0] for end, cost, _ in islands]
        found = section.point(np.vstack([modes, *(early for _, _, early in islands)]))
        self._pool = np.vstack([found, known[:POOL], drawn[:POOL]])

    def maximum(self, column: int | None = None, value: float = 0.0) -> BestFit:
        """The maximum, with the parameter of one column fixed to a value or with none fixed."""
        section = _Section(self._analysis, self.bounds, column, value)
        starts, costs = section.starts(self._pool)
        unit, lowest = starts[np.argmin(costs)], float(np.min(costs))
        if lowest < IMPOSSIBLE and len(section.free):
            if column is not None:
                unit, lowest, _ = _evolved(section.cost, starts, np.random.default_rng(self._seed), maxiter=400)
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


def _evolved(
    cost: Cost, start: FloatArray, rng: np.random.Generator, **settings: Any
) -> tuple[FloatArray, float, FloatArray]:
    """Differential evolution in the unit cube of the population `start`, a call of `cost` per generation.

    Returns
    -------
    best : ndarray, shape (free,)
    lowest : float
        Its cost.
    early : ndarray, shape (n, free)
        The population on its way.
    """
    populations: list[FloatArray] = []

    def keep(intermediate_result: Any) -> None:
        if len(populations) < EARLY:
            populations.append(intermediate_result.population.copy())

    settings |= {"vectorized": True, "updating": "deferred", "polish": False, "tol": 0.0, "atol": LOST_ENOUGH}
    settings |= {"func": lambda columns: cost(columns.T), "init": start, "rng": rng, "callback": keep}
    walls = optimize.Bounds(np.zeros(start.shape[1]), np.ones(start.shape[1]))
    found: Any = optimize.differential_evolution(bounds=walls, **settings)
    return np.asarray(found.x), float(found.fun), populations[-1] if populations else start


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
