"""Expected, observed and simulated counts, or flux points, at one point.

nuinfer predict hese7 --at m_zprime_mev=10 --at g_prime=3e-4
nuinfer predict hese7 --at gamma=2.5 --draw 1 --seed 3 --csv counts.csv
"""

from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.cli import command
from nuinfer.cli.command import Arguments, Parser, add, natural

SAMPLER = ("device",)
BRIEF = True


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "analysis", "--set")
    add(parser, "--at", help="a parameter, as in m_zprime_mev=8; the others take the centre of their prior")
    add(parser, "--draw", type=natural, default=0, metavar="N", help="simulate N data sets")
    add(parser, "--seed", default=0, help="seed of the simulation")
    csv_help = "write the first of them, else what is expected, as fit --observed reads it"
    add(parser, "--csv", metavar="FILE", help=csv_help)
    add(parser, "--json")


def run(arguments: Arguments) -> int:
    """Predict, and print tables or JSON."""
    import numpy as np

    from nuinfer.cli.counts import write_counts
    from nuinfer.likelihood import drawn

    analysis = nuinfer.load(arguments.analysis, arguments.set)
    at = command.point_of(arguments.at)
    command.warn_outside(analysis, at)
    expected, dataset = analysis.expected_at(at), analysis.dataset
    parts = dict(zip(analysis.model.component_names, expected.components, strict=True))
    background = {name: part for name, part in parts.items() if name != "astro"}
    total, mean, rng = expected.components[1:].sum(axis=0), expected.total, np.random.default_rng(arguments.seed)
    draws = [drawn(expected, rng, analysis.density) for _ in range(arguments.draw)]
    written = []
    if arguments.csv:
        counts = np.asarray(draws[0] if draws else mean)
        written.append(write_counts(Path(arguments.csv), analysis.topologies, counts))
    if arguments.json:

        def by_topology(counts: Any) -> dict[str, list[float]]:
            return dict(zip(analysis.topologies, counts.tolist(), strict=True))

        answer: dict[str, Any] = {
            "kind": dataset.kind,
            "unit": dataset.unit,
            "topologies": list(analysis.topologies),
            "bin_edges_gev": analysis.bin_edges_gev.tolist(),
            "bins_gev": dataset.bins_gev.tolist(),
            "astro": by_topology(parts["astro"]),
            "background": by_topology(total),
            "background_components": {name: by_topology(part) for name, part in background.items()},
            "observed": by_topology(analysis.observed_counts),
            "parameters": analysis.point(at),
        }
        simulated = {"simulated": [by_topology(draw) for draw in draws]} if draws else {}
        return command.print_json(answer | simulated)
    names = [f"{low:.1f} - {high:.1f}" for low, high in dataset.bins_gev / 1e3]
    counted = dataset.kind == "counts"
    columns = {**parts, **({"total": mean} if counted else {}), "observed": analysis.observed_counts}
    columns |= {f"draw {k}": draw for k, draw in enumerate(draws, start=1)}
    for t, topology in enumerate(analysis.topologies):
        shown = [[*column[t], column[t].sum()] for column in columns.values()]
        rows = [[name, *map(_count, values)] for name, *values in zip([*names, "sum"], *shown, strict=True)]
        if counted:
            command.print_table(f"{topology} events", ["E_dep [TeV]", *columns], rows)
        else:
            command.print_table(f"E^2 phi, {topology}, {dataset.unit}", ["E [TeV]", *columns], rows[:-1])
    return command.say_written(*written)


def _count(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3g}"
