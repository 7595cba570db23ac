"""The figures of the page: every kind that a run has, as vector images inside the page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from nuinfer import plotting
from nuinfer.datafiles import DataFolder, data_root
from nuinfer.errors import NuinferError
from nuinfer.plotting import PlottedRun, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS_PER_INCH = 96
_PATH = re.compile(r'(?<= d=")[^"]*')
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
DENSE = 3000
"""Markers, segments or cells of one artist from which it is drawn as an image inside the vector figure."""

DIAGNOSTIC = ("trace", "rank", "autocorr", "tau", "acceptance", "pull", "convergence", "diagnos")
"""What the names of diagnostic kinds contain."""

CAPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "corner": "Marginal posteriors of pairs of parameters, and of single ones with their priors.",
        "region": "Posterior in the plane of mediator mass and coupling, with the external bounds.",
        "counts": "Events in bins of deposited energy against what the posterior predicts.",
        "spectrum": "Flux at Earth per flavour, with published fluxes.",
        "leave_one_out": "The allowed region again, each time without one of the constraints: what each of them does.",
        "depth": "Optical depth, and the probabilities of flavours to arrive, against energy.",
        "flavour_triangle": "Flavour at Earth as the energy goes through the dip.",
        "pulls": "Predicted minus measured in units of the error, for every term that pulls on the fit.",
        "trace": "Walkers against steps, ensemble by ensemble; grey is the burn-in that is left out.",
        "rank": "Ranks of the draws of each ensemble among all; level if the ensembles agree.",
        "autocorrelation": "Autocorrelation times against the length of the chains that they are estimated from.",
        "acceptance": "Share of accepted proposals against steps and walker by walker.",
    }
)
"""Captions of kinds; others have the first line of their docstring."""

DATA: Mapping[str, str] = MappingProxyType({"spectrum": "fluxes"})
"""Kind to the folder of published data that it draws beside the run's own."""


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
    kind : str
        Its name in ``nuinfer.plotting.KINDS``.
    caption : str
        What it shows.
    wide, narrow : Image or None
        The figure for a page and for a phone, None if it could not be drawn.
    problem : str
        Why it could not be drawn.
    """

    kind: str
    caption: str
    wide: Image | None = None
    narrow: Image | None = None
    problem: str = ""

    @property
    def is_diagnostic(self) -> bool:
        """Whether it shows the chains rather than what they say."""
        return any(word in self.kind for word in DIAGNOSTIC)

    @property
    def title(self) -> str:
        """Its name for readers."""
        return self.kind.replace("_", " ").capitalize()


def draw_all(run: PlottedRun) -> list[Drawing]:
    """Every kind of figure for a run; those that it does not have say why."""
    return [_draw(kind, run) for kind in plotting.KINDS]


def data_references(drawings: Iterable[Drawing]) -> list[str]:
    """Where the published data come from that figures show beside the run."""
    shown = [drawing.kind for drawing in drawings if drawing.kind in DATA and not drawing.problem]
    folders = {kind: DataFolder.open(data_root() / DATA[kind]) for kind in shown}
    return [f"figure {kind}: {file['source']}" for kind, one in folders.items() for file in one.files.values()]


def _draw(kind: str, run: PlottedRun) -> Drawing:
    caption = CAPTIONS.get(kind) or _first_line(plotting.KINDS[kind]) or kind.replace("_", " ")
    try:
        wide, narrow = (_image(plotting.plot(kind, run, width_in=width)) for width in (style.PAGE_IN, style.COLUMN_IN))
    except NuinferError as error:
        return Drawing(kind, caption, problem=str(error))
    except Exception as error:  # noqa: BLE001 - one figure must not cost the report
        return Drawing(kind, caption, problem=f"{type(error).__name__}: {error}")
    return Drawing(kind, caption, wide, narrow)


def _first_line(function: object) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


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
    width, height = (round(PIXELS_PER_INCH * inches) for inches in figure.get_size_inches())
    return Image("data:image/svg+xml," + quote(_PATH.sub(_shorter, svg), safe="!$&'()*+,-./:;=?@_~"), width, height)


def _shorter(path: re.Match[str]) -> str:
    """Coordinates to a hundredth of a point, no more blanks than needed: half as long, the same to the eye."""
    rounded = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), path[0])
    return re.sub(r"\s+(?=-)", "", re.sub(r"\s*([A-Za-z])\s*", r"\1", rounded).strip()).replace(" ", ",")
