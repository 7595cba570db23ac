"""Limits on g' by three methods, and the significance of absorption: what docs/limits.md quotes (some minutes)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import nuinfer

PRESET, MASSES_MEV, METHODS = "hese7_icecube", (4.0, 8.0, 16.0), ("profile", "credible", "feldman-cousins")
DATA_SETS, AT_EACH_COUPLING, WORKERS = 200, 100, 2


def make(work: Path) -> dict[str, Any]:
    """The values; folders are gone on with."""
    analysis = nuinfer.load(PRESET)
    found = nuinfer.significance(analysis, DATA_SETS, out=work / "significance", jobs=WORKERS)
    limits = {}
    for method in METHODS:
        options: dict[str, Any] = {"out": work / "limits", "jobs": WORKERS, "simulations": AT_EACH_COUPLING}
        made = nuinfer.limit(analysis, MASSES_MEV, method, **options)
        limits[method] = made.to_json() | {"errors": [None if math.isnan(e) else e for e in made.errors.tolist()]}
    low, high = analysis.prior_bounds[analysis.parameter_names.index("log10_g_prime")]
    ends = {"largest": 10.0 ** float(high), "prior95": 10.0 ** float(low + 0.95 * (high - low))}
    return {"significance": found.to_json(), "limits": limits, **ends, "simulations": AT_EACH_COUPLING}


def tables(values: dict[str, Any]) -> dict[str, str]:
    """Limits against mass."""
    made = [values["limits"][method] for method in METHODS]
    columns = [[_cell(*each) for each in zip(one["limits"], one["errors"], strict=True)] for one in made]
    rows = [f"| {' | '.join(row)} |" for row in zip([f"{m:g}" for m in MASSES_MEV], *columns, strict=True)]
    return {"methods": "\n".join([f"| m_Z' [MeV] | {' | '.join(METHODS)} |", "|---|---|---|---|", *rows])}


def _cell(limit: float | None, error: float | None) -> str:
    if limit is None:
        return "none"
    return f"{limit:.2g}" if error is None else f"{limit:.2g} ± {error:.1g}"
