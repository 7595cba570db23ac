"""Forecasts: how long until a Z' is seen, if there is one, or excluded; limits on g' expected if there is none.

Expected (Asimov) counts stand in for the data; the likelihood ratio on them is the median of that on real data, for
large samples (Cowan et al. 2011, arXiv:1007.1727), and `Forecast.checks` holds what simulated data say of that.
External constraints are off: they are known already, and a forecast is about the detector. What more exposure or area
does to the backgrounds is said by `nuinfer.detector.dataset.project`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.config import constraint_forms, split_override
from nuinfer.constants import SECONDS_PER_YEAR
from nuinfer.detector.flux_points import FluxPoints
from nuinfer.errors import ConfigError, NotConvergedError
from nuinfer.inference.profile.profile import p_value, threshold
from nuinfer.inference.studies.campaign import CampaignConfig, run_campaign
from nuinfer.inference.studies.jobs import JobsConfig, checked_masses, truth_of
from nuinfer.inference.work.files import plain
from nuinfer.loading import load
from nuinfer.physics.mediator import spelled
from nuinfer.typing import AnyArray, FloatArray

EXPOSURES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)
SEEN, EXCLUDED = "seen", "excluded"
STATEMENT = (
    "profile likelihood ratio on expected counts, m_Z' given, g' >= 0; assumed to be half the time 0 and else chi^2 "
    "with one degree of freedom, which only --check tests"
)


@dataclass(frozen=True)
class Check:
    """What simulated data say of a statistic at one exposure.

    Parameters
    ----------
    statistic : str
        "seen" or "excluded".
    exposure : float
        At which.
    n : int
        Simulated data sets, with and without a Z' each.
    false_rate : float
        Share of those in which the statistic passes the threshold although what it speaks against is true; 1 - level
        if its distribution is the assumed one.
    power : float
        Share of those in which it passes where it should; a half where the expected statistic is at the threshold.
    median, expected : float
        Median of the statistic where it should pass, and its value on expected counts.
    threshold : float
        What the statistic must pass to be wrong in 1 - level of the data sets only.
    years : float
        Livetime at which the median passes `threshold`, if it grows with the livetime and `threshold` stays;
        NaN if the median is 0.
    """

    statistic: str
    exposure: float
    n: int
    false_rate: float
    power: float
    median: float
    expected: float
    threshold: float
    years: float


@dataclass(frozen=True)
class Forecast:
    """Expected statistics against exposure at one point.

    Parameters
    ----------
    name : str
        The analysis.
    at : mapping
        The point: ``m_zprime_mev``, ``g_prime`` and what else was given.
    level : float
        Confidence level.
    years : array, shape (n,)
        Livetime in years.
    statistics : mapping
        "seen" (for a Z' at the point, if there is one) and "excluded" (against it, if there is none) to the expected
        value of the statistic, shape (n,).
    effective_area_scale : float
        Factor on the area of the detector.
    checks : tuple of Check
        Empty unless asked for.
    mediator : str
        Its kind, for labels.
    """

    name: str
    at: Mapping[str, float]
    level: float
    years: FloatArray
    statistics: Mapping[str, FloatArray]
    effective_area_scale: float = 1.0
    checks: tuple[Check, ...] = ()
    mediator: str = "vector"

    def years_until(self, statistic: str) -> tuple[str, float]:
        """Livetime in years at which a statistic is expected to pass: ("=", years), or a bound ("<" or ">", years)."""
        return crossing(self.years, self.statistics[statistic], threshold(self.level))

    @property
    def statement(self) -> str:
        """What the statistic is."""
        return spelled(STATEMENT, self.mediator)

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain values; null where a number is not finite."""
        until = {name: self.years_until(name) for name in self.statistics}
        answer = {**vars(self), "analysis": self.name, "threshold": threshold(self.level), "statistic": self.statement}
        answer |= {
            "q": self.statistics,
            "p_value": {name: [p_value(float(one)) for one in q] for name, q in self.statistics.items()},
            "years_until": {name: {"relation": relation, "years": years} for name, (relation, years) in until.items()},
            "checks": [vars(check) for check in self.checks],
        }
        return {key: plain(value) for key, value in answer.items() if key not in ("name", "statistics")}


@dataclass(frozen=True)
class Band:
    """Limits on g' that are expected without a Z'.

    Parameters
    ----------
    name : str
        The analysis.
    level : float
        Confidence level of the limits.
    years : float
        Livetime.
    m_zprime_mev : array, shape (mass,)
        Masses.
    limits : array, shape (mass, n)
        Upper limit on g' of each simulated data set, infinite where every coupling of the prior is allowed.
    asimov : array, shape (mass,)
        Limit from the expected counts.
    g_prime_max : float
        Largest coupling of the prior.
    effective_area_scale : float
        Factor on the area of the detector.
    mediator : str
        Its kind, for labels.
    """

    name: str
    level: float
    years: float
    m_zprime_mev: FloatArray
    limits: FloatArray
    asimov: FloatArray
    g_prime_max: float
    effective_area_scale: float = 1.0
    mediator: str = "vector"

    def quantiles(self) -> FloatArray:
        """`QUANTILES` of the limits over data sets, shape (level, mass): median, and 68 and 95 % bands."""
        return np.asarray(np.quantile(self.limits, QUANTILES, axis=1, method="inverted_cdf"))

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain values; null where nothing is excluded."""
        quantiles = {f"{level:g}": row for level, row in zip(QUANTILES, self.quantiles(), strict=True)}
        answer = {**vars(self), "analysis": self.name, "data_sets": self.limits.shape[1], "quantiles": quantiles}
        return {key: plain(value) for key, value in answer.items() if key not in ("name", "limits")}


def crossing(years: FloatArray, q: FloatArray, target: float) -> tuple[str, float]:
    """Where a statistic that grows with exposure reaches a value: ("=", years), ("<", first) or (">", last).

    Between two exposures log q is linear in log years, because q is nearly proportional to the exposure.

    Examples
    --------
    >>> crossing(np.array([1.0, 10.0]), np.array([0.5, 5.0]), 2.5)
    ('=', 5.0)
    """
    reached = np.flatnonzero(q >= target)
    if not reached.size:
        return ">", float(years[-1])
    if reached[0] == 0:
        return "<", float(years[0])
    pair = slice(reached[0] - 1, reached[0] + 1)
    x, y = np.log(years[pair]), np.log(np.maximum(q[pair], 1e-12))
    return "=", float(np.exp(np.interp(math.log(target), y, x)).round(12))


def forecast(
    analysis: str | Path,
    at: Mapping[str, float],
    out: str | PathLike[str],
    *,
    overrides: Iterable[str] | Mapping[str, Any] = (),
    exposures: Sequence[float] = EXPOSURES,
    level: float = 0.95,
    check: int = 0,
    seed: int = 1504,
    **execution: Any,
) -> Forecast:
    """How many years until a Z' at a point is seen, if there is one, or excluded, if there is none.

    Parameters
    ----------
    analysis : str or Path
        A preset or a file.
    at : mapping
        The point: ``m_zprime_mev``, ``g_prime`` (or their ``log10_``) and what else shall not be fitted to the observed
        data, which by default the spectrum and the nuisances of the truth are.
    out : path
        Folder of the campaign that it runs; what is there already is not done again.
    overrides : iterable of str, or mapping
        As for `nuinfer.load`, ``data.effective_area_scale=10`` for example.
    exposures : sequence of float
        Livetimes in units of that of the data set, increasing.
    level : float
        Confidence level.
    check : int
        Number of data sets to simulate, four times, to check the assumed distribution; 0 for none.
    seed : int
        Of the simulated data.
    **execution
        ``jobs``, ``scheduler``, ``executor``, ``progress`` of `nuinfer.inference.studies.campaign.run_campaign`.

    Raises
    ------
    ConfigError
        If a value is not allowed.
    NotConvergedError
        If a job of the campaign failed.
    """
    loaded, off = _without_constraints(analysis, overrides)
    point = loaded.point(at)
    if "log10_g_prime" not in point:
        raise ConfigError("forecast: model.absorption is false, so there is no Z' to see")
    livetime = _years(loaded) / loaded.config.data.exposure
    if any(not {name, f"log10_{name}"} & set(at) for name in ("m_zprime_mev", "g_prime")):
        raise ConfigError(f"forecast: --at {dict(at)} is not allowed; give m_zprime_mev and g_prime")
    steps = [float(e) for e in exposures]
    if not steps or not 0.0 < min(steps) <= max(steps) < math.inf or steps != sorted(set(steps)):
        raise ConfigError(f"exposures: {steps} is not allowed; increasing positive numbers are needed")
    mass, coupling = point["log10_m_zprime_mev"], point["log10_g_prime"]
    shared: dict[str, Any] = {"analysis": str(analysis), "data": "asimov"}
    present: dict[str, Any] = {"at": dict(at)}
    absent: dict[str, Any] = {"at": _standard(loaded, at), "truth": "standard_model"}
    seen: dict[str, Any] = {"task": "significance", "set": off | {"parameters.log10_m_zprime_mev.value": mass}}
    test = {"m_zprime_mev": 10.0**mass, "g_prime": 10.0**coupling}
    excluded: dict[str, Any] = {"task": "exclusion", "set": off, "test": test}
    vary = {"vary": {"data.exposure": tuple(steps)}}
    tables = {SEEN: shared | seen | present | vary, EXCLUDED: shared | excluded | absent | vary}
    found = _run(tables, out, seed, **execution)
    q = {name: found["q"][found["job"] == name] for name in (SEEN, EXCLUDED)}
    scale = loaded.config.data.effective_area_scale
    result = Forecast(loaded.name, dict(at), level, livetime * np.array(steps), q, scale, mediator=loaded.mediator)
    if not check:
        return result
    chosen = {name: _nearest(q[name], threshold(level)) for name in q}
    simulated = shared | {"data": "simulated", "n": check}
    for name, task, right, wrong in ((SEEN, seen, present, absent), (EXCLUDED, excluded, absent, present)):
        fixed = {"set": task["set"] | {"data.exposure": steps[chosen[name]]}}
        tables[f"{name}_right"] = simulated | task | right | fixed
        tables[f"{name}_wrong"] = simulated | task | wrong | fixed
    found = _run(tables, out, seed, **execution | {"resume": True, "force": False})
    checks = []
    for name, k in chosen.items():
        right, wrong = (found["q"][found["job"] == f"{name}_{truth}"] for truth in ("right", "wrong"))
        false, power = (float(np.mean(values > threshold(level))) for values in (wrong, right))
        median, needed = float(np.median(right)), float(np.quantile(wrong, level, method="higher"))
        years = float(result.years[k]) * needed / median if median > 0.0 else math.nan
        checks.append(Check(name, steps[k], check, false, power, median, float(q[name][k]), needed, years))
    return replace(result, checks=tuple(checks))


def _nearest(q: FloatArray, target: float) -> int:
    """Number of the exposure at which the expected statistic is nearest to a value."""
    return int(np.argmin(np.abs(np.log(np.maximum(q, 1e-12) / target))))


def forecast_band(
    analysis: str | Path,
    masses_mev: Sequence[float],
    out: str | PathLike[str],
    n: int = 100,
    *,
    at: Mapping[str, float] | None = None,
    overrides: Iterable[str] | Mapping[str, Any] = (),
    level: float = 0.95,
    seed: int = 1504,
    **execution: Any,
) -> Band:
    """Upper limits on g' from data simulated without a Z', by profile likelihood, at several masses.

    Parameters
    ----------
    analysis : str or Path
        A preset or a file.
    masses_mev : sequence of float
        Masses of the Z', increasing and in its prior; the same data sets are used for all.
    out : path
        Folder of the campaign that it runs; what is there already is not done again.
    n : int
        Number of data sets.
    at : mapping, optional
        Parameters of the truth that shall not be fitted to the observed data.
    overrides, level, seed, **execution : optional
        As for `forecast`; ``data.exposure`` and ``data.effective_area_scale`` say of
        which detector.

    Raises
    ------
    ConfigError
        If a value is not allowed.
    NotConvergedError
        If a job of the campaign failed.
    """
    loaded, off = _without_constraints(analysis, overrides)
    years = _years(loaded)
    masses, truth = checked_masses("forecast", loaded, masses_mev), _standard(loaded, at or {})
    if others := sorted(set(at or {}) - set(truth)):
        raise ConfigError(f"at: '{others[0]}' is not allowed; the truth of a band has no Z'")
    vary = {"parameters.log10_m_zprime_mev.value": tuple(np.log10(masses).tolist())}
    table: dict[str, Any] = {"analysis": str(analysis), "task": "limit", "set": off, "vary": vary, "level": level}
    table |= {"truth": "standard_model", "at": truth}
    tables = {"asimov": table | {"data": "asimov"}, "band": table | {"data": "simulated", "n": n}}
    found = _run(tables, out, seed, **execution)
    limits = np.where(np.isnan(found["limit"]), np.inf, 10.0 ** found["limit"])
    simulated = limits[found["job"] == "band"].reshape(len(masses), n)
    high = float(loaded.prior_bounds[loaded.parameter_names.index("log10_g_prime"), 1])
    scale, asimov = loaded.config.data.effective_area_scale, limits[found["job"] == "asimov"]
    return Band(loaded.name, level, years, masses, simulated, asimov, 10.0**high, scale, loaded.mediator)


# What both share --------------------------------------------------------------------------------------------------


def _run(tables: Mapping[str, Any], out: str | PathLike[str], seed: int, **execution: Any) -> dict[str, AnyArray]:
    """Results of tables of jobs, as `nuinfer.inference.studies.campaign.Campaign.columns`.

    Raises
    ------
    NotConvergedError
        If a job failed.
    """
    config = CampaignConfig(seed=seed, jobs={name: JobsConfig.model_validate(table) for name, table in tables.items()})
    campaign = run_campaign(config, out, **execution)
    if reasons := campaign.reasons():
        raise NotConvergedError(f"{out}: {reasons}; run it again")
    return campaign.columns()


def _without_constraints(
    analysis: str | Path, overrides: Iterable[str] | Mapping[str, Any]
) -> tuple[Analysis, dict[str, Any]]:
    """The analysis with its constraints off, and the overrides that make it from its file."""
    loaded = load(analysis, overrides)
    forms = constraint_forms(loaded.config.constraints)
    off = {f"{key}.form": "off" for key, form in forms.items() if form != "off"}
    given = dict(overrides) if isinstance(overrides, Mapping) else dict(map(split_override, overrides))
    return loaded.with_overrides(off), given | off


def _years(analysis: Analysis) -> float:
    """Livetime of a data set of events."""
    if isinstance(analysis.dataset, FluxPoints):
        text = f"'{analysis.dataset.name}' has flux points, whose errors at another livetime are not known"
        raise ConfigError(f"forecast: {text}; a data set of events is needed")
    return analysis.dataset.livetime_s / SECONDS_PER_YEAR


def _standard(analysis: Analysis, at: Mapping[str, float]) -> dict[str, float]:
    """Those of the values that the Standard Model has too."""
    known = set(truth_of(analysis, "standard_model").point())
    return {name: value for name, value in at.items() if name in known}
