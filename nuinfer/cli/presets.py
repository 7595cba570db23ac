"""The shipped configurations, each in a sentence.

nuinfer presets
"""

from nuinfer.cli.command import OK, Arguments, Parser, add, print_json, say_sentence


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "--json")


def run(arguments: Arguments) -> int:
    """Print them."""
    from nuinfer import config

    found = {name: about(config.read_text(name)) for name in config.presets()}
    if arguments.json:
        return print_json(found)
    for name, text in found.items():
        say_sentence(f"{name}: {text}")
    return OK


def about(text: str) -> str:
    """The comment with which a configuration begins, up to the first line that is none, or its second sentence."""
    lines = [line.removeprefix("#").strip() for line in text.partition("\n\n")[0].splitlines()]
    return " ".join(lines).partition(". ")[0].removesuffix(".") + "."
