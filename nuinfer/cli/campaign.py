"""``nuinfer campaign FILE``: many independent jobs, each result kept as it ends."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuinfer.cli import options
from nuinfer.cli.terminal import NOT_CONVERGED, OK, Command, print_json, print_table, say, this_command

if TYPE_CHECKING:
    from nuinfer.inference.studies.campaign import Campaign


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", metavar="FILE", help="a TOML file that says what the jobs are, see docs/scaling.md")
    parser.add_argument("--out", metavar="DIR", help="its folder, continued if it exists (default: chains/NAME)")
    options.add_executor(parser)
    parser.add_argument("--dry-run", action="store_true", help="check everything, count the jobs, and stop")
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the campaign; 0 if every job has its result, else 3."""
    from nuinfer.inference.studies.campaign import run_campaign

    out = Path(arguments.out or Path("chains") / Path(arguments.file).stem)
    if arguments.dry_run:
        return _count(arguments.file, as_json=arguments.json)
    workers = {"jobs": arguments.jobs, "scheduler": arguments.scheduler}
    campaign = run_campaign(arguments.file, out, **workers, command=this_command())
    if arguments.json:
        print_json({"folder": str(out), "complete": campaign.complete, **campaign.status()})
    else:
        _show(campaign)
    return OK if campaign.complete else NOT_CONVERGED


def _count(file: str, *, as_json: bool) -> int:
    from nuinfer.inference.studies.campaign_jobs import count_jobs

    counted = count_jobs(file)
    if as_json:
        print_json(counted)
    else:
        print_table(f"{file}: ready", ("jobs", "number"), [(name, str(n)) for name, n in counted.items()])
    return OK


def _show(campaign: Campaign) -> None:
    """One line per table of jobs, and what failed."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in campaign.rows():
        rows.setdefault((row["job"], row["task"]), []).append(row)
    shown = [
        (*key, str(len(found)), f"{sum(r['seconds'] for r in found) / len(found):.3g}") for key, found in rows.items()
    ]
    print_table(f"{campaign.folder}: results", ("jobs", "task", "done", "seconds each"), shown)
    for (job, task), found in rows.items():
        if task == "calibration" and len(found) > 1:
            say(campaign.calibration(job).markdown().rstrip())
    failures = campaign.failures()
    for one in failures:
        say(f"failed: {one['job']} number {one['number']} ({one['key']}): {one['reason']}")
    say(f"{campaign.folder}: " + ("complete" if campaign.complete else f"INCOMPLETE, {len(failures)} jobs failed"))


COMMAND = Command(
    "run many independent jobs, or what is missing of them: pseudo-experiments, scans, calibration, odds",
    add_options,
    run,
)
