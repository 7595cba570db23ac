"""Figures of a run: one file per kind, one style.

`KINDS` draws from a run; the functions behind it (`plot_corner`, `plot_region`, `plot_counts`) take an analysis and an
array of samples, so that they serve notebooks too. matplotlib is imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from nuinfer.errors import ConfigError
from nuinfer.plotting import style
from nuinfer.plotting.corner import plot_corner
from nuinfer.plotting.counts import plot_counts
from nuinfer.plotting.paper_fig1 import plot_fig1
from nuinfer.plotting.paper_fig2 import plot_fig2
from nuinfer.plotting.paper_fig3 import plot_fig3
from nuinfer.plotting.region import COORDINATES, mass_and_coupling, plot_region
from nuinfer.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "KINDS",
    "PAPER_FIGURES",
    "PlottedRun",
    "plot",
    "plot_corner",
    "plot_counts",
    "plot_fig1",
    "plot_fig2",
    "plot_fig3",
    "plot_region",
    "save_all",
]


class PlottedRun(Protocol):
    """What a figure needs of a run; `nuinfer.inference.run.Run` is one."""

    @property
    def folder(self) -> Path:
        """The run folder, whose name labels the run."""
        ...

    @property
    def analysis(self) -> Any:
        """The analysis that was sampled."""
        ...

    def samples(self, discard: int | None = None, thin: int | None = None) -> FloatArray:
        """Draws, shape (..., n_dim)."""
        ...

    def summary(self) -> dict[str, Any]:
        """Contents of ``summary.json``."""
        ...


class Kind(Protocol):
    """A figure of one run, over which others may be drawn."""

    def __call__(self, run: PlottedRun, *others: PlottedRun, width_in: float = style.PAGE_IN) -> Figure:
        """Draw it."""
        ...


class PaperFigure(Protocol):
    """A figure of the paper, drawn from an analysis."""

    def __call__(self, analysis: Any, *, width_in: float = style.PAGE_IN) -> Figure:
        """Draw it."""
        ...


def _corner(run: PlottedRun, *others: PlottedRun, width_in: float = style.PAGE_IN) -> Figure:
    first, *names = _labels(run, *others)
    return plot_corner(
        run.analysis,
        run.samples(),
        label=first,
        summary=run.summary(),
        others={name: (other.analysis, other.samples()) for name, other in zip(names, others, strict=True)},
        width_in=width_in,
    )


def _region(run: PlottedRun, *others: PlottedRun, width_in: float = style.PAGE_IN) -> Figure:
    _only_one("region", others)
    mass_and_coupling(run.analysis)  # refuses before anything is read
    summary = run.summary()
    effective = min(summary["parameters"][name]["ess"] for name in COORDINATES)
    figure = plot_region(run.analysis, run.samples(), effective=effective, width_in=width_in)
    return _marked(figure, summary)


def _counts(run: PlottedRun, *others: PlottedRun, width_in: float = style.PAGE_IN) -> Figure:
    _only_one("counts", others)
    return _marked(plot_counts(run.analysis, run.samples(), width_in=width_in), run.summary())


KINDS: Mapping[str, Kind] = MappingProxyType({"corner": _corner, "region": _region, "counts": _counts})
"""Name of a figure to the function that draws it from runs."""


def _fig3(analysis: Any, *, width_in: float = style.PAGE_IN) -> Figure:  # noqa: ARG001 - the interface of PaperFigure
    return plot_fig3(width_in=width_in)


PAPER_FIGURES: Mapping[str, PaperFigure] = MappingProxyType({"fig1": plot_fig1, "fig2": plot_fig2, "fig3": _fig3})
"""Name of a figure of arXiv:1504.00711 to the function that draws it from an analysis; no run is needed."""


def plot(kind: str, run: PlottedRun, *others: PlottedRun, width_in: float = style.PAGE_IN) -> Figure:
    """Draw one figure of `KINDS` or `PAPER_FIGURES`.

    Parameters
    ----------
    kind : str
        ``corner``, ``region`` or ``counts``.
    run : PlottedRun
        The run.
    others : PlottedRun
        Runs drawn over it; only by ``corner``.
    width_in : float
        Width in inches: 7 for a page, 3.4 for a column.

    Raises
    ------
    ConfigError
        For an unknown kind, or a figure that the run does not have.
    """
    if kind in PAPER_FIGURES:
        _only_one(kind, others)
        return PAPER_FIGURES[kind](run.analysis, width_in=width_in)
    if kind not in KINDS:
        raise ConfigError(f"figure '{kind}': not one of {', '.join([*KINDS, *PAPER_FIGURES])}")
    return KINDS[kind](run, *others, width_in=width_in)


def save_all(
    run: PlottedRun, folder: Path, formats: Iterable[str] = ("pdf", "png"), width_in: float = style.PAGE_IN
) -> list[Path]:
    """Draw every figure that the run has and write each in all formats; return the paths written.

    Raises
    ------
    ConfigError
        For a format other than pdf, png and svg.
    """
    endings = list(formats)
    for ending in endings:
        style.check_format(ending)
    written = []
    for kind in KINDS:
        if kind == "region" and not _has_region(run):
            continue
        figure = plot(kind, run, width_in=width_in)
        written += [style.save(figure, folder / f"{kind}.{ending}") for ending in endings]
    return written


def _has_region(run: PlottedRun) -> bool:
    try:
        mass_and_coupling(run.analysis)
    except ConfigError:
        return False
    return True


def _labels(*runs: PlottedRun) -> list[str]:
    """Names of the run folders, or their paths where names repeat."""
    names = [run.folder.name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.folder) for run in runs]
    if len(set(names)) < len(names):
        raise ConfigError(f"figure 'corner': the same run is given twice ({', '.join(names)})")
    return names


def _only_one(kind: str, others: tuple[PlottedRun, ...]) -> None:
    if others:
        raise ConfigError(
            f"figure '{kind}': {1 + len(others)} runs given, it shows one; several can be drawn by corner"
        )


def _marked(figure: Figure, summary: Mapping[str, Any]) -> Figure:
    """Say so on top if the run has not converged."""
    if not summary["converged"]:
        with style.context():
            figure.suptitle(style.NOT_CONVERGED, color=style.VERMILLION)
    return figure
