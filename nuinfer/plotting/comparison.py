"""Figures of a comparison: ratios of evidences, overlaid regions in (m_Z', g'), and flavours at Earth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nuinfer.errors import ConfigError
from nuinfer.physics.absorption import optical_depth
from nuinfer.plotting import flavour_triangle, region, style
from nuinfer.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nuinfer.analysis import Analysis

BORDERS = (1.0, 2.5, 5.0)
"""\\|ln B\\| at which the words of the scale change."""

APART = 0.24
"""Distance of data sets within a row."""

DRAWS = 20_000
DIP_DEPTH = 0.3
"""Optical depth of a nearby resonance above which a point counts as having a dip."""

SMOOTHING = 300.0
"""Independent draws for which regions are smoothed at most: they are compared by eye, their details are noise."""

FLAT = 0.15
"""Relative distance from the mean density within which a contour says nothing, and is left out."""

ENLARGED = 0.12
"""Greatest distance in any fraction from the middle of the points that the second triangle is made for."""

_MARKS = {"below": "v", "in": "o", "above": "^"}


class Hypothesis(Protocol):
    """What the figures need of a hypothesis; `nuinfer.inference.evidence.evidence.Evidence` is one."""

    @property
    def name(self) -> str:
        """Its label."""
        ...

    @property
    def analysis(self) -> Any:
        """Its analysis."""
        ...

    @property
    def effective(self) -> float:
        """Equal draws that its draws are worth."""
        ...

    @property
    def weighted(self) -> tuple[FloatArray, FloatArray]:
        """Draws, shape (n, n_dim), and logarithms of their weights, shape (n,)."""
        ...

    @property
    def log_likelihood(self) -> FloatArray:
        """Likelihood, ln L, of these draws, shape (n,)."""
        ...

    def draws(self, n: int, seed: int = 0) -> FloatArray:
        """Draws of equal weight, shape (n, n_dim)."""
        ...


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

    Returns
    -------
    Figure
    """
    rows = list(dict.fromkeys((bar.group, bar.label) for each in bars.values() for bar in each))
    groups = list(dict.fromkeys(group for group, _ in rows))
    places: dict[tuple[str, str], float] = {}
    heads: list[tuple[float, str]] = []
    y = 0.0
    for group in groups:
        if group:
            heads.append((y, group))
            y += 1.0
        for row in (row for row in rows if row[0] == group):
            places[row] = y
            y += 1.0
    with style.context():
        axes = style.new_figure(width_in, style.points(0.9 + 0.19 * y)).subplots()
        ends = [bar.ln_b + sign * bar.error for each in bars.values() for bar in each for sign in (-1.0, 1.0)]
        axes.axvline(0.0, color=style.GREY, lw=style.points(0.8))
        for border in BORDERS:
            for sign in (-1.0, 1.0):
                axes.axvline(sign * border, color=style.GREY, lw=style.points(0.5), ls=":")
        drawn = {row: [n for n, each in bars.items() if row in [(b.group, b.label) for b in each]] for row in rows}
        for k, (name, each) in enumerate(bars.items()):
            beside = [drawn[bar.group, bar.label] for bar in each]
            axes.errorbar(
                [bar.ln_b for bar in each],
                [
                    places[bar.group, bar.label] + APART * (names.index(name) - 0.5 * (len(names) - 1))
                    for bar, names in zip(each, beside, strict=True)
                ],
                xerr=[bar.error for bar in each],
                fmt="os^D"[k % 4],
                color=style.POSTERIORS[k % len(style.POSTERIORS)],
                ms=style.points(3.5),
                lw=style.points(1.0),
                capsize=style.points(1.5),
                ls="none",
                label=name,
            )
        axes.set_yticks([*places.values(), *(place for place, _ in heads)])
        labels = axes.set_yticklabels([*(label for _, label in places), *(head for _, head in heads)])
        for label in labels[len(places) :]:
            label.set_fontweight("bold")
        axes.tick_params(axis="y", which="both", length=0)
        axes.set_ylim(y - 0.4, -0.6)
        margin = 0.05 * (max(ends) - min(ends)) + 0.2
        axes.set_xlim(min(ends) - margin, max(ends) + margin)
        axes.set_xlabel(rf"$\ln B$ against {reference}; dotted: $|\ln B|$ = 1, 2.5, 5 (weak, moderate, strong)")
        return style.add_legend([axes], own=True) if len(bars) > 1 else style.figure_of(axes)


def plot_overlaid_regions(hypotheses: Sequence[Hypothesis], *, width_in: float = style.PAGE_IN) -> Figure:
    """68 and 95 % HPD regions in (m_Z', g') of several hypotheses, as lines.

    Contours near the mean density, on a plateau, are noise and left out.

    Parameters
    ----------
    hypotheses : sequence of Hypothesis
        Those without absorption are left out.
    width_in : float
        Width in inches.

    Raises
    ------
    ConfigError
        If none of them samples mass and coupling.
    """
    from matplotlib.lines import Line2D

    shown = [hypothesis for hypothesis in hypotheses if _has_plane(hypothesis.analysis)]
    if not shown:
        raise ConfigError("figure 'regions': none of the hypotheses samples mass and coupling")
    with style.context():
        axes = style.new_figure(width_in, 0.62 * width_in).subplots()
        for hypothesis, colour in zip(shown, _colours(len(shown)), strict=True):
            analysis = hypothesis.analysis
            density = region.posterior_density(analysis, hypothesis.draws(DRAWS), min(hypothesis.effective, SMOOTHING))
            box = analysis.prior_bounds[region.mass_and_coupling(analysis)]
            inner, outer = np.array(density.thresholds) / _mean(density, box)
            widths = [width for level, width in ((outer, 0.8), (inner, 1.5)) if abs(level - 1.0) > FLAT]
            levels = [level for level in (outer, inner) if abs(level - 1.0) > FLAT]
            if levels:
                axes.contour(
                    10.0**density.x,
                    10.0**density.y,
                    density.value / _mean(density, box),
                    levels=levels,
                    colors=[colour],
                    linewidths=[style.points(width) for width in widths],
                )
            label = hypothesis.name + ("" if levels else " (flat)")
            axes.add_line(Line2D([], [], color=colour, lw=style.points(1.5), label=label))
        boxes = [h.analysis.prior_bounds[region.mass_and_coupling(h.analysis)] for h in shown]
        region.finish(axes, np.stack([np.min(boxes, axis=0)[:, 0], np.max(boxes, axis=0)[:, 1]], axis=-1))
        axes.set_title("68 % (thick) and 95 % (thin) HPD regions", fontsize="medium")
        return style.add_legend([axes], own=True)


def plot_flavours(hypotheses: Sequence[Hypothesis], *, width_in: float = style.PAGE_IN) -> Figure:
    """Flavour composition at Earth of each hypothesis below, in and above its dip, in a ternary plot.

    The point of each is the likeliest of its draws that has a dip (depth of a nearby resonance above 0.3); without
    absorption, or where the data leave no such draw, all three are the composition of standard mixing.

    Parameters
    ----------
    hypotheses : sequence of Hypothesis
        What is shown.
    width_in : float
        Width in inches.
    """
    with style.context():
        panels: list[Any] = flavour_triangle.new_panels(width_in)
        paths = {hypothesis.name: at_dip(hypothesis) for hypothesis in hypotheses}
        for panel in panels:
            for (name, flavours), colour in zip(paths.items(), _colours(len(paths)), strict=True):
                path = np.array([flavours[place] for place in _MARKS])
                flavour_triangle.draw_points(panel, path, "-", color=colour, lw=style.points(0.9), label=name)
                for point, mark in zip(path, _MARKS.values(), strict=True):
                    look = {"color": colour, "ms": style.points(4.5), "mec": "white", "mew": 0.3}
                    flavour_triangle.draw_points(panel, point[None], mark, **look)
            for place, mark in _MARKS.items():
                look = {"color": style.GREY, "ms": style.points(4.5), "label": flavour_triangle.LABELS[place]}
                flavour_triangle.draw_points(panel, np.empty((0, 3)), mark, **look)
            flavour_triangle.label_panel(panel)
        middle = np.array([point for flavours in paths.values() for point in flavours.values()])
        near = np.max(np.abs(middle - np.median(middle, axis=0)), axis=1) < ENLARGED
        outline = flavour_triangle.enlarge(panels[-1], middle[near])
        flavour_triangle.draw_points(panels[0], outline, "-", color=style.GREY, lw=style.points(0.6), label="enlarged")
        return style.add_legend(panels, own=True)


def _mean(density: region.Density, box: FloatArray) -> float:
    """Mean of a density over the prior box (2, 2)."""
    x, y = np.gradient(density.x), np.gradient(density.y)
    return float(y @ density.value @ x / np.prod(np.ptp(box, axis=1)))


def at_dip(hypothesis: Hypothesis) -> dict[str, FloatArray]:
    """Fractions (e, mu, tau) at Earth below, in and above the dip of the likeliest draw that has one.

    Each of shape (3,); without such a draw, those of the likeliest one at the smallest coupling.
    """
    analysis = hypothesis.analysis
    samples = hypothesis.weighted[0]
    candidates = np.flatnonzero(_depths(analysis, samples) > DIP_DEPTH)
    if not candidates.size:
        likeliest = samples[np.argmax(hypothesis.log_likelihood)]
        if analysis.config.model.absorption:
            likeliest = _without_coupling(analysis, likeliest)
        found = flavour_triangle.compositions(analysis, likeliest[None])
    else:
        best = candidates[np.argmax(hypothesis.log_likelihood[candidates])]
        found = flavour_triangle.compositions(analysis, samples[best][None])
    return {place: found[place][0] for place in _MARKS}


def _depths(analysis: Analysis, theta: FloatArray) -> FloatArray:
    """Depth of a nearby resonance at each point, shape (n,); 0 without absorption."""
    propagation = analysis.posterior.model.propagation
    if propagation is None:
        return np.zeros(len(theta))
    point = analysis.posterior.point(theta)
    depth = optical_depth(0.0, point["m_zprime_mev"], point["g_prime"], propagation.cosmology)
    return np.broadcast_to(propagation.depth_factor * depth, (len(theta),))


def _without_coupling(analysis: Analysis, theta: FloatArray) -> FloatArray:
    """A point with the smallest coupling of the prior."""
    moved, name = theta.copy(), region.COORDINATES[1]
    if name in analysis.parameter_names:
        column = analysis.parameter_names.index(name)
        moved[column] = analysis.prior_bounds[column, 0]
    return moved


def _has_plane(analysis: Analysis) -> bool:
    try:
        region.mass_and_coupling(analysis)
    except ConfigError:
        return False
    return True


def _colours(n: int) -> list[Any]:
    """Colours that are told apart, beyond those of the style from a colour map."""
    own = [*style.POSTERIORS, style.SKY, style.BLACK, style.GREY]
    if n <= len(own):
        return own[:n]
    import matplotlib as mpl

    return list(mpl.colormaps["turbo"](np.linspace(0.05, 0.95, n)))
