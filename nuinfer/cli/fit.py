"""Sample the posterior into a run folder and draw its figures.

nuinfer fit hese7 --resume
nuinfer fit mine.toml --set model.source=pgamma --out chains/pgamma
nuinfer fit hese7_icecube --simulate g_prime=1e-3 --out chains/simulated
"""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.cli import command
from nuinfer.cli.command import FLAG, NOT_CONVERGED, OK, REPEATED, Arguments, Parser, add, natural, positive
from nuinfer.confidence import AS_PRIOR, HPD, LIMIT, PROFILE, UNCONSTRAINED, credible
from nuinfer.errors import ConfigError, forgiven

EARLY = 4  # workers that start before the analysis has said how many ensembles it has


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "analysis", "--set")
    command.add_folder(parser, "run folder (default: chains/NAME)")
    simulate = "fit data simulated with this parameter, as in m_zprime_mev=8; others take the centre of their prior"
    add(parser, "--simulate", **REPEATED, metavar="NAME=VALUE", help=simulate)
    add(parser, "--observed", metavar="FILE", help="fit these counts: a CSV with columns topology, bin, count")
    add(parser, "--seed", default=None, metavar="N", help="root seed, of simulated data too")
    add(parser, "--ensembles", type=positive, metavar="K", help="independent ensembles")
    add(parser, "--jobs", "--scheduler", "--device")
    add(parser, "--target-ess", type=positive, metavar="N", help="effective samples of every parameter")
    tolerated = "reject up to N points of each ensemble that are not a number, and mark the run"
    add(parser, "--tolerate-nonfinite", type=natural, default=0, metavar="N", help=tolerated)
    add(parser, "--test", **FLAG, help="set everything up, print the terms at one point, and stop")


def run(arguments: Arguments) -> int:
    """Fit, print the summary and draw the quick figures; 0 if the chains converged, else 3."""
    if arguments.test:
        return _test(_analysis(arguments))
    from nuinfer.inference.work.executors import start

    out = Path(arguments.out or Path("chains") / Path(arguments.analysis).stem)  # the name that the analysis will have
    asked = command.chosen(arguments, "seed", "ensembles", "target_ess", "tolerate_nonfinite")
    how = command.chosen(arguments, "resume", "force")
    drawn: list[Path] = []

    def draw(run: Any) -> None:
        with forgiven("figures"):
            from nuinfer.plotting import QUICK, save_all, style

            folder = run.folder / "figures"
            places = {kind: [folder / f"{kind}.{each}" for each in ("pdf", "png")] for kind in QUICK}
            lacking = [kind for kind, files in places.items() if not all(map(style.is_whole, files))]
            drawn.extend(save_all(run, folder, kinds=lacking))

    with nuinfer.open_executor(arguments.jobs, arguments.scheduler) as executor:
        if not os.path.lexists(out):  # else there may be nothing to do for them
            start(executor, "nuinfer.inference.sampling.ensemble", arguments.ensembles or EARLY)
        analysis = _analysis(arguments)  # and meanwhile they import what this does
        from nuinfer.inference.sampling.fit import fit_as

        fitted = fit_as(analysis, out, asked, meanwhile=draw, executor=executor, **how)
    summary = fitted.summary()
    print_summary(out, summary, analysis.mediator)
    draw(fitted)  # what a run that was finished before lacks
    command.say_written(*drawn)
    command.say_aside(f"all figures: {shlex.join(['nuinfer', 'plot', str(out)])}")
    command.say_aside(f"one page with everything: {shlex.join(['nuinfer', 'report', str(out)])}")
    return OK if summary["converged"] else NOT_CONVERGED


def _test(analysis: Any) -> int:
    """Print the terms at one point."""
    theta = analysis.prior_transform([0.5] * len(analysis.parameter_names))
    rows = [(name, f"{float(value):.3f}") for name, value in analysis.log_terms(theta).items()]
    command.print_table(f"{analysis.name}: ready; terms at the middle of the prior", ("term", "ln"), rows)
    return OK


def _analysis(arguments: Arguments) -> Any:
    """The analysis, of the data that are asked for."""
    analysis = nuinfer.load(arguments.analysis, arguments.set)
    if arguments.simulate and arguments.observed:
        raise ConfigError("--simulate and --observed: only one of them is allowed")
    if arguments.observed:
        from nuinfer.cli.counts import read_counts

        return analysis.with_observed(read_counts(Path(arguments.observed), analysis))
    if not arguments.simulate:
        return analysis
    at = command.point_of(arguments.simulate, "--simulate")
    command.warn_outside(analysis, at, "--simulate")
    return nuinfer.simulate(analysis, at, analysis.sampler.seed if arguments.seed is None else arguments.seed)


def print_summary(folder: Path, summary: Mapping[str, Any], mediator: str = "vector") -> None:
    """Parameters, one-sided limits and what the limit on g' hangs on: tables that fit 80 columns."""
    from nuinfer.inference.runs.summary import in_one_sentence, limit_in_words
    from nuinfer.parameters import in_units
    from nuinfer.physics.mediator import spelled

    rows, limits = [], []
    for name, entry in summary["parameters"].items():
        label, (median, *ends) = in_units(name, entry["median"], *entry["hpd68"])
        shown = (f"{median:.3g}", "{:.3g} .. {:.3g}".format(*ends))
        shown = (UNCONSTRAINED, AS_PRIOR) if entry.get("unconstrained") else shown
        rhat = "-" if entry["rhat"] is None else f"{entry['rhat']:.4f}"  # of a single ensemble
        rows.append((label, *shown, f"{entry['ess']:.0f}", rhat))
        if limit := entry.get("limit95"):
            limits.append((label, *limit_in_words(name, limit)))
    verdict = "converged" if summary["converged"] else "NOT CONVERGED"
    title = f"{folder}: {verdict} after {summary['steps']} steps of each ensemble"
    command.print_table(title, ("parameter", "median", HPD[0], "ESS", "R-hat"), rows, optional=2)
    head = credible(0.95), PROFILE
    if limits:
        title = "one-sided limits where the posterior piles up at an edge of its prior"
        command.print_table(title, ("parameter", *head, "prior edge"), limits)
    if cases := summary.get("g_prime_upper95"):
        listed = [
            (one["case"], _coupling(one["credible"], "-"), _coupling(one["profile"], "none"), _how(one))
            for one in cases
        ]
        limit = spelled("upper limit on g'", mediator)
        title = f"{limit} ({LIMIT.words}), and what it hangs on; k: Pareto's, of weights"
        command.print_table(title, ("", *head, "credible one by"), listed, optional=1)
    command.say_warnings(summary["warnings"])
    command.say_sentence(spelled(in_one_sentence(summary), mediator))


def _coupling(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else f"{value:.2e}"


def _how(case: Mapping[str, Any]) -> str:
    """Where the credible limit comes from, or why there is none."""
    k = case["pareto_k"]
    return f"{case['credible_by']}, k {k:.2f}" if k is not None else str(case["credible_by"])
