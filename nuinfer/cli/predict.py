"""``nuinfer predict PRESET|FILE``: expected, observed and simulated counts at one point."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nuinfer.cli import options
from nuinfer.cli.terminal import OK, Command, print_json, print_table

if TYPE_CHECKING:
    from nuinfer.typing import FloatArray


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    options.add_analysis(parser)
    options.add_at(parser, "a parameter, as in m_zprime_mev=8; the others take the centre of their prior")
    parser.add_argument("--draw", type=options.natural, default=0, metavar="N", help="simulate N data sets")
    parser.add_argument("--seed", type=options.natural, default=0, metavar="S", help="seed of the simulation")
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Predict, and print tables or JSON."""
    import numpy as np

    from nuinfer.analysis import load

    analysis = load(arguments.analysis, arguments.set)
    at = options.point_of(arguments.at)
    parts = analysis.predict(at)
    background = {name: part for name, part in parts.items() if name != "astro"}
    total = np.sum(list(background.values()), axis=0)
    mean, shape = parts["astro"] + total, (arguments.draw, *total.shape)
    draws = np.random.default_rng(arguments.seed).poisson(mean, shape)
    if arguments.json:
        answer: dict[str, Any] = {
            "topologies": list(analysis.topologies),
            "bin_edges_gev": analysis.bin_edges_gev.tolist(),
            "astro": _by_topology(analysis.topologies, parts["astro"]),
            "background": _by_topology(analysis.topologies, total),
            "background_components": {n: _by_topology(analysis.topologies, part) for n, part in background.items()},
            "observed": _by_topology(analysis.topologies, analysis.observed_counts),
            "parameters": analysis.point(at),
        }
        if arguments.draw:
            answer["simulated"] = [_by_topology(analysis.topologies, draw) for draw in draws]
        print_json(answer)
        return OK
    names = [f"{low:.1f} - {high:.1f}" for low, high in pairwise(analysis.bin_edges_gev / 1e3)]
    columns = {**parts, "total": mean, "observed": analysis.observed_counts}
    columns |= {f"draw {k}": draw for k, draw in enumerate(draws, start=1)}
    for t, topology in enumerate(analysis.topologies):
        shown = [column[t] for column in columns.values()]
        rows = [[name, *(_count(column[b]) for column in shown)] for b, name in enumerate(names)]
        rows.append(["sum", *(_count(column.sum()) for column in shown)])
        print_table(f"{topology} events", ["E_dep [TeV]", *columns], rows)
    return OK


def _by_topology(topologies: Sequence[str], counts: FloatArray) -> dict[str, list[float]]:
    return {topology: counts[t].tolist() for t, topology in enumerate(topologies)}


def _count(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3g}"


COMMAND = Command("expected, observed and simulated counts at one point", add_options, run)
