"""Profile likelihood: the best fit, and limits that do not depend on the floor of a prior.

What is maximised is the log-probability, that is the likelihood times the normal priors, which stand for auxiliary
measurements; uniform priors only bound the search. The interval of one parameter is where twice the loss of its
profile stays below a quantile of chi^2 with one degree of freedom (Wilks), a one-sided limit where the signed root of
that loss reaches the quantile of a unit normal (Cowan et al. 2011, arXiv:1007.1727). `pseudo_experiments` checks these
asymptotics.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from nuinfer.errors import ConfigError
from nuinfer.inference.protocol import SampledAnalysis, SimulatedAnalysis
from nuinfer.typing import FloatArray

PRIOR_DRAWS = 4000  # among which the first search finds its starts
POOL = 1000  # of them for the other searches
STRATA = 8  # per parameter; the best draw of each is a start
LOST_ENOUGH = 1e-3  # spread of the log-probability in the population at which a search ends
IMPOSSIBLE = 1e30  # instead of infinity, which the optimisers cannot average
GRADIENT_STEP = 1e-5  # of the prior range
EDGE = 1e-4  # of the prior range: the accuracy of a limit


@dataclass(frozen=True)
class Maximum:
    """A best fit.

    Parameters
    ----------
    point : ndarray, shape (n_dim,)
        The parameters.
    log_prob : float
        Likelihood and priors there.
    """

    point: FloatArray
    log_prob: float


class Profile:
    """Maximises an analysis over all parameters or with one of them fixed.

    The profile likelihood has many narrow modes, one for every group of bins that a dip can fill. Starts are the best
    draws of the prior in each eighth of the range of each parameter. The first search descends from every one of them;
    what it finds are starts of all others. Every search is a differential evolution, which survives exclusions, and a
    quasi-Newton descent.

    Parameters
    ----------
    analysis : SampledAnalysis
        What is maximised.
    seed : int
        Of the prior draws and the searches.
    starts : array, shape (n, n_dim), optional
        More points to start from, draws of the posterior for example.

    Raises
    ------
    ConfigError
        If no draw of the prior is possible.
    """

    def __init__(self, analysis: SampledAnalysis, seed: int = 0, starts: FloatArray | None = None) -> None:
        self._analysis, self._seed = analysis, seed
        self._pool = analysis.sample_prior(PRIOR_DRAWS, np.random.default_rng(seed))
        known = self._pool[:0] if starts is None else starts
        bounds = np.array(analysis.prior_bounds, float)
        drawn = np.stack([self._pool.min(axis=0), self._pool.max(axis=0)], axis=-1)
        wider = drawn + np.ptp(drawn, axis=-1, keepdims=True) * [-1.0, 1.0]
        self._bounds = np.where(np.isfinite(bounds), bounds, wider)
        section = _Section(analysis, self._bounds, None, 0.0)
        first, costs = section.starts(np.vstack([known, self._pool]))
        if np.min(costs) >= IMPOSSIBLE:
            raise ConfigError(f"profile: none of {PRIOR_DRAWS} draws of the prior has a finite log-probability")
        modes = [_descended(section.cost, start, cost)[0] for start, cost in zip(first, costs, strict=True)]
        self._pool = np.vstack([section.point(np.array(modes)), known[:POOL], self._pool[:POOL]])
        self.best = self._search(None, 0.0)

    def column(self, name: str) -> int:
        """Column of a parameter.

        Raises
        ------
        ConfigError
            If it is not sampled.
        """
        names = self._analysis.parameter_names
        if name not in names:
            raise ConfigError(f"parameter '{name}': not one of {', '.join(names)}")
        return names.index(name)

    def at(self, name: str, value: float) -> Maximum:
        """Best fit with one parameter fixed."""
        found = self._search(self.column(name), value)
        if found.log_prob > self.best.log_prob:
            self.best = found
        return found

    def loss(self, name: str, value: float) -> float:
        """Log-probability lost against the best fit with one parameter fixed; 0 at the best fit."""
        found = self.at(name, value)
        return self.best.log_prob - found.log_prob

    def interval(self, name: str, level: float = 0.68) -> tuple[float, float]:
        """Ends of the two-sided interval; an end that the data do not reach is that of the prior.

        Parameters
        ----------
        name : str
            A sampled parameter.
        level : float
            Confidence level.
        """
        target = 0.5 * float(stats.chi2.ppf(level, 1))
        low, high = (self._crossing(name, side, target) for side in (0, 1))
        ends = self._bounds[self.column(name)]
        return ends[0] if low is None else low, ends[1] if high is None else high

    def limit(self, name: str, side: str, level: float = 0.95) -> float | None:
        """One-sided limit, or None if the data exclude nothing inside the prior.

        Parameters
        ----------
        name : str
            A sampled parameter.
        side : str
            "upper" or "lower".
        level : float
            Confidence level.
        """
        return self._crossing(name, int(side == "upper"), 0.5 * float(stats.norm.ppf(level)) ** 2)

    def _crossing(self, name: str, side: int, target: float) -> float | None:
        """Where the loss reaches `target` on one side of the best fit, seen from the end of the prior."""
        column = self.column(name)
        step = EDGE * float(np.ptp(self._bounds[column]))
        end = float(self._bounds[column, side]) + (step, -step)[side]  # the end itself may not belong to the prior
        if self.loss(name, end) <= target:
            return None
        found = None
        for _ in range(3):  # again if a better fit turns up on the way
            before = self.best.log_prob
            found = self._root(name, end, target, step)
            if found is None or self.best.log_prob - before < LOST_ENOUGH:
                break
        return found

    def _root(self, name: str, end: float, target: float, step: float) -> float | None:
        """Where the loss reaches `target` between the best fit and `end`; None if it does not."""
        found: dict[float, float] = {}  # one search per value: a second one may do better, and confuse the root finder

        def excess(value: float) -> float:
            if value not in found:
                found[value] = self.at(name, value).log_prob
            return self.best.log_prob - found[value] - target

        middle = float(self.best.point[self.column(name)])
        if excess(end) <= 0.0:
            return None
        return float(optimize.brentq(excess, middle, end, xtol=step, full_output=False))

    def _search(self, column: int | None, value: float) -> Maximum:
        section = _Section(self._analysis, self._bounds, column, value)
        starts, costs = section.starts(self._pool)
        unit, lowest = starts[np.argmin(costs)], float(np.min(costs))
        if lowest >= IMPOSSIBLE:
            return Maximum(section.point(unit), -math.inf)
        if len(section.free):
            unit, lowest = _evolved(section.cost, starts, self._seed)
            unit, lowest = _descended(section.cost, unit, lowest)
        point = section.point(unit)
        self._pool = np.vstack([point, self._pool])
        return Maximum(point, -lowest)


class _Section:
    """The free parameters, scaled to the unit cube, with one column of theta fixed or none."""

    def __init__(self, analysis: SampledAnalysis, bounds: FloatArray, column: int | None, value: float) -> None:
        self._analysis, self._value, self._n_dim = analysis, value, len(bounds)
        self.free = [k for k in range(len(bounds)) if k != column]
        self._low, self._high = bounds[self.free].T

    def point(self, unit: FloatArray) -> FloatArray:
        """Parameters, shape (..., n_dim), at points of the cube, shape (..., free)."""
        theta = np.full((*unit.shape[:-1], self._n_dim), self._value)
        theta[..., self.free] = np.clip(self._low + unit * (self._high - self._low), self._low, self._high)
        return self._analysis.into_prior(theta, [k for k in range(self._n_dim) if k not in self.free])

    def cost(self, unit: FloatArray) -> FloatArray:
        """Minus the log-probability, shape (n,), at n points of the cube."""
        log_prob, _ = self._analysis.evaluate(self.point(unit))
        return np.where(np.isfinite(log_prob), -log_prob, IMPOSSIBLE)

    def starts(self, pool: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The best point of a pool in each stratum of each free parameter, at least 5, with their costs."""
        unit = np.clip((pool[:, self.free] - self._low) / (self._high - self._low), 0.0, 1.0)
        costs = self.cost(unit)
        chosen = set(np.argsort(costs)[:5].tolist())
        for values in unit.T:
            stratum = (STRATA * np.argsort(np.argsort(values))) // len(values)
            rows = [np.flatnonzero(stratum == k) for k in range(STRATA)]
            chosen |= {int(row[np.argmin(costs[row])]) for row in rows}
        rows_chosen = sorted(chosen)
        return unit[rows_chosen], costs[rows_chosen]


def _evolved(cost: Callable[[FloatArray], FloatArray], start: FloatArray, seed: int) -> tuple[FloatArray, float]:
    """Differential evolution of a population in the unit cube."""

    def of_columns(columns: FloatArray, /, *_: Any, **__: Any) -> Any:
        return cost(columns.T)

    found = optimize.differential_evolution(
        of_columns,
        optimize.Bounds(np.zeros(start.shape[1]), np.ones(start.shape[1])),
        init=start,
        vectorized=True,
        updating="deferred",
        polish=False,
        tol=0.0,
        atol=LOST_ENOUGH,
        maxiter=400,
        rng=np.random.default_rng(seed),
    )
    return np.asarray(found.x), float(found.fun)


def _descended(cost: Callable[[FloatArray], FloatArray], start: FloatArray, lowest: float) -> tuple[FloatArray, float]:
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


def pseudo_experiments(
    analysis: SimulatedAnalysis, name: str, value: float, side: str, n: int = 100, seed: int = 0
) -> float:
    """p-value of a parameter's value from simulated data instead of Wilks' theorem; a limit is where it is 0.05.

    Data are drawn at the best fit with the parameter fixed to `value`. Compared is the loss of log-probability, which
    is zero where the best fit lies beyond `value`. Auxiliary measurements, the normal priors, are not drawn.

    Parameters
    ----------
    analysis : SimulatedAnalysis
        What is tested.
    name : str
        A sampled parameter.
    value : float
        Its value.
    side : str
        "upper" or "lower": which limit is meant.
    n : int
        Number of data sets; the p-value is at least 1/(n + 1).
    seed : int
        Of the data and the searches.
    """
    if n < 1:
        raise ConfigError(f"pseudo-experiments: {n} is not allowed; at least 1 is needed")

    def statistic(profile: Profile) -> float:
        loss, best = profile.loss(name, value), profile.best.point[profile.column(name)]
        return 0.0 if (best > value) == (side == "upper") else loss

    observed = Profile(analysis, seed)
    threshold = statistic(observed)
    expected = analysis.expected_counts(observed.at(name, value).point)
    rng = np.random.default_rng(seed)
    reached = sum(
        statistic(Profile(analysis.with_observed(rng.poisson(expected)), seed)) >= threshold for _ in range(n)
    )
    return (1 + reached) / (1 + n)
