"""What ln B of absorption against none is made of: constraints left out, and the floor of the prior of g' lowered.

Writes docs/absorption-split.json. Two nested runs of each of eight hypotheses, about two core-minutes; a killed run
goes on.

    python docs/make/absorption_split.py
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import nuinfer

ROOT = Path(__file__).resolve().parents[2]
CASES: dict[str, tuple[str, ...]] = {
    "all constraints": (),
    "without sn1987a": ("constraints.sn1987a.form=off",),
    "without neff": ("constraints.neff.form=off",),
    "without sn1987a and neff": ("constraints.sn1987a.form=off", "constraints.neff.form=off"),
    "g' from 1e-8": ("parameters.log10_g_prime.low=-8.0",),
    "g' from 1e-10": ("parameters.log10_g_prime.low=-10.0",),
}


def split(overrides: tuple[str, ...], work: Path, jobs: int | None) -> dict[str, Any]:
    """ln B of one case: from nested sampling, and from the draws of the hypothesis with absorption."""
    absorption = nuinfer.load("hese7", overrides)
    pair = {"absorption": absorption, "none": absorption.with_overrides({"model.absorption": False})}
    result = nuinfer.compare(pair, work, resume=True, loo=False, pseudo_experiments=0, jobs=jobs)
    test = result.absorption[0]
    dickey = test.savage_dickey
    return {
        "overrides": overrides,
        "ln_b": test.ln_bayes_factor,
        "error": test.error,
        "savage_dickey": None if dickey is None else {"ln_b": dickey.ln_bayes_factor, "error": dickey.error},
        "mass_only": None if dickey is None else dickey.mass_only,
    }


def main() -> None:
    """Compute every case and write the numbers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", default="chains/absorption-split", help="folder of the evidences")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--out", default=str(ROOT / "docs" / "absorption-split.json"))
    arguments = parser.parse_args()
    answer = {}
    for number, (name, overrides) in enumerate(CASES.items()):
        answer[name] = split(overrides, Path(arguments.work) / str(number), arguments.jobs)
        print(name, answer[name])
    about = "made by docs/make/absorption_split.py: ln B of absorption against none, hese7"
    Path(arguments.out).write_text(json.dumps({"about": about, "cases": answer}, indent=1) + "\n")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
