"""The standard comparison, docs/tutorials/sources.md and its figures (15 minutes on two cores)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nuinfer
from nuinfer import plotting
from nuinfer.inference.evidence.absorption_test import AbsorptionTest
from nuinfer.inference.evidence.compare import PSEUDO_EXPERIMENTS, Comparison, compare
from nuinfer.inference.evidence.evidence import Evidence, verbal
from nuinfer.inference.evidence.hypotheses import BASELINE, Block, standard_blocks
from nuinfer.plotting import sheet, style
from nuinfer.plotting.energies import GEV_PER_TEV
from nuinfer.plotting.figures.counts import draw_observed

FIGURES = Path(__file__).resolve().parents[2] / "tutorials" / "sources"
DIP, NONE = "dip of 2014", "no absorption"
GAP_GEV = (4.4e5, 9e5)
OTHERWISE = {
    "removed": ["model.regeneration=false"],
    "coherent": ["model.regeneration=false", "model.coherence=coherent", "model.masses=degenerate"],
}  # how else the dip of 2014 is computed
OFF = "constraints.{}.form=off"
CONSTRAINTS = ("muon_g2", "borexino", "neff", "sn1987a")
VARIANTS = {
    "all": [],
    **{f"without {name}": [OFF.format(name)] for name in CONSTRAINTS},
    "floor 1e-8": ["parameters.log10_g_prime.low=-8"],
    "floor 1e-10": ["parameters.log10_g_prime.low=-10"],
}  # of hese7: what the odds against absorption depend on


def entry(block: Block, result: Comparison, evidence: Evidence) -> dict[str, Any]:
    """One hypothesis against the baseline of its block."""
    ln_b, error = result.ln_bayes_factor(evidence.name, BASELINE)
    base = result[BASELINE]
    words = "modelling" if block.groups.get(evidence.name) == "modelling" else verbal(ln_b, error)
    apart = evidence.loo.difference(base.loo) if evidence.loo and base.loo else None
    return {
        "ln_z": evidence.ln_z,
        "ln_z_error": evidence.ln_z_error,
        "ln_prior_volume": evidence.ln_prior_volume,
        "ln_b": ln_b,
        "ln_b_error": error,
        "ln_b_without_one_sided": list(result.ln_bayes_factor_without_one_sided(evidence.name, BASELINE)),
        "words": "" if evidence is base else words,
        "max_ln_l": evidence.max_log_likelihood,
        "elpd": None if evidence is base else apart,
    }


def absorption(test: AbsorptionTest) -> dict[str, Any]:
    """Absorption against none, three ways."""
    dickey, ratio = test.savage_dickey, test.likelihood_ratio
    return {
        "nested": [test.ln_bayes_factor, test.error],
        "savage_dickey": dickey and [dickey.ln_bayes_factor, dickey.error],
        "note": test.note,
        "likelihood_ratio": ratio and ratio.statistic,
        "p_value": ratio and ratio.p_value,
        "percent": ratio and 100.0 * ratio.p_value,
    }


def dip(block: Block, result: Comparison, work: Path) -> dict[str, Any]:
    """The dip of 2014 against no absorption, also as others compute it, and the events in the gap without a Z'."""
    none = result[NONE].analysis
    expected = none.expected_counts([result[NONE].best_fit[name] for name in none.parameter_names]).sum(axis=0)
    inside = (none.bin_edges_gev[:-1] > GAP_GEV[0]) & (none.bin_edges_gev[1:] < GAP_GEV[1])
    made: dict[str, Any] = {
        "ln_b": list(result.ln_bayes_factor(DIP, NONE)),
        "expected": float(expected[inside].sum()),
        "observed": int(none.observed_counts.sum(axis=0)[inside].sum()),
    }
    for name, overrides in OTHERWISE.items():
        pair = {label: block.hypotheses[label].with_overrides(overrides) for label in (DIP, NONE)}
        found = compare(pair, work / f"dip-{block.folder}-{name}", resume=True, loo=False, pseudo_experiments=0)
        made[name] = list(found.ln_bayes_factor(DIP, NONE))
    return made


def dependence(work: Path) -> dict[str, Any]:
    """Odds of absorption against none with each constraint left out, and with lower floors of the coupling."""
    made = {}
    for name, overrides in VARIANTS.items():
        pair = {key: nuinfer.load("hese7", [*overrides, f"model.absorption={key}"]) for key in ("true", "false")}
        folder = work / name.replace(" ", "-")
        (test,) = compare(pair, folder, resume=True, loo=False, pseudo_experiments=0).absorption
        made[name] = absorption(test)
    return made


def make(work: Path) -> dict[str, Any]:
    """The values; draws the figures."""
    results: list[tuple[Block, Comparison]] = []
    for block in standard_blocks():
        simulated = PSEUDO_EXPERIMENTS if DIP in block.hypotheses else 0  # with N_eff the ratio is 0
        folder = work / block.folder
        results.append((block, compare(dict(block.hypotheses), folder, resume=True, pseudo_experiments=simulated)))
    draw(results)
    weights = results[0][1].average(results[0][0].alternatives())
    return {
        "blocks": {
            block.name: {evidence.name: entry(block, result, evidence) for evidence in result.hypotheses}
            for block, result in results
        },
        "absorption": {
            block.name: {test.absorption: absorption(test) for test in result.absorption} for block, result in results
        },
        "weights": {name: [weight, weights.errors[name]] for name, weight in weights.weights.items()},
        "dependence": dependence(work),
        "dip": {block.name: dip(block, result, work) for block, result in results if DIP in block.hypotheses},
        "simulated": PSEUDO_EXPERIMENTS,
    }


def tables(values: dict[str, Any]) -> dict[str, str]:
    """A table for each block, those of absorption, and the weights of the sources."""
    made = {name: table(name, block) for name, block in values["blocks"].items()}
    rows = [
        f"| {data} | {name} | {plus_minus(test['nested'])} | {plus_minus(test['savage_dickey']) or test['note']} | "
        + ("" if test["likelihood_ratio"] is None else f"{test['likelihood_ratio']:.2f}")
        + (" | |" if test["p_value"] is None else f" | {test['p_value']:.2f} |")
        for data, tests in values["absorption"].items()
        for name, test in tests.items()
    ]
    head = ["| data | hypothesis | ln B, nested | ln B, Savage-Dickey | likelihood ratio | p (simulated) |"]
    made["absorption"] = "\n".join([*head, "|---|---|---|---|---|---|", *rows])
    rows = [f"| {name} | {weight:.2f} ± {error:.2f} |" for name, (weight, error) in values["weights"].items()]
    made["weights"] = "\n".join(["| source | probability |", "|---|---|", *rows])
    rows = [
        f"| {name} | {plus_minus(test['nested'])} | {plus_minus(test['savage_dickey']) or test['note']} |"
        for name, test in values["dependence"].items()
    ]
    made["dependence"] = "\n".join(["| `hese7` | ln B, nested | ln B, Savage-Dickey |", "|---|---|---|", *rows])
    return made


def table(name: str, block: dict[str, dict[str, Any]]) -> str:
    """Evidences of one block."""
    lines = [
        f"| {name} | ln Z | ln V | ln B against `{BASELINE}` | | without one-sided | max ln L | elpd (LOO) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {hypothesis} | {one['ln_z']:.2f} ± {one['ln_z_error']:.2f} | {one['ln_prior_volume']:.2f} | "
        f"{plus_minus((one['ln_b'], one['ln_b_error']))} | {one['words']} | "
        f"{plus_minus(one['ln_b_without_one_sided'])} | {one['max_ln_l']:.2f} | {plus_minus(one['elpd'])} |"
        for hypothesis, one in block.items()
    ]
    return "\n".join(lines)


def plus_minus(pair: Sequence[float] | None) -> str:
    """A signed number and its error, or nothing."""
    return "" if pair is None else f"{pair[0]:+.2f} ± {pair[1]:.2f}"


def draw(results: Sequence[tuple[Block, Comparison]]) -> None:
    """Bayes factors, regions, flavours and the dip."""
    bars = {
        block.name: [
            plotting.Bar(e.name, *result.ln_bayes_factor(e.name, BASELINE), block.groups.get(e.name, ""))
            for e in result.hypotheses
        ]
        for block, result in results
    }
    style.save(plotting.plot_bayes_factors(bars, BASELINE), FIGURES / "bayes_factors.png")
    block, result = results[0]
    sources = [result[name] for name in block.alternatives()]
    style.save(plotting.plot_overlaid_regions(sources), FIGURES / "regions.png")
    style.save(plotting.plot_flavours(sources), FIGURES / "flavours.png")
    alone = [(block.name, result) for block, result in results if DIP in block.hypotheses]
    draw_dip(alone, FIGURES / "dip.png")


def draw_dip(results: Sequence[tuple[str, Comparison]], path: Path) -> None:
    """Counts of each data set with the best fits without absorption and with the dip of 2014."""
    number = len(results)
    heights = (0.42 * style.PAGE_IN + 0.6, 2.2 * number + 0.9)
    with sheet(None, style.PAGE_IN, heights, panels=number, columns=(number, 1), share="xy") as drawn:
        for panel, (name, result) in zip(drawn.panels, results, strict=True):
            analysis = result[DIP].analysis
            edges_tev = analysis.bin_edges_gev / GEV_PER_TEV
            draw_observed(panel, edges_tev, analysis.observed_counts.sum(axis=0))
            for label, colour in (("no absorption", style.GREY), (DIP, style.VERMILLION)):
                own = result[label].analysis
                point = [result[label].best_fit[parameter] for parameter in own.parameter_names]
                counts = own.expected_counts(point).sum(axis=0)
                panel.stairs(counts, edges_tev, color=colour, lw=1.3, label=f"best fit, {label}")
            panel.set(xscale="log", yscale="log", ylim=(0.03, 30.0), title=name)
            panel.set(xlabel="deposited energy [TeV]", ylabel="events per bin")
            style.plain_log(panel.xaxis)
    style.save(drawn.figure, path)
