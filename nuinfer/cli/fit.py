"""Sample the posterior into a run folder and draw its figures."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.cli import command
from nuinfer.cli.command import FLAG, NOT_CONVERGED, OK, Arguments, Parser, add, natural, positive, say


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "analysis", "--set")
    add(parser, "--out", help="run folder (default: chains/NAME)")
    occupied = parser.add_mutually_exclusive_group()
    add(occupied, "--resume", **FLAG, help="go on with an existing run folder")
    add(occupied, "--force", **FLAG, help="replace an existing run folder")
    add(parser, "--seed", default=None, metavar="N")
    add(parser, "--ensembles", type=positive, metavar="K", help="independent ensembles")
    add(parser, "--jobs", "--scheduler")
    add(parser, "--target-ess", type=positive, metavar="N", help="effective samples of every parameter")
    tolerated = "reject up to N points of each ensemble that are not a number, and mark the run"
    add(parser, "--tolerate-nonfinite", type=natural, default=0, metavar="N", help=tolerated)
    add(parser, "--test", **FLAG, help="set everything up, print the terms at one point, and stop")


def run(arguments: Arguments) -> int:
    """Fit, print the summary and draw the quick figures; 0 if the chains converged, else 3."""
    analysis = nuinfer.load(arguments.analysis, arguments.set)
    out = Path(arguments.out or Path("chains") / analysis.name)
    if arguments.test:
        theta = analysis.prior_transform([0.5] * len(analysis.parameter_names))
        rows = [(name, f"{float(value):.3f}") for name, value in analysis.log_terms(theta).items()]
        command.print_table(f"{analysis.name}: ready; terms at the middle of the prior", ("term", "ln"), rows)
        return OK
    from nuinfer.plotting import QUICK, save_all

    names = ("resume", "force", "seed", "ensembles", "target_ess", "tolerate_nonfinite")
    settings = command.chosen(arguments, *names) | {"command": command.this_command()}
    with nuinfer.open_executor(arguments.jobs, arguments.scheduler) as executor:
        fitted = nuinfer.fit(analysis, out, **settings, executor=executor)
    summary = fitted.summary()
    _print_summary(out, summary)
    if not any((out / "figures").glob("*")):
        command.say_written(*save_all(fitted, out / "figures", ("pdf", "png"), kinds=QUICK))
    say(f"all figures: {shlex.join(['nuinfer', 'plot', str(out)])}")
    say(f"one page with everything: {shlex.join(['nuinfer', 'report', str(out)])}")
    return OK if summary["converged"] else NOT_CONVERGED


def _print_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    rows = []
    for name, entry in summary["parameters"].items():
        interval = "{:.4g} .. {:.4g}".format(*entry["hpd68"])
        limit = _limit(entry["limit95"]) if "limit95" in entry else ""
        rhat = "-" if entry["rhat"] is None else f"{entry['rhat']:.4f}"  # of a single ensemble
        rows.append((name, f"{entry['median']:.4g}", interval, limit, f"{entry['ess']:.0f}", rhat))
    verdict = "converged" if summary["converged"] else "NOT CONVERGED"
    title = f"{folder}: {verdict} after {summary['steps']} steps of each ensemble"
    command.print_table(title, ("parameter", "median", "68 % HPD", "95 % limit", "ESS", "R-hat"), rows)
    for warning in summary["warnings"]:
        say(f"warning: {warning}")


def _limit(limit: Mapping[str, Any]) -> str:
    """A credible limit, the edge of the prior it depends on, and the profile-likelihood limit."""
    sign, profile = "<" if limit["side"] == "upper" else ">", limit.get("profile")
    beside = f"profile {sign} {profile:.4g}" if profile is not None else "profile: none"
    return f"{sign} {limit['value']:.4g} (prior edge {limit['prior_floor']:.4g}; {beside})"
