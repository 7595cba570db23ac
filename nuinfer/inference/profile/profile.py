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

import itertools
import math
from collections.abc import Generator
from typing import NamedTuple

import numpy as np
from scipy import special

from nuinfer.analysis import Analysis
from nuinfer.confidence import INTERVAL, LIMIT, ONE_SIGMA
from nuinfer.constants import COORDINATES
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.climb import IMPOSSIBLE
from nuinfer.inference.profile.search import LOST_ENOUGH, WHOLE, Amount, BestFit, Search, best_fits
from nuinfer.inference.work.simulation import draw_data
from nuinfer.observed import DataSets
from nuinfer.priors import Normal
from nuinfer.typing import ArrayLike, BoolArray, FloatArray, IntArray

EDGE, CLOSE = 1e-4, 2e-4  # accuracy of a limit: of the prior range, and of the root of the loss
FIRST_STEPS, WIDER = 8, 4.0  # first step outwards where secants lead nowhere, over the accuracy, and its growth
SECANTS = 6  # steps after which no secant is tried any more
CLEAR = 0.3  # how far the root is below its target where a search ends early, because the value is allowed for sure
FAR = 4.0  # and above it, before children are tried
MASS, COUPLING = COORDINATES
TOGETHER = 16
"""Data sets that are fitted at a time."""


class Profile:
    """Best fits with one parameter fixed, against the best fit of all; of one data set, or of many in lockstep.

    Parameters
    ----------
    analysis, seed, starts, amount, data, bounds
        As for `nuinfer.inference.profile.search.Search`.

    Attributes
    ----------
    search : Search
        What finds them.
    bests : list of BestFit
        The best fit to each.
    """

    def __init__(
        self,
        analysis: Analysis,
        seed: int = 0,
        starts: FloatArray | None = None,
        amount: Amount = WHOLE,
        data: DataSets | None = None,
        bounds: FloatArray | None = None,
    ) -> None:
        self._names = analysis.parameter_names
        self.search = Search(analysis, seed, starts, amount, data, bounds=bounds)
        self.bests = self.search.best

    @property
    def best(self) -> BestFit:
        """The best fit, to the first data set."""
        return self.bests[0]

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

    def losses(self, name: str, value: float) -> FloatArray:
        """Log-probabilities that each data set loses with one parameter fixed, (data set,); 0 at its best fit."""
        of = np.arange(len(self.bests))
        found = self.search.fixed(self.column(name), np.full(len(of), value, float), of)
        return np.array([best.log_prob - one.log_prob for best, one in zip(self.bests, found, strict=True)])

    def at(self, name: str, value: float) -> BestFit:
        """Best fit to the first data set with one parameter fixed."""
        return self.search.fixed(self.column(name), np.array([value], float), np.zeros(1, np.intp))[0]

    def interval(self, name: str, level: float = ONE_SIGMA) -> tuple[float, float]:
        """Ends of the two-sided interval; an end that the data do not reach is that of the prior.

        Parameters
        ----------
        name : str
            A sampled parameter.
        level : float
            Confidence level.
        """
        ends = self.search.bounds[0, self.column(name)].tolist()
        found = [float(self._crossings(name, side, INTERVAL.drop(level))[0]) for side in (0, 1)]
        low, high = (end if math.isnan(one) else one for one, end in zip(found, ends, strict=True))
        return low, high

    def limit(self, name: str, side: str, level: float = 0.95) -> float | None:
        """One-sided limit, or None if the data exclude nothing inside the prior; see `limits`."""
        found = float(self.limits(name, side, level)[0])
        return None if math.isnan(found) else found

    def limits(self, name: str, side: str, level: float = 0.95) -> FloatArray:
        """One-sided limits by each data set, NaN where it excludes nothing inside the prior.

        Parameters
        ----------
        name : str
            A sampled parameter.
        side : str
            "upper" or "lower".
        level : float
            Confidence level.
        """
        return self._crossings(name, int(side == "upper"), LIMIT.drop(level))

    def _crossings(self, name: str, side: int, target: float) -> FloatArray:
        """Where the losses reach `target` on one side of the best fits, else NaN."""
        column, roots, going = self.column(name), np.full(len(self.bests), math.nan), list(range(len(self.bests)))
        low, high = self.search.bounds[:, column].T
        step = EDGE * (high - low)
        end = high - step if side else low + step  # the end itself may not belong to the prior

        def over(log_probs: ArrayLike, of: IntArray) -> FloatArray:
            """Roots of the losses, which are nearly straight, over that of the target."""
            lost = np.array([self.bests[k].log_prob for k in of]) - log_probs
            return np.asarray(np.sqrt(np.maximum(lost, 0.0)) - math.sqrt(target))

        for _ in range(3):  # again if a better fit turns up on the way
            before, tracks = [self.bests[k].log_prob for k in going], {}
            for k in going:
                theta, cost = self.search.pools[k]
                allowed, middle = theta[-cost > self.bests[k].log_prob - target, column], self.bests[k].theta[column]
                furthest = float((np.max if side else np.min)([*allowed, middle]))
                tracks[k] = _crossing(float(middle), furthest, float(end[k]), float(step[k]), -math.sqrt(target))
            asked = {k: next(track) for k, track in tracks.items()}
            while asked:
                rows = np.array(list(asked))

                def decided(log_probs: FloatArray, searched: bool, rows: IntArray = rows) -> BoolArray:
                    excess = over(log_probs, rows)
                    return (excess < -CLEAR) | (excess > FAR) & (searched | (log_probs > -IMPOSSIBLE))

                found, asked = self.search.fixed(column, np.array(list(asked.values())), rows, decided), {}
                for k, excess in zip(rows.tolist(), over([one.log_prob for one in found], rows).tolist(), strict=True):
                    try:
                        asked[k] = tracks[k].send(excess)
                    except StopIteration as ended:
                        roots[k] = ended.value
            going = [k for k, old in zip(going, before, strict=True) if self.bests[k].log_prob - old >= LOST_ENOUGH]
            if not going:
                break
        return roots


def _crossing(middle: float, known: float, end: float, step: float, least: float) -> Generator[float, float, float]:
    """Values to be tried, each answered by the excess there, until the zero between `middle` and `end` is found.

    It goes on from the value that is known to be inside along secants; where these lead nowhere, as where an exclusion
    cuts, outwards by larger and larger steps, then by halves.

    Parameters
    ----------
    middle, known, end : float
        Where the excess is `least`; the furthest value known to be inside; the end.
    step : float
        Accuracy.
    least : float
        Excess at the best fit.

    Returns
    -------
    float
        NaN if the end is inside.
    """
    inside, outside = (middle, least), (end, (yield end))
    if outside[1] <= 0.0 or middle == end:
        return math.nan
    here, width, value = inside, FIRST_STEPS * step, known if abs(known - middle) > step else 0.5 * (middle + end)
    for tried in itertools.count():
        before, here = here, (value, (yield value))
        inside, outside = (here, outside) if here[1] < 0.0 else (inside, here)
        gap, rise = outside[0] - inside[0], here[1] - before[1]
        if abs(here[1]) < CLOSE or abs(gap) <= step:
            return min(inside, outside, key=lambda point: abs(point[1]))[0]
        value = here[0] - here[1] * (here[0] - before[0]) / rise if 0.0 < abs(rise) < FAR else math.nan
        if not 0.0 < (value - inside[0]) / gap < 1.0 or tried > SECANTS:
            value, width = inside[0] + math.copysign(min(width, 0.5 * abs(gap)), gap), WIDER * width
    raise AssertionError


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

    def statistics(profile: Profile) -> FloatArray:
        lost = profile.losses(name, value)
        best = np.array([one.theta[profile.column(name)] for one in profile.bests])
        return np.where((best > value) == (side == "upper"), 0.0, lost)

    observed = Profile(analysis, seed)
    threshold = statistics(observed)[0]
    at = dict(zip(analysis.parameter_names, observed.at(name, value).theta.tolist(), strict=True))
    rng = np.random.default_rng(seed)
    drawn = [draw_data(analysis, at, rng) for _ in range(n)]
    groups = [analysis.data_sets(drawn[k : k + TOGETHER]) for k in range(0, n, TOGETHER)]
    reached = sum(np.sum(statistics(Profile(analysis, seed, data=some)) >= threshold) for some in groups)
    return float((1 + reached) / (1 + n))


# Likelihood ratios ---------------------------------------------------------------------------------------------------


def log_likelihood(analysis: Analysis, best: BestFit) -> float:
    """Log-likelihood and normal priors of a best fit, without the densities of other priors."""
    flat = (prior.coefficients[0] for _, prior in analysis.space.sampled if not isinstance(prior, Normal))
    return best.log_prob - sum(flat)


class Preferred(NamedTuple):
    """A Z' against none: twice ln [max L / max L without one], at least 0, and the best fit with one."""

    q: float
    best: BestFit


def significances(analysis: Analysis, data: DataSets, seed: int = 0, effort: float = 1.0) -> list[Preferred]:
    """What many data sets say for a Z'.

    Parameters
    ----------
    analysis : Analysis
        With absorption; fix ``log10_m_zprime_mev`` for a test at a given mass.
    data : DataSets
        See `Analysis.data_sets`.
    seed, effort
        Of the searches, see `best_fit`.
    """
    standard = analysis.with_overrides({"model.absorption": False})
    without = best_fits(standard, data.of(analysis.constraints, standard.constraints), seed, effort)
    found = []
    for best, null in zip(best_fits(analysis, data, seed, effort), without, strict=True):
        ratio = 2.0 * (log_likelihood(analysis, best) - log_likelihood(standard, null))
        found.append(Preferred(max(0.0, ratio), best))
    return found


def significance(analysis: Analysis, seed: int = 0) -> float:
    """Twice ln [max L / max L without a Z'], at least 0, for the data of an analysis; see `significances`."""
    return significances(analysis, analysis.own, seed)[0].q


class Tested(NamedTuple):
    """A coupling against others at its mass, for each data set, (n,).

    ``ratio`` is twice ln [max L at this mass / max L at this mass and coupling], ``larger`` whether the best coupling
    is the larger one: then the data do not speak against this one as an upper limit would.
    """

    ratio: FloatArray
    larger: BoolArray


def against(analysis: Analysis, data: DataSets, m_zprime_mev: float, g_prime: float, seed: int = 0) -> Tested:
    """What many data sets say of a coupling.

    Parameters
    ----------
    analysis : Analysis
        With absorption.
    data : DataSets
        See `Analysis.data_sets`.
    m_zprime_mev, g_prime : float
        The hypothesis.
    seed : int
        Of the searches.
    """
    profile, coupling = Profile(at_mass(analysis, m_zprime_mev), seed, data=data), math.log10(g_prime)
    lost = profile.losses(COUPLING, coupling)
    best = np.array([best.theta[profile.column(COUPLING)] for best in profile.bests])
    return Tested(2.0 * lost, best > coupling)


def at_mass(analysis: Analysis, m_zprime_mev: float) -> Analysis:
    """The analysis with the mass of the Z' fixed."""
    return analysis.with_overrides({f"parameters.{MASS}.value": math.log10(m_zprime_mev)})


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
    return 0.5 * float(special.chdtrc(1.0, q)) if q > 0.0 else 1.0
