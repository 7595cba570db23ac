"""The figures of the page: every kind that a run has, drawn once, as vector images inside the page.

They have the layout of a column, which can be read on a phone, and on a screen beside others.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import numpy as np

from nuinfer import plotting
from nuinfer.datafiles import DataFolder, data_root
from nuinfer.errors import NuinferError
from nuinfer.inference.runs.run import Run
from nuinfer.inference.sampling.short import ShortRun
from nuinfer.plotting import Kind, style
from nuinfer.plotting.annotations import Figure

_PATH = re.compile(r'(?<= d=")[^"]*')
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
WHOLE_PAGE = ("corner",)
"""Figures that leave something out in a column."""

DENSE = 3000
"""Markers, segments or cells of one artist from which it is drawn as an image inside the vector figure."""


@dataclass(frozen=True)
class Drawing:
    """One figure, drawn or not.

    Parameters
    ----------
    kind : Kind
        What the figure says of itself.
    uri : str
        The figure as SVG, a data URI; empty if it could not be drawn.
    width, height : int
        Its size in CSS pixels.
    problem : str
        Why it could not be drawn.
    """

    kind: Kind
    uri: str = ""
    width: int = 0
    height: int = 0
    problem: str = ""

    @property
    def title(self) -> str:
        """Its name for readers."""
        return self.kind.name.replace("_", " ").capitalize()

    @property
    def whole_page(self) -> bool:
        """Whether it needs the width of a page."""
        return self.kind.name in WHOLE_PAGE


def draw_all(run: Run) -> list[Drawing]:
    """Every kind of figure for a run; those that it does not have say why."""
    return [_draw(kind, run) for kind in plotting.KINDS.values() if kind.of == "run"]


def resampled(run: Run, drawings: Iterable[Drawing]) -> Mapping[str, ShortRun]:
    """The posteriors without each constraint that were sampled for a figure, none if it was not drawn."""
    from nuinfer.plotting.figures import leave_one_out

    drawn = any(drawing.kind is leave_one_out.FIGURE and not drawing.problem for drawing in drawings)
    return leave_one_out.sampled(run) if drawn else {}


def data_references(drawings: Iterable[Drawing]) -> list[str]:
    """Where the published data come from that figures show beside the run."""
    shown = [(one.kind.name, folder) for one in drawings if not one.problem for folder in one.kind.data]
    files = [(name, DataFolder.open(data_root() / folder).files.values()) for name, folder in shown]
    return list(dict.fromkeys(f"figure {name}: {file['source']}" for name, every in files for file in every))


def _draw(kind: Kind, run: Run) -> Drawing:
    try:
        width_in = style.PAGE_IN if kind.name in WHOLE_PAGE else style.COLUMN_IN
        figure = plotting.plot(kind.name, run, width_in=width_in)
        return Drawing(kind, _uri(figure), *(round(96 * inches) for inches in figure.get_size_inches()))
    except NuinferError as error:
        return Drawing(kind, problem=str(error))
    except Exception as error:  # noqa: BLE001 - one figure must not cost the report
        return Drawing(kind, problem=f"{type(error).__name__}: {error}")


def _uri(figure: Figure) -> str:
    """The figure as SVG; what would be too many paths is a picture inside it."""
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D

    for artist in figure.findobj():
        size = 0
        if isinstance(artist, Line2D) and artist.get_marker() not in ("", " ", "None", "none", None):
            size = np.size(artist.get_xdata())
        elif isinstance(artist, Collection):
            size = max(len(artist.get_paths()), np.shape(artist.get_offsets())[0])
        if size > DENSE:
            artist.set_rasterized(True)
    with TemporaryDirectory() as folder:
        svg = style.save(figure, Path(folder) / "figure.svg").read_text(encoding="utf-8")
    return "data:image/svg+xml," + quote(_PATH.sub(_shorter, svg), safe="!$&'()*+,-./:;=?@_~")


def _shorter(path: re.Match[str]) -> str:
    """Coordinates to a hundredth of a point, no more blanks than needed: half as long, the same to the eye."""
    rounded = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), path[0])
    return re.sub(r"\s+(?=-)", "", re.sub(r"\s*([A-Za-z])\s*", r"\1", rounded).strip()).replace(" ", ",")
