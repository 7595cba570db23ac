"""All numbers of a move in one message: Bokeh sends each column by itself, and a browser paints in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS
from bokeh.models.widgets import Div

from nuinfer.typing import FloatArray

Parcel = tuple[ColumnDataSource, dict[str, FloatArray]]
"""A source and the columns that change, each of shape (n,)."""

UNPACK = """
const [plan, numbers, text] = wire.tags, all = new Float64Array(numbers)
let at = 0
for (const [k, columns] of plan) {
  const data = {...sources[k].data}
  for (const [name, length] of columns) data[name] = all.slice(at, at += length)
  sources[k].setv({data}, {sync: false})
}
terms.setv({text}, {sync: false})
"""


class Wire:
    """Sends numbers to the browser, where they are handed to their sources.

    What the sources hold on this side is what was there when the figures were made.

    Parameters
    ----------
    text : Div
        What is sent along with the numbers.

    Attributes
    ----------
    end : Div
        What has to be on the page, where nobody sees it.
    sent : list of Parcel
        What the browser has.
    """

    def __init__(self, text: Div) -> None:
        self._text, self._unpack = text, CustomJS(code=UNPACK)
        self.end, self.sent = Div(visible=False), list[Parcel]()
        self.end.js_on_change("tags", self._unpack)

    def forget(self) -> None:
        """Let what is sent next be that of new figures."""
        self.sent = []

    def send(self, parcels: list[Parcel], text: str) -> None:
        """Let the browser show numbers, of the same sources each time, and a text."""
        if self.sent:
            self.end.tags = [*_packed(parcels, self.sent), text]
        else:
            for source, columns in parcels:
                source.data = {**source.data, **columns}
            self._unpack.args = {"wire": self.end, "terms": self._text, "sources": [source for source, _ in parcels]}
            self._text.text = text
        self.sent = parcels


def _packed(parcels: Sequence[Parcel], sent: Sequence[Parcel]) -> tuple[list[Any], FloatArray]:
    """What has changed, as rows of numbers behind each other, and by source, column and length where it goes."""
    plan, numbers = list[Any](), [np.empty(0)]
    for k, ((_, new), (_, old)) in enumerate(zip(parcels, sent, strict=True)):
        if any(not np.array_equal(values, old[name]) for name, values in new.items()):
            plan.append([k, [[name, values.size] for name, values in new.items()]])
            numbers += new.values()
    return plan, np.concatenate(numbers)
