"""Run many independent jobs, or what is missing of them: pseudo-experiments, scans, calibration, odds.

nuinfer campaign coverage.toml --dry-run
nuinfer campaign coverage.toml --resume --csv coverage.csv
"""

from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.cli import command
from nuinfer.cli.command import FLAG, NOT_CONVERGED, OK, Arguments, Parser, add, say

FEW = 6  # cases whose numbers are printed


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "file", metavar="FILE", help="a TOML file that says what the jobs are, see docs/scaling.md")
    command.add_folder(parser, "its folder (default: chains/NAME)")
    add(parser, "--jobs", "--scheduler", "--device")
    add(parser, "--dry-run", **FLAG, help="check everything, count the jobs, and stop")
    add(parser, "--csv", metavar="FILE", help="write the results, a row for each job")
    add(parser, "--json")


def run(arguments: Arguments) -> int:
    """Run the campaign; 0 if every job has its result, else 3."""
    from nuinfer.inference.studies.campaign import count_jobs

    file, folder = arguments.file, command.folder_of(arguments, Path("chains") / Path(arguments.file).stem)
    if arguments.dry_run:
        command.refuse_idle(arguments, "with --dry-run", "csv")
        counted = count_jobs(file)
        if arguments.json:
            return command.print_json(counted)
        command.print_table(f"{file}: ready", ("jobs", "number"), [(name, str(n)) for name, n in counted.items()])
        return OK
    workers = command.chosen(arguments, "jobs", "scheduler")
    campaign = nuinfer.run_campaign(file, **folder, **workers, overrides=arguments.set)
    code = OK if campaign.complete else NOT_CONVERGED
    written = [command.write_csv(Path(arguments.csv), campaign.columns())] if arguments.csv else []
    if arguments.json:
        command.print_json({"folder": str(campaign.folder), "complete": campaign.complete, **campaign.status()})
        return code
    print_results(campaign)
    command.say_written(*written)
    return code


def print_results(campaign: "nuinfer.Campaign") -> None:
    """Print what is done, what its rows say case by case, which jobs failed, and whether it is complete."""
    from nuinfer.inference.studies.digest import cases

    found = list(cases(campaign))
    shown = [(_named(case), case.labels["task"], str(case.done), f"{case.seconds:.3g}") for case in found]
    command.print_table(f"{campaign.folder}: results", ("jobs", "task", "done", "seconds each"), shown)
    for case in found if len(found) <= FEW else ():
        if case.labels["task"] == "calibration":
            continue
        rows = [
            (
                name,
                f"{at:.3g}",
                f"{low:.3g} .. {high:.3g}" if case.done > 1 else "",
                "" if truth is None else f"{truth:.3g}",
            )
            for name, (at, low, high, truth) in case.quantities.items()
        ]
        head = ("quantity", "median", "middle 68 %", "truth") if case.done > 1 else ("quantity", "value", "", "truth")
        command.print_table(f"{_named(case)}: {case.labels['task']}, data sets: {case.done}", head, rows, optional=0)
    for job in dict.fromkeys(case.labels["job"] for case in found if case.labels["task"] == "calibration"):
        if sum(case.done for case in found if case.labels["job"] == job) > 1:
            say(campaign.calibration(job).markdown().rstrip())
    for case in found:
        if sentence := case.sentence():
            command.say_sentence(f"{_named(case)}: {sentence}")
    failures = campaign.failures()
    for one in failures:
        say(f"failed: {one['job']} number {one['number']} ({one['key']}): {one['reason']}")
    say(f"{campaign.folder}: " + ("complete" if campaign.complete else f"INCOMPLETE, {len(failures)} jobs failed"))


def _named(case: Any) -> str:
    """The table of jobs, the analysis, and what varies."""
    job, _, analysis, *varied = case.labels.items()
    return ", ".join([job[1], analysis[1], *(f"{key}={value}" for key, value in varied)])
