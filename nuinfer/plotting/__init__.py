"""Figures of a run: one file per kind, one style.

`KINDS` draws from a run; the functions behind it (`plot_corner`, `plot_region`, ...) take an analysis and an array of
samples, or chains, and optional axes, so that they serve notebooks too. matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from nuinfer.errors import ConfigError
from nuinfer.plotting import style
from nuinfer.plotting.chains import plot_acceptance, plot_autocorrelation, plot_rank, plot_trace
from nuinfer.plotting.corner import plot_corner
from nuinfer.plotting.counts import plot_counts
from nuinfer.plotting.depth import plot_depth
from nuinfer.plotting.flavour_triangle import plot_flavour_triangle
from nuinfer.plotting.kinds import KINDS, QUICK, PlottedRun, kinds_of, only_one
from nuinfer.plotting.leave_one_out import plot_leave_one_out
from nuinfer.plotting.paper_fig1 import plot_fig1
from nuinfer.plotting.paper_fig2 import plot_fig2
from nuinfer.plotting.paper_fig3 import plot_fig3
from nuinfer.plotting.pulls import plot_pulls
from nuinfer.plotting.region import plot_region
from nuinfer.plotting.spectrum import plot_spectrum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "KINDS",
    "PAPER_FIGURES",
    "QUICK",
    "PlottedRun",
    "kinds_of",
    "plot",
    "plot_acceptance",
    "plot_autocorrelation",
    "plot_corner",
    "plot_counts",
    "plot_depth",
    "plot_fig1",
    "plot_fig2",
    "plot_fig3",
    "plot_flavour_triangle",
    "plot_leave_one_out",
    "plot_pulls",
    "plot_rank",
    "plot_region",
    "plot_spectrum",
    "plot_trace",
    "save_all",
]


class PaperFigure(Protocol):
    """A figure of the paper, drawn from an analysis."""

    def __call__(self, analysis: Any, *, width_in: float = style.PAGE_IN) -> Figure:
        """Draw it."""
        ...


def _fig3(analysis: Any, *, width_in: float = style.PAGE_IN) -> Figure:  # noqa: ARG001 - the interface of PaperFigure
    return plot_fig3(width_in=width_in)


PAPER_FIGURES: Mapping[str, PaperFigure] = MappingProxyType({"fig1": plot_fig1, "fig2": plot_fig2, "fig3": _fig3})
"""Name of a figure of arXiv:1504.00711 to the function that draws it from an analysis; no run is needed."""


def plot(
    kind: str, run: PlottedRun, *others: PlottedRun, width_in: float = style.PAGE_IN, look: str | None = None
) -> Figure:
    """Draw one figure of `KINDS` or `PAPER_FIGURES`.

    Parameters
    ----------
    kind : str
        Name of the figure; `kinds_of` gives those that the run has.
    run : PlottedRun
        The run.
    others : PlottedRun
        Runs drawn over it; only by ``corner``.
    width_in : float
        Width in inches: 7 for a page, 3.4 for a column.
    look : str, optional
        ``paper`` or ``talk``; by default that of the surrounding `style.context`.

    Raises
    ------
    ConfigError
        For an unknown kind, or a figure that the run does not have.
    """
    with style.context(look):
        if kind in PAPER_FIGURES:
            only_one(kind, others)
            return PAPER_FIGURES[kind](run.analysis, width_in=width_in)
        if kind not in KINDS:
            raise ConfigError(f"figure '{kind}': not one of {', '.join([*KINDS, *PAPER_FIGURES])}")
        return KINDS[kind](run, *others, width_in=width_in)


def save_all(
    run: PlottedRun,
    folder: Path,
    formats: Iterable[str] = ("pdf", "png"),
    width_in: float = style.PAGE_IN,
    look: str | None = None,
    kinds: Iterable[str] | None = None,
) -> list[Path]:
    """Draw the figures that the run has and write each in all formats; return the paths written.

    Parameters
    ----------
    run : PlottedRun
        The run.
    folder : Path
        Where they are written.
    formats : iterable of str
        Among pdf, png and svg.
    width_in, look
        As in `plot`.
    kinds : iterable of str, optional
        Only these; by default all.

    Raises
    ------
    ConfigError
        For a format other than pdf, png and svg.
    """
    endings = list(formats)
    for ending in endings:
        style.check_format(ending)
    chosen = set(KINDS if kinds is None else kinds)
    written = []
    for kind in (kind for kind in kinds_of(run) if kind in chosen):
        figure = plot(kind, run, width_in=width_in, look=look)
        written += [style.save(figure, folder / f"{kind}.{ending}") for ending in endings]
    return written
