"""The external constraints: what docs/constraints.md quotes (seconds)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scipy.optimize import brentq

from nuinfer.constraints import neff

MASSES_MEV = (1, 3, 5, 8, 10, 12, 16, 20, 30, 50)
ROWS: tuple[tuple[neff.Temperatures, float | None], ...] = (
    ("common", None),
    ("split", None),
    *(("common", g_prime) for g_prime in (1e-6, 1e-5, 1e-4, 1e-3)),
    ("split", 1e-4),
)
PLANCK = 2.99 + 2.0 * 0.17 - 3.044  # Delta N_eff at two sigma


def label(temperatures: str, g_prime: float | None) -> str:
    """Head of a row."""
    return f"{temperatures}, " + ("no mixing" if g_prime is None else f"g' = {g_prime:.0e}".replace("e-0", "e-"))


def make(work: Path) -> dict[str, Any]:  # noqa: ARG001
    """The values."""

    def lightest(g_prime: float | None) -> float:
        return float(brentq(lambda m: float(neff.delta_neff(m, g_prime)) - PLANCK, 5.0, 30.0))

    return {
        "delta_neff": {
            label(temperatures, g): [float(x) for x in neff.delta_neff(MASSES_MEV, g, temperatures=temperatures)]
            for temperatures, g in ROWS
        },
        "planck": {label("common", g): lightest(g) for temperatures, g in ROWS if temperatures == "common"},
        "largest_delta_neff": float(neff.delta_neff(1.1, 1e-2)),
        "at_15_mev": float(neff.delta_neff(15.0, 5e-4)),
    }


def tables(values: dict[str, Any]) -> dict[str, str]:
    """Delta N_eff against mass and coupling."""

    def digits(x: float) -> str:
        return f"{x:.2f}" if x >= 1.0 else f"{x:.3f}"

    head = " | ".join(["Delta N_eff at m_Z'/MeV", *map(str, MASSES_MEV)])
    rows = [f"| {' | '.join([name, *map(digits, row)])} |" for name, row in values["delta_neff"].items()]
    return {"delta_neff": "\n".join([f"| {head} |", "|" + "---|" * (len(MASSES_MEV) + 1), *rows])}
