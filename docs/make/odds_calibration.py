"""Are the odds of `nuinfer compare` honest? 200 simulated data sets, three hypotheses, about 12 core-minutes.

Writes docs/odds-calibration.json with the tests and all evidences, and its figure. Each data set is kept in --work as
it ends, so that a killed run goes on.

    python docs/make/odds_calibration.py --jobs 2
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

import nuinfer
from nuinfer.inference.evidence.nested import Setting
from nuinfer.inference.studies.odds import OddsCalibration, judge_odds, odds_of_simulations
from nuinfer.plotting import sheet, style

ROOT = Path(__file__).resolve().parents[2]
SEED, SETTING = 7505, Setting(live=150, walks=20)
HYPOTHESES = {
    "pion decay": ("model.absorption=false",),
    "neutron decay": ("model.absorption=false", "model.source=neutron"),
    "Z' and pion decay": (),
}
"""What tells them from `hese7`, whose constraints and nuisance parameters all of them have."""



def draw(result: OddsCalibration, path: Path) -> None:
    """Share of true hypotheses against their posterior probability."""
    with sheet(None, style.COLUMN_IN, (style.COLUMN_IN, style.COLUMN_IN), legend="none") as drawn:
        axes, rows = drawn.panel, result.reliability
        axes.plot([0.0, 1.0], [0.0, 1.0], color=style.GREY, lw=0.8)
        axes.errorbar(
            [row.predicted for row in rows],
            [row.true for row in rows],
            yerr=[row.error for row in rows],
            fmt="o",
            color=style.BLUE,
            ms=4.0,
        )
        for row in rows:
            axes.annotate(str(row.count), (row.predicted, row.true), (5, -9), textcoords="offset points", fontsize=7)
        axes.set(xlabel="posterior probability", ylabel="share that is true", xlim=(-0.04, 1.1), ylim=(-0.04, 1.04))
    style.save(drawn.figure, path)


def main() -> None:
    """Simulate what is missing, judge, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-n", type=int, default=200, help="data sets")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--work", default="chains/odds-calibration", help="folder of the single data sets")
    parser.add_argument("--out", default=str(ROOT / "docs" / "odds-calibration.json"))
    arguments = parser.parse_args()
    hypotheses = {name: nuinfer.load("hese7", own) for name, own in HYPOTHESES.items()}
    simulations = odds_of_simulations(hypotheses, arguments.work, arguments.n, SEED, SETTING, jobs=arguments.jobs)
    result, control = judge_odds(simulations), judge_odds(simulations, power=2.0)
    answer = {
        "about": "made by docs/make/odds_calibration.py; control: the same with every evidence squared",
        "simulations": len(simulations),
        "seed": SEED,
        "setting": asdict(SETTING),
        "hypotheses": HYPOTHESES,
        "events": float(np.mean([one["events"] for one in simulations])),
        "result": asdict(result),
        "control": asdict(control),
        "data_sets": [[one["truth"], *(round(z, 3) for z in one["ln_z"].values())] for one in simulations],
    }
    out = Path(arguments.out)
    out.write_text(json.dumps(answer, indent=1) + "\n")
    figure = out.parent / "figures" / f"{out.stem}.png"
    draw(result, figure)
    print(f"p = {result.p_value:.3f} (bias {np.round(result.bias, 2)}, boldness {result.boldness:+.2f}), ", end="")
    print(f"control p = {control.p_value:.2g}; wrote {out} and {figure}")


if __name__ == "__main__":
    main()
