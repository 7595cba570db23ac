"""The plane (m_Z', g'): its axes, posteriors and constraints in it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nuinfer.confidence import LIMIT
from nuinfer.plotting import style
from nuinfer.plotting.annotations import Analysis, Axes, Constraint, FloatArray, Look
from nuinfer.plotting.density import TINTS, Density, draw_regions

GRID = 240
"""Points along each axis at which constraints are evaluated."""

ESTIMATE = (0, (5, 2.5))
"""Dashes of what is estimated."""

Spelling = Callable[[str], str]
"""`nuinfer.analysis.Analysis.spelled`."""

EDGE = 0.01
"""Share of the prior range within which a best fit is on its edge."""

FLAT = 1.0
"""Fall of ln P over a region with a plateau, below which no point of it is a best fit; a Gaussian's is 1.14."""


@dataclass(frozen=True)
class BoundLook:
    """How a constraint is drawn: dashed and hardly shaded if it is an estimate, which nothing else is.

    Parameters
    ----------
    line : mapping
        Keywords of matplotlib, for its edge.
    opacity : float
        Of the shade over what it excludes.
    """

    line: Look
    opacity: float


def looks(constraints: Iterable[Constraint], coloured: bool = True) -> list[tuple[Constraint, BoundLook]]:
    """Colours and dashes that tell the constraints on (m_Z', g') of an analysis apart.

    Without colour, where others need it, they are grey lines.
    """
    free, bounds = iter((style.SKY, style.YELLOW)), itertools.cycle(("solid", "dashdot", (0, (1, 1))))
    found = []
    for constraint in (c for c in constraints if c.in_plane):
        colour, dashes = constraint.colour or next(free, style.GREY), ESTIMATE if constraint.estimate else next(bounds)
        line = {"color": colour if coloured else style.GREY, "ls": dashes, "lw": style.points(1.3)}
        found.append((constraint, BoundLook(line, (0.04 if constraint.estimate else 0.12) * coloured)))
    return found


def draw_posterior(axes: Axes, density: Density, labels: Sequence[str] | None = None) -> None:
    """Regions in shades of blue, with an entry in the legend each; by default it says what a plateau holds."""
    colour = style.BLUE
    draw_regions(axes, 10.0**density.x, 10.0**density.y, density, colour)
    for k, tint in enumerate(reversed(TINTS)):
        axes.fill([], [], facecolor=style.tint(colour, tint), edgecolor=colour, label=(labels or density.statements)[k])


def no_best_fit(density: Density, point: FloatArray, box: FloatArray, spelled: Spelling) -> str:
    """Why no best fit is marked at a point (2,) of the plane in a prior box (2, 2), empty if it is."""
    if np.min(np.abs(point[:, None] - box) / np.ptp(box, axis=1)[:, None]) < EDGE:
        mass, coupling = 10.0**point
        at = spelled("$m_{Z'}$") + f" = {mass:.3g} MeV, " + spelled("$g'$") + f" = {style.scientific(coupling)}"
        return f"best fit on the edge of the prior:\n{at}"
    if density.plateau and density.spread < FLAT:
        change = math.ceil(10.0 * density.spread) / 10.0
        return f"no single best fit: $\\ln P$ changes\nby < {change:.1f} in the 68 % region"
    return ""


def head_bounds(axes: Axes) -> None:
    """Head of the constraints in a legend."""
    style.heading(axes, f"external bounds, {LIMIT.label(0.95)}:")


def draw_constraint(axes: Axes, constraint: Constraint, box: FloatArray, look: BoundLook) -> None:
    """Boundary of a constraint on (m_Z', g') inside the prior box, with a light shade on the excluded side.

    The legend says what it means, unless it is what `head_bounds` says of all.
    """
    from nuinfer.constraints.limits import excess

    mass, coupling = np.meshgrid(*10.0 ** np.linspace(box[:, 0], box[:, 1], GRID, axis=1))
    beyond = np.broadcast_to(excess(constraint, mass, coupling), mass.shape)
    statement = "exclusion" if constraint.is_exclusion else ""
    if beyond.max() <= 0.0:
        statement = "excludes nothing here"
    elif beyond.min() > 0.0:
        statement = "excludes all of this"
    axes.plot([], [], label=", ".join(filter(None, (whose(constraint), statement))), **look.line)
    if beyond.min() <= 0.0 < beyond.max():
        line: Look = {"colors": look.line["color"], "linestyles": [look.line["ls"]], "linewidths": look.line["lw"]}
        shade: Look = {"colors": look.line["color"], "alpha": look.opacity}
        axes.contourf(mass, coupling, beyond, levels=[0.0, np.inf], zorder=1, **shade)
        axes.contour(mass, coupling, beyond, levels=[0.0], zorder=4, **line)


def label_of(constraint: Constraint) -> str:
    """What figures call a constraint."""
    return constraint.label or constraint.name


def contents(analysis: Analysis) -> str:
    """The data of an analysis, and the constraints in its posterior."""
    title = analysis.dataset.title.split(" (")[0]
    data = f"{title}, {'simulated' if analysis.truth else 'other counts'}" if analysis.counts else title
    inside = ", ".join(map(label_of, analysis.constraints))
    return f"{data}, with {inside}" if inside else f"{data}, no external constraints"


def whose(constraint: Constraint) -> str:
    """What it is called, and which measurement it is; an estimate is called one."""
    label = label_of(constraint)
    said = constraint.measurement.short.removeprefix(f"{label} ") + ", estimate" * constraint.estimate
    return f"{label} ({said})"


def draw_dip(axes: Axes, masses_mev: Sequence[float], label: str, **look: Any) -> None:
    """Vertical lines at the ends of the masses that put the dip where it is wanted."""
    for k, mass in enumerate(masses_mev):
        axes.axvline(mass, color=style.BLUE, label=label if k == 0 else None, **look)


def finish(axes: Axes, box: FloatArray, spelled: Spelling) -> None:
    """Axes a little wider than the prior box (2, 2) in log10, labelled as an analysis spells it."""
    (left, right), (bottom, top) = 10.0**box
    margin = 10.0**0.06
    frame(axes, (left, right), (bottom / margin, top * margin), spelled)
    axes.set_xlim(left / margin**0.5, right * margin**0.5)


def frame(axes: Axes, masses_mev: Sequence[float], couplings: Sequence[float], spelled: Spelling) -> None:
    """Scales, labels and limits of the plane, labelled as an analysis spells it."""
    axes.set(xscale="log", yscale="log", xlabel=spelled(r"$m_{Z'}$ [MeV]"), ylabel=spelled(r"$g'$"))
    axes.set(xlim=masses_mev, ylim=couplings)
    style.plain_log(axes.xaxis, (1.0, 2.0, 5.0) if masses_mev[1] < 100.0 * masses_mev[0] else (1.0,))
