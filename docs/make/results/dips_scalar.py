"""A dip of a nu_tau-philic scalar, or a break? docs/tutorials/sources.md (an hour of one core)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import nuinfer
from nuinfer.inference.evidence.evidence import verbal
from nuinfer.inference.evidence.nested import Setting
from nuinfer.inference.profile.profile import significances
from nuinfer.inference.work.simulation import draw_data
from results.dips import AND_DIP, BREAK, PRESETS

SHAPE = ("model.spectrum=broken_power_law", "model.spectrum_frame=earth")
SCALAR = (
    *("model.mediator=scalar", "model.couplings=nu_tau", "model.channels=all"),
    'parameters.log10_m_zprime_mev={prior="uniform",low=0.0,high=1.7}',
    'parameters.log10_g_prime={prior="uniform",low=-3.0,high=-0.3}',
)
"""What ``hese7_nutau_scalar`` and ``hese12_nutau_scalar`` change of ``hese7_icecube`` and ``hese12_icecube``."""

LIVE = {"hese7_icecube": 120, "hese12_icecube": 120, "mese11_icecube": 200}
SIMULATED = {"mese11_icecube": 10}
EFFORT = 0.05
"""Of a search in simulated data, and once more in the observed ones; the whole one takes 60,000 marches."""


def make(work: Path) -> dict[str, Any]:
    """The values; folders are gone on with."""
    values = {}
    for preset, title in PRESETS.items():
        dip = nuinfer.load(preset, [*SHAPE, *SCALAR])
        null = dip.with_overrides({"model.absorption": False})
        names, setting = {BREAK: null, BREAK + AND_DIP: dip}, Setting(live=LIVE[preset])
        options = {"loo": False, "pseudo_experiments": 0, "resume": True, "jobs": 1, "progress": False}
        compared = nuinfer.compare(names, work / f"evidence-{preset}", seeds=1, setting=setting, **options)
        ln_b, error = compared.ln_bayes_factor(BREAK + AND_DIP, BREAK)
        found = nuinfer.significance(dip, 0, out=work / f"dip-{preset}", jobs=1, progress=False)
        folder, numbers = work / f"simulated-{preset}", range(1 + SIMULATED.get(preset, 0))
        little, *drawn = (likelihood_ratio(dip, null, number, folder) for number in numbers)
        alike = replace(found, q=little, simulated=np.array(drawn)).to_json()  # searched as the simulated data are
        chance = {key: alike[key] for key in ("simulations", "reached", "global_p_value", "global_interval")}
        values[title] = {"ln_b": [ln_b, error], "words": verbal(ln_b, error), "live": LIVE[preset], "q_little": little}
        values[title] |= found.to_json() | chance
    return values


def likelihood_ratio(dip: nuinfer.Analysis, null: nuinfer.Analysis, number: int, folder: Path) -> float:
    """The likelihood ratio q in simulated data of the best fit without a dip, by a search of little effort.

    Number 0 are the observed data.
    """
    path = folder / f"{number}.json"
    if not path.exists():
        at = dict(zip(null.parameter_names, nuinfer.best_fit(null).theta.tolist(), strict=True))
        data = draw_data(null, at, np.random.default_rng([1504, number])) if number else (dip.observed_counts, {})
        q = significances(dip, dip.data_sets([data]), 0, EFFORT)[0].q
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(q))
    return float(json.loads(path.read_text()))


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
