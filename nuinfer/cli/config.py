"""``nuinfer config``: a commented configuration to start from, or every key with its value."""

from __future__ import annotations

import argparse

from nuinfer.cli import options
from nuinfer.cli.terminal import OK, Command, say


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    options.add_analysis(parser, nargs="?", default="hese7")
    parser.add_argument("--resolved", action="store_true", help="every key with its value, checked, without comments")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    from nuinfer.analysis import load
    from nuinfer.config import read_text

    if arguments.resolved or arguments.set:
        say(load(arguments.analysis, arguments.set).config_toml().rstrip())
    else:
        say(read_text(arguments.analysis).rstrip())
    return OK


COMMAND = Command("print a commented configuration to start from", add_options, run)
