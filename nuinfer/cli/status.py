"""How far a run or a campaign is.

nuinfer status chains/hese7
"""

from pathlib import Path

from nuinfer.cli.command import OK, Arguments, Parser, add, print_json, say


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "folder", metavar="RUN", help="a run folder, or that of a campaign")
    add(parser, "--json")


def run(arguments: Arguments) -> int:
    """Print what ``status.json`` says."""
    from nuinfer.inference.runs.stored import Status, read_stored
    from nuinfer.inference.work.files import STATUS

    status = read_stored(Path(arguments.folder) / STATUS, Status)
    if arguments.json:
        return print_json(status)
    for k, ensemble in enumerate(status.pop("ensembles", [])):
        acceptance = "" if ensemble["acceptance"] is None else f", acceptance {ensemble['acceptance']:.2f}"
        say(f"ensemble {k}: step {ensemble['steps']}{acceptance}")
    for key, value in status.items():
        text = (
            f"{value:.4g}"
            if isinstance(value, float)
            else "; ".join(map(str, value))
            if isinstance(value, list)
            else value
        )
        if text not in (None, ""):
            say(f"{key.replace('_', ' ')}: {text}")
    return OK
