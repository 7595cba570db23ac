"""``nuinfer report RUN``: one page about a run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nuinfer.cli.terminal import OK, say

if TYPE_CHECKING:
    from nuinfer.cli.export import Commands


def add_parser(commands: Commands) -> None:
    """Add the command."""
    text = "write one self-contained HTML page about a run, finished or not"
    parser = commands.add_parser("report", help=text, description=text)
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("--out", metavar="FILE", help="the page (default: RUN/report.html)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page and name it."""
    from rich.console import Console

    from nuinfer.report import write_report

    with Console(stderr=True).status("drawing the figures"):  # shown on a terminal only
        path = write_report(arguments.folder, arguments.out)
    say(f"wrote {path}")
    return OK
