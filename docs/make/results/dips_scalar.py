"""A dip of a nu_tau-philic scalar, or a break? docs/tutorials/sources.md (half an hour of one core)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import nuinfer
from nuinfer.inference.evidence.evidence import verbal
from nuinfer.inference.evidence.nested import Setting, run_nested
from nuinfer.inference.profile.profile import significances
from nuinfer.inference.studies.significance import Significance
from nuinfer.inference.work.simulation import draw_data
from nuinfer.observed import DataSets
from results.dips import PRESETS

SHAPE = ("model.spectrum=broken_power_law", "model.spectrum_frame=earth")
SCALAR = (
    *("model.mediator=scalar", "model.couplings=nu_tau", "model.channels=all"),
    'parameters.log10_m_zprime_mev={prior="uniform",low=0.0,high=1.7}',
    'parameters.log10_g_prime={prior="uniform",low=-3.0,high=-0.3}',
)
"""What ``hese7_nutau_scalar`` and ``hese12_nutau_scalar`` change of ``hese7_icecube`` and ``hese12_icecube``."""

SEED = 1504
RUNS = {
    "hese7_icecube": (70, SEED, SEED),
    "hese12_icecube": (70, SEED, SEED),
    "mese11_icecube": (200, 4207666419, 60664895),
}
"""Live points of nested sampling, and its seeds without and with the dip."""

EFFORT = {"hese7_icecube": 0.1, "hese12_icecube": 1.0, "mese11_icecube": 1.0}
"""Of the search in the observed data; the whole one takes some 60,000 marches."""

SIMULATED, LITTLE = {"mese11_icecube": 19}, 0.05
"""Data sets without a dip, and the effort of the search in each and once more in the observed data."""


def make(work: Path) -> dict[str, Any]:
    """The values; what is in the folder is not made again."""
    return {title: of_data_set(preset, work / preset) for preset, title in PRESETS.items()}


def of_data_set(preset: str, folder: Path) -> dict[str, Any]:
    """Evidence and likelihood ratio of the dip in one data set."""
    dip = nuinfer.load(preset, [*SHAPE, *SCALAR])
    null, (live, *seeds) = dip.with_overrides({"model.absorption": False}), RUNS[preset]
    runs = [
        kept(folder / f"evidence-{name}.json", evidence, analysis, live, seed)
        for name, analysis, seed in zip(("null", "dip"), (null, dip), seeds, strict=True)
    ]
    ln_b, error = runs[1][0] - runs[0][0], math.hypot(runs[0][1], runs[1][1])
    q, mass, coupling = kept(folder / "observed.json", likelihood_ratio, dip, dip.own, EFFORT[preset])
    found = Significance(preset, q, mass, coupling, np.array([]), dip.mediator).to_json()
    values = found | {"ln_b": [ln_b, error], "words": verbal(ln_b, error), "live": live}
    if n := SIMULATED.get(preset, 0):  # compared with the observed data searched alike
        little, *drawn = (kept(folder / f"{k}.json", simulated, dip, null, k) for k in range(n + 1))
        alike = Significance(preset, little, mass, coupling, np.array(drawn)).to_json()
        values |= {key: alike[key] for key in ("simulations", "reached", "global_p_value", "global_interval")}
        values |= {"little": little, "drawn": drawn}
    return values


def kept(path: Path, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns, once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(function(*arguments)))
    return json.loads(path.read_text())


def evidence(analysis: nuinfer.Analysis, live: int, seed: int) -> list[float]:
    """Evidence ln Z and its error."""
    run = run_nested(analysis, seed, Setting(live=live))
    return [run.ln_z, run.ln_z_error]


def likelihood_ratio(dip: nuinfer.Analysis, data: DataSets, effort: float) -> list[float]:
    """The likelihood ratio q of a dip in one data set, its mass in MeV and coupling."""
    q, best = significances(dip, data, SEED, effort)[0]
    return [q, *(float(dip.values(best.theta)[name]) for name in ("m_zprime_mev", "g_prime"))]


def simulated(dip: nuinfer.Analysis, null: nuinfer.Analysis, number: int) -> float:
    """The ratio in data drawn at the best fit without a dip, the observed ones as number 0, by a little search."""
    at = dict(zip(null.parameter_names, nuinfer.best_fit(null).theta.tolist(), strict=True))
    drawn = dip.data_sets([draw_data(null, at, np.random.default_rng([SEED, number]))]) if number else dip.own
    return likelihood_ratio(dip, drawn, LITTLE)[0]


def tables(values: dict[str, Any]) -> dict[str, str]:
    """Evidence and likelihood ratio of the dip."""
    head = ["data", "ln B", "q", "m_phi [MeV]", "g", "local p", "global p"]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for title, one in values.items():
        (ln_b, error), cells = one["ln_b"], [f"{one['q']:.2f}", f"{one['m_zprime_mev']:.2g}", f"{one['g_prime']:.1e}"]
        chance = "-"
        if one["simulations"]:
            low, high = one["global_interval"]
            chance = f"{one['global_p_value']:.2g} ({low:.2g} to {high:.2g})"
        cells = [title, f"{ln_b:+.2f} ± {error:.2f}", *cells, f"{one['local_p_value']:.2g}", chance]
        rows.append(f"| {' | '.join(cells)} |")
    return {"dips": "\n".join(rows)}
