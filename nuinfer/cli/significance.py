"""What the data say for absorption: its likelihood ratio, local and global p-value.

nuinfer significance hese7_icecube
nuinfer significance hese7_icecube --out chains/significance --resume
"""

import nuinfer
from nuinfer.cli import command
from nuinfer.cli.command import OK, Arguments, Parser, add, natural

SAMPLER = ("device",)


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "analysis", "--set")
    help_text = "data sets without absorption, for the global p-value; 0: the local one only (default: 200)"
    add(parser, "--simulations", type=natural, default=200, metavar="N", help=help_text)
    add(parser, "--seed", "--jobs", "--scheduler", "--device")
    command.add_folder(parser, "folder of the results (default: none is kept)")
    add(parser, "--trust", "--json")


def run(arguments: Arguments) -> int:
    """Print the p-values."""
    analysis = command.analysis_of(arguments.analysis, arguments.set, trust=arguments.trust)
    found = nuinfer.significance(analysis, arguments.simulations, **command.study_of(arguments))
    if arguments.json:
        return command.print_json(found.to_json())
    command.say_sentence(f"{found.name}: {found.sentence()}")
    command.say_warnings(found.warnings)
    return OK
