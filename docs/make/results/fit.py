"""The fit of hese7 and what its limit on g' hangs on: the headline of README and docs (five minutes on two cores)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.inference.profile.profile import COUPLING
from nuinfer.inference.runs.sensitivity import credible_limit
from nuinfer.inference.sampling.short import leave_one_out

SEED, STEPS = 1504, 1600  # four times the steps of a report: the limits are good to 3 %


def make(work: Path) -> dict[str, Any]:
    """The limits by profile likelihood and of the posterior, and of posteriors sampled without each constraint."""
    analysis = nuinfer.load("hese7")
    run = nuinfer.fit(analysis, work / "hese7", seed=SEED, resume=True, progress=False)
    column = analysis.parameter_names.index(COUPLING)
    without = leave_one_out(analysis, SEED, steps=STEPS)
    resampled = {name: credible_limit(short.samples[..., column].ravel()) for name, short in without.items()}
    cases = {case["case"]: case for case in run.summary()["g_prime_upper95"]}
    return {"cases": cases, "resampled": resampled}


def tables(values: dict[str, Any]) -> dict[str, str]:
    """The limits, case by case."""
    lines = [
        "| `hese7` | profile, 95 % CL, one-sided | credible 95 % | by |",
        "|---|---|---|---|",
    ]
    for name, case in values["cases"].items():
        again = values["resampled"].get(name.removeprefix("without "))
        credible, by = (case["credible"], case["credible_by"]) if again is None else (again, "resampled")
        lines.append(f"| {name} | {number(case['profile'])} | {number(credible)} | {by} |")
    return {"limits": "\n".join(lines)}


def number(value: float | None) -> str:
    """A coupling, or nothing."""
    return "" if value is None else f"{value:.1e}".replace("e-0", "e-")
