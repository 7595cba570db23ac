"""Upper limits on g' at fixed masses of the Z': by profile likelihood, credible, or by Feldman and Cousins.

All three speak of couplings at a mass that is taken as given, relative to the best coupling at that mass.

profile
    Where the profile likelihood of g' has fallen from its maximum as far as `nuinfer.confidence.LIMIT` says,
    one-sided. It takes the statistic to be distributed as for large samples.
credible
    The share `level` of the posterior of g' at this mass lies below. The prior of log10 g' is that of the analysis:
    where the data do not see small couplings at all, the limit falls with the floor of that prior, and means little.
feldman-cousins
    Feldman and Cousins, Phys. Rev. D 57 (1998) 3873: a coupling is allowed if its likelihood ratio, relative to the
    best physical coupling at this mass, one inside the prior, is among the share `level` of the smallest that data of
    that coupling would have. The distribution comes from simulated data, counts and measured values of two-sided
    constraints, with the other parameters where they fit the observed data best at that coupling (the profile
    construction: Cranmer, physics/0511028, and Chuang and Lai, physics/0002032). The limit is the end of what is
    allowed, seen from the largest coupling of the prior. Near zero it is one-sided by itself, and for a signal it
    would have a lower end too.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Unpack

import numpy as np
from scipy import stats

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.inference.profile.profile import COUPLING, EDGE, MASS, at_mass
from nuinfer.inference.sampling.short import sample
from nuinfer.inference.studies.jobs import checked_masses
from nuinfer.inference.studies.study import Study, open_study
from nuinfer.inference.work.files import plain
from nuinfer.inference.work.simulation import draw_data
from nuinfer.inference.work.store import Execution
from nuinfer.typing import ArrayLike, FloatArray

PROFILE, CREDIBLE, FELDMAN_COUSINS = "profile", "credible", "feldman-cousins"
METHODS = (PROFILE, CREDIBLE, FELDMAN_COUSINS)
FAR = 4.5  # in ln L: the best fit at a mass is three standard deviations from that at the best mass
CERTAIN = 25.0  # a likelihood ratio that is not simulated, five standard deviations
TIE = 1e-4  # likelihood ratios nearer than that are equal: the accuracy of searches
TRIALS, FINE, NEAR = 6, 0.005, 1.0  # couplings that are tried; range that is left; quantiles that make the line
ENSEMBLES, ESS, MOST_STEPS = 4, 1000.0, 8000  # of the posterior at a mass
MESSY = 1.05  # R-hat of one that is not to be trusted


@dataclass(frozen=True)
class Limits:
    """Upper limits on g' at fixed masses.

    Parameters
    ----------
    name : str
        The analysis.
    method : str
        "profile", "credible" or "feldman-cousins".
    level : float
        Confidence level, or share of the posterior.
    masses_mev : ndarray, shape (mass,)
        Masses of the Z'.
    limits : ndarray, shape (mass,)
        Largest allowed g'; NaN where nothing inside the prior is excluded.
    errors : ndarray, shape (mass,)
        Monte-Carlo errors of the limits, NaN where there are none.
    warnings : tuple of str
        What to know before one quotes them.
    mediator : str
        Its kind, for labels.
    """

    name: str
    method: str
    level: float
    masses_mev: FloatArray
    limits: FloatArray
    errors: FloatArray
    warnings: tuple[str, ...]
    mediator: str = "vector"

    def to_json(self) -> dict[str, Any]:
        """Analysis, method, level, masses, limits and their errors, null where there is none, and warnings."""
        shown = ("method", "level", "masses_mev", "limits", "errors", "warnings")
        return {"analysis": self.name, **{key: plain(getattr(self, key)) for key in shown}}


def limit(
    analysis: Analysis,
    masses_mev: ArrayLike,
    method: str = PROFILE,
    level: float = 0.95,
    *,
    simulations: int = 200,
    seed: int = 1504,
    out: str | PathLike[str] | None = None,
    **execution: Unpack[Execution],
) -> Limits:
    """Upper limits on g' at fixed masses, relative to the best g' at each; what the methods mean, the module says.

    Parameters
    ----------
    analysis : Analysis
        With absorption.
    masses_mev : array_like, shape (mass,)
        Increasing masses of the Z' inside the prior.
    method : {"profile", "credible", "feldman-cousins"}
        What the limit means.
    level : float
        Confidence level, or share of the posterior.
    simulations : int
        Data sets that are simulated at each coupling that "feldman-cousins" tries.
    seed : int
        Of the searches, chains and simulated data.
    out : path, optional
        Folder of the results, gone on with if it exists; in memory by default.
    **execution
        ``jobs``, ``scheduler``, ``executor``, ``progress``, see `nuinfer.inference.work.store.Execution`; in this
        process by default. They do not change a number.

    Raises
    ------
    ConfigError
        If a value is not allowed.
    NotConvergedError
        If a job failed.

    Examples
    --------
    >>> import nuinfer
    >>> fixed = [f"parameters.{name}.value=1" for name in ("norm_conventional", "norm_muon", "detector_scale")]
    >>> fixed += ["parameters.energy_scale.value=1", "parameters.lightest_nu_mass_ev.value=0.05"]
    >>> found = nuinfer.limit(nuinfer.load("hese7", fixed), [10.0])
    >>> found.limits.shape, bool(1e-6 < found.limits[0] < 1e-4)
    ((1,), True)
    """
    masses = checked_masses("limit", analysis, masses_mev)
    if method not in METHODS:
        raise ConfigError(f"method: '{method}' is not allowed; it is one of {', '.join(METHODS)}")
    if not 0.5 <= level < 1.0:
        raise ConfigError(f"level: {level} is outside the allowed [0.5, 1)")
    if simulations < 10:
        raise ConfigError(f"simulations: {simulations} is not allowed, it must be at least 10")
    if method == FELDMAN_COUSINS:
        draw_data(analysis)  # refuses what cannot be simulated
    with open_study("limit", {"config_hash": analysis.config_hash}, seed, out, **execution) as study:
        slices, notes = _slices(study, analysis, masses, level), list[str]()
        if method == PROFILE:
            found = [(math.nan if row["limit"] is None else row["limit"], math.nan) for row in slices]
        elif method == CREDIBLE:
            found, notes = _credible(analysis, masses, level, seed)
        else:
            cases = zip(masses, slices, strict=True)
            found = [_constructed(study, analysis, mass, level, simulations, row) for mass, row in cases]
        warnings = _warnings(study, analysis, masses, slices)
    log10, errors = np.array(found).T
    limits = 10.0**log10
    high = 10.0 ** float(analysis.prior_bounds[analysis.parameter_names.index(COUPLING), 1])
    if np.isnan(limits).any():
        where = ", ".join(f"{mass:.4g}" for mass in masses[np.isnan(limits)])
        warnings.append(f"m_Z' = {where} MeV: no coupling inside the prior, up to {high:.3g}, is excluded")
    said = tuple(map(analysis.spelled, (*warnings, *notes)))
    errors *= math.log(10.0) * limits
    return Limits(analysis.name, method, level, masses, limits, errors, said, analysis.mediator)


def _slices(study: Study, analysis: Analysis, masses: FloatArray, level: float) -> list[dict[str, Any]]:
    """Profile limit and best fit at each mass."""
    asked = {
        f"{mass:.8g} MeV": (at_mass(analysis, mass), {"task": "limit", "parameter": COUPLING, "level": level})
        for mass in masses
    }
    return [rows[0] for rows in study.rows(asked, "masses").values()]


def _warnings(study: Study, analysis: Analysis, masses: FloatArray, slices: Sequence[Mapping[str, Any]]) -> list[str]:
    """Masses that the data disfavour against the best one."""
    if MASS not in analysis.parameter_names:
        return []
    best = study.rows({"best fit": (analysis, {"task": "best_fit"})}, "best fits")["best fit"][0]
    lost = [best["log_likelihood"] - row["log_likelihood"] for row in slices]
    return [
        f"m_Z' = {mass:g} MeV: the best fit there is {fall:.1f} in ln L worse than at {10.0 ** best[MASS]:.3g} MeV; "
        "the limit speaks of couplings at a mass that the data disfavour"
        for mass, fall in zip(masses, lost, strict=True)
        if fall > FAR
    ]


def _credible(
    analysis: Analysis, masses: FloatArray, level: float, seed: int
) -> tuple[list[tuple[float, float]], list[str]]:
    """Quantiles of log10 g' of the posterior at each mass with their errors, and what is wrong with the chains."""
    found, notes = [], []
    for mass in masses:
        at = at_mass(analysis, float(mass))
        chains = sample(at, seed, ensembles=ENSEMBLES, min_ess=ESS, max_steps=MOST_STEPS)
        draws = np.ravel(chains.samples[..., at.parameter_names.index(COUPLING)])
        ends = np.quantile(draws, np.clip(level + np.array([-1.0, 0.0, 1.0]) * _spread(level, chains.ess), 0.0, 1.0))
        found.append((float(ends[1]), 0.5 * float(ends[2] - ends[0])))
        if chains.ess < ESS or chains.rhat > MESSY:
            state = f"{chains.ess:.0f} effective draws, R-hat {chains.rhat:.3f}"
            notes.append(f"m_Z' = {mass:g} MeV: the chains have not converged ({state})")
    return found, notes


def _spread(share: float, n: float) -> float:
    return math.sqrt(share * (1.0 - share) / n)


def _constructed(
    study: Study, analysis: Analysis, mass: float, level: float, n: int, slice_: Mapping[str, Any]
) -> tuple[float, float]:
    """The limit on log10 g' by simulated data at trial couplings, and its Monte-Carlo error."""

    def p_value(coupling: float) -> float:
        test = {"m_zprime_mev": float(mass), "g_prime": 10.0**coupling}
        shared: dict[str, Any] = {"task": "exclusion", "test": test}
        label = analysis.spelled(f"{mass:g} MeV, g' = {10.0**coupling:.3g}")
        observed = study.rows({label: (analysis, shared)}, "ratios")[label][0]["ratio"]
        if observed > CERTAIN:
            return 0.0
        drawn = shared | {"data": "simulated", "at": test, "n": n}
        ratios = [row["ratio"] for row in study.rows({label: (analysis, drawn)}, f"data sets at {label}")[label]]
        return float(np.mean(np.array(ratios) >= observed - TIE))

    low, high = analysis.prior_bounds[analysis.parameter_names.index(COUPLING)]
    step = EDGE * (high - low)
    first = slice_["limit"] if slice_["limit"] is not None else 0.5 * (slice_[COUPLING] + high)
    start = max(low, min(slice_[COUPLING], high - 2.0 * step))
    return upper_end(p_value, (start, high - step), first, 1.0 - level, n)


def upper_end(
    p_value: Callable[[float], float], ends: tuple[float, float], first: float, alpha: float, n: int
) -> tuple[float, float]:
    """Where a p-value that is estimated from `n` data sets falls to `alpha`, and the error that this makes.

    Parameters
    ----------
    p_value : callable
        Of the coordinate.
    ends : tuple of float
        Where it is allowed, which is not tried, and the other end.
    first : float
        Where to begin.
    alpha : float
        What is excluded has no more.
    n : int
        Number of data sets.

    Returns
    -------
    where, error : float
        NaN if the other end is allowed too.
    """
    low, high = ends
    known = {high: p_value(high)}
    if known[high] > alpha:
        return math.nan, math.nan
    trial = min(max(first, low + FINE), high - FINE)
    for _ in range(TRIALS):
        known[trial] = p_value(trial)
        low, high = (trial, high) if known[trial] > alpha else (low, trial)
        if high - low < FINE:
            break
        trial = 0.5 * (low + high)
        if low in known and known[high] > 0.0:  # else the p-values at the ends say too little
            ends_of = _scores(np.array([known[low], known[high], alpha]), n)
            share = (ends_of[0] - ends_of[2]) / max(ends_of[0] - ends_of[1], 1e-9)
            trial = low + float(np.clip(share, 0.1, 0.9)) * (high - low)
    near = {x: p for x, p in known.items() if 0.0 < p < 1.0 and abs(_scores(p, n) - _scores(alpha, n)) < NEAR}
    if len(near) < 2:
        near = {x: known.get(x, 1.0) for x in (low, high)}
    x, scores = np.array(list(near)), _scores(np.array(list(near.values())), n)
    slope, offset = np.polyfit(x, scores, 1, w=stats.norm.pdf(scores))
    slope = min(float(slope), -1e-9)
    where = float(np.clip((_scores(alpha, n) - offset) / slope, low, high))
    return where, _spread(alpha, n) / float(stats.norm.pdf(stats.norm.ppf(alpha))) / -slope


def _scores(p: Any, n: int) -> Any:
    """Normal quantiles of p-values, which are nearly a straight line."""
    return stats.norm.ppf(np.clip(p, 0.5 / n, 1.0 - 0.5 / n))
