"""The look of every figure: one style sheet, one palette, two widths, one way to save."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from nuinfer.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN_IN = 3.4
"""Width of a journal column in inches."""

PAGE_IN = 7.0
"""Width of a journal page in inches."""

WIDE_IN = 5.0
"""Width from which a figure is laid out for a page, below it for a column."""

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW, BLACK = "#E69F00", "#56B4E9", "#F0E442", "#000000"
GREY = "#8C8C8C"
POSTERIORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)
"""Colours of posteriors drawn over each other."""

FORMATS = ("pdf", "png", "svg")

NOT_CONVERGED = "not converged: preliminary"
"""What figures of an unfinished run say."""

# Dates are left out of the files, so that the same figure gives the same bytes
_METADATA: MappingProxyType[str, dict[str, None]] = MappingProxyType(
    {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}
)


@contextmanager
def context() -> Iterator[None]:
    """The package's style, whatever the user's own settings are, which come back afterwards."""
    import matplotlib.style

    with matplotlib.style.context(["default", str(Path(__file__).with_name("nuinfer.mplstyle"))]):
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure that no pyplot state knows of, with room for every label.

    Raises
    ------
    ConfigError
        If the width is not within 2 to 20 inches.
    """
    from matplotlib.figure import Figure

    if not 2.0 <= width_in <= 20.0:
        raise ConfigError(f"width_in: {width_in} is not allowed, it must be from 2 to 20 inches")
    return Figure(figsize=(width_in, height_in), layout="constrained")


def figure_of(axes: Axes) -> Figure:
    """The outermost figure that holds `axes`."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ConfigError("axes: they belong to no figure")
    return figure


def check_format(ending: str) -> None:
    """Raise `ConfigError` unless `ending` is one of `FORMATS`."""
    if ending not in FORMATS:
        raise ConfigError(f"format '{ending}' of a figure: allowed are {', '.join(FORMATS)}")


@contextmanager
def _quiet_fonts() -> Iterator[None]:
    """Keep fontTools from reporting on the dates inside the fonts that it embeds."""
    logger = logging.getLogger("fontTools")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def save(figure: Figure, path: Path) -> Path:
    """Write `figure`; the suffix of `path` decides the format.

    Fonts are embedded, vector formats stay vector.

    Raises
    ------
    ConfigError
        For a format other than pdf, png and svg.
    """
    suffix = path.suffix.removeprefix(".")
    check_format(suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    with context(), _quiet_fonts():
        figure.savefig(path, format=suffix, metadata=_METADATA[suffix])
    return path
