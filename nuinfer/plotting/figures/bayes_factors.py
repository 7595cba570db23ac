"""Ratios of evidences of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nuinfer.plotting import Kind, sheet, style
from nuinfer.plotting.annotations import Comparison, Figure, Look

BORDERS = (1.0, 2.5, 5.0)
"""\\|ln B\\| at which the words of the scale change."""


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
        for border in (*BORDERS, *np.negative(BORDERS)):
            panel.axvline(border, color=style.GREY, lw=style.points(0.5), ls=":")
        together = {row: [n for n, each in bars.items() if row in map(_row, each)] for row in places}
        sizes: Look = {"ms": style.points(3.5), "lw": style.points(1.0), "capsize": style.points(1.5)}
        for k, (name, each) in enumerate(bars.items()):
            look = {"fmt": "os^D"[k % 4], "color": style.POSTERIORS[k % len(style.POSTERIORS)], "ls": "none", **sizes}
            beside = [together[_row(bar)] for bar in each]
            aside = [0.24 * (names.index(name) - 0.5 * (len(names) - 1)) for names in beside]
            rows = [places[_row(bar)] + step for bar, step in zip(each, aside, strict=True)]
            panel.errorbar([bar.ln_b for bar in each], rows, xerr=[bar.error for bar in each], label=name, **look)
        panel.set_yticks([*places.values(), *heads.values()], [*(label for _, label in places), *heads])
        for label in panel.get_yticklabels()[len(places) :]:
            label.set_fontweight("bold")
        panel.tick_params(axis="y", which="both", length=0)
        values, errors = np.array([(bar.ln_b, bar.error) for each in bars.values() for bar in each]).T
        low, high = float(np.min(values - errors)), float(np.max(values + errors))
        margin = 0.05 * (high - low) + 0.2
        panel.set(xlim=(low - margin, high + margin), ylim=(bottom - 0.4, -0.6))
        text = rf"$\ln B$ against {reference}; dotted: $|\ln B|$ = 1, 2.5, 5 (weak, moderate, strong)"
        panel.set_xlabel(text if drawn.wide else text.replace("; ", ";\n").replace(" (", "\n("))
    return drawn.figure


def _row(bar: Bar) -> tuple[str, str]:
    return bar.group, bar.label


def _places(bars: Mapping[str, Sequence[Bar]]) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    """Heights of the rows, from the top, and of the headings of their groups."""
    rows = list(dict.fromkeys(_row(bar) for each in bars.values() for bar in each))
    groups = list(dict.fromkeys(group for group, _ in rows))
    places: dict[tuple[str, str], float] = {}
    heads: dict[str, float] = {}
    for group, label in sorted(rows, key=lambda row: groups.index(row[0])):
        if group and group not in heads:
            heads[group] = float(len(places) + len(heads))
        places[group, label] = float(len(places) + len(heads))
    return places, heads


def _draw(comparison: Comparison, *, width_in: float) -> Figure:
    names = [evidence.name for evidence in comparison.hypotheses]
    bars = [Bar(name, *comparison.ln_bayes_factor(name)) for name in names]
    return plot_bayes_factors({"": bars}, f"'{comparison.best.name}'", width_in=width_in)


CAPTION = "Bayes factors of the hypotheses against the best one, with the borders of the verbal scale."
FIGURE = Kind("bayes_factors", CAPTION, _draw, of="comparison", order=200)
