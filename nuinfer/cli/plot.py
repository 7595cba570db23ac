"""``nuinfer plot RUN``: figures of a run, of several runs over each other, and of the paper."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from nuinfer.cli.terminal import OK, Command, say_written
from nuinfer.errors import ConfigError

FORMATS = ("pdf", "png")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    run_help = "a run folder; for fig1, fig2 and fig3 of the paper also a preset or a TOML file (default: paper)"
    parser.add_argument("folders", metavar="RUN", nargs="*", help=run_help)
    parser.add_argument("--kind", help="one kind of figure (default: all of a run)")
    format_help = "may be repeated (default: pdf and png)"
    parser.add_argument("--format", action="append", choices=("pdf", "png", "svg"), help=format_help)
    style_help = "talk: fonts and lines 1.3 times as large (default: paper)"
    parser.add_argument("--style", choices=("paper", "talk"), default="paper", help=style_help)
    width_help = "width in inches, 3.4 for a column (default: 7, a page)"
    parser.add_argument("--width", type=float, default=7.0, metavar="INCHES", help=width_help)
    parser.add_argument("--out", metavar="DIR", help="folder of the figures (default: RUN/figures, else figures)")


def run(arguments: argparse.Namespace) -> int:
    """Draw, and name every file."""
    from nuinfer.inference.runs.run import open_run
    from nuinfer.plotting import PAPER_FIGURES, plot, save_all, style

    formats: Sequence[str] = arguments.format or FORMATS
    look = {"width_in": arguments.width, "look": arguments.style}
    kind = arguments.kind
    if kind in PAPER_FIGURES and not any(Path(folder).is_dir() for folder in arguments.folders):
        return _paper_figure(arguments, formats)
    if not arguments.folders:
        raise ConfigError(f"plot: give a run folder; only {', '.join(PAPER_FIGURES)} need none")
    if len(arguments.folders) > 1 and not kind:
        raise ConfigError("plot: several runs go into one figure, say which with --kind (corner)")
    runs = [open_run(folder) for folder in arguments.folders]
    folder = Path(arguments.out or runs[0].folder / "figures")
    if kind:
        figure = plot(kind, *runs, **look)
        written = [style.save(figure, folder / f"{kind}.{ending}") for ending in formats]
    else:
        written = save_all(runs[0], folder, formats, **look)
    say_written(*written)
    return OK


def _paper_figure(arguments: argparse.Namespace, formats: Sequence[str]) -> int:
    """A figure of the paper for a preset or a TOML file, without a run."""
    from nuinfer.analysis import load
    from nuinfer.plotting import PAPER_FIGURES, style

    if len(arguments.folders) > 1:
        raise ConfigError(f"plot: {arguments.kind} shows one preset, not {len(arguments.folders)}")
    analysis = load(*arguments.folders or ["paper"])
    with style.context(arguments.style):
        figure = PAPER_FIGURES[arguments.kind](analysis, width_in=arguments.width)
    folder = Path(arguments.out or "figures")
    say_written(*(style.save(figure, folder / f"{arguments.kind}.{ending}") for ending in formats))
    return OK


COMMAND = Command("draw the figures of a run, or several runs over each other", add_options, run)
