"""Limits on g' against m_Z', constraint by constraint.

nuinfer constraints hese7 --figure bounds.pdf
nuinfer constraints hese7 --sigma 2 --masses 3 30 --out bounds.csv
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.cli import command
from nuinfer.cli.command import FLAG, OK, Arguments, Parser, add, positive, say
from nuinfer.confidence import CONVENTIONS
from nuinfer.errors import ConfigError

POINTS = 8
SAMPLER = ("device",)


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "analysis", "--set")
    command.add_level(parser)
    meaning = "what the level means (default: limit, a fall of ln L by 1.353 at 95 %%; interval 1.921, plane 2.996)"
    add(parser, "--convention", choices=CONVENTIONS, default="limit", help=meaning)
    add(parser, "--masses", help="masses in MeV (default: those of the prior)")
    add(parser, "--points", type=positive, default=16, metavar="N", help="number of masses (default: 16)")
    add(parser, "--out", metavar="FILE", help="save the limits (.csv or .json)")
    add(parser, "--figure", help="draw them (.pdf, .png or .svg)")
    data_help = "draw the profile limit of the data alone in the figure too; it takes seconds for each of 8 masses"
    add(parser, "--with-data", **FLAG, help=data_help)
    add(parser, "--json")


def run(arguments: Arguments) -> int:
    """Print the bounds, save and draw them."""
    import numpy as np

    from nuinfer.constraints.limits import bound

    if arguments.out and Path(arguments.out).suffix not in (".json", ".csv"):
        raise ConfigError(f"--out {arguments.out}: the name must end in .json or .csv")
    analysis = nuinfer.load(arguments.analysis, arguments.set)
    if analysis.mass_range_mev is None:
        raise ConfigError("model.absorption: false, so there is no (m_Z', g') to bound")
    masses = command.mass_grid(arguments.masses or analysis.mass_range_mev, arguments.points)
    convention = CONVENTIONS[arguments.convention]
    level = command.level_of(arguments, convention)
    drawn = [c for c in analysis.constraints if c.in_plane]
    bounds = [bound(c, np.array(masses), level, convention) for c in drawn]
    answer: dict[str, Any] = {
        "level": level,
        "convention": arguments.convention,
        "drop_in_ln_l": convention.drop(level),
        "m_zprime_mev": masses,
        "constraints": {
            c.name: {
                "form": c.form,
                "measurement": c.measurement.name,
                "reference": c.measurement.citation,
                "statement": b.statement,
                # null: nothing bounds g' from above; 0: every coupling is excluded
                "g_prime_upper": [None if g == np.inf else g for g in np.nan_to_num(b.upper, posinf=np.inf).tolist()],
                "g_prime_lower": np.nan_to_num(b.lower).tolist(),
            }
            for c, b in zip(drawn, bounds, strict=True)
        },
        "not_on_g_prime": [c.name for c in analysis.constraints if not c.in_plane],
    }
    if arguments.json:
        command.print_json(answer)
    else:
        for name, entry in answer["constraints"].items():
            say(f"{name}: {entry['statement']} ({entry['reference']})")
        columns = [map(_allowed, b.lower.tolist(), b.upper.tolist()) for b in bounds]
        rows = list(zip((f"{m:.3g}" for m in masses), *columns, strict=True))
        coupling, mass = map(analysis.spelled, ("g'", "m_Z' [MeV]"))
        title = f"{analysis.name}: {coupling} allowed at {convention.label(level)}"
        command.print_table(title, [mass, *(b.name for b in bounds)], rows)
        for word, meaning in WORDS.items():
            if any(word in row for row in rows):
                command.say_sentence(f"{word}: {meaning.format(coupling)}")
    written = [_save(Path(arguments.out), answer)] if arguments.out else []
    if arguments.figure:
        from nuinfer.plotting import plot, style

        meant: dict[str, Any] = {"level": level, "convention": convention}
        meant["data"] = _of_data(analysis, level) if arguments.with_data else None
        written.append(style.save(plot("bounds", analysis, **meant), arguments.figure))
    return OK if arguments.json else command.say_written(*written)  # JSON on the standard output stays JSON


def _of_data(analysis: Any, level: float) -> Any:
    """The limit of the data without external constraints."""
    alone = analysis.with_overrides(["constraints.all.form=off"])
    found = nuinfer.limit(alone, command.mass_grid(analysis.mass_range_mev, POINTS), level=level)
    return dataclasses.replace(found, name=f"{analysis.dataset.title.partition(' (')[0]} alone")


WORDS = {
    "none": "no {} is allowed at this mass, however small",
    "any": "at this mass the constraint allows every {}",
}
"""What a table says that is no number."""


def _allowed(lower: float, upper: float) -> str:
    if math.isnan(upper):
        return "none"
    if lower > 0.0:
        return f"{lower:.3g} .. {upper:.3g}"
    return f"< {upper:.3g}" if math.isfinite(upper) else "any"


def _save(path: Path, answer: Mapping[str, Any]) -> Path:
    """Write the bounds as JSON or, by the name of the file, as CSV; an empty field where nothing bounds g'."""
    if path.suffix == ".json":
        return command.write(path, json.dumps(answer, indent=1) + "\n")
    found, columns = answer["constraints"], {"m_zprime_mev": answer["m_zprime_mev"]}
    for name, entry in found.items():
        columns |= {f"{name}_{end}": entry[f"g_prime_{end}"] for end in ("lower", "upper")}
    comments = [f"{name}: {entry['statement']} ({entry['reference']})" for name, entry in found.items()]
    return command.write_csv(path, columns, comments)
