"""What can be named: figures, sources, spectra, evolution laws, constraints, engines and jobs.

nuinfer kinds
"""

from collections.abc import Mapping
from typing import Any

from nuinfer.cli.command import OK, Arguments, Parser, add, print_json, say, say_sentence


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "--json")


def run(arguments: Arguments) -> int:
    """Print them."""
    found = kinds()
    if arguments.json:
        return print_json(found)
    for what, things in found.items():
        say(what)
        for name, text in things.items():
            say_sentence(f"  {name}" + (f": {text}" if text else ""))
    return OK


def kinds() -> dict[str, dict[str, str]]:
    """Names by what takes them, and what each is; where there are registries, a file of your own will do as well."""
    from nuinfer.constraints import CONSTRAINTS
    from nuinfer.inference.evidence.nested import ENGINES
    from nuinfer.inference.studies import jobs
    from nuinfer.physics.evolution import LAWS
    from nuinfer.physics.sources import SOURCES
    from nuinfer.physics.spectra import SPECTRA
    from nuinfer.plotting import KINDS

    figures: dict[str, dict[str, str]] = {}
    for name, kind in KINDS.items():
        figures.setdefault(f"figures of: {kind.of}", {})[name] = kind.caption
    labelled: Mapping[str, Mapping[str, Any]] = {
        "model.source": SOURCES.shipped,
        "model.spectrum": SPECTRA.shipped,
        "model.evolution": LAWS.shipped,
        "[constraints.NAME]": CONSTRAINTS.shipped,
    }
    labels = {what: {n: one.label.replace("$", "") for n, one in each.items()} for what, each in labelled.items()}
    named = {"compare --engine": ENGINES.shipped, "task of a campaign's job": jobs.KINDS.shipped}
    return figures | labels | {what: dict.fromkeys(each, "") for what, each in named.items()}
