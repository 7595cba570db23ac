"""``nuinfer calibrate PRESET|FILE``: simulate data, fit them, and check the posteriors against the truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from nuinfer.cli import options
from nuinfer.cli.terminal import NOT_CONVERGED, OK, Command, say, say_written


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    options.add_analysis(parser)
    parser.add_argument("-n", type=options.positive, default=200, metavar="N", help="simulations (default: 200)")
    out_help = "folder, resumed if it exists (default: chains/calibration-NAME)"
    parser.add_argument("--out", metavar="DIR", help=out_help)
    options.add_executor(parser)
    parser.add_argument("--seed", type=options.natural, default=1504, metavar="S", help="root seed")
    exclusions_help = "keep exclusions, as rejection on the prior; without it all constraints are off"
    parser.add_argument("--exclusions", action="store_true", help=exclusions_help)
    controls = ("none", "livetime", "prior", "snooker")
    parser.add_argument("--control", choices=controls, default="none", help="a defect that must be found")


def run(arguments: argparse.Namespace) -> int:
    """Calibrate, print the table and draw the ranks; 0 if it passes, else 3."""
    from nuinfer.analysis import load
    from nuinfer.config import constraint_forms
    from nuinfer.inference.studies.calibration import Setting, calibrate
    from nuinfer.inference.work.executors import open_executor
    from nuinfer.plotting import plot_calibration, style

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
    say_written(*(style.save(plot_calibration(result), out / f"ranks.{ending}") for ending in ("pdf", "png")))
    return OK if result.passed else NOT_CONVERGED


COMMAND = Command("simulate data, fit them, and check the posteriors against the truth", add_options, run)
