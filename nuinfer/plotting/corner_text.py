"""What a corner plot says in words: titles, notes and legend in its empty corner."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from nuinfer.confidence import HPD_LEVELS, UNCONSTRAINED, credible
from nuinfer.plotting import style
from nuinfer.plotting.annotations import Figure, FloatArray, Look
from nuinfer.plotting.draws import Posterior, Summary

PRIOR_DASHES = (0, (3, 1.5))


def title_entry(name: str, values: FloatArray, summary: Summary) -> Mapping[str, Any]:
    """Interval or limit of a quantity: that of the summary if it has one, else of its draws."""
    from nuinfer.inference.runs.summary import shortest_interval

    of_draws = {"median": float(np.median(values)), "hpd68": shortest_interval(values, 0.68)}
    found: Mapping[str, Any] = (summary or {"parameters": {}})["parameters"].get(name, of_draws)
    return found


def title(entry: Mapping[str, Any]) -> str:
    """One parameter in as few digits as its uncertainty deserves.

    Examples
    --------
    >>> title({"median": 2.8712, "hpd68": [2.68, 3.07]})
    '$2.87^{+0.20}_{-0.19}$'
    >>> title({"limit95": {"side": "upper", "value": -3.214, "prior_floor": -6.0}})
    '$<-3.21$ (95 %)'
    """
    if entry.get("unconstrained"):
        return UNCONSTRAINED
    if "limit95" in entry:
        limit = entry["limit95"]
        return f"${'<' if limit['side'] == 'upper' else '>'}{number(limit['value'])}$ (95 %)"
    median, (low, high) = entry["median"], entry["hpd68"]
    up, down = high - median, median - low
    digits = min(max(1 - math.floor(math.log10(min(abs(up), abs(down)) or 1.0)), 0), 4)
    return f"${median:.{digits}f}^{{{up:+.{digits}f}}}_{{{-down:+.{digits}f}}}$"


def number(value: float) -> str:
    """Three significant digits, at least two decimals from 0.1 on."""
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


def unit_latex(unit: str) -> str:
    """A unit as figures print it.

    Examples
    --------
    >>> print(unit_latex("1e-18 GeV^-1 sr^-1"))
    $10^{-18}$ GeV$^{-1}$ sr$^{-1}$
    """
    return re.sub(r"\b1e(-?\d+)|\^(-?\d+)", lambda m: f"$10^{{{m[1]}}}$" if m[1] else f"$^{{{m[2]}}}$", unit)


def notes(names: list[str], runs: Mapping[str, Posterior]) -> list[tuple[str, str]]:
    """Units that no label has, and the end of the prior that each one-sided limit depends on, with their colours."""
    from nuinfer.parameters import PARAMETERS

    analysis = next(iter(runs.values())).analysis
    labels = {name: label for name, label in analysis.parameter_labels.items() if name in names}
    units = {name: PARAMETERS[name].unit for name in labels if name in PARAMETERS and "[" not in labels[name]}
    notes = [(f"{labels[name]} in {unit_latex(unit)}", style.BLACK) for name, unit in units.items() if unit]
    if any(each.analysis.truth for each in runs.values()):
        notes.append((f"dashed: {style.TRUTH}", style.BLACK))
    for (run, posterior), colour in zip(runs.items(), style.colours(len(runs)), strict=True):
        own, tone = (f"{run}: ", colour) if len(runs) > 1 else ("", style.BLACK)
        summary = posterior.summary or {"parameters": {}, "converged": True}
        notes = notes if summary["converged"] else [(own + style.NOT_CONVERGED, style.VERMILLION), *notes]
        entries = summary["parameters"].items()
        for name, entry in ((name, entry) for name, entry in entries if name in labels and "limit95" in entry):
            end = "from" if entry["limit95"]["side"] == "upper" else "up to"
            floor = number(entry["limit95"]["prior_floor"])
            notes.append((f"{own}credible limit {labels[name]} {title(entry)}, prior {end} ${floor}$", tone))
    return notes


def draw_legend(figure: Figure, names: list[str], runs: Mapping[str, Posterior], flat: bool = False) -> None:
    """Legend and notes in the empty corner; `flat` where a region includes a plateau."""
    from matplotlib.lines import Line2D

    labels, thick, colours = list(runs), style.points(1.2), style.colours(len(runs))
    handles = [Line2D([], [], color=colours[k], lw=thick, label=label) for k, label in enumerate(labels)]
    prior = "prior" if len(labels) == 1 else f"prior of {labels[0]}"
    handles.append(Line2D([], [], color=style.GREY, ls=PRIOR_DASHES, lw=style.points(0.9), label=prior))
    width, height = figure.get_figwidth(), figure.get_figheight()
    size, small = (6.5, 6.0) if style.is_wide(width) else (5.5, 4.5)
    sizes: Look = {"fontsize": style.points(size), "title_fontsize": style.points(size)}
    place: Look = {"loc": "upper right", "bbox_to_anchor": (1.0 - 0.06 / width, 1.0 - 0.08 / height)}
    title = "contours: " + credible(*HPD_LEVELS, kind="HPD")
    figure.legend(handles=handles, title=title, alignment="right", borderaxespad=0.0, **place, **sizes)
    line_in = style.points(size) * 1.7 / 72.0
    top = 0.1 + line_in * (len(handles) + 1.5)
    look: Look = {"ha": "right", "va": "top", "fontsize": style.points(small), "linespacing": 1.4}
    said = [("where it is flat, a region holds more than its level", style.BLACK)] if flat else []
    for note, colour in said + notes(names, runs):
        lines = style.fitting_lines(note, style.points(small), width * (1.0 - _diagonal(figure, top + line_in)))
        figure.text(1.0 - 0.06 / width, 1.0 - top / height, "\n".join(lines), color=colour, **look)
        top += line_in * len(lines)


def _diagonal(figure: Figure, below_in: float) -> float:
    """Right end, in units of the width, of the panels at a height given from the top in inches."""
    height = 1.0 - below_in / figure.get_figheight()
    boxes = [axes.get_position() for axes in figure.axes if axes.get_visible() and axes.has_data()]
    return max((float(box.x1) for box in boxes if box.y1 >= height), default=0.0)
