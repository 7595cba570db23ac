"""What the upper limit on g' hangs on: each constraint, and the edges of the prior of mass and coupling.

Beside the limit of the analysis stand those without each constraint in turn, and with each edge that the posterior or
the best fit reaches moved. By profile likelihood every one of them is found again, all in lockstep: they are data sets
that did not measure something, and boxes of the widest prior, and begin with draws of the posterior and with what the
searches of the analysis itself have left. The credible one comes from the draws, where they allow it: weighted by the
inverse of a constraint's likelihood, with Pareto-smoothed weights (Vehtari et al. 2024, J. Mach. Learn. Res. 25, 72:
reliable below k = 0.7), or cut to a smaller prior. An exclusion has left no draws beyond it, and a wider prior none
outside: these need a fit of their own.
"""

import math
import pickle
from collections.abc import Callable, Iterable, Mapping
from concurrent import futures
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nuinfer.analysis import Analysis
from nuinfer.errors import ConfigError
from nuinfer.export import arviz_adapter
from nuinfer.inference.profile.profile import COUPLING, MASS, Profile
from nuinfer.inference.profile.search import FROM_DRAWS, WITH_DRAWS, BestFit
from nuinfer.inference.runs.summary import EDGE_BAND, edges_reached
from nuinfer.inference.work.calls import on_unpickled
from nuinfer.typing import FloatArray

LEVEL = 0.95
MOVES = {(MASS, "low"): (0.3, -0.3), (MASS, "high"): (0.3, -0.3), (COUPLING, "low"): (1.0,)}
"""How far each edge of a prior is moved inwards, in log10: by a factor of two of the mass, of ten of the coupling."""

PARETO_K, STARTS = 0.7, 1000
AS_FITTED, WITHOUT = "as fitted", "without "
DRAWS, REWEIGHTED, CUT = "draws", "reweighted", "cut"
NEEDS_A_FIT = "needs a fit"
WORDS = {MASS: "m_Z' {} MeV", COUPLING: "g' {}"}


@dataclass(frozen=True)
class Case:
    """The limit on g' under one change of the analysis.

    Parameters
    ----------
    case : str
        What is changed, in words.
    changed : mapping
        The same as overrides of the configuration.
    profile : float or None
        By profile likelihood; None if no coupling of the prior is excluded.
    credible : float or None
        From the draws; None if they do not reach.
    credible_by : str
        How, ``draws``, ``reweighted`` or ``cut``, or why not.
    pareto_k : float or None
        Of the weights.
    """

    case: str
    changed: Mapping[str, Any]
    profile: float | None
    credible: float | None
    credible_by: str
    pareto_k: float | None = None


class Fitted(NamedTuple):
    """The best fit of an analysis, one-sided limits by profile likelihood, by parameter and side, and good points."""

    best: BestFit
    limits: Mapping[tuple[str, str], float | None]
    pool: FloatArray


def fitted(analysis: Analysis, seed: int, starts: FloatArray, asked: Iterable[tuple[str, str]]) -> Fitted:
    """The best fit, searched from draws too, and 95 % limits on parameters from a side."""
    profile = Profile(analysis, seed, starts, WITH_DRAWS)
    limits = {(name, side): profile.limit(name, side, LEVEL) for name, side in asked}
    return Fitted(profile.best, limits, profile.search.pools[0][0])


def sensitivity(
    analysis: Analysis,
    draws: FloatArray,
    terms: Mapping[str, FloatArray],
    fitted: futures.Future[Fitted],
    seed: int,
    executor: futures.Executor,
) -> Callable[[], list[Case]]:
    """The 95 % upper limit on g' as fitted, and under each change.

    Parameters
    ----------
    analysis : Analysis
        What was sampled.
    draws : ndarray, shape (draw, n_dim)
        Of its posterior.
    terms : mapping of str to ndarray, shape (draw,)
        Terms of the log-probability of the draws.
    fitted : future of Fitted
        Its best fit, and the upper limit on log10 g' by profile likelihood.
    seed : int
        Of the searches.
    executor : concurrent.futures.Executor
        Does the searches, which begin when the best fit is there.

    Returns
    -------
    callable
        Waits for the list of cases, which is empty if the coupling is not sampled.
    """
    names = analysis.parameter_names
    if COUPLING not in names:
        return list
    coupling = draws[:, names.index(COUPLING)]
    known = _constraints(analysis, coupling, terms)

    def cases() -> list[Case]:
        best, limits, pool = fitted.result()
        changes = known | _edges(analysis, draws, best.theta)
        wider = {key: value for one in changes.values() for key, value in one.wider.items()}
        pickled = pickle.dumps(analysis.with_overrides(wider) if wider else analysis)
        starts = draws[:: max(1, len(draws) // STARTS)], pool
        without, bounds = [one.without for one in changes.values()], np.array([one.bounds for one in changes.values()])
        found = executor.submit(on_unpickled, limits_of, pickled, seed, starts, without, bounds).result()
        limit = limits[COUPLING, "upper"]
        as_fitted = Case(AS_FITTED, {}, None if limit is None else 10.0**limit, credible_limit(coupling), DRAWS)
        each = zip(changes.items(), found, strict=True)
        return [as_fitted, *(Case(case, one.overrides, profile, *one.credible) for (case, one), profile in each)]

    if fitted.done():
        return cases
    thread = futures.ThreadPoolExecutor(1)  # waits for the best fit while the caller does something else
    found = thread.submit(cases)
    thread.shutdown(wait=False)
    return found.result


class Change(NamedTuple):
    """One change of the analysis.

    Overrides of the configuration, and the credible limit, see `_credible`; the constraint that does not count, the box
    that is searched (n_dim, 2), and what of the overrides makes the prior wider.
    """

    overrides: dict[str, Any]
    credible: tuple[float | None, str, float | None]
    without: str | None
    bounds: FloatArray
    wider: dict[str, Any]


def _constraints(analysis: Analysis, coupling: FloatArray, terms: Mapping[str, FloatArray]) -> dict[str, Change]:
    """Each constraint left out."""
    found = {}
    for one in analysis.constraints:
        credible = _credible(coupling, -terms[one.name], NEEDS_A_FIT if one.is_exclusion else REWEIGHTED)
        off = {f"constraints.{one.name}.form": "off"}
        found[WITHOUT + one.name] = Change(off, credible, one.name, analysis.prior_bounds, {})
    return found


def _edges(analysis: Analysis, draws: FloatArray, best: FloatArray) -> dict[str, Change]:
    """Each edge that draws or best fit reach, moved."""
    coupling, found = draws[:, analysis.parameter_names.index(COUPLING)], dict[str, Change]()
    sampled = {key: moves for key, moves in MOVES.items() if key[0] in analysis.parameter_names}
    for (name, side), moves in sampled.items():
        column = analysis.parameter_names.index(name)
        ends, values = analysis.prior_bounds[column], draws[:, column]
        edge, inwards = (ends[1], -1.0) if side == "high" else (ends[0], 1.0)
        is_at = abs(best[column] - edge) < EDGE_BAND * np.ptp(ends)
        if not (is_at or side in edges_reached(values, *ends)):
            continue
        for by in moves:
            moved = round(float(edge + by * inwards), 6)
            changed, bounds = {f"parameters.{name}.{side}": moved}, analysis.prior_bounds.copy()
            bounds[column, int(side == "high")] = moved
            try:
                analysis.with_overrides(changed)
            except ConfigError:  # the tables of a constraint end at this edge of the prior: no case
                continue
            inside = (values - moved) * inwards >= 0.0
            text = f"{'up to' if side == 'high' else 'from'} {10.0**moved:.3g}"
            how = CUT if by > 0.0 and inside.any() else NEEDS_A_FIT
            credible = _credible(coupling, np.where(inside, 0.0, -np.inf), how)
            case, wider = analysis.spelled(WORDS[name].format(text)), {} if by > 0.0 else changed
            found[case] = Change(changed, credible, None, bounds, wider)
    return found


def _credible(coupling: FloatArray, log_ratios: FloatArray, how: str) -> tuple[float | None, str, float | None]:
    """The credible limit by weighted draws, how it was found or why not, and Pareto's k if the weights have one."""
    k = None
    if how == REWEIGHTED:
        (log_ratios,), (k,) = arviz_adapter.pareto_smoothed(log_ratios[None])
        how, k = (how if k < PARETO_K else NEEDS_A_FIT), float(k)
    if how == NEEDS_A_FIT:
        return None, how, k
    return credible_limit(coupling, np.exp(log_ratios - log_ratios.max())), how, k


def credible_limit(coupling: FloatArray, weights: FloatArray | None = None) -> float:
    """The upper limit on g' by draws of log10 g', shape (draw,), and their weights."""
    return float(10.0 ** np.quantile(coupling, LEVEL, weights=weights, method="inverted_cdf"))


def limits_of(
    analysis: Analysis, seed: int, starts: tuple[FloatArray, FloatArray], without: list[str | None], bounds: FloatArray
) -> list[float | None]:
    """The upper limit on g' by profile likelihood of each case, None if no coupling is excluded.

    Parameters
    ----------
    analysis : Analysis
        With every constraint, and a prior that holds all the boxes.
    seed : int
        Of the searches, which go on in lockstep.
    starts : pair of ndarray, shape (n, n_dim)
        Draws of the posterior, and what the searches of the analysis itself have left; those inside the box count.
    without : list of str or None, of length (case,)
        The constraint that does not count.
    bounds : ndarray, shape (case, n_dim, 2)
        Box inside the prior.
    """
    if not without:
        return []
    data = analysis.own.chosen(np.zeros(len(without), np.intp))
    for row, name in zip(data.measured, without, strict=True):
        row[[one.name == name for one in analysis.constraints]] = math.nan
    draws, pool = starts
    profile = Profile(analysis, seed, draws, FROM_DRAWS, data, bounds)
    profile.search.add(pool)
    limits = profile.limits(COUPLING, "upper", LEVEL).tolist()
    return [None if math.isnan(limit) else 10.0**limit for limit in limits]
