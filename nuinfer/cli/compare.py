"""``nuinfer compare``: evidences of several hypotheses about the same data."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuinfer.cli import options
from nuinfer.cli.terminal import OK, Command, print_json, print_table, say, say_written, this_command
from nuinfer.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nuinfer.analysis import Analysis
    from nuinfer.inference.evidence.compare import Comparison


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("analyses", metavar="PRESET|FILE", nargs="*", help="presets or paths of TOML files")
    vary_help = "a key and its values, as in model.source=pp,pgamma; several --vary make every combination"
    parser.add_argument("--vary", action="append", default=[], metavar="KEY=V1,V2", help=vary_help)
    options.add_set(parser, "change a key of all of them, as in model.ordering=inverted")
    standard_help = "about twenty hypotheses around hese7, one change at a time, and the same around hese3"
    parser.add_argument("--standard", action="store_true", help=standard_help)
    out_help = "folder of the results (default: chains/compare-NAME-HASH, which is gone on with if it is there)"
    parser.add_argument("--out", metavar="DIR", help=out_help)
    occupied = parser.add_mutually_exclusive_group()
    occupied.add_argument("--resume", action="store_true", help="go on with an existing folder")
    occupied.add_argument("--force", action="store_true", help="replace an existing comparison")
    engine_help = "nested sampler: dynesty (default), ultranest, or a Python file with your own"
    parser.add_argument("--engine", metavar="NAME|FILE", default="dynesty", help=engine_help)
    parser.add_argument("--live", type=options.positive, default=500, metavar="N", help="live points (default: 500)")
    parser.add_argument(
        "--seeds", type=options.positive, default=2, metavar="N", help="runs of each hypothesis (default: 2)"
    )
    parser.add_argument("--seed", type=options.natural, default=1504, metavar="S", help="root seed")
    pseudo_help = "simulated data for the likelihood ratio of absorption against none (default: 50; 0: none)"
    parser.add_argument("--pseudo-experiments", type=options.natural, default=50, metavar="N", help=pseudo_help)
    parser.add_argument("--no-loo", action="store_true", help="do not leave out bins")
    options.add_executor(parser)
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare, print and draw."""
    from nuinfer.inference.evidence.hypotheses import gathered
    from nuinfer.plotting import save_all

    if arguments.standard:
        return _standard(arguments)
    if not arguments.analyses:
        raise ConfigError("compare: give presets or TOML files, or --standard")
    hypotheses = gathered(arguments.analyses, arguments.set, arguments.vary)
    out = Path(arguments.out or _default_folder(arguments, hypotheses))
    result = _compare(arguments, hypotheses, out)
    if arguments.json:
        print_json(result.to_dict())
        return OK
    print_comparison(result, " and ".join(arguments.analyses))
    say_written(out / "result.json", *save_all(result, out / "figures", of="comparison"))
    return OK


def _compare(arguments: argparse.Namespace, hypotheses: Mapping[str, Analysis], out: Path) -> Comparison:
    from nuinfer.inference.evidence.compare import compare
    from nuinfer.inference.evidence.nested import Setting
    from nuinfer.inference.work.executors import open_executor

    with open_executor(arguments.jobs, arguments.scheduler) as executor:
        return compare(
            hypotheses,
            out,
            **options.chosen(arguments, "seeds", "seed", "pseudo_experiments", "force"),
            setting=Setting(engine=arguments.engine, live=arguments.live),
            loo=not arguments.no_loo,
            resume=arguments.resume or not (arguments.out or arguments.force),
            executor=executor,
            command=this_command(),
        )


def _standard(arguments: argparse.Namespace) -> int:
    """The standard set: each data set compared by itself, in a folder of its own."""
    from nuinfer.inference.evidence.hypotheses import BASELINE, standard_blocks
    from nuinfer.plotting import Bar, plot_bayes_factors, plot_flavours, plot_overlaid_regions

    if arguments.analyses or arguments.vary or arguments.set:
        raise ConfigError("compare: --standard is a fixed set; leave out presets, --vary and --set")
    out = Path(arguments.out or Path("chains") / "compare-standard")
    entries: list[dict[str, Any]] = []
    answer: dict[str, Any] = {"hypotheses": entries, "baseline": BASELINE, "data": {}}
    bars: dict[str, list[Bar]] = {}
    written: list[Path] = []
    for block in standard_blocks():
        folder = out / block.folder
        result = _compare(arguments, block.hypotheses, folder)
        content = result.to_dict()
        bars[block.name] = []
        for entry in content.pop("hypotheses"):
            ln_b, error = result.ln_bayes_factor(entry["name"], BASELINE)
            group = block.groups.get(entry["name"], "")
            entries.append({"data": block.name, "group": group, **entry, "ln_b_baseline": [ln_b, error]})
            bars[block.name].append(Bar(entry["name"], ln_b, error, group))
        content["average"] = result.average(block.alternatives()).to_dict()  # the others are variants of one source
        answer["data"][block.name] = content
        if not arguments.json:
            print_comparison(result, block.name)
        sources = [result[name] for name in block.alternatives()]
        written += _saved(
            {"regions": plot_overlaid_regions(sources), "flavours": plot_flavours(sources)}, folder / "figures"
        )
    written += _saved({"bayes_factors": plot_bayes_factors(bars, BASELINE)}, out / "figures")
    if arguments.json:
        print_json(answer)
        return OK
    say_written(*written)
    return OK


def print_comparison(result: Comparison, title: str) -> None:
    """Print the table, absorption against none, what quantities hypotheses share, and the warnings."""
    content = result.to_dict()
    head = ("hypothesis", "ln Z", "ln V(prior)", "allowed", "ln B", "against the best", "max ln L", "LOO")
    print_table(f"{title}: evidences", head, [_row(entry) for entry in content["hypotheses"]])
    runs = f"{len(result.hypotheses[0].seeds)} runs of {result.setting.engine}"
    say(f"ln Z: {runs}; error: the larger of what a run quotes and the scatter of the runs.")
    say("V: volume of the prior; ln Z goes down with ln V where the data do not care. allowed: what exclusions leave.")
    say(f"Words: {content['scale_reference']}. LOO: elpd against the best, secondary.")
    for test in content["absorption"]:
        _say_absorption(test)
    if "average" in content:
        weights = (f"{name} {weight:.3f}" for name, weight in content["average"]["weights"].items())
        say(f"probabilities for equal prior odds: {', '.join(weights)}")
        rows = [
            (name, f"{entry['median']:.4g}", *("{:.4g} .. {:.4g}".format(*entry[key]) for key in ("hpd68", "hpd95")))
            for name, entry in content["average"]["parameters"].items()
        ]
        print_table("averaged over the hypotheses", ("quantity", "median", "68 % HPD", "95 % HPD"), rows)
    for text in result.warnings:
        say(f"warning: {text}")


def _row(entry: dict[str, Any]) -> list[str]:
    loo = entry.get("loo")
    return [
        entry["name"],
        f"{entry['ln_z']:.2f} ± {entry['ln_z_error']:.2f}",
        f"{entry['ln_prior_volume']:.2f}",
        f"{entry['allowed_prior']:.3f}",
        f"{entry['ln_bayes_factor']:.2f} ± {entry['ln_bayes_factor_error']:.2f}",
        entry["scale"],
        f"{entry['max_log_likelihood']:.2f}",
        f"{loo['elpd_difference']:.2f} ± {loo['elpd_difference_error']:.2f}" if loo else "",
    ]


def _say_absorption(test: dict[str, Any]) -> None:
    """Absorption against none: nested sampling, Savage-Dickey and the likelihood ratio side by side."""
    rows = [("nested sampling", f"ln B = {test['ln_bayes_factor']:.2f} ± {test['error']:.2f}")]
    dickey, ratio = test["savage_dickey"], test["likelihood_ratio"]
    if dickey:
        plateau = f"plateau g' < {dickey['plateau_below']:.2g}, mass-only constraints leave {dickey['mass_only']:.3f}"
        rows.append(("Savage-Dickey", f"ln B = {dickey['ln_bayes_factor']:.2f} ± {dickey['error']:.2f} ({plateau})"))
    if ratio:
        n = len(ratio["simulated"])
        rows.append(
            ("likelihood ratio", f"{ratio['statistic']:.2f}, p = {test['p_value']:.3f} ({n} simulated data sets)")
        )
    print_table(f"'{test['absorption']}' against '{test['none']}'", ("test", "result"), rows)
    if test["note"]:
        say(f"warning: {test['note']}")


def _default_folder(arguments: argparse.Namespace, hypotheses: dict[str, Analysis]) -> Path:
    """A folder that the hypotheses and settings decide, so that the same command finds its results."""
    decided = {name: analysis.config_hash for name, analysis in hypotheses.items()}
    settings = [arguments.engine, arguments.live, arguments.seed]
    digest = hashlib.sha256(json.dumps([decided, settings]).encode()).hexdigest()[:8]
    return Path("chains") / f"compare-{Path(arguments.analyses[0]).stem}-{digest}"


def _saved(figures: Mapping[str, Figure], folder: Path) -> list[Path]:
    from nuinfer.plotting import style

    return [
        style.save(figure, folder / f"{name}.{ending}") for name, figure in figures.items() for ending in ("pdf", "png")
    ]


COMMAND = Command("which source, which physics: evidences of several hypotheses about the same data", add_options, run)
