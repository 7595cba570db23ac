"""The look of every figure: one style sheet, one palette, two widths, two looks, one way to save.

Figures are drawn for print. Inside ``with style.context("talk"):`` the same functions draw for a slide: fonts and lines
1.3 times as large at the same width.
"""

from __future__ import annotations

import functools
import importlib
import io
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from nuinfer import __version__
from nuinfer.confidence import credible, percent
from nuinfer.errors import ConfigError
from nuinfer.inference.work.files import make_folder, write_atomic
from nuinfer.plotting.annotations import Axes, Axis, Figure, FloatArray, Look
from nuinfer.private import give_matplotlib_a_place

COLUMN_IN = 3.4
"""Width of a journal column in inches."""

PAGE_IN = 7.0
"""Width of a journal page in inches."""

WIDE_IN = 5.0
"""Width from which a figure is laid out for a page, below it for a column."""

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW, BLACK = "#E69F00", "#56B4E9", "#F0E442", "#000000"
GREY = "#8C8C8C"

CENTRAL = (0.025, 0.16, 0.84, 0.975)
"""Ends of the central 95 and 68 % of a distribution, as quantiles in order."""

BANDS = ("#CFE6F5", "#8FC4E8")
"""Outer and inner band of a posterior."""

POSTERIORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)
"""Colours of posteriors drawn over each other."""

LOOKS: Mapping[str, float] = {"paper": 1.0, "talk": 1.3}
"""Name of a look to the size of fonts and lines in units of those for print."""

TRUTH = "truth of the simulation"
"""What legends call what data were simulated with."""

NOT_CONVERGED = "not converged: preliminary"
"""What figures of an unfinished run say."""

# Formats with the keys of what wrote a file and what it shows; dates are left out, so that the same figure gives the
# same bytes
_METADATA: Mapping[str, tuple[str, str, dict[str, None]]] = {
    "pdf": ("Creator", "Subject", {"CreationDate": None}),
    "png": ("Software", "Description", {}),
    "svg": ("Creator", "Description", {"Date": None}),
}
_LAST: Mapping[str, bytes] = {"pdf": b"%%EOF", "png": b"IEND\xaeB`\x82", "svg": b"</svg>"}
_look: ContextVar[str] = ContextVar("look", default="paper")


@contextmanager
def context(look: str | None = None) -> Iterator[None]:
    """The package's style, whatever the user's own settings are, which come back afterwards.

    Parameters
    ----------
    look : str, optional
        ``paper`` or ``talk``; by default that of the surrounding context, ``paper`` outside of any.

    Raises
    ------
    ConfigError
        For another look.
    """
    give_matplotlib_a_place()
    import matplotlib.style

    chosen = _look.get() if look is None else look
    if chosen not in LOOKS:
        raise ConfigError(f"style '{chosen}' of a figure: allowed are {', '.join(LOOKS)}")
    token = _look.set(chosen)
    try:
        with matplotlib.style.context(["default", _sheet(LOOKS[chosen])]):
            yield
    finally:
        _look.reset(token)


def _sheet(factor: float) -> dict[str, Any]:
    """Settings of the style sheet, its sizes in points enlarged."""
    import matplotlib as mpl

    settings = mpl.rc_params_from_file(Path(__file__).with_name("nuinfer.mplstyle"), use_default_template=False)
    sizes = (key for key in settings if key.endswith(("size", "width", "pad")) and isinstance(settings[key], float))
    return dict(settings) | {key: settings[key] * factor for key in sizes}


def points(size: float) -> float:
    """A font size or line width in points, as large as the look wants it."""
    return size * LOOKS[_look.get()]


def is_wide(width_in: float) -> bool:
    """Whether a figure has the room of a page, for the size of its fonts."""
    return width_in / LOOKS[_look.get()] >= WIDE_IN


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure that no pyplot state knows of, with room for every label.

    Raises
    ------
    ConfigError
        If the width is not within 2 to 20 inches.
    """
    from matplotlib.figure import Figure

    check_width(width_in)
    _show_in_notebooks(Figure)
    return Figure(figsize=(width_in, height_in), layout="constrained")


def _show_in_notebooks(figure: type[Figure]) -> None:
    """Have a notebook show figures that it is handed, as it does once pyplot is used; what the user set up stays."""
    notebook: Any = sys.modules.get("IPython")
    if notebook is None or (shell := notebook.get_ipython()) is None:
        return
    known = shell.display_formatter.formatters
    if not any(figure in formatter for formatter in known.values()):
        tools: Any = importlib.import_module("IPython.core.pylabtools")
        tools.select_figure_formats(shell, {"png"})


def plain_log(axis: Axis, subs: Sequence[float] = (1.0,), base: float = 10.0) -> None:
    """Label a logarithmic axis with plain numbers at powers of `base` times `subs`, and with nothing in between."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(base, subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def colours(number: int) -> list[Any]:
    """Colours that are told apart, beyond those of the palette from a colour map."""
    import matplotlib as mpl

    own = [*POSTERIORS, SKY, BLACK, GREY]
    return own[:number] if number <= len(own) else list(mpl.colormaps["turbo"](np.linspace(0.05, 0.95, number)))


def tint(colour: str, strength: float) -> tuple[float, ...]:
    """A colour mixed with white, the more the smaller its strength (1: as it is), opaque."""
    from matplotlib.colors import to_rgb

    return tuple(1.0 - strength * (1.0 - part) for part in to_rgb(colour))


def draw_band(axes: Axes, x: FloatArray, values: FloatArray, colour: str = "") -> None:
    """Central 95 and 68 % of values (draw, x), as bands in two shades; 68 % in the colour of one of several."""
    ends = np.quantile(values, CENTRAL, axis=0)
    if colour:
        axes.fill_between(x, ends[1], ends[2], color=colour, alpha=0.25, lw=0, zorder=1)
    for k, level in enumerate((0.95, 0.68) if not colour else ()):
        label = credible(level, kind="central")
        axes.fill_between(x, ends[k], ends[3 - k], color=BANDS[k], lw=0, label=label, zorder=1)


def draw_predicted(axes: Axes, edges: FloatArray, drawn: FloatArray, mean: FloatArray, **look: Any) -> None:
    """Central 95 and 68 % of what may be measured, ends (4, bin), in shades of grey, and 68 % of its mean (2, bin)."""
    for k, (level, colour) in enumerate(((0.95, "#E6E6E6"), (0.68, "#CCCCCC"))):
        label = f"posterior predictive, central {percent(level)}"
        axes.stairs(drawn[3 - k], edges, baseline=drawn[k], fill=True, color=colour, lw=0, label=label)
    axes.stairs(mean[1], edges, baseline=mean[0], fill=True, lw=0, **look)


def heading(axes: Axes, text: str) -> None:
    """A line of the legend that belongs to nothing drawn, above what follows it."""
    if text:
        axes.plot([], [], ls="none", label=text)


def write(panel: Axes, x: float, y: float, text: str, **look: Any) -> None:
    """A text whose upper right corner is at a place in units of the panel."""
    panel.text(x, y, text, **{"transform": panel.transAxes, "ha": "right", "va": "top", **look})


def write_lines(panel: Axes, lines: Sequence[tuple[str, str]]) -> None:
    """Texts with their colours under each other, in the upper right corner of a panel."""
    import matplotlib as mpl

    look: Look = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right", "va": "top"}
    for k, (text, colour) in enumerate(lines):
        panel.annotate(text, (0.96, 0.96), (0.0, -1.45 * k * mpl.rcParams["font.size"]), color=colour, **look)


@functools.lru_cache(maxsize=1000)
def text_width_in(text: str, size: float) -> float:
    """Width of a text in inches at a font size in points, that of its longest line."""
    import matplotlib as mpl
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family=mpl.rcParams["font.sans-serif"], size=size)
    return max(float(TextPath((0.0, 0.0), line, prop=font).get_extents().width) for line in text.split("\n")) / 72.0


def fitting_lines(text: str, size: float, width_in: float) -> list[str]:
    """A text, broken after those of its commas beyond which there is no room."""
    lines: list[str] = []
    for part in text.split(", "):
        longer = f"{lines[-1]}, {part}" if lines else part
        if lines and text_width_in(longer, size) <= width_in:
            lines[-1] = longer
        else:
            lines = [*lines[:-1], f"{lines[-1]},", part] if lines else [part]
    return lines


def scientific(value: float) -> str:
    r"""A positive number in two digits, as mathematical text.

    Examples
    --------
    >>> scientific(1e-6), scientific(3.16e-3)
    ('$10^{-6}$', '$3.2\\times 10^{-3}$')
    """
    mantissa, exponent = f"{value:.1e}".split("e")
    factor = "" if mantissa == "1.0" else rf"{mantissa}\times "
    return f"${factor}10^{{{int(exponent)}}}$"


def lay_out(figure: Figure) -> None:
    """Place everything now and for good, so that no format does so again."""
    if engine := figure.get_layout_engine():
        engine.execute(figure)
        figure.set_layout_engine(None)


def check_width(width_in: float) -> None:
    """Raise `ConfigError` unless a figure may be so wide."""
    if not 2.0 <= width_in <= 20.0:
        raise ConfigError(f"width_in: {width_in} is not allowed, it must be from 2 to 20 inches")


def check_format(ending: str) -> None:
    """Raise `ConfigError` unless `ending` is pdf, png or svg."""
    if ending not in _METADATA:
        raise ConfigError(f"format '{ending}' of a figure: allowed are {', '.join(_METADATA)}")


def is_whole(path: Path) -> bool:
    """Whether the file of a figure is there, and has its end."""
    return path.is_file() and path.read_bytes().rstrip().endswith(_LAST[path.suffix.removeprefix(".")])


def save(figure: Figure, path: Path) -> Path:
    """Write `figure`; the suffix of `path` decides the format.

    Fonts are embedded, vector formats stay vector. The file says what wrote it and, by the figure's label, what it is
    drawn from.

    Raises
    ------
    ConfigError
        For a format other than pdf, png and svg.
    RunFolderError
        If the file cannot be written; what was there before is intact.
    """
    suffix = path.suffix.removeprefix(".")
    check_format(suffix)
    fonts = logging.getLogger("fontTools")  # it reports on the dates inside the fonts that it embeds
    level = fonts.level
    fonts.setLevel(logging.ERROR)
    try:
        with context(), io.BytesIO() as drawn:  # matplotlib leaves half a file open where a disk is full
            program, content, dates = _METADATA[suffix]
            about = {program: f"nuinfer {__version__}", content: str(figure.get_label()), **dates}
            figure.savefig(drawn, format=suffix, metadata=about)
            make_folder(path.parent)
            write_atomic(path, drawn.getvalue())
    finally:
        fonts.setLevel(level)
    return path
