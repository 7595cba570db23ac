"""A scalar coupled to nu_tau, all channels: docs/self-interactions.md and its figure (half an hour on two cores)."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import nuinfer
from nuinfer.confidence import HPD_LEVELS
from nuinfer.inference.runs.sensitivity import credible_limit
from nuinfer.physics import cosmology, mediator, mixing
from nuinfer.physics.propagation import flavour_at_earth
from nuinfer.plotting import style
from nuinfer.plotting.figures.region import plot_region

ROOT = Path(__file__).resolve().parents[3]
FIGURE, WALKS = ROOT / "docs" / "figures" / "nutau-scalar.png", ROOT / "tests" / "reference" / "transport.json"
PRESET, NULL, SCALAR = "hese7_nutau_scalar", "no absorption", "scalar"
WORKERS, DRAWS, NODES = 2, 40_000, 24
MASSES_MEV = (1.0, 3.0, 10.0, 30.0, 50.0)
MATTERS = 0.1
"""Share of the flux that has to arrive in a bin for its relative error to be quoted."""


def make(work: Path) -> dict[str, Any]:
    """The values, and the figure."""
    sys.path.append(str(ROOT / "benchmarks"))
    import self_interactions as benchmark

    analyses = {SCALAR: nuinfer.load(PRESET), NULL: nuinfer.load(PRESET, ["model.absorption=false"])}
    compared = nuinfer.compare(
        analyses, work / "evidence", resume=True, loo=False, pseudo_experiments=0, jobs=WORKERS, progress=False
    )
    return {
        "posterior": posterior(analyses[SCALAR], compared),
        "marches": {name: benchmark.measured(overrides) for name, overrides in benchmark.CASES.items()},
        "walks": [against_walks(case) for case in json.loads(WALKS.read_text())["cases"]],
    }


def posterior(analysis: nuinfer.Analysis, compared: nuinfer.Comparison) -> dict[str, Any]:
    """Evidence and limits on the coupling in ranges of the mass, and the figure of both."""
    scalar = compared[SCALAR]
    draws = scalar.draws(DRAWS)
    figure = plot_region(analysis, draws, effective=scalar.effective, width_in=style.PAGE_IN)
    style.save(figure, FIGURE)
    mass, coupling = (
        draws[:, analysis.parameter_names.index(name)] for name in ("log10_m_zprime_mev", "log10_g_prime")
    )
    limits = []
    for low, high in itertools.pairwise(MASSES_MEV):
        inside = (mass > np.log10(low)) & (mass <= np.log10(high))
        limits.append({
            "low_mev": low, "high_mev": high, "share": float(inside.mean()), "g": credible_limit(coupling[inside]),
        })  # fmt: skip
    ln_b, error = compared.ln_bayes_factor(SCALAR, NULL)
    return {
        "ln_b": ln_b, "ln_b_error": error, "effective": scalar.effective, "level": HPD_LEVELS[-1],
        "evaluations": sum(run.calls for run in scalar.runs), "limits": limits, "g": credible_limit(coupling),
    }  # fmt: skip


def against_walks(case: dict[str, Any]) -> dict[str, Any]:
    """How far our flux in each bin is from random walks, and the implicit scheme from both."""
    edges = np.log(case["edges_gev"])
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    ln_e = 0.5 * (edges[1:] + edges[:-1])[:, None] + 0.5 * np.diff(edges)[:, None] * nodes
    weights = weights * np.exp((1.0 - case["gamma"]) * (ln_e - ln_e[:, :1]))
    basis = mixing.NUFIT60_NORMAL if case["ordering"] == "normal" else mixing.NUFIT60_INVERTED
    point = np.exp(ln_e.ravel()), case["m_mev"], case["g"], case["masses_ev"], [1, 2, 0], case["gamma"], "sfr"
    scalar = mediator.Mediator(mediator.NU_TAU.charges, 0)
    flux = flavour_at_earth(
        *point, basis, scalar, cosmology.PLANCK18, "decoherent", 5.0, True, "at_rest", "all"
    ).reshape(*ln_e.shape, 3)
    flavours = np.einsum("bef,be->bf", flux, weights / weights.sum(axis=1, keepdims=True))
    walked, total = np.array(case["flavours"]), flavours.sum(axis=1)
    much = total > MATTERS
    implicit = {name: np.abs(np.sum(one, axis=1) / total - 1.0) for name, one in case["implicit"].items()}
    return {
        **{key: case[key] for key in ("g", "m_mev", "gamma", "ordering")},
        "error": float(np.max(case["errors"])), "difference": float(np.abs(flavours - walked).max()),
        "relative": float(np.abs(walked.sum(axis=1) / total - 1.0)[much].max()),
        "implicit": {name: [float(np.median(one)), float(one[much].max())] for name, one in implicit.items()},
    }  # fmt: skip


def tables(values: dict[str, Any]) -> dict[str, str]:
    """Limits, spectra beside random walks, and the march's speed and accuracy."""
    limits = ["| m_phi [MeV] | share of the posterior | g below, at 95 % |", "|---|---|---|"]
    limits += [
        f"| {one['low_mev']:.0f} to {one['high_mev']:.0f} | {one['share']:.2f} | {one['g']:.2g} |"
        for one in values["posterior"]["limits"]
    ]
    per_decade = list(values["walks"][0]["implicit"])
    head = ["g", "m [MeV]", "gamma", "ordering", "error of the walks", "difference of the march", "relative"]
    head += [f"implicit, {n} per decade: median (largest)" for n in per_decade]
    walks = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for one in values["walks"]:
        cells = [f"{one['g']}", f"{one['m_mev']}", f"{one['gamma']}", one["ordering"], f"{one['error']:.1e}"]
        cells += [f"{one['difference']:.1e}", f"{100 * one['relative']:.1f} %"]
        cells += [f"{100 * median:.1f} % ({100 * worst:.0f} %)" for median, worst in one["implicit"].values()]
        walks.append(f"| {' | '.join(cells)} |")
    errors = "worst bin: median", "90 %", "at most, g < 0.13", "at most"
    titles = "`hese7_nutau_scalar`, full posteriors, coupled to", "per second and core", *errors
    speed = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for name, one in values["marches"].items():
        found = (f"{one[key]:.1e}" for key in ("median", "q90", "weak", "strong"))
        speed.append(f"| {name} | {one['rate']:.0f} | {' | '.join(found)} |")
    return {name: "\n".join(rows) for name, rows in {"limits": limits, "walks": walks, "speed": speed}.items()}
