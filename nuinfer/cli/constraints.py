"""``nuinfer constraints PRESET|FILE``: limits on g' against m_Z', constraint by constraint."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nuinfer.cli import options
from nuinfer.cli.terminal import OK, Command, print_json, print_table, say, say_written
from nuinfer.errors import ConfigError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    options.add_analysis(parser)
    parser.add_argument("--level", type=float, default=0.95, metavar="CL", help="confidence level (default: 0.95)")
    masses_help = "masses in MeV (default: those of the prior)"
    parser.add_argument("--masses", type=float, nargs=2, metavar=("LOW", "HIGH"), help=masses_help)
    parser.add_argument(
        "--points", type=options.positive, default=16, metavar="N", help="number of masses (default: 16)"
    )
    parser.add_argument("--out", metavar="FILE", help="save the limits (.csv or .json)")
    parser.add_argument("--figure", metavar="FILE", help="draw them (.pdf, .png or .svg)")
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the bounds, save and draw them."""
    import numpy as np

    from nuinfer.analysis import load
    from nuinfer.constraints.limits import bound

    analysis = load(arguments.analysis, arguments.set)
    if analysis.mass_range_mev is None:
        raise ConfigError("model.absorption: false, so there is no (m_Z', g') to bound")
    masses = options.mass_grid(arguments.masses or analysis.mass_range_mev, arguments.points)
    drawn = [c for c in analysis.constraints if c.in_plane]
    bounds = [bound(c, np.array(masses), arguments.level) for c in drawn]
    answer: dict[str, Any] = {
        "level": arguments.level,
        "m_zprime_mev": masses,
        "constraints": {
            c.name: {
                "form": c.form,
                "measurement": c.measurement.name,
                "reference": c.measurement.reference,
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
        print_json(answer)
    else:
        for name, entry in answer["constraints"].items():
            say(f"{name}: {entry['statement']} ({entry['reference']})")
        rows = [
            [f"{m:.3g}", *(_allowed(float(b.lower[k]), float(b.upper[k])) for b in bounds)]
            for k, m in enumerate(masses)
        ]
        print_table(f"{analysis.name}: allowed g'", ["m_Z' [MeV]", *(b.name for b in bounds)], rows)
    written = [_save(Path(arguments.out), answer)] if arguments.out else []
    if arguments.figure:
        from nuinfer.plotting import plot_bounds, style

        written.append(style.save(plot_bounds(analysis, arguments.level), Path(arguments.figure)))
    if not arguments.json:  # JSON on the standard output stays JSON
        say_written(*written)
    return OK


def _allowed(lower: float, upper: float) -> str:
    if math.isnan(upper):
        return "none"
    if lower > 0.0:
        return f"{lower:.3g} .. {upper:.3g}"
    return f"< {upper:.3g}" if math.isfinite(upper) else "any"


def _save(path: Path, answer: Mapping[str, Any]) -> Path:
    """Write the bounds as JSON or, by the name of the file, as CSV; an empty field where nothing bounds g'."""
    if path.suffix not in (".json", ".csv"):
        raise ConfigError(f"--out {path}: the name must end in .json or .csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        path.write_text(json.dumps(answer, indent=1) + "\n")
        return path
    found = answer["constraints"]
    columns = {"m_zprime_mev": answer["m_zprime_mev"]}
    for name, entry in found.items():
        columns |= {f"{name}_{end}": entry[f"g_prime_{end}"] for end in ("lower", "upper")}
    rows = zip(*columns.values(), strict=True)
    lines = [f"# {name}: {entry['statement']} ({entry['reference']})" for name, entry in found.items()]
    lines += [",".join(columns), *(",".join("" if v is None else repr(v) for v in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


COMMAND = Command("limits on g' against m_Z', constraint by constraint", add_options, run)
