"""A scalar coupled to nu_tau, all channels: docs/self-interactions.md and its figure (40 minutes on two cores)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuinfer

PRESET = "hese7_nutau_scalar"
FIT: dict[str, Any] = {"seed": 1504, "walkers": 32, "target_ess": 1000, "max_steps": 6000, "jobs": 2}


def make(work: Path) -> dict[str, Any]:
    """The values, and the figure."""
    run = nuinfer.fit(nuinfer.load(PRESET), work / "fit", resume=True, progress=False, **FIT)
    return {"steps": run.steps}
