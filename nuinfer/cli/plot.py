"""Draw the figures of a run, or several runs over each other.

nuinfer plot chains/hese7
nuinfer plot chains/hese7 --kind region --format svg --width 3.4
nuinfer plot chains/hese7 chains/pgamma --kind corner
"""

from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.cli.command import BUG, OK, Arguments, Parser, add, save_figure, say_written
from nuinfer.errors import LOG, ConfigError


def add_options(parser: Parser) -> None:
    """Add the arguments."""
    run_help = "a run folder; for bounds, and fig1 to fig3 of the paper, also a preset or a TOML file (default: paper)"
    add(parser, "folders", metavar="RUN", nargs="*", help=run_help)
    add(parser, "--kind", help="one kind of figure, or a Python file that defines one (default: all of a run)")
    formats = ("pdf", "png", "svg")
    add(parser, "--format", action="append", choices=formats, help="may be repeated (default: pdf and png)")
    style_help = "talk: fonts and lines 1.3 times as large (default: paper)"
    add(parser, "--style", choices=("paper", "talk"), default="paper", help=style_help)
    width_help = "width in inches, 3.4 for a column (default: 7, a page)"
    add(parser, "--width", type=float, default=7.0, metavar="INCHES", help=width_help)
    add(parser, "--trust")
    add(parser, "--out", help="folder of the figures (default: RUN/figures, else figures)")


def run(arguments: Arguments) -> int:
    """Draw, and name every file."""
    from nuinfer.plotting import FIGURES, KINDS, SEVERAL, kinds_of, plot, save_all

    folders, formats = arguments.folders, arguments.format or ("pdf", "png")
    look = {"width_in": arguments.width, "look": arguments.style}
    kind = FIGURES.find(arguments.kind, "figure") if arguments.kind else None
    if kind and kind.of not in ("run", "analysis"):
        raise ConfigError(f"plot: {kind.name} is drawn of a {kind.of}, not of a run")
    if kind and kind.of == "analysis" and not any(Path(folder).is_dir() for folder in folders):
        if len(folders) > 1:
            raise ConfigError(f"plot: {kind.name} shows one preset, not {len(folders)}")
        given: list[Any] = [nuinfer.load(*folders or ["paper"])]
        default = Path("figures")
    elif not folders:
        needs_no_run = [name for name, each in KINDS.items() if each.of == "analysis"]
        raise ConfigError(f"plot: give a run folder; only {', '.join(needs_no_run)} need none")
    elif len(folders) > 1 and not kind:
        raise ConfigError(f"plot: several runs go into one figure, say which with --kind ({', '.join(SEVERAL)})")
    else:
        given = [nuinfer.open_run(folder, trust=arguments.trust) for folder in folders]
        default = given[0].folder / "figures"
    folder = Path(arguments.out or default)
    if kind:
        return say_written(*save_figure(plot(arguments.kind, *given, **look), folder / kind.name, formats))
    LOG.info("drawing %d figures", len(kinds_of(given[0])))
    written = save_all(given[0], folder, formats, **look)
    say_written(*written)
    return OK if len(written) == len(kinds_of(given[0])) * len(formats) else BUG
