"""Likelihood ratios for or against a Z', profiled over everything else.

ln L is the Poisson likelihood, with the constraints that are on and the normal priors, which stand for auxiliary
measurements; uniform priors only bound the search and do not count. Asymptotically (Cowan et al. 2011, arXiv:1007.1727)
both statistics are half the time zero and else chi^2 with one degree of freedom, because g' cannot be negative: p =
P(chi^2_1 > q)/2, and 95 % is at q = 2.71. This holds at a mass that is given beforehand, and far from the ends of the
prior. With the mass free `significance` has no known distribution, and simulated data must say what a value means.
"""

import math

from scipy import stats

from nuinfer.analysis import Analysis
from nuinfer.inference.profile.profile import Profile
from nuinfer.inference.profile.search import BestFit, best_fit
from nuinfer.priors import Normal


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
    return float(stats.norm.ppf(level)) ** 2


def p_value(q: float) -> float:
    """p-value of either statistic: half the time it is zero, else chi^2 with one degree of freedom.

    Examples
    --------
    >>> round(p_value(threshold(0.95)), 3)
    0.05
    """
    return 0.5 * float(stats.chi2.sf(q, 1)) if q > 0.0 else 1.0
