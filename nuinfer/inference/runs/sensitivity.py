"""What the upper limit on g' hangs on: each constraint, and the edges of the prior of mass and coupling.

Beside the limit of the analysis stand those without each constraint in turn, and with each edge that the posterior or
the best fit reaches moved. By profile likelihood every one of them is found again. The credible one comes
from the draws of the one posterior, where they allow it: weighted by the inverse of a constraint's likelihood, with
Pareto-smoothed weights (Vehtari et al. 2024, J. Mach. Learn. Res. 25, 72: reliable below k = 0.7), or cut to a
smaller prior. An exclusion has left no draws beyond it, and a wider prior none outside: these need a fit of their own.
"""

import contextlib
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
from nuinfer.inference.profile.search import BestFit
from nuinfer.inference.runs.summary import EDGE_BAND, edges_reached
from nuinfer.inference.work.executors import on_unpickled
from nuinfer.typing import FloatArray

LEVEL = 0.95
MOVES = {(MASS, "low"): (0.3, -0.3), (MASS, "high"): (0.3, -0.3), (COUPLING, "low"): (1.0,)}
"""How far each edge of a prior is moved inwards, in log10: by a factor of two of the mass, of ten of the coupling."""

PARETO_K, STARTS, EFFORT = 0.7, 1000, 0.06  # a search that starts from draws of the posterior is a short one
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
    """The best fit of an analysis, and one-sided limits by profile likelihood, by parameter and side."""

    best: BestFit
    limits: Mapping[tuple[str, str], float | None]


def fitted(analysis: Analysis, seed: int, starts: FloatArray, asked: Iterable[tuple[str, str]]) -> Fitted:
    """The best fit, searched from draws too, and 95 % limits on parameters from a side."""
    profile = Profile(analysis, seed, starts)
    limits = {(name, side): profile.limit(name, side, LEVEL) for name, side in asked}
    return Fitted(profile.best, limits)


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
        Does the searches, which begin at once.

    Returns
    -------
    callable
        Waits for the list of cases, which is empty if the coupling is not sampled.
    """
    names = analysis.parameter_names
    if COUPLING not in names:
        return list
    starts, coupling, found = draws[:: max(1, len(draws) // STARTS)], draws[:, names.index(COUPLING)], {}

    def begin(changes: Mapping[str, Change]) -> None:
        for case, (changed, weights, how) in changes.items():
            with contextlib.suppress(ConfigError):  # the tables of a constraint end at this edge of the prior: no case
                pickled = pickle.dumps(analysis.with_overrides(changed))
                limit = executor.submit(on_unpickled, limit_of, pickled, seed, starts)
                found[case] = changed, limit, _credible(coupling, weights, how)

    def cases() -> list[Case]:
        best, limits = fitted.result()
        begin(_edges(analysis, draws, best.theta))
        limit = limits[COUPLING, "upper"]
        as_fitted = Case(AS_FITTED, {}, None if limit is None else 10.0**limit, credible_limit(coupling), DRAWS)
        return [as_fitted, *(Case(case, changed, one.result(), *by) for case, (changed, one, by) in found.items())]

    begin(_constraints(analysis, terms))
    return cases


Change = tuple[dict[str, Any], FloatArray, str]
"""Overrides, logarithms of the weights of the draws, and what these weights do."""


def _constraints(analysis: Analysis, terms: Mapping[str, FloatArray]) -> dict[str, Change]:
    """Each constraint left out."""
    return {
        WITHOUT + one.name: (
            {f"constraints.{one.name}.form": "off"},
            -terms[one.name],
            NEEDS_A_FIT if one.is_exclusion else REWEIGHTED,
        )
        for one in analysis.constraints
    }


def _edges(analysis: Analysis, draws: FloatArray, best: FloatArray) -> dict[str, Change]:
    """Each edge that draws or best fit reach, moved."""
    found: dict[str, Change] = {}
    sampled = {key: moves for key, moves in MOVES.items() if key[0] in analysis.parameter_names}
    for (name, side), moves in sampled.items():
        column = analysis.parameter_names.index(name)
        bounds, values = analysis.prior_bounds[column], draws[:, column]
        edge, inwards = (bounds[1], -1.0) if side == "high" else (bounds[0], 1.0)
        is_at = abs(best[column] - edge) < EDGE_BAND * np.ptp(bounds)
        if not (is_at or side in edges_reached(values, *bounds)):
            continue
        for by in moves:
            moved = round(float(edge + by * inwards), 6)
            inside = (values - moved) * inwards >= 0.0
            text = f"{'up to' if side == 'high' else 'from'} {10.0**moved:.3g}"
            how = CUT if by > 0.0 and inside.any() else NEEDS_A_FIT
            found[WORDS[name].format(text)] = {f"parameters.{name}.{side}": moved}, np.where(inside, 0.0, -np.inf), how
    return found


def _credible(coupling: FloatArray, log_ratios: FloatArray, how: str) -> tuple[float | None, str, float | None]:
    """The credible limit by weighted draws, how it was found or why not, and Pareto's k if the weights have one."""
    k = None
    if how == REWEIGHTED:
        (log_ratios,), (k,) = arviz_adapter.pareto_smoothed(log_ratios[None])
        how, k = (how if k < PARETO_K else NEEDS_A_FIT), float(k)
    if how not in (DRAWS, REWEIGHTED, CUT):
        return None, how, k
    return credible_limit(coupling, np.exp(log_ratios - log_ratios.max())), how, k


def credible_limit(coupling: FloatArray, weights: FloatArray | None = None) -> float:
    """The upper limit on g' by draws of log10 g', shape (draw,), and their weights."""
    return float(10.0 ** np.quantile(coupling, LEVEL, weights=weights, method="inverted_cdf"))


def limit_of(analysis: Analysis, seed: int, starts: FloatArray) -> float | None:
    """The upper limit on g' by profile likelihood, None if no coupling is excluded; starts inside the prior count."""
    inside = np.isfinite(analysis.log_prior(starts))
    limit = Profile(analysis, seed, starts[inside], EFFORT).limit(COUPLING, "upper", LEVEL)
    return None if limit is None else 10.0**limit
