"""The plane (m_Z', g'): its axes, posteriors and constraints in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nuinfer.confidence import HPD_LEVELS, LIMIT, credible
from nuinfer.plotting import style
from nuinfer.plotting.annotations import Axes, Constraint, FloatArray, Look
from nuinfer.plotting.density import Density

GRID = 240
"""Points along each axis at which constraints are evaluated."""

ESTIMATE = (0, (5, 2.5))
"""Dashes of what is estimated."""

Spelling = Callable[[str], str]
"""`nuinfer.analysis.Analysis.spelled`."""

_FILLS = ("#B3D4EA", style.SKY)  # outer, inner


@dataclass(frozen=True)
class BoundLook:
    """How a constraint is drawn: dashed and hardly shaded if it is an estimate, which nothing else is.

    Parameters
    ----------
    line, shade : mapping
        Keywords of matplotlib, for its edge and for what it excludes.
    """

    line: Look
    shade: Look


def looks(constraints: Iterable[Constraint]) -> list[tuple[Constraint, BoundLook]]:
    """Colours and dashes that tell the constraints on (m_Z', g') of an analysis apart."""
    free, bounds = iter((style.SKY, style.YELLOW)), itertools.cycle(("solid", "dashdot", (0, (1, 1))))
    found = []
    for constraint in (c for c in constraints if c.in_plane):
        colour, dashes = constraint.colour or next(free, style.GREY), ESTIMATE if constraint.estimate else next(bounds)
        line = {"color": colour, "ls": dashes, "lw": style.points(1.3)}
        found.append((constraint, BoundLook(line, {"color": colour, "alpha": 0.04 if constraint.estimate else 0.12})))
    return found


def draw_posterior(axes: Axes, density: Density) -> None:
    """Filled regions, the inner one darker, with an entry in the legend each."""
    x, y = 10.0**density.x, 10.0**density.y
    inner, outer = density.thresholds
    inner = max(inner, outer * (1.0 + 1e-9))  # levels must increase, even on a plateau
    top = max(float(density.value.max()), inner) * (1.0 + 1e-6)
    axes.contourf(x, y, density.value, levels=[outer, inner, top], colors=_FILLS, alpha=0.75, zorder=2)
    widths = (style.points(0.7), style.points(1.1))
    axes.contour(x, y, density.value, levels=[outer, inner], colors=style.BLUE, linewidths=widths, zorder=3)
    for fill, probability in zip(reversed(_FILLS), HPD_LEVELS, strict=True):
        label = credible(probability, kind="HPD")
        axes.fill([], [], facecolor=fill, edgecolor=style.BLUE, alpha=0.75, label=label)


def draw_constraint(axes: Axes, constraint: Constraint, box: FloatArray, look: BoundLook) -> None:
    """Boundary of a constraint on (m_Z', g') inside the prior box, with a light shade on the excluded side."""
    from nuinfer.constraints.limits import excess

    mass, coupling = np.meshgrid(*10.0 ** np.linspace(box[:, 0], box[:, 1], GRID, axis=1))
    beyond = np.broadcast_to(excess(constraint, mass, coupling), mass.shape)
    statement = "exclusion" if constraint.is_exclusion else LIMIT.label(0.95)
    if beyond.max() <= 0.0:
        statement = "excludes nothing here"
    elif beyond.min() > 0.0:
        statement = "excludes all of this"
    axes.plot([], [], label=f"{whose(constraint)}, {statement}", **look.line)
    if beyond.min() <= 0.0 < beyond.max():
        line: Look = {"colors": look.line["color"], "linestyles": [look.line["ls"]], "linewidths": look.line["lw"]}
        shade: Look = {"colors": look.shade["color"], "alpha": look.shade["alpha"]}
        axes.contourf(mass, coupling, beyond, levels=[0.0, np.inf], zorder=1, **shade)
        axes.contour(mass, coupling, beyond, levels=[0.0], zorder=4, **line)


def label_of(constraint: Constraint) -> str:
    """What figures call a constraint."""
    return constraint.label or constraint.name


def whose(constraint: Constraint) -> str:
    """What it is called, and which measurement it is; an estimate is called one."""
    said = constraint.measurement.short + ", estimate" * constraint.estimate
    return f"{label_of(constraint)} ({said})"


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
