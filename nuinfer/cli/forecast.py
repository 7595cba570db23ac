"""``nuinfer forecast PRESET|FILE``: years until a Z' is seen or excluded, and expected limits."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuinfer.cli import options
from nuinfer.cli.terminal import OK, Command, print_json, print_table, say, say_written
from nuinfer.errors import ConfigError

if TYPE_CHECKING:
    from nuinfer.inference.studies.forecast import Band, Forecast

BAND_MASSES_MEV = (3.0, 30.0)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    options.add_analysis(parser)
    at_help = "m_zprime_mev=8 and g_prime=1e-3, and parameters of the truth that are not to be fitted to the data"
    options.add_at(parser, at_help)
    exposures_help = "livetimes in units of that of the data set (default: 1,2,5,10,20,50,100)"
    parser.add_argument("--exposures", type=_numbers, metavar="X,Y,...", help=exposures_help)
    parser.add_argument("--level", type=float, default=0.95, metavar="CL", help="confidence level (default: 0.95)")
    check_help = "check the assumed distribution with N simulated data sets of each kind (4 N fits)"
    parser.add_argument("--check", type=options.natural, default=0, metavar="N", help=check_help)
    parser.add_argument("--band", action="store_true", help="expected limits on g' against m_Z' instead")
    masses_help = "with --band: masses in MeV (default: 3 30)"
    parser.add_argument("--masses", type=float, nargs=2, metavar=("LOW", "HIGH"), help=masses_help)
    parser.add_argument(
        "--points", type=options.positive, default=8, metavar="N", help="with --band: masses (default: 8)"
    )
    parser.add_argument(
        "-n", type=options.positive, default=100, metavar="N", help="with --band: data sets (default: 100)"
    )
    parser.add_argument("--seed", type=options.natural, default=1504, metavar="S", help="seed of simulated data")
    out_help = "folder of its campaign, continued if it exists (default: chains/forecast-NAME)"
    parser.add_argument("--out", metavar="DIR", help=out_help)
    options.add_executor(parser)
    parser.add_argument("--figure", metavar="FILE", help="draw it (.pdf, .png or .svg)")
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the forecast, print and draw it."""
    from nuinfer.plotting import plot, style

    if not 0.5 < arguments.level < 1.0:
        raise ConfigError(f"--level {arguments.level:g}: it must be between 0.5 and 1")
    if arguments.figure:
        style.check_format(Path(arguments.figure).suffix.removeprefix("."))
    shared = options.chosen(arguments, "level", "seed", "jobs", "scheduler") | {
        "at": options.point_of(arguments.at),
        "out": Path(arguments.out or Path("chains") / f"forecast-{Path(arguments.analysis).stem}"),
        "overrides": arguments.set,
    }
    result: Any = _band(arguments, shared) if arguments.band else _years(arguments, shared)
    if arguments.json:
        print_json(result.to_json())
    else:
        (_show_band if arguments.band else _show_years)(result)
    if arguments.figure:
        figure = plot("expected_limits" if arguments.band else "forecast", result)
        path = style.save(figure, Path(arguments.figure))
        if not arguments.json:  # JSON on the standard output stays JSON
            say_written(path)
    return OK


def _years(arguments: argparse.Namespace, shared: Mapping[str, Any]) -> Forecast:
    from nuinfer.inference.studies.forecast import EXPOSURES, forecast

    exposures = arguments.exposures or EXPOSURES
    return forecast(arguments.analysis, exposures=exposures, check=arguments.check, **shared)


def _band(arguments: argparse.Namespace, shared: Mapping[str, Any]) -> Band:
    from nuinfer.inference.studies.forecast import forecast_band

    masses = options.mass_grid(arguments.masses or BAND_MASSES_MEV, arguments.points)
    if arguments.figure and len(masses) < 2:
        raise ConfigError("--figure: a band needs two masses or more")
    return forecast_band(arguments.analysis, masses, n=arguments.n, **shared)


def _show_years(result: Forecast) -> None:
    from nuinfer.inference.profile.likelihood_ratio import threshold
    from nuinfer.inference.studies.forecast import STATEMENT

    columns = result.years, result.statistics["seen"], result.statistics["excluded"]
    rows = [[f"{value:.3g}" for value in row] for row in zip(*columns, strict=True)]
    at = ", ".join(f"{name} = {value:g}" for name, value in result.at.items())
    say(f"{result.name} at {at}{_area(result.effective_area_scale)}")
    print_table("", ("livetime [yr]", "q, seen", "q, excluded"), rows)
    say(f"q: {STATEMENT}; {result.level:.0%} is q = {threshold(result.level):.3g}")
    for name, truth in (("seen", "if there is such a Z'"), ("excluded", "if there is none")):
        relation, years = result.years_until(name)
        say(f"{name} at {result.level:.0%} after {'' if relation == '=' else relation + ' '}{years:.3g} yr, {truth}")
    for check in result.checks:
        say(
            f"{check.n} simulated data sets at exposure {check.exposure:g}, {check.statistic}: false in "
            f"{check.false_rate:.1%} ({1.0 - result.level:.1%} assumed), true in {check.power:.1%}; "
            f"median q {check.median:.3g} ({check.expected:.3g} expected). "
            f"By these data {result.level:.0%} is q = {check.threshold:.3g}, passed after {check.years:.3g} yr"
        )


def _show_band(result: Band) -> None:
    from nuinfer.inference.studies.forecast import QUANTILES

    table = zip(result.m_zprime_mev, *result.quantiles(), result.asimov, strict=True)
    rows = [[f"{mass:.3g}", *(f"{g:.3g}" if g < float("inf") else "none" for g in row)] for mass, *row in table]
    what = f"limits on g' at {result.level:.0%}, quantiles over data sets"
    say(f"{result.name}{_area(result.effective_area_scale)}, {result.years:.3g} yr, no Z': {what}")
    print_table("", ("m_Z' [MeV]", *(f"{q:.1%}" for q in QUANTILES), "expected counts"), rows)
    say(f"none: every coupling of the prior, up to {result.g_prime_max:.3g}, is allowed")


def _area(scale: float) -> str:
    return "" if scale == 1.0 else f", {scale:g} times the effective area"


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not allowed, write numbers with commas") from None


COMMAND = Command(
    "years until a Z' at a point is seen or excluded; with --band, the limits expected without one", add_options, run
)
