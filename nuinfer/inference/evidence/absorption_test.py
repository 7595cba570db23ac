"""Absorption against none in three ways: evidences, the Savage-Dickey ratio, and the likelihood ratio.

The hypothesis without absorption is the limit g' -> 0 of the one with it, up to what constraints on the mass alone do
to a mediator however feebly coupled. On the plateau of small g' the likelihood is that of the Standard Model times
c(m, ...), the product of the constraints there over their Standard Model values, so that

    Z_absorption / Z_none = <c> h p(plateau) / p(plateau | data),

with <c> the prior mean of c: the share of the prior that mass-only exclusions leave, or a mean of likelihoods, and h
near 1 the mean likelihood on the plateau over that at its lower end, which is taken for the limit. It is
the Savage-Dickey density ratio (Dickey 1971, Ann. Math. Stat. 42, 204) at a point that has become an interval. The
likelihood ratio needs simulated data, because mass, coupling and neutrino masses mean nothing without absorption
and Wilks' theorem does not apply.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nuinfer.analysis import DATA, Analysis
from nuinfer.constants import COORDINATES
from nuinfer.errors import ConfigError
from nuinfer.inference.evidence.evidence import Evidence, scatter
from nuinfer.inference.evidence.nested import Target, resampled
from nuinfer.typing import FloatArray

_, COUPLING = COORDINATES
DRAWS = 10_000  # of the prior, for the mean of the constraints
PRIOR_DRAWS = 400_000  # of the prior, for the share of the plateau
PLATEAU_DRAWS = 1000  # of the posterior, along which the plateau is followed
LOWEST = 0.15  # of the prior range of the coupling: where these draws are taken
GRID = 60  # couplings at which the likelihood is followed
FLAT = 0.2  # relative change of the mean likelihood that still counts as flat; it is corrected for
SAME = 0.01  # difference of ln L between the floor of the prior and no absorption


@dataclass(frozen=True)
class SavageDickey:
    """The Savage-Dickey ratio on the plateau of small couplings.

    Parameters
    ----------
    ln_bayes_factor, error : float
        ln of Z with absorption over Z without.
    plateau_below : float
        Coupling g' up to which the likelihood is flat.
    floor : float
        Lower end of the prior of g'.
    prior_share, posterior_share : float
        Probability of the plateau before and after the data.
    mass_only : float
        Mean over the prior of the constraints at the floor over their Standard Model values: the share of the prior
        that exclusions on the mass alone leave.
    height : float
        Mean likelihood on the plateau over that at the floor.
    """

    ln_bayes_factor: float
    error: float
    plateau_below: float
    floor: float
    prior_share: float
    posterior_share: float
    mass_only: float
    height: float


@dataclass(frozen=True)
class LikelihoodRatio:
    """Twice the gain in ln L by absorption (`significance`), against its distribution without.

    Parameters
    ----------
    statistic : float
        Of the data.
    simulated : tuple of float
        The same for data simulated at the best fit without absorption.
    """

    statistic: float
    simulated: tuple[float, ...]

    @property
    def p_value(self) -> float:
        """Share of the simulated data that reach the observed value, the data themselves counted."""
        return (1 + sum(value >= self.statistic for value in self.simulated)) / (1 + len(self.simulated))


@dataclass(frozen=True)
class AbsorptionTest:
    """Absorption against none, three ways.

    Parameters
    ----------
    absorption, none : str
        Names of the hypotheses.
    ln_bayes_factor, error : float
        ln of Z with absorption over Z without, from nested sampling.
    savage_dickey : SavageDickey or None
        From the draws of the first alone; None where it does not apply.
    likelihood_ratio : LikelihoodRatio or None
        With its simulated distribution; None if none was asked for.
    note : str
        Why something is missing.
    """

    absorption: str
    none: str
    ln_bayes_factor: float
    error: float
    savage_dickey: SavageDickey | None
    likelihood_ratio: LikelihoodRatio | None
    note: str = ""


def savage_dickey(absorption: Evidence, none: Analysis, seed: int = 0) -> SavageDickey:
    """Savage-Dickey ratio from the nested runs of the hypothesis with absorption.

    Parameters
    ----------
    absorption : Evidence
        The hypothesis with absorption.
    none : Analysis
        The same without.
    seed : int
        Of the prior draws.

    Raises
    ------
    ConfigError
        If the coupling is not sampled, or its prior does not reach the plateau.
    """
    analysis, names = absorption.analysis, absorption.analysis.parameter_names
    if COUPLING not in names:
        raise ConfigError(f"Savage-Dickey: parameters.{COUPLING} is fixed; it must be sampled")
    column = names.index(COUPLING)
    floor, ceiling = np.asarray(analysis.prior_bounds, float)[column].tolist()
    if not math.isfinite(floor):
        raise ConfigError(f"Savage-Dickey: the prior of parameters.{COUPLING} has no lower end")
    rng = np.random.default_rng(seed)
    draws = _plateau_draws(absorption, column, floor + LOWEST * (ceiling - floor))
    at_floor = at_coupling(draws, column, floor)
    _check_floor(analysis, none, at_floor)
    log_likelihood = Target(analysis).log_likelihood
    lowest = log_likelihood(at_floor)
    weights = np.exp(lowest - log_likelihood(draws))  # from the draws to the posterior at the floor
    weights /= weights.sum()
    grid = np.linspace(floor, ceiling, GRID)
    rises = np.array([np.exp(log_likelihood(at_coupling(draws, column, x)) - lowest) for x in grid])
    rise = rises @ weights
    edge = _plateau_edge(rise, grid)
    prior_at_floor = at_coupling(analysis.sample_prior(DRAWS, rng), column, floor)
    mass_only, mass_error = _mean_constraints(analysis, none, prior_at_floor)
    prior = analysis.sample_prior(PRIOR_DRAWS, rng)[:, column]
    plateau = prior < edge
    height = float(np.mean(np.interp(prior[plateau], grid, rise)))
    height_error = error_of_mean(rises[grid <= edge].mean(axis=0), weights)
    before = float(np.mean(plateau))
    shares = [float(np.exp(run.log_weights) @ (run.samples[:, column] < edge)) for run in absorption.runs]
    after = min(float(np.mean(shares)), 1.0)  # of the rounding of sums
    sampling = math.sqrt(after * (1.0 - after) / absorption.effective)
    counting = math.sqrt((1.0 - before) / before / PRIOR_DRAWS)
    error = math.hypot(max(sampling, scatter(shares)) / after, mass_error / mass_only, counting, height_error / height)
    ratio = mass_only * before * height / after
    return SavageDickey(math.log(ratio), error, 10.0**edge, 10.0**floor, before, after, mass_only, height)


def absorption_test(absorption: Evidence, none: Evidence, seed: int, ratios: Sequence[float] | None) -> AbsorptionTest:
    """All three tests of one pair of hypotheses; `ratios` of likelihoods are that of the data and of simulated ones."""
    try:
        dickey, note = savage_dickey(absorption, none.analysis, seed), ""
    except ConfigError as problem:
        dickey, note = None, str(problem)
    ratio = LikelihoodRatio(ratios[0], tuple(ratios[1:])) if ratios else None
    ln_b, error = absorption.ln_z - none.ln_z, math.hypot(absorption.ln_z_error, none.ln_z_error)
    return AbsorptionTest(absorption.name, none.name, ln_b, error, dickey, ratio, note)


def at_coupling(theta: FloatArray, column: int, value: float) -> FloatArray:
    """`theta` with one column set to a value."""
    moved = theta.copy()
    moved[:, column] = value
    return moved


def error_of_mean(values: FloatArray, weights: FloatArray) -> float:
    """Monte-Carlo error of a weighted mean; the weights add up to one, and what has none does not count.

    Examples
    --------
    >>> error_of_mean(np.array([1.0, 3.0, 1e12]), np.array([0.5, 0.5, 0.0]))
    0.7071067811865476
    """
    return float(np.sqrt(np.sum((weights * (values - values @ weights)) ** 2)))


def _plateau_draws(absorption: Evidence, column: int, below: float) -> FloatArray:
    """Posterior draws with a small coupling, shape (n, n_dim)."""
    samples, log_weights = absorption.weighted
    low = np.flatnonzero((samples[:, column] < below) & (log_weights > -np.inf))
    if not low.size:
        raise ConfigError(f"Savage-Dickey: no posterior draw has g' below {10.0**below:.3g}, the plateau is excluded")
    return resampled(samples[low], log_weights[low], PLATEAU_DRAWS, np.random.default_rng(0))


def _check_floor(analysis: Analysis, none: Analysis, at_floor: FloatArray) -> None:
    """Refuse a floor of the prior at which the mediator still absorbs."""
    columns = [analysis.parameter_names.index(name) for name in none.parameter_names]
    apart = analysis.log_terms(at_floor)[DATA] - none.log_terms(at_floor[:, columns])[DATA]
    worst = float(np.max(np.abs(apart)))
    if worst > SAME:
        text = f"ln L still differs by {worst:.2g} from that without absorption; a lower floor is needed"
        raise ConfigError(f"Savage-Dickey: at the floor of parameters.{COUPLING} {text} (difference at most {SAME})")


def _plateau_edge(rise: FloatArray, grid: FloatArray) -> float:
    """Largest coupling of the grid below which the mean likelihood stays near that at the floor."""
    steep = np.abs(rise - 1.0) > FLAT
    flat = int(np.argmax(steep)) if steep.any() else len(grid)
    if flat < 2:
        raise ConfigError(f"Savage-Dickey: the likelihood is not flat at the floor of parameters.{COUPLING}")
    return float(grid[flat - 1])


def _mean_constraints(analysis: Analysis, none: Analysis, at_floor: FloatArray) -> tuple[float, float]:
    """Prior mean of the constraints at the floor over those of the Standard Model, and its error."""
    standard = none.log_terms(none.sample_prior(1, np.random.default_rng(0)))
    terms = analysis.log_terms(at_floor)
    apart = [terms[name] - standard[name] for name in terms if name not in ("prior", DATA)]
    factors = np.exp(np.sum(apart, axis=0)) if apart else np.ones(len(at_floor))
    mean = float(np.mean(factors))
    if mean == 0.0:
        raise ConfigError("Savage-Dickey: the constraints exclude every mass of the prior")
    return mean, float(np.std(factors)) / math.sqrt(len(factors))
