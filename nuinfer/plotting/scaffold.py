"""The scaffold of every figure: panels of our own or of the user, in the package's style, with a legend at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.plotting import style
from nuinfer.plotting.annotations import Axes, Figure, Look

Heights = tuple[float, float] | Callable[[int, int], float]
"""Height of a figure in inches: on a page and in a column, or from its numbers of rows and columns."""


@dataclass(frozen=True)
class Sheet:
    """Panels to draw on.

    Parameters
    ----------
    panels : tuple of Axes
        All of one figure.
    own : bool
        Whether the figure is ours; else the user gave the axes.
    wide : bool
        Whether it has the room of a page.
    """

    panels: tuple[Axes, ...]
    own: bool
    wide: bool

    @property
    def panel(self) -> Axes:
        """The only panel, or the first one."""
        return self.panels[0]

    @property
    def figure(self) -> Figure:
        """The figure that holds the panels."""
        if (figure := self.panel.get_figure(root=True)) is None:
            raise ConfigError("axes: they belong to no figure")
        return figure


@contextmanager
def sheet(
    axes: Axes | Iterable[Axes] | None,
    width_in: float,
    heights_in: Heights,
    *,
    panels: int = 1,
    columns: tuple[int, int] = (1, 1),
    share: str = "",
    legend: str = "below",
    **grid: Any,
) -> Iterator[Sheet]:
    """Panels in the package's style, for as long as something is drawn; axes of the user instead if there are any.

    Parameters
    ----------
    axes : Axes, iterable of Axes, or None
        Those of the user.
    width_in : float
        Width of a new figure in inches.
    heights_in : pair of float, or callable
        Its height on a page and in a column, or from the numbers of rows and columns of panels.
    panels : int
        Panels of a new figure, filled row by row.
    columns : pair of int
        Panels in a row on a page and in a column.
    share : {"", "x", "xy"}
        Which axes the panels have in common; those are labelled on the outside only.
    legend : str
        Of everything labelled: ``below`` the panels, ``right`` of them (on a page only), ``none``, or a place inside
        the first panel, as matplotlib calls it. It stands inside the first axes of the user in any case.
    **grid
        For ``Figure.subplots``.

    Raises
    ------
    ConfigError
        If the width is not within 2 to 20 inches.

    Examples
    --------
    >>> with sheet(None, style.COLUMN_IN, (2.0, 3.0)) as drawn:
    ...     lines = drawn.panel.plot([0.0, 1.0], label="a line")
    >>> [text.get_text() for text in drawn.figure.legends[0].get_texts()]
    ['a line']
    """
    wide = style.is_wide(width_in)
    with style.context():
        if axes is not None:
            drawn = Sheet(tuple(axes) if isinstance(axes, Iterable) else (axes,), own=False, wide=wide)
        else:
            per_row = min(columns[0 if wide else 1], panels)
            shape = (-(-panels // per_row), per_row)
            height_in = heights_in(*shape) if callable(heights_in) else heights_in[0 if wide else 1]
            options = {"sharex": bool(share), "sharey": share == "xy", "squeeze": False, **grid}
            every = style.new_figure(width_in, height_in).subplots(*shape, **options).ravel()
            for spare in every[panels:]:
                spare.remove()
            drawn = Sheet(tuple(every[:panels]), own=True, wide=wide)
        yield drawn
        if drawn.own and share:
            _label_outside(drawn.panels, per_row, share)
        if legend != "none":
            _add_legend(drawn, legend)


def _label_outside(panels: Sequence[Axes], per_row: int, share: str) -> None:
    """Labels of common axes on the left and at the bottom only, ticks where no panel follows."""
    last_row = (len(panels) - 1) // per_row
    for k, panel in enumerate(panels):
        panel.tick_params(axis="x", which="both", labelbottom=k + per_row >= len(panels))
        if k // per_row < last_row:
            panel.set_xlabel("")
        if share == "xy" and k % per_row:
            panel.tick_params(axis="y", which="both", labelleft=False)
            panel.set_ylabel("")


def _add_legend(drawn: Sheet, place: Any) -> None:
    entries: dict[str, Any] = {}
    for panel in drawn.panels:
        entries |= {label: handle for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    every: Look = {"handles": list(entries.values()), "labels": list(entries)}
    if not drawn.own:
        drawn.panel.legend(**every, fontsize="x-small")
    elif place == "right" and drawn.wide:
        drawn.figure.legend(**every, loc="outside right upper")
    elif place in ("below", "right"):
        columns = _columns(list(entries), drawn.figure.get_figwidth())
        drawn.figure.legend(**every, loc="outside lower center", ncols=columns)
    else:
        drawn.panel.legend(**every, loc=place)


def _columns(labels: Sequence[str], width_in: float) -> int:
    """Largest number of columns of a legend that fit a width."""
    import matplotlib as mpl

    size: float = mpl.rcParams["legend.fontsize"]
    beside_in = size * (1.8 + 0.8 + 2.0) / 72.0  # handle, its distance from the text, distance between columns
    widths = [style.text_width_in(label, size) + beside_in for label in labels]
    room_in = width_in - 2.0 * size / 72.0
    fitting = (n for n in range(len(labels), 1, -1) if sum(map(max, np.array_split(widths, n))) <= room_in)
    return next(fitting, 1)
