"""Profile likelihood: the best fit, and limits that do not depend on the floor of a prior.

What is maximised is the log-probability, that is the likelihood times the normal priors, which stand for auxiliary
measurements; uniform priors only bound the search. The interval of one parameter is where twice the loss of its
profile stays below a quantile of chi^2 with one degree of freedom (Wilks), a one-sided limit where the signed root of
that loss reaches the quantile of a unit normal (Cowan et al. 2011, arXiv:1007.1727). `pseudo_experiments` checks these
asymptotics.
"""

import numpy as np
from scipy import optimize, stats

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.search import LOST_ENOUGH, BestFit, Search
from nuinfer.typing import FloatArray

EDGE = 1e-4  # of the prior range: the accuracy of a limit


class Profile:
    """Best fits with one parameter fixed, against the best fit of all.

    Parameters
    ----------
    analysis, seed, starts
        As for `nuinfer.inference.profile.search.best_fit`.
    """

    def __init__(self, analysis: Analysis, seed: int = 0, starts: FloatArray | None = None) -> None:
        self._names = analysis.parameter_names
        self._search = Search(analysis, seed, starts)
        self.best = self._search.maximum()

    def column(self, name: str) -> int:
        """Column of a parameter.

        Raises
        ------
        ConfigError
            If it is not sampled.
        """
        if name not in self._names:
            raise ConfigError(f"parameter '{name}': not one of {', '.join(self._names)}")
        return self._names.index(name)

    def at(self, name: str, value: float) -> BestFit:
        """Best fit with one parameter fixed."""
        found = self._search.maximum(self.column(name), value)
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
        ends = self._search.bounds[self.column(name)]
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
        ends = self._search.bounds[column]
        step = EDGE * float(np.ptp(ends))
        end = float(ends[side]) + (step, -step)[side]  # the end itself may not belong to the prior
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

        middle = float(self.best.theta[self.column(name)])
        if excess(end) <= 0.0:
            return None
        return float(optimize.brentq(excess, middle, end, xtol=step, full_output=False))


def pseudo_experiments(analysis: Analysis, name: str, value: float, side: str, n: int = 100, seed: int = 0) -> float:
    """p-value of a parameter's value from simulated data instead of Wilks' theorem; a limit is where it is 0.05.

    Data are drawn at the best fit with the parameter fixed to `value`. Compared is the loss of log-probability, which
    is zero where the best fit lies beyond `value`. Auxiliary measurements, the normal priors, are not drawn.

    Parameters
    ----------
    analysis : Analysis
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
        loss, best = profile.loss(name, value), profile.best.theta[profile.column(name)]
        return 0.0 if (best > value) == (side == "upper") else loss

    observed = Profile(analysis, seed)
    threshold = statistic(observed)
    expected = analysis.expected_counts(observed.at(name, value).theta)
    rng = np.random.default_rng(seed)
    reached = sum(
        statistic(Profile(analysis.with_observed(rng.poisson(expected)), seed)) >= threshold for _ in range(n)
    )
    return (1 + reached) / (1 + n)
