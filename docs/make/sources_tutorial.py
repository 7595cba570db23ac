"""Run the standard comparison and put its tables and figures into docs/tutorials/sources.md.

About 12 core-minutes; a killed run goes on. Without --work the evidences are computed again.

    python docs/make/sources_tutorial.py --work chains/compare-standard
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from nuinfer import plotting
from nuinfer.inference.evidence.absorption_test import AbsorptionTest
from nuinfer.inference.evidence.compare import PSEUDO_EXPERIMENTS, Comparison, compare
from nuinfer.inference.evidence.evidence import verbal
from nuinfer.inference.evidence.hypotheses import BASELINE, Block, standard_blocks
from nuinfer.plotting import sheet, style
from nuinfer.plotting.energies import GEV_PER_TEV
from nuinfer.plotting.figures.counts import draw_observed

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorials" / "sources.md"
FIGURES = PAGE.with_suffix("")
DIP = "dip of 2014"


def table(block: Block, result: Comparison) -> str:
    """Evidences of one block, against the baseline."""
    lines = [
        f"| {block.name} | ln Z | ln V | ln B against `{BASELINE}` | | max ln L | elpd (LOO) |",
        "|---|---|---|---|---|---|---|",
    ]
    for evidence in result.hypotheses:
        ln_b, error = result.ln_bayes_factor(evidence.name, BASELINE)
        words = "" if evidence.name == BASELINE else verbal(ln_b, error)
        if block.groups.get(evidence.name) == "modelling":
            words = "modelling"
        base = result[BASELINE].loo
        elpd = ""
        if evidence.loo is not None and base is not None and evidence.name != BASELINE:
            elpd = "{:+.2f} ± {:.2f}".format(*evidence.loo.difference(base))
        lines.append(
            f"| {evidence.name} | {evidence.ln_z:.2f} ± {evidence.ln_z_error:.2f} | {evidence.ln_prior_volume:.2f} "
            f"| {ln_b:+.2f} ± {error:.2f} | {words} | {evidence.max_log_likelihood:.2f} | {elpd} |"
        )
    return "\n".join(lines)


def absorption_table(tests: Sequence[tuple[str, AbsorptionTest]]) -> str:
    """Absorption against none, three ways."""
    lines = [
        "| data | hypothesis | ln B, nested | ln B, Savage-Dickey | likelihood ratio | p (simulated) |",
        "|---|---|---|---|---|---|",
    ]
    for data, test in tests:
        dickey, ratio = test.savage_dickey, test.likelihood_ratio
        lines.append(
            f"| {data} | {test.absorption} | {test.ln_bayes_factor:+.2f} ± {test.error:.2f} | "
            + (f"{dickey.ln_bayes_factor:+.2f} ± {dickey.error:.2f} | " if dickey else f"{test.note} | ")
            + (f"{ratio.statistic:.2f} | {ratio.p_value:.2f} |" if ratio else " | |")
        )
    return "\n".join(lines)


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


def replace_part(text: str, name: str, content: str) -> str:
    """`text` with what stands between the marks of a part replaced."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text)


def main() -> None:
    """Compare, draw, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", default="chains/compare-standard", help="folder of the evidences")
    parser.add_argument("--jobs", type=int)
    arguments = parser.parse_args()
    results: list[tuple[Block, Comparison]] = []
    for block in standard_blocks():
        simulated = PSEUDO_EXPERIMENTS if DIP in block.hypotheses else 0  # with N_eff the ratio is 0
        folder = Path(arguments.work) / block.folder
        found = compare(dict(block.hypotheses), folder, resume=True, jobs=arguments.jobs, pseudo_experiments=simulated)
        results.append((block, found))
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
    page = PAGE.read_text()
    for block, result in results:
        page = replace_part(page, block.name, table(block, result))
    tests = [(block.name, test) for block, result in results for test in result.absorption]
    page = replace_part(page, "absorption", absorption_table(tests))
    weights = results[0][1].average(results[0][0].alternatives())
    rows = [f"| {name} | {weight:.2f} ± {weights.errors[name]:.2f} |" for name, weight in weights.weights.items()]
    page = replace_part(page, "weights", "\n".join(["| source | probability |", "|---|---|", *rows]))
    PAGE.write_text(page)
    print(f"wrote {PAGE} and {FIGURES}")


if __name__ == "__main__":
    main()
