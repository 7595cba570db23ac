"""Upper limits on g' at fixed masses: by profile likelihood, credible, or by Feldman and Cousins.

nuinfer limit hese7 --masses 3 30 8 --csv g.csv --figure g.pdf
nuinfer limit hese7 --mass 10 --method feldman-cousins --out chains/fc
nuinfer limit chains/hese7 --mass 10 --method credible
"""

import math
from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.cli import command
from nuinfer.cli.command import OK, Arguments, Parser, add, natural
from nuinfer.confidence import LIMIT, credible
from nuinfer.errors import ConfigError

POINTS = 8
SAMPLER = ("device", "walkers")


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "analysis", metavar="PRESET|FILE|RUN", help="a preset, a TOML file, or a run folder")
    add(parser, "--set")
    add(parser, "--mass", type=float, metavar="M", help="one mass in MeV")
    masses_help = f"N masses in MeV, evenly in their logarithm (default: {POINTS} over the prior)"
    add(parser, "--masses", nargs=3, metavar=("LOW", "HIGH", "N"), help=masses_help)
    methods = ("profile", "credible", "feldman-cousins")
    add(parser, "--method", choices=methods, default="profile", help="what the limit means (default: profile)")
    command.add_level(parser)
    simulations_help = "data sets at each coupling that feldman-cousins tries (default: 200)"
    add(parser, "--simulations", type=natural, default=200, metavar="N", help=simulations_help)
    add(parser, "--seed", "--jobs", "--scheduler", "--device")
    command.add_folder(parser, "folder of the results (default: none is kept)")
    add(parser, "--csv", metavar="FILE", help="write the table")
    add(parser, "--figure", "--trust", "--json")


def run(arguments: Arguments) -> int:
    """Print the limits, write and draw them."""
    analysis = command.analysis_of(arguments.analysis, arguments.set, trust=arguments.trust)
    options = command.chosen(arguments, "method", "simulations") | command.study_of(arguments)
    found = nuinfer.limit(analysis, _masses(analysis, arguments), level=command.level_of(arguments), **options)
    if arguments.json:
        command.print_json(found.to_json())
    else:
        shares = zip(found.masses_mev.tolist(), found.limits.tolist(), found.errors.tolist(), strict=True)
        rows = [(f"{mass:.4g}", _shown(g, "none", 3), _shown(error, "", 1)) for mass, g, error in shares]
        words = {"profile": LIMIT.label(found.level), "credible": credible(found.level)}
        meaning = words.get(found.method, f"{LIMIT.written(found.level)} CL, Feldman and Cousins")
        head = map(analysis.spelled, ("m_Z' [MeV]", "g' <", "Monte-Carlo error"))
        command.print_table(f"{found.name}: {meaning}", tuple(head), rows)
        command.say_warnings(found.warnings)
    columns = {"m_zprime_mev": found.masses_mev, "g_prime_upper": found.limits, "monte_carlo_error": found.errors}
    written = [command.write_csv(Path(arguments.csv), columns)] if arguments.csv else []
    if arguments.figure:
        from nuinfer.plotting import plot, style

        written.append(style.save(plot("bounds", analysis, level=found.level, data=found), arguments.figure))
    return OK if arguments.json else command.say_written(*written)


def _shown(value: float, missing: str, digits: int) -> str:
    return missing if math.isnan(value) else f"{value:.{digits}g}"


def _masses(analysis: Any, arguments: Arguments) -> list[float]:
    if arguments.mass is not None and arguments.masses:
        raise ConfigError(f"--mass {arguments.mass:g}: give it or --masses, not both")
    if arguments.mass is not None:
        return [arguments.mass]
    if not arguments.masses:
        return command.mass_grid(analysis.mass_range_mev or (1.0, 1.0), POINTS)
    *ends, n = arguments.masses
    if not 1 <= n <= command.MOST or n != int(n):
        raise ConfigError(f"--masses: {n:g} is no number of masses; write two masses and how many, as in 3 30 8")
    return command.mass_grid(ends, int(n))
