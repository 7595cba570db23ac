"""The figures of the page: every kind that a run has, as vector images inside the page."""

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
DENSE = 3000
"""Markers, segments or cells of one artist from which it is drawn as an image inside the vector figure."""


@dataclass(frozen=True)
class Image:
    """An SVG as a data URI, with its size in CSS pixels."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Drawing:
    """One figure, drawn or not.

    Parameters
    ----------
    kind : Kind
        What the figure says of itself.
    wide, narrow : Image or None
        The figure for a page and for a phone, None if it could not be drawn.
    problem : str
        Why it could not be drawn.
    """

    kind: Kind
    wide: Image | None = None
    narrow: Image | None = None
    problem: str = ""

    @property
    def title(self) -> str:
        """Its name for readers."""
        return self.kind.name.replace("_", " ").capitalize()


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
        drawn = (plotting.plot(kind.name, run, width_in=width) for width in (style.PAGE_IN, style.COLUMN_IN))
        wide, narrow = map(_image, drawn)
        return Drawing(kind, wide, narrow)
    except NuinferError as error:
        return Drawing(kind, problem=str(error))
    except Exception as error:  # noqa: BLE001 - one figure must not cost the report
        return Drawing(kind, problem=f"{type(error).__name__}: {error}")


def _image(figure: Figure) -> Image:
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
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return Image("data:image/svg+xml," + quote(_PATH.sub(_shorter, svg), safe="!$&'()*+,-./:;=?@_~"), width, height)


def _shorter(path: re.Match[str]) -> str:
    """Coordinates to a hundredth of a point, no more blanks than needed: half as long, the same to the eye."""
    rounded = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), path[0])
    return re.sub(r"\s+(?=-)", "", re.sub(r"\s*([A-Za-z])\s*", r"\1", rounded).strip()).replace(" ", ",")
