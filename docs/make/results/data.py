"""What the second edition of the 7.5-year sample, its likelihood and its systematics do (five minutes on two cores)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.inference.profile.profile import COUPLING, Profile

SEED = 1504
FIRST_EDITION = Path(__file__).resolve().parents[3] / "tests" / "reference" / "hese7-first-edition"
FIXED = {
    "optical modules fixed": ("energy_scale.value=1",),
    "`norm_prompt` 0": ("norm_prompt.value=0",),
    "`tilt_conventional` 0": ("tilt_conventional.value=0",),
}
OLD = ("norm_prompt.value=0", "tilt_conventional.value=0", "energy_scale.low=0.5", "energy_scale.high=1.5")
CASES: dict[str, tuple[str, ...]] = {
    "second edition": (),
    "Poisson": ("data.likelihood=poisson",),
    "two topologies": ("data.topologies=2",),
    **{name: tuple(f"parameters.{key}" for key in keys) for name, keys in FIXED.items()},
    "first edition": (f"data.dataset={FIRST_EDITION}", *(f"parameters.{key}" for key in OLD)),
    "12 years": ("data.dataset=hese12",),
}
FLAVOURS = ("first edition", "two topologies", "second edition")
NO_Z = "model.absorption=false"


def make(work: Path) -> dict[str, Any]:
    """Fits without absorption, limits on g' with it, and posteriors of free flavours."""
    fits = {name: _fit(list(overrides)) for name, overrides in CASES.items()}
    flavours = {}
    for k, name in enumerate(FLAVOURS):
        analysis = nuinfer.load("hese7_icecube", [NO_Z, "model.source=free", *CASES[name]])
        summary = nuinfer.fit(analysis, work / f"flavours-{k}", seed=SEED, resume=True, progress=False).summary()
        flavours[name] = {key: _interval(summary["parameters"][key]) for key in ("f_e", "f_mu")}
    return {"fits": fits, "flavours": flavours}


def _fit(overrides: list[str]) -> dict[str, Any]:
    """Best fit and interval of gamma without absorption, IceCube alone, and the limit on g' with all constraints."""
    analysis = nuinfer.load("hese7_icecube", [NO_Z, *overrides])
    profile = Profile(analysis)
    best = dict(zip(analysis.parameter_names, profile.best.theta.tolist(), strict=True))
    low, high = profile.interval("gamma", 0.683)
    log10_limit = Profile(nuinfer.load("hese7", overrides)).limit(COUPLING, "upper")
    limit = None if log10_limit is None else 10.0**log10_limit
    return {"gamma": best["gamma"], "low": low, "high": high, "phi_total": best["phi_total"], "limit": limit}


def _interval(entry: dict[str, Any]) -> dict[str, float]:
    return {"median": entry["median"], "low": entry["hpd68"][0], "high": entry["hpd68"][1]}


def tables(values: dict[str, Any]) -> dict[str, str]:
    """Fits, and flavours at the source."""
    lines = ["| | gamma | phi_total | g' < |", "|---|---|---|---|"]
    for name, fit in values["fits"].items():
        gamma = f"{fit['gamma']:.3f} +{fit['high'] - fit['gamma']:.3f} -{fit['gamma'] - fit['low']:.3f}"
        limit = "none" if fit["limit"] is None else f"{fit['limit']:.1e}".replace("e-0", "e-")
        lines.append(f"| {name} | {gamma} | {fit['phi_total']:.2f} | {limit} |")
    flavours = ["| | f_e | f_mu |", "|---|---|---|"]
    for name, fractions in values["flavours"].items():
        shown = (f"{one['median']:.2f} ({one['low']:.2f} to {one['high']:.2f})" for one in fractions.values())
        flavours.append(f"| {name} | {' | '.join(shown)} |")
    return {"fits": "\n".join(lines), "flavours": "\n".join(flavours)}
