"""The command line, ``nuinfer COMMAND``: fit, predict, constraints, plot, report, status, calibrate and so on.

Arguments in, calls of the public API, answers out; nothing is computed here. Heavy libraries are imported by the
command that needs them, so that ``nuinfer --help`` answers at once.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuinfer import __version__
from nuinfer.cli import campaign, compare, export, forecast, plot, report
from nuinfer.cli.terminal import (
    BAD_INPUT,
    BUG,
    INTERRUPTED,
    NOT_CONVERGED,
    OK,
    natural,
    positive,
    print_json,
    print_table,
    say,
    split_at,
    takes_analysis,
    takes_executor,
)
from nuinfer.errors import ConfigError, NonFiniteLogProbError, NuinferError

if TYPE_CHECKING:
    from nuinfer.inference.runs.run import Run
    from nuinfer.typing import FloatArray


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done (a fit: converged), 1 our bug, 2 bad input, 3 not converged, 130 interrupted.
    """
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except NonFiniteLogProbError as error:
        _complain(error)
        return BUG
    except NuinferError as error:
        _complain(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write(
            "nuinfer: interrupted; what is on disk is kept: --resume continues a run, the same command a campaign\n"
        )
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, `head` for example, has left
        sys.stderr.close()
        return OK


def _complain(error: Exception) -> None:
    sys.stderr.write("nuinfer: error: " + " ".join(str(error).split()) + "\n")


def _fit(arguments: argparse.Namespace) -> int:
    from nuinfer.analysis import load

    analysis = load(arguments.analysis, arguments.set)
    out = Path(arguments.out or Path("chains") / analysis.name)
    if arguments.test:
        theta = analysis.prior_transform([0.5] * len(analysis.parameter_names))
        rows = [(name, f"{float(value):.3f}") for name, value in analysis.log_terms(theta).items()]
        print_table(f"{analysis.name}: ready; terms at the middle of the prior", ("term", "ln"), rows)
        return OK
    from nuinfer.inference.sampling.fit import fit
    from nuinfer.inference.work.executors import open_executor

    with open_executor(arguments.jobs, arguments.scheduler) as executor:
        run = fit(
            analysis,
            out,
            resume=arguments.resume,
            force=arguments.force,
            seed=arguments.seed,
            ensembles=arguments.ensembles,
            target_ess=arguments.target_ess,
            tolerate_nonfinite=arguments.tolerate_nonfinite,
            executor=executor,
            command=shlex.join(["nuinfer", *sys.argv[1:]]),
        )
    summary = run.summary()
    _print_summary(run, summary)
    if not any((out / "figures").glob("*")):
        plot.draw_quick(run, out / "figures")
    say(f"all figures: {shlex.join(['nuinfer', 'plot', str(out)])}")
    say(f"one page with everything: {shlex.join(['nuinfer', 'report', str(out)])}")
    return OK if summary["converged"] else NOT_CONVERGED


def _print_summary(run: Run, summary: Mapping[str, Any]) -> None:
    rows = []
    for name, entry in summary["parameters"].items():
        interval = "{:.4g} .. {:.4g}".format(*entry["hpd68"])
        limit = entry.get("limit95")
        text = _limit(limit) if limit else ""
        rows.append((name, f"{entry['median']:.4g}", interval, text, f"{entry['ess']:.0f}", f"{entry['rhat']:.4f}"))
    verdict = "converged" if summary["converged"] else "NOT CONVERGED"
    title = f"{run.folder}: {verdict} after {summary['steps']} steps of each ensemble"
    print_table(title, ("parameter", "median", "68 % HPD", "95 % limit", "ESS", "R-hat"), rows)
    for warning in summary["warnings"]:
        say(f"warning: {warning}")


def _limit(limit: Mapping[str, Any]) -> str:
    """A credible limit, the edge of the prior it depends on, and the profile-likelihood limit."""
    sign, profile = "<" if limit["side"] == "upper" else ">", limit.get("profile")
    beside = f"profile {sign} {profile:.4g}" if profile is not None else "profile: none"
    return f"{sign} {limit['value']:.4g} (prior edge {limit['prior_floor']:.4g}; {beside})"


def _calibrate(arguments: argparse.Namespace) -> int:
    from nuinfer.analysis import load
    from nuinfer.config import constraint_forms
    from nuinfer.inference.studies.calibration import Setting, calibrate
    from nuinfer.inference.work.executors import open_executor
    from nuinfer.plotting import style
    from nuinfer.plotting.calibration import plot_calibration

    analysis = load(arguments.analysis, arguments.set)
    kept = ("off", "exclusion") if arguments.exclusions else ("off",)
    forms = constraint_forms(analysis.config.constraints)
    off = [f"{key}.form=off" for key, form in forms.items() if form not in kept]
    name = analysis.name + ("-exclusions" if arguments.exclusions else "")
    name += "" if arguments.control == "none" else f"-{arguments.control}"
    out = Path(arguments.out or Path("chains") / f"calibration-{name}")
    setting = Setting(seed=arguments.seed, control=arguments.control)
    with open_executor(arguments.jobs, arguments.scheduler) as executor:
        result = calibrate(analysis.with_overrides(off), out, arguments.n, setting, name=name, executor=executor)
    say(result.markdown().rstrip())
    for ending in ("pdf", "png"):
        say(f"wrote {style.save(plot_calibration(result), out / f'ranks.{ending}')}")
    return OK if result.passed else NOT_CONVERGED


def _predict(arguments: argparse.Namespace) -> int:
    import numpy as np

    from nuinfer.analysis import load

    analysis = load(arguments.analysis, arguments.set)
    at = dict(map(split_at, arguments.at))
    parts = analysis.predict(at)
    background = {name: part for name, part in parts.items() if name != "astro"}
    total = np.sum(list(background.values()), axis=0)
    answer: dict[str, Any] = {
        "topologies": list(analysis.topologies),
        "bin_edges_gev": analysis.bin_edges_gev.tolist(),
        "astro": _by_topology(analysis.topologies, parts["astro"]),
        "background": _by_topology(analysis.topologies, total),
        "background_components": {name: _by_topology(analysis.topologies, part) for name, part in background.items()},
        "observed": _by_topology(analysis.topologies, analysis.observed_counts),
        "parameters": analysis.point(at),
    }
    if arguments.draw:
        draws = np.random.default_rng(arguments.seed).poisson(parts["astro"] + total, (arguments.draw, *total.shape))
        answer["simulated"] = [_by_topology(analysis.topologies, draw) for draw in draws]
    if arguments.json:
        print_json(answer)
        return OK
    edges = analysis.bin_edges_gev / 1e3
    for t, topology in enumerate(analysis.topologies):
        columns = [*(part[t] for part in parts.values()), parts["astro"][t] + total[t], analysis.observed_counts[t]]
        columns += [draw[t] for draw in draws] if arguments.draw else []
        head = ["E_dep [TeV]", *parts, "total", "observed", *(f"draw {k + 1}" for k in range(arguments.draw))]
        names = [f"{low:.1f} - {high:.1f}" for low, high in pairwise(edges)]
        rows = [[name, *(_count(c[b]) for c in columns)] for b, name in enumerate(names)]
        rows.append(["sum", *(_count(c.sum()) for c in columns)])
        print_table(f"{topology} events", head, rows)
    return OK


def _constraints(arguments: argparse.Namespace) -> int:
    import numpy as np

    from nuinfer.analysis import load
    from nuinfer.constraints.limits import bound

    analysis = load(arguments.analysis, arguments.set)
    if analysis.mass_range_mev is None:
        raise ConfigError("model.absorption: false, so there is no (m_Z', g') to bound")
    low, high = arguments.masses or analysis.mass_range_mev
    if not 0.0 < low <= high < np.inf:
        raise ConfigError(f"--masses {low:g} {high:g}: two positive masses are needed, the lower one first")
    masses = np.unique(np.geomspace(low, high, arguments.points))
    drawn = [c for c in analysis.posterior.constraints if c.in_plane]
    bounds = [bound(c, masses, arguments.level) for c in drawn]
    answer: dict[str, Any] = {
        "level": arguments.level,
        "m_zprime_mev": masses.tolist(),
        "constraints": {
            c.name: {
                "form": c.form,
                "measurement": c.measurement.name,
                "reference": c.measurement.reference,
                "statement": b.statement,
                # null: nothing bounds g' from above; 0: every coupling is excluded
                "g_prime_upper": [None if g == np.inf else g for g in np.nan_to_num(b.upper, posinf=np.inf).tolist()],
                "g_prime_lower": np.nan_to_num(b.lower).tolist(),
            }
            for c, b in zip(drawn, bounds, strict=True)
        },
        "not_on_g_prime": [c.name for c in analysis.posterior.constraints if not c.in_plane],
    }
    if arguments.json:
        print_json(answer)
    else:
        for name, entry in answer["constraints"].items():
            say(f"{name}: {entry['statement']} ({entry['reference']})")
        rows = [
            [f"{m:.3g}", *(_allowed(float(b.lower[k]), float(b.upper[k])) for b in bounds)]
            for k, m in enumerate(masses)
        ]
        print_table(f"{analysis.name}: allowed g'", ["m_Z' [MeV]", *(b.name for b in bounds)], rows)
    written = [_save_bounds(Path(arguments.out), answer)] if arguments.out else []
    if arguments.figure:
        from nuinfer.plotting import style
        from nuinfer.plotting.bounds import plot_bounds

        written.append(style.save(plot_bounds(analysis, arguments.level), Path(arguments.figure)))
    for path in () if arguments.json else written:  # JSON on the standard output stays JSON
        say(f"wrote {path}")
    return OK


def _allowed(lower: float, upper: float) -> str:
    if math.isnan(upper):
        return "none"
    if lower > 0.0:
        return f"{lower:.3g} .. {upper:.3g}"
    return f"< {upper:.3g}" if math.isfinite(upper) else "any"


def _save_bounds(path: Path, answer: Mapping[str, Any]) -> Path:
    """Write the bounds as JSON or, by the name of the file, as CSV; an empty field where nothing bounds g'."""
    if path.suffix not in (".json", ".csv"):
        raise ConfigError(f"--out {path}: the name must end in .json or .csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        path.write_text(json.dumps(answer, indent=1) + "\n")
        return path
    found = answer["constraints"]
    columns = {"m_zprime_mev": answer["m_zprime_mev"]}
    for name, entry in found.items():
        columns |= {f"{name}_{end}": entry[f"g_prime_{end}"] for end in ("lower", "upper")}
    rows = zip(*columns.values(), strict=True)
    lines = [f"# {name}: {entry['statement']} ({entry['reference']})" for name, entry in found.items()]
    lines += [",".join(columns), *(",".join("" if v is None else repr(v) for v in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def _by_topology(topologies: Sequence[str], counts: FloatArray) -> dict[str, list[float]]:
    return {topology: counts[t].tolist() for t, topology in enumerate(topologies)}


def _count(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3g}"


def _status(arguments: argparse.Namespace) -> int:
    from nuinfer.inference.runs.folder import STATUS, read_json

    status = read_json(Path(arguments.folder) / STATUS)
    if arguments.json:
        print_json(status)
        return OK
    for k, ensemble in enumerate(status.pop("ensembles", [])):
        acceptance = "" if ensemble["acceptance"] is None else f", acceptance {ensemble['acceptance']:.2f}"
        say(f"ensemble {k}: step {ensemble['steps']}{acceptance}")
    for key, value in status.items():
        text = f"{value:.4g}" if isinstance(value, float) else "; ".join(value) if isinstance(value, list) else value
        if text not in (None, ""):
            say(f"{key.replace('_', ' ')}: {text}")
    return OK


def _config(arguments: argparse.Namespace) -> int:
    from nuinfer.analysis import load
    from nuinfer.config import read_text

    if arguments.resolved or arguments.set:
        say(load(arguments.analysis, arguments.set).config_toml().rstrip())
    else:
        say(read_text(arguments.analysis).rstrip())
    return OK


def _constraints_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--level", type=float, default=0.95, metavar="CL", help="confidence level (default: 0.95)")
    masses_help = "masses in MeV (default: those of the prior)"
    sub.add_argument("--masses", type=float, nargs=2, metavar=("LOW", "HIGH"), help=masses_help)
    sub.add_argument("--points", type=positive, default=16, metavar="N", help="number of masses (default: 16)")
    sub.add_argument("--out", metavar="FILE", help="save the limits (.csv or .json)")
    sub.add_argument("--figure", metavar="FILE", help="draw them (.pdf, .png or .svg)")
    sub.add_argument("--json", action="store_true", help="print JSON")


def _add_calibration(calibrate: argparse.ArgumentParser) -> None:
    out_help = "folder, resumed if it exists (default: chains/calibration-NAME)"
    exclusions_help = "keep exclusions, as rejection on the prior; without it all constraints are off"
    controls = ("none", "livetime", "prior", "snooker")
    calibrate.add_argument("-n", type=positive, default=200, metavar="N", help="simulations (default: 200)")
    calibrate.add_argument("--out", metavar="DIR", help=out_help)
    takes_executor(calibrate)
    calibrate.add_argument("--seed", type=natural, default=1504, metavar="S", help="root seed")
    calibrate.add_argument("--exclusions", action="store_true", help=exclusions_help)
    calibrate.add_argument("--control", choices=controls, default="none", help="a defect that must be found")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nuinfer", description="Light mediators from IceCube starting events.")
    parser.add_argument("--version", action="version", version=f"nuinfer {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    fit = command("fit", _fit, "sample the posterior into a run folder and draw its figures")
    takes_analysis(fit)
    fit.add_argument("--out", metavar="DIR", help="run folder (default: chains/NAME)")
    occupied = fit.add_mutually_exclusive_group()
    occupied.add_argument("--resume", action="store_true", help="go on with an existing run folder")
    occupied.add_argument("--force", action="store_true", help="replace an existing run folder")
    fit.add_argument("--seed", type=natural, metavar="N", help="root seed")
    fit.add_argument("--ensembles", type=positive, metavar="K", help="independent ensembles")
    takes_executor(fit)
    fit.add_argument("--target-ess", type=positive, metavar="N", help="effective samples of every parameter")
    tolerate_help = "reject up to N points of each ensemble that are not a number, and mark the run"
    fit.add_argument("--tolerate-nonfinite", type=natural, default=0, metavar="N", help=tolerate_help)
    fit.add_argument("--test", action="store_true", help="set everything up, print the terms at one point, and stop")

    predict = command("predict", _predict, "expected, observed and simulated counts at one point")
    takes_analysis(predict)
    at_help = "a parameter, as in m_zprime_mev=8; the others take the centre of their prior"
    predict.add_argument("--at", action="append", default=[], metavar="NAME=VALUE", help=at_help)
    predict.add_argument("--draw", type=natural, default=0, metavar="N", help="simulate N data sets")
    predict.add_argument("--seed", type=natural, default=0, metavar="S", help="seed of the simulation")
    predict.add_argument("--json", action="store_true", help="print JSON")

    constraints = command("constraints", _constraints, "limits on g' against m_Z', constraint by constraint")
    takes_analysis(constraints)
    _constraints_options(constraints)
    plot.add_parser(commands)

    calibrate = command("calibrate", _calibrate, "simulate data, fit them, and check the posteriors against the truth")
    takes_analysis(calibrate)
    _add_calibration(calibrate)

    status = command("status", _status, "how far a run or a campaign is")
    status.add_argument("folder", metavar="RUN", help="a run folder, or that of a campaign")
    status.add_argument("--json", action="store_true", help="print JSON")

    campaign.add_parser(commands)
    forecast.add_parser(commands)
    report.add_parser(commands)
    export.add_parser(commands)
    compare.add_parser(commands)

    config = command("config", _config, "print a commented configuration to start from")
    takes_analysis(config, nargs="?", default="hese7")
    config.add_argument("--resolved", action="store_true", help="every key with its value, checked, without comments")
    return parser


if __name__ == "__main__":
    sys.exit(main())
