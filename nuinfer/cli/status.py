"""How far a run or a campaign is, once or for as long as it lasts.

nuinfer status chains/hese7 --watch
"""

import contextlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nuinfer.cli.command import FLAG, OK, Arguments, Parser, add, print_json, say
from nuinfer.errors import ConfigError

SECONDS = 1.0
"""Between two looks."""

AT_A_GLANCE = (
    "state", "what", "jobs", "done", "failed", "steps", "ESS", "ESS wanted", "R-hat", "missing", "steps per second",
    "jobs per second", "seconds to go", "95 % limits", "silent",
)  # fmt: skip
"""What is watched."""

CALLED = {"rhat_max": "R-hat", "ess_min": "ESS", "target_ess": "ESS wanted", "eta_seconds": "seconds to go"}


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "folder", metavar="RUN", help="a run folder, or that of a campaign")
    add(parser, "--watch", **FLAG, help="go on until it ends, or until Ctrl-C")
    add(parser, "--json")


def run(arguments: Arguments) -> int:
    """Print what ``status.json`` says."""
    from nuinfer.inference.runs.stored import Status, read_stored
    from nuinfer.inference.work.files import STATUS

    path = Path(arguments.folder) / STATUS
    if arguments.watch:
        if arguments.json:
            raise ConfigError("--watch and --json: only one of them is allowed")
        return _watch(path)
    status = read_stored(path, Status)
    if arguments.json:
        return print_json(status)
    for name, text in told(status).items():
        say(f"{name}: {text}")
    return OK


def told(status: Mapping[str, Any]) -> dict[str, str]:
    """What a status says, by the names of its entries in words."""
    from nuinfer.inference.runs.summary import limit_in_words
    from nuinfer.inference.work.progress import silence
    from nuinfer.parameters import in_units

    lines = {}
    for k, one in enumerate(status.get("ensembles", [])):
        acceptance = "" if one["acceptance"] is None else f", acceptance {one['acceptance']:.2f}"
        lines[f"ensemble {k}"] = f"step {one['steps']}{acceptance}"
    limits = status.get("limit95", {}).items()
    rest = {key: value for key, value in status.items() if key not in ("ensembles", "limit95")}
    rest["95 % limits"] = [f"{in_units(name)[0]} {limit_in_words(name, limit)[0]}" for name, limit in limits]
    for key, value in rest.items():
        several = value if isinstance(value, list) else [value]
        text = "; ".join(f"{one:.4g}" if isinstance(one, float) else str(one) for one in several if one is not None)
        if text:
            lines[CALLED.get(key, key.replace("_", " "))] = text
    if seconds := silence(status):
        lines["silent"] = f"for {seconds / 60.0:.0f} min; if its process is gone, the command with --resume goes on"
    return lines


def _watch(path: Path) -> int:
    """Show the status for as long as it lasts: in one place on a terminal, elsewhere a line when there is another."""
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    from nuinfer.inference.runs.stored import Status, read_stored
    from nuinfer.inference.runs.summary import what_is_missing
    from nuinfer.inference.work.progress import GOES_ON, now

    console, before = Console(markup=False, highlight=False), ""
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        live = stack.enter_context(Live(console=console, auto_refresh=False)) if console.is_terminal else None
        while True:
            begun = path.exists() or not path.parent.is_dir()  # a fit writes no status in its first seconds
            status = read_stored(path, Status) if begun else {"state": GOES_ON[0], "updated": now()}
            first = what_is_missing(status["missing"]).removeprefix("missing: ") if status.get("missing") else None
            lines = told({**status, "missing": first})
            lines = {name: lines[name] for name in AT_A_GLANCE if name in lines}
            line = "; ".join(f"{name} {text}" for name, text in lines.items())
            if live:
                table = Table.grid(padding=(0, 2))
                for name, text in lines.items():
                    table.add_row(name, Text(text))
                live.update(table, refresh=True)
            elif line != before:
                say(line)
                sys.stdout.flush()
            if status["state"] not in GOES_ON:
                break
            before = line
            time.sleep(SECONDS)
    return OK
