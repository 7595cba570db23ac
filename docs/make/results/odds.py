"""Are the odds of `nuinfer compare` honest? What docs/comparison.md quotes of it, and its figure (20 core-minutes)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import nuinfer
from nuinfer.inference.evidence.nested import Setting
from nuinfer.inference.studies.odds import OddsCalibration, judge_odds, odds_of_simulations
from nuinfer.plotting import sheet, style

FIGURE = Path(__file__).resolve().parents[2] / "figures" / "odds-calibration.png"
DATA_SETS, SEED, SETTING = 200, 7505, Setting(live=250, walks=25)
HYPOTHESES = {
    "pion decay": ("model.absorption=false",),
    "neutron decay": ("model.absorption=false", "model.source=neutron"),
    "Z' and pion decay": (),
}
"""What tells them from `hese7`, whose constraints and nuisance parameters all of them have."""


def make(work: Path) -> dict[str, Any]:
    """The values, all evidences among them, and the same with every evidence squared; draws the figure."""
    hypotheses = {name: nuinfer.load("hese7", own) for name, own in HYPOTHESES.items()}
    return judged(odds_of_simulations(hypotheses, work, DATA_SETS, SEED, SETTING))


def judged(simulations: list[dict[str, Any]]) -> dict[str, Any]:
    """What the simulations say."""
    result, control = judge_odds(simulations), judge_odds(simulations, power=2.0)
    draw(result)
    return {
        "simulations": len(simulations),
        "seed": SEED,
        "setting": asdict(SETTING),
        "hypotheses": HYPOTHESES,
        "events": float(np.mean([one["events"] for one in simulations])),
        "true": {name: sum(one["truth"] == name for one in simulations) for name in HYPOTHESES},
        "result": asdict(result),
        "control": asdict(control),
        "data_sets": [[one["truth"], *(round(z, 3) for z in one["ln_z"].values())] for one in simulations],
    }


def tables(values: dict[str, Any]) -> dict[str, str]:
    """Share of true hypotheses by their posterior probability."""
    rows = ["| posterior probability | pairs | mean | share that is true |", "|---|---|---|---|"]
    for row in values["result"]["reliability"]:
        share = f"{row['true']:.3f} ± {row['error']:.3f}"
        rows.append(f"| {row['low']:.1f} - {row['high']:.1f} | {row['count']} | {row['predicted']:.3f} | {share} |")
    return {"reliability": "\n".join(rows)}


def draw(result: OddsCalibration) -> None:
    """Share of true hypotheses against their posterior probability."""
    with sheet(None, style.COLUMN_IN, (style.COLUMN_IN, style.COLUMN_IN), legend="none") as drawn:
        axes, rows = drawn.panel, result.reliability
        axes.plot([0.0, 1.0], [0.0, 1.0], color=style.GREY, lw=0.8)
        means, shares, errors = ([getattr(row, key) for row in rows] for key in ("predicted", "true", "error"))
        axes.errorbar(means, shares, yerr=errors, fmt="o", color=style.BLUE, ms=4.0)
        for row in rows:
            axes.annotate(str(row.count), (row.predicted, row.true), (5, -9), textcoords="offset points", fontsize=7)
        axes.set(xlabel="posterior probability", ylabel="share that is true", xlim=(-0.04, 1.1), ylim=(-0.04, 1.04))
    style.save(drawn.figure, FIGURE)
