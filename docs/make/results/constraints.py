"""The external constraints: what docs/constraints.md quotes (seconds)."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from scipy.optimize import brentq

import nuinfer
from nuinfer.constants import MASS_TAU_MEV, MASS_W_GEV, MEV_PER_GEV
from nuinfer.constraints import CONSTRAINTS, borexino, neff
from nuinfer.constraints.limits import bound
from nuinfer.physics import mixing

MASSES_MEV = (1, 3, 5, 8, 10, 12, 16, 20, 30, 50)
ROWS: tuple[tuple[neff.Temperatures, float | None], ...] = (
    ("common", None),
    ("split", None),
    *(("common", g_prime) for g_prime in (1e-6, 1e-5, 1e-4, 1e-3)),
    ("split", 1e-4),
)
SCALAR: dict[neff.Partners, str] = {
    "all": "common",
    "nu_e": "split, in touch with nu_e",
    "nu_mu_tau": "split, in touch with nu_mu, nu_tau",
}
FLAVOURS = {"nu_e": (1, 0, 0), "nu_mu": (0, 1, 0), "nu_tau": (0, 0, 1), "all alike": (1, 1, 1)}
SCALES_GEV = {"m_W": MASS_W_GEV, "m_tau": 1.0001 * MASS_TAU_MEV / MEV_PER_GEV}
PLANCK = 2.99 + 2.0 * 0.17 - 3.044  # Delta N_eff at two sigma


def label(temperatures: str, g_prime: float | None) -> str:
    """Head of a row."""
    return f"{temperatures}, " + ("no mixing" if g_prime is None else f"g' = {g_prime:.0e}".replace("e-0", "e-"))


def solar() -> dict[str, Any]:
    """Flavours of 7Be neutrinos, the rate at 10 MeV and g' = 3e-4, and limits on g' of the term."""
    mixings = {"normal": mixing.NUFIT60_NORMAL, "inverted": mixing.NUFIT60_INVERTED, "paper": mixing.PAPER}
    terms = {
        ordering: next(
            c for c in nuinfer.load("hese7", [f"model.ordering={ordering}"]).constraints if c.name == "borexino"
        )
        for ordering in ("normal", "inverted")
    }
    exact = dataclasses.replace(terms["normal"].measurement, sigma=math.hypot(1.1, 0.55))
    terms["without the error of R_SM"] = dataclasses.replace(terms["normal"], measurement=exact)
    return {
        "flavours": {
            name: [float(x) for x in borexino.flavours(one, 7.5e-5 if name == "paper" else 7.49e-5)]
            for name, one in mixings.items()
        },
        "excess_percent": 100.0 * (float(borexino.rate_ratio(10.0, 3e-4)) - 1.0),
        "limits": {
            name: {str(mass): float(bound(term, mass).upper[0]) for mass in (10, 20)} for name, term in terms.items()
        },
        "recipe": float(borexino.paper_limit(10.0)),
    }


def tau_limits(flavour: str, scale: str) -> list[float]:
    """Limits on g at 1, 10 and 50 MeV from leptonic decays."""
    term = CONSTRAINTS.shipped["tau_decays"].build(
        "two_sided", "hflav2022", FLAVOURS[flavour], (1.0, 50.0), mediator="scalar", scale_gev=SCALES_GEV[scale]
    )
    return [float(x) for x in bound(term, [1.0, 10.0, 50.0]).upper]


def make(work: Path) -> dict[str, Any]:  # noqa: ARG001 - as all sections
    """The values."""

    def lightest(g_prime: float | None) -> float:
        return float(brentq(lambda m: float(neff.delta_neff(m, g_prime)) - PLANCK, 5.0, 30.0))

    def lightest_scalar(partners: neff.Partners) -> float:
        return float(brentq(lambda m: float(neff.delta_neff_scalar(m, partners)) - PLANCK, 2.0, 30.0))

    return {
        "delta_neff": {
            label(temperatures, g): [float(x) for x in neff.delta_neff(MASSES_MEV, g, temperatures=temperatures)]
            for temperatures, g in ROWS
        },
        "planck": {label("common", g): lightest(g) for temperatures, g in ROWS if temperatures == "common"},
        "scalar": {
            head: {
                "delta_neff": [float(x) for x in neff.delta_neff_scalar(MASSES_MEV, partners)],
                "planck": lightest_scalar(partners),
            }
            for partners, head in SCALAR.items()
        },
        "tau_decays": {flavour: {scale: tau_limits(flavour, scale) for scale in SCALES_GEV} for flavour in FLAVOURS},
        "borexino": solar(),
        "depth_factors": [
            (1.0 + float(neff.delta_neff(mass, g_prime)) / 3.044) ** 0.75
            for mass, g_prime in ((12.0, 1e-4), (8.0, 3e-4), (5.0, 1e-4))
        ],
        "largest_delta_neff": float(neff.delta_neff(1.1, 1e-2)),
        "at_15_mev": float(neff.delta_neff(15.0, 5e-4)),
    }


def tables(values: dict[str, Any]) -> dict[str, str]:
    """Delta N_eff against mass and coupling, that of a scalar, and limits on a scalar from leptonic decays."""

    def digits(x: float) -> str:
        return f"{x:.2f}" if x >= 1.0 else f"{x:.3f}"

    head = " | ".join(["Delta N_eff at m_Z'/MeV", *map(str, MASSES_MEV)])
    rows = [f"| {' | '.join([name, *map(digits, row)])} |" for name, row in values["delta_neff"].items()]
    of_scalar = [
        f"| {' | '.join([name, *map(digits, row['delta_neff']), format(row['planck'], '.1f')])} |"
        for name, row in values["scalar"].items()
    ]
    lines, limits = "|" + "---|" * (len(MASSES_MEV) + 1), values["tau_decays"]
    by_flavour = [
        f"| {flavour} | {' | '.join(f'{x:.2f}' for scale in SCALES_GEV for x in limits[flavour][scale])} |"
        for flavour in FLAVOURS
    ]
    masses = " | ".join(f"{m} MeV, Lambda = {scale}" for scale in SCALES_GEV for m in (1, 10, 50))
    return {
        "delta_neff": "\n".join([f"| {head} |", lines, *rows]),
        "scalar": "\n".join(
            [f"| {head.replace('m_Z', 'm').replace(chr(39), '')} | Planck, MeV |", lines + "---|", *of_scalar]
        ),
        "tau_decays": "\n".join([f"| g below, for | {masses} |", "|---|---|---|---|---|---|---|", *by_flavour]),
    }
