"""Profile likelihood: the best fit, and limits that do not depend on the floor of a prior.

What is maximised is the log-probability, that is the likelihood times the normal priors, which stand for auxiliary
measurements; uniform priors only bound the search. The interval of one parameter is where twice the loss of its
profile stays below a quantile of chi^2 with one degree of freedom (Wilks), a one-sided limit where the signed root of
that loss reaches the quantile of a unit normal (`nuinfer.confidence`). `pseudo_experiments` checks these asymptotics.

Likelihood ratios for or against a Z' are profiled over everything else. There ln L is the Poisson likelihood, with the
constraints that are on and the normal priors; the densities of uniform priors do not count. Asymptotically both
statistics are half the time zero and else chi^2 with one degree of freedom, because g' cannot be negative: p =
P(chi^2_1 > q)/2, and 95 % is at q = 2.71. This holds at a mass that is given beforehand, and far from the ends of the
prior. With the mass free `significance` has no known distribution, and simulated data must say what a value means.
"""

import math

import numpy as np
from scipy import optimize, stats

from nuinfer.analysis import Analysis
from nuinfer.confidence import INTERVAL, LIMIT, ONE_SIGMA
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.search import LOST_ENOUGH, BestFit, Search, best_fit
from nuinfer.inference.work.simulation import draw_data
from nuinfer.priors import Normal
from nuinfer.typing import FloatArray

EDGE = 1e-4  # of the prior range: the accuracy of a limit


class Profile:
    """Best fits with one parameter fixed, against the best fit of all.

    Parameters
    ----------
    analysis, seed, starts, effort
        As for `nuinfer.inference.profile.search.best_fit`.
    """

    def __init__(
        self, analysis: Analysis, seed: int = 0, starts: FloatArray | None = None, effort: float = 1.0
    ) -> None:
        self._names = analysis.parameter_names
        self._search = Search(analysis, seed, starts, effort)
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

    def interval(self, name: str, level: float = ONE_SIGMA) -> tuple[float, float]:
        """Ends of the two-sided interval; an end that the data do not reach is that of the prior.

        Parameters
        ----------
        name : str
            A sampled parameter.
        level : float
            Confidence level.
        """
        target = INTERVAL.drop(level)
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
        return self._crossing(name, int(side == "upper"), LIMIT.drop(level))

    def _crossing(self, name: str, side: int, target: float) -> float | None:
        """Where the loss reaches `target` on one side of the best fit, seen from the end of the prior."""
        column = self.column(name)
        ends = self._search.bounds[column]
        step = EDGE * float(np.ptp(ends))
        end = float(ends[side]) + (step, -step)[side]  # the end itself may not belong to the prior
        found = {end: self.at(name, end).log_prob}  # one search per value

        def excess(value: float) -> float:
            """Root of the loss, which is nearly straight, over that of the target."""
            if value not in found:
                found[value] = self.at(name, value).log_prob
            return math.sqrt(max(0.0, self.best.log_prob - found[value])) - math.sqrt(target)

        for _ in range(3):  # again if a better fit turns up on the way
            before, middle = self.best.log_prob, float(self.best.theta[column])
            if before - found[end] <= target:
                return None
            found[middle] = before
            root = float(optimize.brentq(excess, middle, end, xtol=step, full_output=False))
            if self.best.log_prob - before < LOST_ENOUGH:
                break
        return root


def pseudo_experiments(analysis: Analysis, name: str, value: float, side: str, n: int = 100, seed: int = 0) -> float:
    """p-value of a parameter's value from simulated data instead of Wilks' theorem; a limit is where it is 0.05.

    Data, counts and the measured values of two-sided constraints, are drawn at the best fit with the parameter fixed to
    `value`. Compared is the loss of log-probability, which is zero where the best fit lies beyond `value`. Other
    auxiliary measurements, the normal priors, are not drawn.

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
    at = dict(zip(analysis.parameter_names, observed.at(name, value).theta.tolist(), strict=True))
    rng = np.random.default_rng(seed)
    drawn = (analysis.with_observed(*draw_data(analysis, at, rng)) for _ in range(n))
    reached = sum(statistic(Profile(each, seed)) >= threshold for each in drawn)
    return (1 + reached) / (1 + n)


# Likelihood ratios ---------------------------------------------------------------------------------------------------


def log_likelihood(analysis: Analysis, best: BestFit) -> float:
    """Log-likelihood and normal priors of a best fit, without the densities of other priors."""
    flat = (prior.coefficients[0] for _, prior in analysis.space.sampled if not isinstance(prior, Normal))
    return best.log_prob - sum(flat)


def significance(analysis: Analysis, seed: int = 0) -> float:
    """Twice ln [max L / max L without a Z'], at least 0: what the data say for a Z'.

    Parameters
    ----------
    analysis : Analysis
        With absorption; fix ``log10_m_zprime_mev`` for a test at a given mass.
    seed : int
        Of the searches.
    """
    with_zprime = best_fit(analysis, seed)
    standard = analysis.with_overrides({"model.absorption": False})
    without = best_fit(standard, seed)
    return max(0.0, 2.0 * (log_likelihood(analysis, with_zprime) - log_likelihood(standard, without)))


def exclusion(analysis: Analysis, m_zprime_mev: float, g_prime: float, seed: int = 0) -> float:
    """Twice ln [max L at this mass / max L at this mass and coupling], 0 if a larger coupling fits best.

    Parameters
    ----------
    analysis : Analysis
        With absorption.
    m_zprime_mev, g_prime : float
        The hypothesis.
    seed : int
        Of the searches.
    """
    at_mass = analysis.with_overrides({"parameters.log10_m_zprime_mev.value": math.log10(m_zprime_mev)})
    profile, coupling = Profile(at_mass, seed), math.log10(g_prime)
    loss = profile.loss("log10_g_prime", coupling)
    larger = profile.best.theta[profile.column("log10_g_prime")] > coupling
    return 0.0 if larger else 2.0 * loss


def threshold(level: float) -> float:
    """Value of either statistic at a one-sided confidence level: 2.71 at 95 %.

    Examples
    --------
    >>> round(threshold(0.95), 3)
    2.706
    """
    return 2.0 * LIMIT.drop(level)


def p_value(q: float) -> float:
    """p-value of either statistic: half the time it is zero, else chi^2 with one degree of freedom.

    Examples
    --------
    >>> round(p_value(threshold(0.95)), 3)
    0.05
    """
    return 0.5 * float(stats.chi2.sf(q, 1)) if q > 0.0 else 1.0
