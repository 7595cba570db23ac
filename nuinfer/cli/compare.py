"""Which source, which physics: evidences of several hypotheses about the same data.

nuinfer compare hese7 --vary model.source=pp,neutron
nuinfer compare hese7 mine.toml --out chains/mine --resume
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.cli import command
from nuinfer.cli.command import FLAG, Arguments, Parser, add, natural, positive, say
from nuinfer.confidence import HPD
from nuinfer.errors import ConfigError, forgiven

SAMPLER = ("device",)


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "analyses", metavar="PRESET|FILE", nargs="*", help="presets or paths of TOML files")
    vary_help = "a key and its values, as in model.source=pp,pgamma; several --vary make every combination"
    add(parser, "--vary", **command.REPEATED, metavar="KEY=V1,V2", help=vary_help)
    add(parser, "--set", help="change a key of all of them, as in model.ordering=inverted")
    standard_help = "about twenty hypotheses around hese7, one change at a time, and the same around hese3"
    add(parser, "--standard", **FLAG, help=standard_help)
    command.add_folder(parser, "folder of the results (default: chains/compare-NAME-HASH)")
    engine_help = "nested sampler: dynesty (default), ultranest, or a Python file with your own"
    add(parser, "--engine", metavar="NAME|FILE", default="dynesty", help=engine_help)
    add(parser, "--live", type=positive, default=500, metavar="N", help="live points (default: 500)")
    add(parser, "--seeds", type=positive, default=2, metavar="N", help="runs of each hypothesis (default: 2)")
    add(parser, "--seed")
    pseudo_help = "simulated data for the likelihood ratio of absorption against none (default: 50; 0: none)"
    add(parser, "--pseudo-experiments", type=natural, default=50, metavar="N", help=pseudo_help)
    add(parser, "--no-loo", **FLAG, help="do not leave out bins")
    add(parser, "--jobs", "--scheduler", "--device", "--json")


def run(arguments: Arguments) -> int:
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
        return command.print_json(result.to_dict())
    print_comparison(result, " and ".join(arguments.analyses))
    return command.say_written(out / "result.json", *save_all(result, out / "figures", of="comparison"))


def _compare(arguments: Arguments, hypotheses: Mapping[str, "nuinfer.Analysis"], out: Path) -> "nuinfer.Comparison":
    from nuinfer.inference.evidence.nested import Setting
    from nuinfer.inference.work.progress import this_command

    settings = command.chosen(arguments, "seeds", "seed", "pseudo_experiments", "resume", "force") | {
        "setting": Setting(engine=arguments.engine, live=arguments.live),
        "loo": not arguments.no_loo,
        "command": this_command(),
    }
    with nuinfer.open_executor(arguments.jobs, arguments.scheduler) as executor:
        return nuinfer.compare(hypotheses, out, **settings, executor=executor)


def _standard(arguments: Arguments) -> int:
    """The standard set: each data set compared by itself, in a folder of its own."""
    from nuinfer.inference.evidence.hypotheses import BASELINE, standard_blocks
    from nuinfer.plotting import Bar, plot_bayes_factors, plot_flavours, plot_overlaid_regions

    physics = [text for text in arguments.set if not text.startswith("sampler.")]
    if arguments.analyses or arguments.vary or physics:
        raise ConfigError("compare: --standard is a fixed set; leave out presets, --vary and --set")
    out = Path(arguments.out or Path("chains") / "compare-standard")
    entries: list[dict[str, Any]] = []
    answer: dict[str, Any] = {"hypotheses": entries, "baseline": BASELINE, "data": {}}
    bars: dict[str, list[Bar]] = {}
    written: list[Path] = []
    for block in standard_blocks(arguments.set):
        result = _compare(arguments, block.hypotheses, out / block.folder)
        content, bars[block.name], figures = result.to_dict(), [], out / block.folder / "figures"
        for entry in content.pop("hypotheses"):
            ln_b, error = result.ln_bayes_factor(entry["name"], BASELINE)
            bare = list(result.ln_bayes_factor_without_one_sided(entry["name"], BASELINE))
            group = block.groups.get(entry["name"], "")
            against = {"ln_b_baseline": [ln_b, error], "ln_b_baseline_without_one_sided": bare}
            entries.append({"data": block.name, "group": group, **entry, **against})
            bars[block.name].append(Bar(entry["name"], ln_b, error, group))
        sources = [result[name] for name in block.alternatives()]  # the others are variants of one source
        content["average"] = result.average(block.alternatives()).to_dict()
        answer["data"][block.name] = content
        if not arguments.json:
            print_comparison(result, block.name)
        for name, draw in (("regions", plot_overlaid_regions), ("flavours", plot_flavours)):
            with forgiven(f"figure '{name}' of {block.name}"):
                written += command.save_figure(draw(sources), figures / name)
    with forgiven("figure 'bayes_factors'"):
        written += command.save_figure(plot_bayes_factors(bars, BASELINE), out / "figures" / "bayes_factors")
    return command.print_json(answer) if arguments.json else command.say_written(*written)


def print_comparison(result: "nuinfer.Comparison", title: str) -> None:
    """Print the table, absorption against none, what quantities hypotheses share, and the warnings."""
    from nuinfer.inference.evidence.evidence import in_one_sentence

    content = result.to_dict()
    weighed = any(one.is_penalty for evidence in result.hypotheses for one in evidence.analysis.constraints)
    factors = ["ln_bayes_factor", "ln_bayes_factor_without_one_sided"][: 1 + weighed]
    columns = ("ln B", "ln B without one-sided")[: len(factors)]
    head = ("hypothesis", "ln Z", "ln V(prior)", "allowed", *columns, "against the best", "max ln L", "LOO")
    rows = []
    for entry in content["hypotheses"]:
        volumes = f"{entry['ln_prior_volume']:.2f}", f"{entry['allowed_prior']:.3f}"
        against = *(_with_error(entry, key) for key in factors), entry["scale"], f"{entry['max_log_likelihood']:.2f}"
        loo = _with_error(entry["loo"], "elpd_difference") if entry.get("loo") else ""
        rows.append([entry["name"], _with_error(entry, "ln_z"), *volumes, *against, loo])
    command.print_table(f"{title}: evidences", head, rows)
    runs = f"{len(result.hypotheses[0].seeds)} runs of {result.setting.engine}"
    say(f"ln Z: {runs}; error: the larger of what a run quotes and the scatter of the runs.")
    say("V: volume of the prior; ln Z goes down with ln V where the data do not care. allowed: what exclusions leave.")
    if weighed:
        say("One-sided terms are penalties, no densities: ln Z has them, the last ln B has not (same reference).")
    say(f"Words: {content['scale_reference']}. LOO: elpd against the best, secondary.")
    for test in content["absorption"]:
        _say_absorption(test, result[test["absorption"]].analysis.spelled("g'"))
    if "average" in content:
        weights = (f"{name} {weight:.3f}" for name, weight in content["average"]["weights"].items())
        say(f"probabilities for equal prior odds: {', '.join(weights)}")
        rows = []
        for name, entry in content["average"]["parameters"].items():
            intervals = ("{:.4g} .. {:.4g}".format(*entry[key]) for key in ("hpd68", "hpd95"))
            rows.append([name, f"{entry['median']:.4g}", *intervals])
        command.print_table("averaged over the hypotheses", ("quantity", "median", *HPD), rows)
    command.say_warnings(result.warnings)
    command.say_sentence(in_one_sentence(content["hypotheses"]))


def _with_error(entry: Mapping[str, float | None], key: str) -> str:
    value, error = entry[key], entry[f"{key}_error"]
    return "-" if value is None or error is None else f"{value:.2f} ± {error:.2f}"


def _say_absorption(test: dict[str, Any], coupling: str) -> None:
    """Absorption against none: nested sampling, Savage-Dickey and the likelihood ratio side by side."""
    rows = [("nested sampling", f"ln B = {test['ln_bayes_factor']:.2f} ± {test['error']:.2f}")]
    dickey, ratio = test["savage_dickey"], test["likelihood_ratio"]
    if dickey:
        below = f"plateau {coupling} < {dickey['plateau_below']:.2g}"
        plateau = f"{below}, mass-only constraints leave {dickey['mass_only']:.3f}"
        rows.append(("Savage-Dickey", f"ln B = {dickey['ln_bayes_factor']:.2f} ± {dickey['error']:.2f} ({plateau})"))
    if ratio:
        simulated = f"{len(ratio['simulated'])} simulated data sets"
        rows.append(("likelihood ratio", f"{ratio['statistic']:.2f}, p = {test['p_value']:.3f} ({simulated})"))
    command.print_table(f"'{test['absorption']}' against '{test['none']}'", ("test", "result"), rows)
    command.say_warnings([test["note"]] if test["note"] else [])


def _default_folder(arguments: Arguments, hypotheses: Mapping[str, "nuinfer.Analysis"]) -> Path:
    """A folder that the hypotheses and settings decide, so that the same command finds its results."""
    decided = {name: analysis.config_hash for name, analysis in hypotheses.items()}
    settings = [arguments.engine, arguments.live, arguments.seed]
    digest = hashlib.sha256(json.dumps([decided, settings]).encode()).hexdigest()[:8]
    return Path("chains") / f"compare-{Path(arguments.analyses[0]).stem}-{digest}"
