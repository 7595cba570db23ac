"""Move a point by hand and see what follows, on a local page.

nuinfer explore hese7 --at m_zprime_mev=9 --at g_prime=2.5e-4
nuinfer explore chains/hese7
"""

import math
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import nuinfer
from nuinfer.cli.command import FLAG, OK, Arguments, Parser, add, natural, point_of, say

SAMPLER = ("device",)
MOST_DRAWS = 3000


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    analysis_help = "a preset, a TOML file or a run folder, whose draws are shown"
    add(parser, "analysis", metavar="PRESET|FILE|RUN", help=analysis_help)
    add(parser, "--set")
    at_help = "where to begin, as in m_zprime_mev=8 (default: best fit of a run, else centre of the prior)"
    add(parser, "--at", help=at_help)
    add(parser, "--port", type=natural, default=0, metavar="N", help="of this machine (default: a free one)")
    add(parser, "--no-browser", **FLAG, help="print the address, open nothing")
    add(parser, "--trust")


def run(arguments: Arguments) -> int:
    """Serve the page until Ctrl-C."""
    from nuinfer.registry import imported

    imported("bokeh.server.server", "explore", extra="explore")
    from nuinfer.explore import state
    from nuinfer.explore.page import Opened
    from nuinfer.explore.server import serve

    analysis, start, draws, given = _opened(arguments)
    first = state.moved(state.begin(analysis, start), point_of(arguments.at))
    origin = [given, *(part for text in arguments.set for part in ("--set", text))]
    ready = partial(_ready, opens=not arguments.no_browser)
    serve(Opened(first, point_of, arguments.analysis, origin, draws), arguments.port, ready)
    return OK


def _opened(arguments: Arguments) -> tuple[Any, Any, Any, str]:
    """Analysis, where to begin, draws of (log10 m_Z', log10 g'), and what ``nuinfer predict`` calls the analysis."""
    import numpy as np

    from nuinfer.config import CONFIG_RESOLVED
    from nuinfer.constants import COORDINATES
    from nuinfer.loading import changed

    if not Path(arguments.analysis).is_dir():
        return nuinfer.load(arguments.analysis, arguments.set), None, np.empty((0, 2)), arguments.analysis
    run = nuinfer.open_run(arguments.analysis, trust=arguments.trust)
    analysis = changed(run.analysis, arguments.set)
    draws, columns = run.samples(), [k for k, name in enumerate(run.parameter_names) if name in COORDINATES]
    draws = draws.reshape(-1, draws.shape[-1])
    known = run.known_best_fit if analysis.parameter_names == run.parameter_names else None
    drawn = draws[:: math.ceil(len(draws) / MOST_DRAWS), columns] if len(columns) == 2 else np.empty((0, 2))
    return analysis, known, drawn, str(run.folder / CONFIG_RESOLVED)


def _ready(address: str, opens: bool) -> None:
    """Say where the page is, and open it."""
    import webbrowser

    say(f"nuinfer explore: {address} (Ctrl-C ends it)")
    if opens:
        Thread(target=webbrowser.open, args=(address,), daemon=True).start()  # some do not return before they end
