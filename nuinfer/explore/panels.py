"""The figures of the page: each is made for an analysis, and shows a scene of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJSTickFormatter, FixedTicker, Range1d
from bokeh.plotting import figure

from nuinfer.analysis import Analysis
from nuinfer.constants import COORDINATES
from nuinfer.explore import scene
from nuinfer.explore.scene import Scene, Surroundings
from nuinfer.explore.state import State, theta_of
from nuinfer.plotting import style
from nuinfer.plotting.energies import GEV_PER_TEV
from nuinfer.plotting.figures.counts import BACKGROUNDS, FLOOR_EVENTS, garwood
from nuinfer.plotting.figures.depth import DEPTH
from nuinfer.plotting.figures.spectrum import FLUX, Segments
from nuinfer.typing import FloatArray

Figure = Any
"""Of Bokeh, whose attributes are made at run time."""

FLAVOURS = MappingProxyType({"νe": style.BLUE, "νμ": style.VERMILLION, "ντ": style.GREEN})
INK = MappingProxyType({False: ("#1c1e21", "#d5d9de", "#ffffff"), True: ("#e6e8ea", "#363c43", "#15181c")})
"""Whether it is dark, to the colours of texts and data, of lines, and of what is behind them."""

HEIGHT = 300
EDGE = ":host { background: var(--page); } .bk-events { box-shadow: inset 0 0 0 1px var(--page); }"  # of what was light
ENERGY = "energy at Earth [TeV]"
HIGHEST = 1.25  # of what arrives over what would; daughters pile up
LIMIT = 0.55  # of an upper limit, where its arrow ends


@dataclass(frozen=True)
class Panel:
    """A figure and how it shows something else.

    Parameters
    ----------
    figure : Figure
        Of Bokeh.
    show : callable
        Draws a scene and the state that it belongs to.
    inked : list
        Glyphs and whiskers in the colour of texts.
    """

    figure: Figure
    show: Callable[[Scene, State], object]
    inked: list[Any] = field(default_factory=list)


def _figure(name: str, title: str, x: str, y: str, **settings: Any) -> Figure:
    """An empty figure that leaves the drags of a finger to the page."""
    made: Figure = figure(
        name=name,
        title=title,
        height=HEIGHT,
        sizing_mode="stretch_width",
        tools="pan,box_zoom,wheel_zoom,reset,save",
        active_drag=None,
        active_scroll=None,
        x_axis_label=x,
        y_axis_label=y,
        min_border_right=12,
        stylesheets=[EDGE],
        **settings,
    )
    made.toolbar.logo = None
    made.title.text_font_size = "12px"
    return made


def _of_energies(name: str, title: str, y: str, analysis: Analysis, ends: tuple[float, float]) -> Figure:
    scale = "log" if ends[0] > 0.0 else "linear"
    axes = {"x_axis_type": "log", "y_axis_type": scale, "y_range": _range(*ends)}
    reach = _range(*(end / GEV_PER_TEV for end in scene.reach_of(analysis)))
    made = _figure(name, title, ENERGY, y, x_range=reach, **axes)
    made.xaxis[0].formatter = _plain()
    return made


def _range(low: float, high: float) -> Range1d:
    return Range1d(start=float(low), end=float(high))


def _plain() -> Any:
    return CustomJSTickFormatter(code="return String(Number(tick.toPrecision(6)))")


def _spelled(unit: str) -> str:
    return unit.replace("^-1", "⁻¹").replace("^-2", "⁻²")


def _legend(made: Figure, place: str, columns: int = 1) -> None:
    legend = made.legend[0]
    if place == "below":
        made.add_layout(legend, place)
        place = "center"
    legend.update(location=place, ncols=columns, padding=3, margin=4, spacing=0, label_text_font_size="11px")
    legend.update(glyph_width=16, label_height=14, glyph_height=14, background_fill_alpha=0.6, border_line_color=None)
    legend.click_policy = "hide"


def coloured(panel: Panel, dark: bool) -> None:
    """Give a figure the colours of a light or a dark page."""
    ink, line, behind = INK[dark]
    made = panel.figure
    made.update(background_fill_color=behind, border_fill_color=behind, outline_line_color=line)
    made.title.text_color = ink
    for axis in made.axis:
        axis.update(axis_label_text_color=ink, major_label_text_color=ink, axis_line_color=ink)
        axis.update(major_tick_line_color=ink, minor_tick_line_color=line)
    for grid in made.grid:
        grid.grid_line_color = line
    for legend in made.legend:
        legend.update(label_text_color=ink, background_fill_color=behind)
    for held in panel.inked:
        held.update(**{name: ink for name in ("line_color", "fill_color") if name in held.properties()})


def _errors(made: Figure, source: ColumnDataSource, colour: str) -> Any:
    """Lines from ``low`` to ``high`` of a source at its ``x``."""
    return made.segment("x", "low", "x", "high", source=source, color=colour).glyph


def spectrum(analysis: Analysis) -> Panel:
    """E^2 phi of each flavour, with and without absorption, and published fluxes."""
    made = _of_energies("spectrum", "flux of each flavour at Earth", "E²φ [GeV cm⁻² s⁻¹ sr⁻¹]", analysis, FLUX)
    names = {name: (f"flux {name}", f"unabsorbed {name}") for name in FLAVOURS}
    source = ColumnDataSource({"x": [], **{column: [] for pair in names.values() for column in pair}})
    for name, colour in FLAVOURS.items():
        flux, unabsorbed = names[name]
        made.line("x", unabsorbed, source=source, color=colour, line_dash="dashed", line_alpha=0.7)
        made.line("x", flux, source=source, color=colour, line_width=2, legend_label=name)
    marks = ("circle", "square", "diamond", "triangle", "inverted_triangle")
    shown = zip(marks, scene.flux_points(analysis), strict=False)
    inked = [glyph for mark, segments in shown for glyph in _draw_segments(made, segments, mark)]
    _legend(made, "bottom_left", 2)

    def show(now: Scene, _: State) -> None:
        columns = zip(names.values(), now.flux.T, now.unabsorbed.T, strict=True)
        data = {column: values for pair, *both in columns for column, values in zip(pair, both, strict=True)}
        source.data = {"x": now.energy_gev / GEV_PER_TEV, **data}

    return Panel(made, show, inked)


def _draw_segments(made: Figure, segments: Segments, mark: str) -> list[Any]:
    """A published flux, limits as lines down from their value; what of it has the colour of texts."""
    of_flavour = dict(zip(("e", "mu", "tau"), FLAVOURS.values(), strict=True))
    colour, limit = of_flavour.get(segments.flavour, INK[False][0]), segments.plus == 0.0
    flux = segments.e2_flux
    source = ColumnDataSource({
        "x": np.sqrt(segments.low_gev * segments.high_gev) / GEV_PER_TEV,
        "left": segments.low_gev / GEV_PER_TEV,
        "right": segments.high_gev / GEV_PER_TEV,
        "y": flux,
        "low": np.where(limit, LIMIT * flux, flux - np.minimum(segments.minus, flux * (1.0 - 1e-6))),
        "high": flux + segments.plus,
    })  # fmt: skip
    across = made.segment("left", "y", "right", "y", source=source, color=colour)
    points = made.scatter("x", "y", source=source, color=colour, size=5, marker=mark, legend_label=segments.label)
    drawn = [_errors(made, source, colour), across.glyph, points.glyph]
    return [] if segments.flavour in of_flavour else drawn


def survival(analysis: Analysis) -> Panel:
    """What is left of each flavour."""
    made = _of_energies(
        "survival", "what arrives of each flavour", "flux over that without absorption", analysis, (0.0, HIGHEST)
    )
    source = ColumnDataSource({"x": [], **{name: [] for name in FLAVOURS}})
    for name, colour in FLAVOURS.items():
        made.line("x", name, source=source, color=colour, line_width=2, legend_label=name)
    _legend(made, "bottom_right")

    def show(now: Scene, _: State) -> None:
        columns = dict(zip(FLAVOURS, now.survival.T, strict=True))
        source.data = {"x": now.energy_gev / GEV_PER_TEV, **columns}
        made.y_range.end = max(HIGHEST, 1.1 * float(np.nanmax(now.survival, initial=0.0)))

    return Panel(made, show)


def depth(analysis: Analysis) -> Panel:
    """Optical depth at each target."""
    made = _of_energies("depth", "depth from the farthest source", "optical depth τ", analysis, DEPTH)
    targets, inked = scene.targets_of(analysis), []
    source = ColumnDataSource({"x": [], **{name: [] for name in targets}})
    for name, dash in zip(targets, ("solid", "dashed", "dotted", "dashdot"), strict=False):
        line = made.line("x", name, source=source, color=INK[False][0], line_dash=dash, line_width=2, legend_label=name)
        inked.append(line.glyph)
    if targets:
        _legend(made, "top_right")

    def show(now: Scene, _: State) -> None:
        columns = {name: np.where(row > 0.0, row, np.nan) for name, row in zip(targets, now.depths.T, strict=True)}
        source.data = {"x": now.depth_energy_gev / GEV_PER_TEV, **columns}
        made.y_range.end = max(DEPTH[1], 3.0 * float(now.depths.max(initial=0.0)))

    return Panel(made, show, inked)


def counts(analysis: Analysis) -> list[Panel]:
    """Events of each topology in bins of deposited energy, or measured fluxes, with the data."""
    return [_bins(analysis, row, name) for row, name in enumerate(analysis.topologies)]


def _bins(analysis: Analysis, row: int, topology: str) -> Panel:
    dataset: Any = analysis.dataset
    observed = analysis.observed_counts[row]
    counted = dataset.kind == "counts"
    low, high = garwood(observed) if counted else (observed - dataset.error_low, observed + dataset.error_up)
    top = 3.0 * float(np.max(garwood(analysis.observed_counts)[1])) if counted else 1.3 * float(np.max(high))
    floor = FLOOR_EVENTS if counted else min(0.0, 1.3 * float(np.min(low)))
    left, right = np.asarray(dataset.bins_gev).T / GEV_PER_TEV
    name = topology.replace("_", " ") if counted else "measured flux"
    made = _figure(
        topology,
        name,
        "deposited energy [TeV]" if counted else ENERGY,
        "events per bin" if counted else f"E²φ [{_spelled(dataset.unit)}]",
        x_axis_type="log",
        y_axis_type="log" if counted else "linear",
        x_range=_range(left[0], right[-1]),
        y_range=_range(floor, top),
    )
    made.xaxis[0].formatter = _plain()
    ink = INK[False][0]
    parts = {**BACKGROUNDS, "astro": style.SKY} if counted else {"astro": style.SKY}
    base = {"left": left, "right": right}
    source = ColumnDataSource(
        {**base, **{f"{end} {name}": 0.0 * left + floor for name in parts for end in ("from", "to")}}
    )
    for part, colour in parts.items():
        made.quad(
            left="left", right="right", bottom=f"from {part}", top=f"to {part}", source=source,
            color=colour, alpha=0.7, line_width=0, legend_label=part,
        )  # fmt: skip
    top_of = {"x0": "left", "x1": "right", "y0": "to astro", "y1": "to astro"}
    made.segment(**top_of, source=source, color=style.BLUE, line_width=2, legend_label="expected")
    limit = observed == 0.0 if counted else np.equal(dataset.error_low, 0.0)
    low = np.where(limit, LIMIT * high, np.maximum(low, floor))
    marks = np.where(limit, "inverted_triangle", "circle")
    seen = {"y": np.where(limit, low, observed), "low": low, "high": high, "mark": marks}
    data = ColumnDataSource({"x": np.sqrt(left * right), **seen})
    points = made.scatter("x", "y", source=data, color=ink, size=6, marker="mark", legend_label="data, 68 %")
    inked = [_errors(made, data, ink), points.glyph]
    _legend(made, "top_right", 2)
    made.legend[0].visible = row == 0

    def show(now: Scene, _: State) -> None:
        columns, below = dict(base), np.zeros(len(left))
        for part in parts:
            above = below + now.components[part][row] if part in now.components else below
            columns |= {f"from {part}": np.maximum(below, floor), f"to {part}": np.maximum(above, floor)}
            below = above
        source.data = columns
        if counted:
            made.title.text = f"{name}: {observed.sum():.0f} seen, {below.sum():.1f} expected"

    return Panel(made, show, inked)


def plane(analysis: Analysis, draws: FloatArray, to: Callable[[float, float], object]) -> Panel:
    """The plane (m_Z', g') with the point and draws of a posterior, shape (draw, 2); a tap moves the point."""
    masses, couplings = scene.axes_of(analysis)
    title = "mass and coupling: click to move" if len(_coordinates(analysis)) == 2 else "mass and coupling"
    made = _figure(
        "plane", title, *map(analysis.spelled, ("m_Z' [MeV]", "g'")), x_axis_type="log", y_axis_type="log",
        x_range=_range(*masses), y_range=_range(*couplings),
    )  # fmt: skip
    made.xaxis[0].update(formatter=_plain(), ticker=_round_numbers(*masses))
    if len(draws):
        mass, coupling = 10.0**draws.T
        made.scatter(mass, coupling, color=style.PURPLE, size=2, alpha=0.4, legend_label="posterior draws")
    best = ColumnDataSource({"x": [], "y": []})
    here = ColumnDataSource({"x": [], "y": []})
    made.scatter("x", "y", source=best, marker="star", size=14, color=style.ORANGE, legend_label="highest seen")
    cross = made.scatter(
        "x", "y", source=here, marker="circle_cross", size=15, fill_alpha=0.0, line_width=2, color=INK[False][0]
    )
    _legend(made, "below", 3)
    made.on_event("tap", lambda event: to(event.x, event.y))

    def show(_: Scene, state: State) -> None:
        for source, at in ((here, state.at), (best, state.best.at if state.best else state.at)):
            point = state.analysis.values(theta_of(state.analysis, at))
            source.data = {"x": [float(point["m_zprime_mev"])], "y": [float(point["g_prime"])]}

    return Panel(made, show, [cross.glyph])


def _round_numbers(low: float, high: float) -> FixedTicker:
    """1, 2 and 5 times powers of ten, which a logarithmic axis of little more than a decade does not keep to."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1.0)
    return FixedTicker(
        ticks=[tick for tick in np.outer(powers, [1.0, 2.0, 5.0]).ravel().tolist() if low <= tick <= high]
    )


def _coordinates(analysis: Analysis) -> list[str]:
    return [name for name in COORDINATES if name in analysis.parameter_names]


def surround(panel: Panel, around: Surroundings) -> None:
    """Draw the bounds in the plane: what they exclude shaded, their edges as lines."""
    made, x, (floor, ceiling) = panel.figure, around.masses_mev, around.couplings
    near, far = around.opaque
    made.varea(x, far, near, color=style.SKY, alpha=0.3, legend_label="τ = 1, z = 0 to 3", level="underlay")
    for colour, found in around.bounds:
        top = np.clip(np.where(np.isnan(found.upper), floor, found.upper), floor, ceiling)
        bottom = np.clip(np.where(np.isnan(found.lower), floor, found.lower), floor, ceiling)
        for low, high, edge in ((top, np.full_like(x, ceiling), top), (np.full_like(x, floor), bottom, bottom)):
            inside = (edge > floor) & (edge < ceiling)
            made.varea(x, low, high, color=colour, alpha=0.12, level="underlay")
            made.line(x, np.where(inside, edge, np.nan), color=colour, line_width=2, legend_label=found.name)
