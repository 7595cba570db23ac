"""Years until a Z' at a point is seen or excluded; with --band, the limits expected without one.

nuinfer forecast hese7 --at m_zprime_mev=8 --at g_prime=1e-3
nuinfer forecast hese7 --band --masses 3 30 --points 5 -n 50
"""

from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.cli import command
from nuinfer.cli.command import FLAG, OK, Arguments, Parser, add, natural, positive, say
from nuinfer.confidence import LIMIT
from nuinfer.errors import ConfigError

SAMPLER = ("device",)
POINTS, DATA_SETS = 8, 100  # of a band


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    add(parser, "analysis", "--set")
    at_help = "m_zprime_mev=8 and g_prime=1e-3, and parameters of the truth that are not to be fitted to the data"
    add(parser, "--at", help=at_help)
    exposures_help = "livetimes in units of that of the data set (default: 1,2,5,10,20,50,100)"
    add(parser, "--exposures", type=command.numbers, metavar="X,Y,...", help=exposures_help)
    command.add_level(parser)
    check_help = "check the assumed distribution with N simulated data sets of each kind (4 N fits)"
    add(parser, "--check", type=natural, metavar="N", help=check_help)
    add(parser, "--band", **FLAG, help="expected limits on g' against m_Z' instead")
    add(parser, "--masses", help="with --band: masses in MeV (default: 3 30)")
    add(parser, "--points", type=positive, metavar="N", help=f"with --band: masses (default: {POINTS})")
    add(parser, "-n", type=positive, metavar="N", help=f"with --band: data sets (default: {DATA_SETS})")
    add(parser, "--seed", help="seed of simulated data")
    command.add_folder(parser, "folder of its campaign (default: chains/forecast-NAME)")
    add(parser, "--jobs", "--scheduler", "--device", "--figure", "--json")


def run(arguments: Arguments) -> int:
    """Run the forecast, print and draw it."""
    from nuinfer.plotting import plot, style

    if arguments.band:
        command.refuse_idle(arguments, "with --band", "exposures", "check")
    else:
        command.refuse_idle(arguments, "without --band", "masses", "points", "n")
    level = command.level_of(arguments)
    if not 0.5 < level < 1.0:
        raise ConfigError(f"--level {level:g}: it must be between 0.5 and 1")
    shared = command.chosen(arguments, "seed", "jobs", "scheduler") | {
        "level": level,
        "at": command.point_of(arguments.at),
        "overrides": arguments.set,
        **command.folder_of(arguments, Path("chains") / f"forecast-{Path(arguments.analysis).stem}"),
    }
    result = _band(arguments, shared) if arguments.band else _years(arguments, shared)
    if arguments.json:
        command.print_json(result.to_json())
    kind = "expected_limits" if arguments.band else "forecast"
    written = [style.save(plot(kind, result), arguments.figure)] if arguments.figure else []
    return OK if arguments.json else command.say_written(*written)  # JSON on the standard output stays JSON


def _years(arguments: Arguments, shared: dict[str, Any]) -> Any:
    """The forecast for one Z', said to people unless it is wanted as JSON."""
    from nuinfer.inference.profile.profile import threshold
    from nuinfer.inference.studies.forecast import EXPOSURES
    from nuinfer.physics.mediator import spelled

    exposures = arguments.exposures or EXPOSURES
    result = nuinfer.forecast(arguments.analysis, exposures=exposures, check=arguments.check or 0, **shared)
    if arguments.json:
        return result
    columns = result.years, result.statistics["seen"], result.statistics["excluded"]
    rows = [[f"{value:.3g}" for value in row] for row in zip(*columns, strict=True)]
    at = ", ".join(f"{name} = {value:g}" for name, value in result.at.items())
    say(f"{result.name} at {at}{_area(result.effective_area_scale)}")
    command.print_table("", ("livetime [yr]", "q, seen", "q, excluded"), rows)
    level = LIMIT.written(result.level)
    say(f"q: {result.statement}; {level} is q = {threshold(result.level):.3g}")
    such = spelled("if there is such a Z'", result.mediator)
    for name, truth in (("seen", such), ("excluded", "if there is none")):
        relation, years = result.years_until(name)
        say(f"{name} at {level} after {'' if relation == '=' else relation + ' '}{years:.3g} yr, {truth}")
    for check in result.checks:
        say(
            f"{check.n} simulated data sets at exposure {check.exposure:g}, {check.statistic}: false in "
            f"{check.false_rate:.1%} ({1.0 - result.level:.2g} assumed), true in {check.power:.1%}; "
            f"median q {check.median:.3g} ({check.expected:.3g} expected). "
            f"By these data {level} is q = {check.threshold:.3g}, passed after {check.years:.3g} yr"
        )
    return result


def _band(arguments: Arguments, shared: dict[str, Any]) -> Any:
    """The limits expected without a Z', said to people unless they are wanted as JSON."""
    from nuinfer.inference.studies.forecast import QUANTILES
    from nuinfer.physics.mediator import spelled

    masses = command.mass_grid(arguments.masses or (3.0, 30.0), arguments.points or POINTS)
    if arguments.figure and len(masses) < 2:
        raise ConfigError("--figure: a band needs two masses or more")
    result = nuinfer.forecast_band(arguments.analysis, masses, n=arguments.n or DATA_SETS, **shared)
    if arguments.json:
        return result
    table = zip(result.m_zprime_mev, *result.quantiles(), result.asimov, strict=True)
    rows = [[f"{mass:.3g}", *(f"{g:.3g}" if g < float("inf") else "none" for g in row)] for mass, *row in table]
    what = f"limits on g' at {LIMIT.written(result.level)}, quantiles over data sets"
    what, mass = (spelled(text, result.mediator) for text in (f"no Z': {what}", "m_Z' [MeV]"))
    say(f"{result.name}{_area(result.effective_area_scale)}, {result.years:.3g} yr, {what}")
    command.print_table("", (mass, *(f"{q:.1%}" for q in QUANTILES), "expected counts"), rows)
    say(f"none: every coupling of the prior, up to {result.g_prime_max:.3g}, is allowed")
    return result


def _area(scale: float) -> str:
    return "" if scale == 1.0 else f", {scale:g} times the effective area"
