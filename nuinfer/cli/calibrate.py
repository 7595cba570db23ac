"""``nuinfer calibrate PRESET|FILE``: simulate data, fit them, and check the posteriors against the truth."""

from __future__ import annotations

import argparse
from pathlib import Path

import nuinfer
from nuinfer.cli.command import FLAG, NOT_CONVERGED, OK, Command, add, positive, save_figure, say, say_written


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add(parser, "analysis", "--set")
    add(parser, "-n", type=positive, default=200, metavar="N", help="simulations (default: 200)")
    add(parser, "--out", help="folder, resumed if it exists (default: chains/calibration-NAME)")
    add(parser, "--jobs", "--scheduler", "--seed")
    exclusions = "keep exclusions, as rejection on the prior; without it all constraints are off"
    add(parser, "--exclusions", **FLAG, help=exclusions)
    controls = ("none", "livetime", "prior", "snooker")
    add(parser, "--control", choices=controls, default="none", help="a defect that must be found")


def run(arguments: argparse.Namespace) -> int:
    """Calibrate, print the table and draw the ranks; 0 if it passes, else 3."""
    from nuinfer.config import constraint_forms
    from nuinfer.inference.studies.calibration import Setting, calibrate
    from nuinfer.plotting import plot_calibration

    analysis = nuinfer.load(arguments.analysis, arguments.set)
    kept = ("off", "exclusion") if arguments.exclusions else ("off",)
    forms = constraint_forms(analysis.config.constraints)
    off = [f"{key}.form=off" for key, form in forms.items() if form not in kept]
    name = analysis.name + ("-exclusions" if arguments.exclusions else "")
    name += "" if arguments.control == "none" else f"-{arguments.control}"
    out = Path(arguments.out or Path("chains") / f"calibration-{name}")
    setting = Setting(seed=arguments.seed, control=arguments.control)
    with nuinfer.open_executor(arguments.jobs, arguments.scheduler) as executor:
        result = calibrate(analysis.with_overrides(off), out, arguments.n, setting, name=name, executor=executor)
    say(result.markdown().rstrip())
    say_written(*save_figure(plot_calibration(result), out / "ranks"))
    return OK if result.passed else NOT_CONVERGED


COMMAND = Command("simulate data, fit them, and check the posteriors against the truth", add_options, run)
