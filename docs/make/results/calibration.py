"""Simulation-based calibration: what docs/calibration.md quotes, and its figure (an hour and a half of one core)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scipy import stats

import nuinfer
from nuinfer.inference.studies.calibration import Calibration, Control, Setting, calibrate
from nuinfer.plotting import plot_calibration, style

FIGURE = Path(__file__).resolve().parents[2] / "figures" / "calibration.png"
FLAGSHIP = "hese7"
RUNS = {FLAGSHIP: 200, "hese12_icecube": 200, "mese11_icecube": 200, "paper": 200}
NARROWER = {  # of flux points, whose errors do not grow with the flux
    "mese11_icecube": {
        "parameters.gamma.low": 1.0,
        "parameters.gamma.high": 2.5,
        "parameters.gamma_high.low": 2.4,
        "parameters.gamma_high.high": 3.4,
        "parameters.phi_total.low": 0.5,
        "parameters.phi_total.high": 4.0,
        "parameters.log10_break_gev.low": 3.8,
        "parameters.log10_break_gev.high": 5.2,
    }
}
CONTROLS: dict[Control, int] = {"livetime": 100, "prior": 200, "measurements": 40}  # of the flagship
WRONG = {
    "livetime": "counts simulated with 1.1 times the livetime",
    "prior": "the likelihood is ignored: prior and one-sided terms are the posterior",
    "measurements": "measured values drawn at the Standard Model instead of the truth",
}


def make(work: Path) -> dict[str, Any]:
    """The values; draws the figure."""
    loaded = {name: nuinfer.load(name, NARROWER.get(name, {})) for name in RUNS}
    results = {name: calibrate(loaded[name], work / name, n, name=name) for name, n in RUNS.items()}
    style.save(plot_calibration(results[FLAGSHIP]), FIGURE)
    broken = {
        control: calibrate(nuinfer.load(FLAGSHIP), work / control, n, Setting(control=control), name=control)
        for control, n in CONTROLS.items()
    }
    return {name: summary(result) for name, result in (results | broken).items()}


def summary(result: Calibration) -> dict[str, Any]:
    """The table of a calibration, what fails, and what it can see: in deviations of a posterior, and in dispersion."""
    quantile, row = float(stats.norm.isf(result.threshold / 2.0)), result.rows[0]
    return {
        "markdown": result.markdown().rstrip(),
        "simulations": result.simulations,
        "passed": result.passed,
        "failures": [[row.name, row.pull, min(row.p_values)] for row in result.rows if row.name in result.failures],
        "visible": {"pull": quantile * row.pull_error, "dispersion": quantile * row.dispersion_error},
        "coverage": {str(level): share for level, share in result.coverage.items()},
    }


def tables(values: dict[str, Any]) -> dict[str, str]:
    """The table of each preset, and that of the controls."""
    rows = ["| control | what is wrong | simulations | what fails |", "|---|---|---|---|"]
    for control, wrong in WRONG.items():
        entry = values[control]
        fails = (
            f"`{name}` (p = {p:.0e})" if name == "region" else f"`{name}` ({pull:+.3g})"
            for name, pull, p in entry["failures"]
        )
        rows.append(f"| `{control}` | {wrong} | {entry['simulations']} | {', '.join(fails)} |")
    return {name: values[name]["markdown"] for name in RUNS} | {"controls": "\n".join(rows)}
