"""Ratios of evidences of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nuinfer.plotting import style
from nuinfer.plotting.annotations import Comparison, Figure
from nuinfer.plotting.kind import Kind
from nuinfer.plotting.scaffold import sheet

BORDERS = (1.0, 2.5, 5.0)
"""\\|ln B\\| at which the words of the scale change."""

APART = 0.24
"""Distance of data sets within a row."""


@dataclass(frozen=True)
class Bar:
    """One ratio of evidences.

    Parameters
    ----------
    label : str
        The hypothesis.
    ln_b, error : float
        ln of its evidence over that of the reference.
    group : str
        Heading under which it stands; empty for none.
    """

    label: str
    ln_b: float
    error: float
    group: str = ""


def plot_bayes_factors(bars: Mapping[str, Sequence[Bar]], reference: str, *, width_in: float = style.PAGE_IN) -> Figure:
    """Bayes factors, ln B, of every hypothesis with its error, in groups, with the borders of the verbal scale.

    Parameters
    ----------
    bars : mapping of str to sequence of Bar
        Data set to its hypotheses; several are drawn in one panel, each in its colour.
    reference : str
        What the evidences are divided by.
    width_in : float
        Width in inches.
    """
    places, heads = _places(bars)
    bottom = len(places) + len(heads)
    height_in = style.points(0.9 + 0.19 * bottom)
    heights = (height_in, height_in + style.points(0.3))
    with sheet(None, width_in, heights, legend="below" if len(bars) > 1 else "none") as drawn:
        panel = drawn.panel
        panel.axvline(0.0, color=style.GREY, lw=style.points(0.8))
        for border in (sign * border for border in BORDERS for sign in (-1.0, 1.0)):
            panel.axvline(border, color=style.GREY, lw=style.points(0.5), ls=":")
        together = {row: [n for n, each in bars.items() if row in map(_row, each)] for row in places}
        for k, (name, each) in enumerate(bars.items()):
            beside = [together[_row(bar)] for bar in each]
            aside = [APART * (names.index(name) - 0.5 * (len(names) - 1)) for names in beside]
            rows = [places[_row(bar)] + step for bar, step in zip(each, aside, strict=True)]
            values, errors = zip(*((bar.ln_b, bar.error) for bar in each), strict=True)
            sizes = {"ms": style.points(3.5), "lw": style.points(1.0), "capsize": style.points(1.5)}
            colour = style.POSTERIORS[k % len(style.POSTERIORS)]
            look: dict[str, Any] = {"fmt": "os^D"[k % 4], "color": colour, "ls": "none", "label": name, **sizes}
            panel.errorbar(values, rows, xerr=errors, **look)
        panel.set_yticks([*places.values(), *heads.values()])
        labels = panel.set_yticklabels([*(label for _, label in places), *heads])
        for label in labels[len(places) :]:
            label.set_fontweight("bold")
        panel.tick_params(axis="y", which="both", length=0)
        panel.set_ylim(bottom - 0.4, -0.6)
        ends = [bar.ln_b + sign * bar.error for each in bars.values() for bar in each for sign in (-1.0, 1.0)]
        margin = 0.05 * (max(ends) - min(ends)) + 0.2
        panel.set_xlim(min(ends) - margin, max(ends) + margin)
        text = rf"$\ln B$ against {reference}; dotted: $|\ln B|$ = 1, 2.5, 5 (weak, moderate, strong)"
        panel.set_xlabel(text if drawn.wide else text.replace("; ", ";\n").replace(" (", "\n("))
    return drawn.figure


def _row(bar: Bar) -> tuple[str, str]:
    return bar.group, bar.label


def _places(bars: Mapping[str, Sequence[Bar]]) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    """Heights of the rows, from the top, and of the headings of their groups."""
    rows = list(dict.fromkeys(_row(bar) for each in bars.values() for bar in each))
    places: dict[tuple[str, str], float] = {}
    heads: dict[str, float] = {}
    for group in dict.fromkeys(group for group, _ in rows):
        if group:
            heads[group] = float(len(places) + len(heads))
        for row in (row for row in rows if row[0] == group):
            places[row] = float(len(places) + len(heads))
    return places, heads


def _draw(comparison: Comparison, *, width_in: float) -> Figure:
    names = [evidence.name for evidence in comparison.hypotheses]
    bars = [Bar(name, *comparison.ln_bayes_factor(name)) for name in names]
    return plot_bayes_factors({"": bars}, f"'{comparison.best.name}'", width_in=width_in)


CAPTION = "Bayes factors of the hypotheses against the best one, with the borders of the verbal scale."
FIGURE = Kind("bayes_factors", CAPTION, _draw, of="comparison", order=200)
