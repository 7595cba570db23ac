"""Limits on g' by three methods, and the significance of absorption: what docs/limits.md quotes (some minutes)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuinfer

PRESET, MASSES_MEV, COUPLING_MASSES_MEV = "hese7_icecube", (4.0, 8.0, 16.0), (8.0,)
DATA_SETS, AT_EACH_COUPLING = 200, 60
WORKERS = 2


def make(work: Path) -> dict[str, Any]:
    """The values; folders are gone on with."""
    analysis = nuinfer.load(PRESET)
    found = nuinfer.significance(analysis, DATA_SETS, out=work / "significance", jobs=WORKERS)
    limits = {}
    for method, masses in (("profile", MASSES_MEV), ("credible", MASSES_MEV), ("feldman-cousins", COUPLING_MASSES_MEV)):
        made = nuinfer.limit(analysis, masses, method, simulations=AT_EACH_COUPLING, out=work / method, jobs=WORKERS)
        errors = [None if error != error else error for error in made.errors.tolist()]  # noqa: PLR0124 - NaN
        limits[method] = made.to_json() | {"errors": errors}
    high = 10.0 ** float(analysis.prior_bounds[analysis.parameter_names.index("log10_g_prime"), 1])
    return {"significance": found.to_json(), "limits": limits, "largest": high, "simulations": AT_EACH_COUPLING}


def tables(values: dict[str, Any]) -> dict[str, str]:
    """Limits against mass."""
    rows = []
    for mass in MASSES_MEV:
        cells = [_cell(values["limits"][method], mass) for method in ("profile", "credible", "feldman-cousins")]
        rows.append(f"| {mass:g} | {' | '.join(cells)} |")
    return {"methods": "\n".join(["| m_Z' [MeV] | profile | credible | feldman-cousins |", "|---|---|---|---|", *rows])}


def _cell(made: dict[str, Any], mass: float) -> str:
    if mass not in made["masses_mev"]:
        return "not made"
    k = made["masses_mev"].index(mass)
    if made["limits"][k] is None:
        return "none"
    error = made["errors"][k]
    return f"{made['limits'][k]:.2g}" + ("" if error is None else f" ± {error:.1g}")
