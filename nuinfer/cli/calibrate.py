"""Simulate data, fit them, and check the posteriors against the truth.

nuinfer calibrate hese7 -n 200
nuinfer calibrate hese7 -n 300 --resume          # a hundred more
nuinfer calibrate hese7 -n 40 --control livetime  # must fail
"""

from pathlib import Path

import nuinfer
from nuinfer.cli import command
from nuinfer.cli.command import FLAG, NOT_CONVERGED, OK, Arguments, Parser, add, positive
from nuinfer.errors import forgiven

SAMPLER = ("device", "walkers")


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "analysis", "--set")
    add(parser, "-n", type=positive, default=200, metavar="N", help="simulations (default: 200)")
    command.add_folder(parser, "its folder (default: chains/calibration-NAME)")
    add(parser, "--jobs", "--scheduler", "--device", "--seed")
    add(parser, "--exclusions", **FLAG, help="of the constraints keep exclusions only")
    controls = ("none", "livetime", "prior", "snooker", "measurements")
    add(parser, "--control", choices=controls, default="none", help="a defect that must be found")


def run(arguments: Arguments) -> int:
    """Calibrate, print the table and draw the ranks; 0 if it passes, else 3."""
    from nuinfer.config import constraint_forms
    from nuinfer.inference.studies.calibration import Setting, calibrate
    from nuinfer.plotting import plot

    analysis = nuinfer.load(arguments.analysis, arguments.set)
    forms = constraint_forms(analysis.config.constraints) if arguments.exclusions else {}
    off = [f"{key}.form=off" for key, form in forms.items() if form not in ("off", "exclusion")]
    name = analysis.name + ("-exclusions" if arguments.exclusions else "")
    name += "" if arguments.control == "none" else f"-{arguments.control}"
    folder = command.folder_of(arguments, Path("chains") / f"calibration-{name}")
    setting = Setting(seed=arguments.seed, control=arguments.control)
    workers = command.chosen(arguments, "jobs", "scheduler")
    asked = {"n": arguments.n, "setting": setting, "name": name}
    result = calibrate(analysis.with_overrides(off), **asked, **folder, **workers)
    command.say(result.markdown().rstrip())
    with forgiven("figure 'calibration'"):
        command.say_written(*command.save_figure(plot("calibration", result), folder["out"] / "ranks"))
    return OK if result.passed else NOT_CONVERGED
