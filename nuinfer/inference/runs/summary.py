"""What the chains of a run say, in numbers and in one line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nuinfer.inference.runs.diagnostics import Verdict, flattened
from nuinfer.inference.runs.intervals import edges_reached, one_sided_limit, shortest_interval
from nuinfer.typing import FloatArray

NOT_CONVERGED = "not converged: "
DRAWS_FOR_INTERVALS = 200_000


def summarise(chain: FloatArray, verdict: Verdict, names: Sequence[str], prior_bounds: FloatArray) -> dict[str, Any]:
    """Summary of a run, as in ``summary.json``.

    Parameters
    ----------
    chain : array, shape (ensemble, step, walker, n_dim)
        All steps; the discarded ones are left out here.
    verdict : Verdict
        State of the chains.
    names : sequence of str
        Parameters, in column order.
    prior_bounds : array, shape (n_dim, 2)
        Support of the priors.

    Returns
    -------
    dict
        ``converged``, ``rhat_max``, ``ess_min``, ``steps``, ``parameters`` (``median``, ``hpd68``, ``hpd95``, ``ess``,
        ``rhat``, and ``limit95`` where the posterior piles up at one edge of the prior), ``warnings``.
    """
    draws = flattened(chain[:, verdict.discard :], max(1, verdict.thin), DRAWS_FOR_INTERVALS).reshape(-1, len(names))
    warnings = [] if verdict.converged else [NOT_CONVERGED + what for what in verdict.missing]
    if len(chain) < 2:
        warnings.append("a single ensemble: R-hat between ensembles is not defined")
    parameters: dict[str, dict[str, Any]] = {}
    for column, name in enumerate(names):
        sample, (low, high) = draws[:, column], prior_bounds[column]
        entry: dict[str, Any] = {
            "median": float(np.median(sample)),
            "hpd68": list(shortest_interval(sample, 0.68)),
            "hpd95": list(shortest_interval(sample, 0.95)),
            "ess": float(verdict.ess[column]),
            "rhat": float(verdict.rhat[column]),
        }
        edges = edges_reached(sample, low, high)
        if len(edges) == 1:
            entry["limit95"] = one_sided_limit(sample, low, high, edges[0])
        elif len(edges) == 2:
            warnings.append(f"{name}: the posterior reaches both edges of its prior, the data hardly constrain it")
        parameters[name] = entry
    return {
        "converged": verdict.converged,
        "rhat_max": float(np.max(verdict.rhat)),
        "ess_min": float(np.min(verdict.ess)),
        "steps": verdict.steps,
        "parameters": parameters,
        "warnings": warnings,
    }


def outcome(summary: Mapping[str, Any]) -> str:
    """One line for the end of a run."""
    ess, rhat = summary["ess_min"], summary["rhat_max"]
    state = "converged" if summary["converged"] else "NOT converged"
    text = f"{state} after {summary['steps']} steps (ESS >= {ess or math.nan:.0f}, R-hat <= {rhat or math.nan:.4f})"
    missing = [warning.removeprefix(NOT_CONVERGED) for warning in summary["warnings"]]
    return text if summary["converged"] else f"{text}; {what_is_missing(missing)}"


def what_is_missing(missing: Sequence[str]) -> str:
    """The first thing that is missing for convergence, and how many more there are."""
    if not missing:
        return "converged"
    return f"missing: {missing[0]}" + (f" (and {len(missing) - 1} more)" if len(missing) > 1 else "")
