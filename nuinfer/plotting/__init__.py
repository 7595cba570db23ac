"""Figures: one file per kind in ``nuinfer.plotting.figures``, one style, one door, `plot`.

`plot` draws a kind of `KINDS`, or one of the user's own, from a run, an analysis or the result of a study. The
functions behind it take an analysis and draws, or chains, and axes, so that they serve notebooks too; all of them
return the figure, and what they have in common is::

    analysis    the `nuinfer.analysis.Analysis` that was sampled
    samples     posterior draws, array_like of shape (..., n_dim)
    best_fit    array_like of shape (n_dim,); searched among the draws if it is not given
    axes        matplotlib axes to draw on, a sequence where there are several panels; by default a new figure
    width_in    width of a new figure in inches: 7 for a page, 3.4 for a column

A figure of the user is a Python file with a constant ``FIGURE``, a `Kind`, whose function draws on a `sheet`.
matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nuinfer.errors import ConfigError, forgiven
from nuinfer.plotting import needs as needs
from nuinfer.plotting import style as style
from nuinfer.plotting.annotations import Figure
from nuinfer.plotting.kind import Given, analysis_of, drawn_from
from nuinfer.plotting.kind import Kind as Kind
from nuinfer.plotting.kind import of_posterior as of_posterior
from nuinfer.plotting.scaffold import Sheet as Sheet
from nuinfer.plotting.scaffold import sheet as sheet
from nuinfer.registry import Registry, imported

FIGURES = Registry(f"{__name__}.figures", "FIGURE", Kind)
"""What figures say of themselves: those of the folder, and a user's own, by the path of a Python file."""

KINDS = FIGURES.shipped
"""Name of a figure of the folder to what it says of itself."""

QUICK = tuple(name for name, kind in KINDS.items() if kind.quick)
"""Figures that a fit draws at its end."""

SEVERAL = tuple(name for name, kind in KINDS.items() if kind.several is not None)
"""Figures of several runs over each other."""


def __getattr__(name: str) -> Any:
    """The functions behind the figures, ``plot_*``, and `Bar`, which one of them takes, from the figures' own files."""
    if name in (functions := _functions()):
        return functions[name]
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_functions()})


def _functions() -> dict[str, Any]:
    """What the files of the figures offer beside their `Kind`."""
    files = [vars(imported(f"{__name__}.figures.{kind}")) for kind in KINDS]
    return {name: each for file in files for name, each in file.items() if name.startswith(("plot_", "Bar"))}


def kinds_of(given: Any, of: Given = "run") -> tuple[str, ...]:
    """The figures that a run has: some need absorption, a sampled mass and coupling, or constraints.

    Parameters
    ----------
    given : Run, Analysis, Comparison, Calibration, Forecast or Band
        What is to be drawn.
    of : str
        Which of them it is.
    """
    return tuple(name for name, kind in KINDS.items() if kind.of == of and not kind.lacks(given))


def plot(
    kind: str, run: Any, *others: Any, width_in: float = style.PAGE_IN, look: str | None = None, **options: Any
) -> Figure:
    """Draw one figure.

    Parameters
    ----------
    kind : str
        One of `KINDS`, of which `kinds_of` gives those that a run has; or the path of a Python file with a ``FIGURE``.
    run : Run, Analysis, Comparison, Calibration, Forecast or Band
        What it is drawn from; a figure of an analysis takes a run too.
    others
        Runs drawn over it, by the kinds that can (`Kind.several`).
    width_in : float
        Width in inches: 7 for a page, 3.4 for a column.
    look : str, optional
        ``paper`` or ``talk``; by default that of the surrounding `style.context`.
    **options
        Further keywords of the function behind the kind.

    Raises
    ------
    ConfigError
        For an unknown kind, a figure that the run does not have, or runs that cannot be drawn over each other.
    """
    figure_kind = FIGURES.find(kind, "figure")
    runs = (run, *others)
    if others and figure_kind.several is None:
        hint = f"it shows one; several can be drawn by {', '.join(SEVERAL)}"
        raise ConfigError(f"figure '{figure_kind.name}': {len(runs)} runs given, {hint}")
    for each in runs:
        figure_kind.require(each)
    if others:
        figure_kind.require_alike(*runs)
    drawn = map(analysis_of, runs) if figure_kind.of == "analysis" else runs
    with style.context(look):
        figure = figure_kind.draw(*drawn, width_in=width_in, **options)
        figure.set_label(f"{figure_kind.name}: {'; '.join(map(drawn_from, runs))}")
        marked = figure_kind.of == "run" and figure_kind.marked
        if marked and not all(each.summary()["converged"] for each in runs):
            figure.suptitle(style.NOT_CONVERGED, color=style.VERMILLION)
    return figure


def save_all(
    run: Any,
    folder: Path,
    formats: Iterable[str] = ("pdf", "png"),
    width_in: float = style.PAGE_IN,
    look: str | None = None,
    kinds: Iterable[str] | None = None,
    of: Given = "run",
) -> list[Path]:
    """Draw the figures that a run has and write each in all formats; return the paths written.

    One that fails is a warning, and the others are drawn.

    Parameters
    ----------
    run : Run, Analysis, Comparison, ...
        What is drawn.
    folder : Path
        Where they are written.
    formats : iterable of str
        Among pdf, png and svg.
    width_in, look
        As in `plot`.
    kinds : iterable of str, optional
        Only these; by default all.
    of : str
        What `run` is, as in `kinds_of`.

    Raises
    ------
    ConfigError
        For a format other than pdf, png and svg, a width or a look that there is not.
    RunFolderError
        If a file cannot be written.
    """
    endings = list(formats)
    for ending in endings:
        style.check_format(ending)
    style.check_width(width_in)
    chosen = set(KINDS if kinds is None else kinds)
    written: list[Path] = []
    with style.context(look):
        for kind in (kind for kind in kinds_of(run, of) if kind in chosen):
            with forgiven(f"figure '{kind}'"):
                figure = plot(kind, run, width_in=width_in)
                style.lay_out(figure)
                written += [style.save(figure, folder / f"{kind}.{ending}") for ending in endings]
    return written
