"""Moving targets against targets at rest: what docs/thermal.md quotes (seconds)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import nuinfer

LIGHTEST_EV = (0.1, 0.03, 0.01, 0.003)
POINTS = {"8 MeV": (8.0, 3e-4), "5 MeV": (5.0, 3e-4), "9 MeV": (9.0, 3e-4)}


def change_percent(m_zprime_mev: float, g_prime: float, lightest_ev: float, regeneration: bool) -> list[float]:
    """Largest change of an astrophysical bin by motion, and largest share that daughters add at rest, in percent."""
    at = {"log10_m_zprime_mev": np.log10(m_zprime_mev), "log10_g_prime": np.log10(g_prime)}
    fixed = [f"parameters.{name}.value={value}" for name, value in (at | {"lightest_nu_mass_ev": lightest_ev}).items()]

    def counts(targets: str, daughters: bool) -> Any:
        switches = [f"model.targets={targets}", f"model.regeneration={str(daughters).lower()}"]
        return nuinfer.load("hese7_icecube", [*fixed, *switches]).predict()["astro"]

    rest = counts("at_rest", regeneration)
    moved = np.abs(counts("thermal", regeneration) / rest - 1.0).max()
    added = (counts("at_rest", True) / counts("at_rest", False) - 1.0).max()
    return [100.0 * float(moved), 100.0 * float(added)]


def make(work: Path) -> dict[str, Any]:  # noqa: ARG001 - as all sections
    """The values."""
    return {
        "regenerated": {
            name: {f"{1e3 * mass:.0f} meV": change_percent(*point, mass, True) for mass in LIGHTEST_EV}
            for name, point in POINTS.items()
        },
        "removed": {name: change_percent(*point, 0.1, False)[0] for name, point in POINTS.items()},
    }
