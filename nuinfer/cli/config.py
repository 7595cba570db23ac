"""Print a commented configuration to start from.

nuinfer config hese7 > mine.toml
nuinfer config hese12 --set model.ordering=inverted --resolved
"""

import nuinfer
from nuinfer.cli.command import FLAG, OK, Arguments, Parser, add, say


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "analysis", nargs="?", default="hese7")
    add(parser, "--set")
    add(parser, "--resolved", **FLAG, help="every key with its value, checked, without comments")


def run(arguments: Arguments) -> int:
    """Print it."""
    from nuinfer.config import read_text

    resolved = arguments.resolved or arguments.set
    text = nuinfer.load(arguments.analysis, arguments.set).config_toml() if resolved else read_text(arguments.analysis)
    say(text.rstrip())
    return OK
