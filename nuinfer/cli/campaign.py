"""Run many independent jobs, or what is missing of them: pseudo-experiments, scans, calibration, odds."""

from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.cli import command
from nuinfer.cli.command import FLAG, NOT_CONVERGED, OK, Arguments, Parser, add, say


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "file", metavar="FILE", help="a TOML file that says what the jobs are, see docs/scaling.md")
    add(parser, "--out", help="its folder, continued if it exists (default: chains/NAME)")
    add(parser, "--jobs", "--scheduler", "--device")
    add(parser, "--dry-run", **FLAG, help="check everything, count the jobs, and stop")
    add(parser, "--json")


def run(arguments: Arguments) -> int:
    """Run the campaign; 0 if every job has its result, else 3."""
    from nuinfer.inference.studies.campaign import count_jobs

    file, out = arguments.file, Path(arguments.out or Path("chains") / Path(arguments.file).stem)
    if arguments.dry_run:
        counted = count_jobs(file)
        if arguments.json:
            return command.print_json(counted)
        command.print_table(f"{file}: ready", ("jobs", "number"), [(name, str(n)) for name, n in counted.items()])
        return OK
    campaign = nuinfer.run_campaign(
        file,
        out,
        **command.chosen(arguments, "jobs", "scheduler"),
        overrides=arguments.set,
    )
    code = OK if campaign.complete else NOT_CONVERGED
    if arguments.json:
        command.print_json({"folder": str(out), "complete": campaign.complete, **campaign.status()})
        return code
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}  # by table of jobs
    for row in campaign.rows():
        found.setdefault((row["job"], row["task"]), []).append(row)
    means = {key: sum(row["seconds"] for row in rows) / len(rows) for key, rows in found.items()}
    shown = [(*key, str(len(rows)), f"{means[key]:.3g}") for key, rows in found.items()]
    command.print_table(f"{campaign.folder}: results", ("jobs", "task", "done", "seconds each"), shown)
    for (job, task), rows in found.items():
        if task == "calibration" and len(rows) > 1:
            say(campaign.calibration(job).markdown().rstrip())
    failures = campaign.failures()
    for one in failures:
        say(f"failed: {one['job']} number {one['number']} ({one['key']}): {one['reason']}")
    say(f"{campaign.folder}: " + ("complete" if campaign.complete else f"INCOMPLETE, {len(failures)} jobs failed"))
    return code
