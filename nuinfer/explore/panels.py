"""The figures of the page: each is made for an analysis, and shows a scene of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, LogTickFormatter, Range1d
from bokeh.plotting import figure

from nuinfer.analysis import Analysis
from nuinfer.constants import COORDINATES
from nuinfer.explore import scene
from nuinfer.explore.scene import Scene, Surroundings
from nuinfer.explore.state import State
from nuinfer.explore.wire import Parcel
from nuinfer.plotting import style
from nuinfer.plotting.energies import GEV_PER_TEV, span
from nuinfer.plotting.figures.counts import COMPONENTS, FLOOR_EVENTS, garwood
from nuinfer.plotting.figures.depth import DEPTH
from nuinfer.plotting.figures.spectrum import FLUX, Segments, published
from nuinfer.typing import FloatArray

Figure = Any
"""Of Bokeh, whose attributes are made at run time."""

FLAVOURS = MappingProxyType({"νe": style.BLUE, "νμ": style.VERMILLION, "ντ": style.GREEN})
OF_FLAVOURS = MappingProxyType({name: {"color": colour, "legend_label": name} for name, colour in FLAVOURS.items()})
MARKS = ("circle", "square", "diamond", "triangle", "inverted_triangle")
INK = MappingProxyType({False: ("#1c1e21", "#d5d9de", "#ffffff"), True: ("#e6e8ea", "#363c43", "#15181c")})
"""Whether it is dark, to the colours of texts and data, of lines, and of what is behind them."""

HEIGHT = 300
EDGE = """
:host { background: var(--page); }
:host::after { content: ""; position: absolute; inset: 0; pointer-events: none; }
:host::after { box-shadow: inset 0 0 0 1px var(--page); }
"""  # hides what is left of a light edge on a dark page
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
        From a scene and the state that it belongs to to what has to be drawn, of the same sources each time.
    inked : list
        Glyphs and whiskers in the colour of texts.
    """

    figure: Figure
    show: Callable[[Scene, State], list[Parcel]]
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
    made.xaxis[0].formatter = LogTickFormatter(min_exponent=5)
    made.title.text_font_size = "12px"
    return made


def _of_energies(name: str, title: str, y: str, analysis: Analysis, ends: tuple[float, float]) -> Figure:
    scale = "log" if ends[0] > 0.0 else "linear"
    axes = {"x_axis_type": "log", "y_axis_type": scale, "y_range": _range(*ends)}
    reach = _range(*(end / GEV_PER_TEV for end in span(analysis)))
    return _figure(name, title, ENERGY, y, x_range=reach, **axes)


def _curves(made: Figure, looks: Mapping[str, Mapping[str, Any]]) -> Callable[[FloatArray, FloatArray], Parcel]:
    """Lines by name; what takes energies in GeV, shape (energy,), and values, shape (energy, line)."""
    source = ColumnDataSource({name: [] for name in ("x", *looks)})
    for name, look in looks.items():
        made.line("x", name, source=source, **{"line_width": 2, **look})

    def show(energy_gev: FloatArray, values: FloatArray) -> Parcel:
        return source, {"x": energy_gev / GEV_PER_TEV, **dict(zip(looks, values.T, strict=True))}

    return show


def _range(low: float, high: float) -> Range1d:
    return Range1d(start=float(low), end=float(high))


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


def spectrum(analysis: Analysis) -> Panel:
    """E^2 phi of each flavour, with and without absorption, and published fluxes."""
    made = _of_energies("spectrum", "flux of each flavour at Earth", "E²φ [TeV cm⁻² s⁻¹ sr⁻¹]", analysis, FLUX)
    dashed = {"line_dash": "dashed", "line_alpha": 0.7, "line_width": 1}
    without = _curves(made, {name: {"color": colour, **dashed} for name, colour in FLAVOURS.items()})
    curves = _curves(made, OF_FLAVOURS)
    _draw_published(made, published(analysis))
    _legend(made, "bottom_left", 2)

    def show(now: Scene, _: State) -> list[Parcel]:
        return [curves(now.energy_gev, now.flux), without(now.energy_gev, now.unabsorbed)]

    return Panel(made, show)


def _draw_published(made: Figure, samples: Sequence[Segments]) -> None:
    """Published fluxes: lines across their energies and down to their errors, limits down from their value."""
    of_flavour = dict(zip(("e", "mu", "tau"), FLAVOURS.values(), strict=True))
    for mark, each in zip(MARKS, samples, strict=False):
        colour, limit = of_flavour.get(each.flavour, style.GREY), each.plus == 0.0
        flux, minus, plus = (values / GEV_PER_TEV for values in (each.e2_flux, each.minus, each.plus))
        left, right = each.low_gev / GEV_PER_TEV, each.high_gev / GEV_PER_TEV
        centre, down = np.sqrt(left * right), flux - np.minimum(minus, flux * (1.0 - 1e-6))
        made.segment(left, flux, right, flux, color=colour)
        made.segment(centre, np.where(limit, LIMIT * flux, down), centre, flux + plus, color=colour)
        made.scatter(centre, flux, color=colour, marker=mark, size=5, legend_label=each.label)


def survival(analysis: Analysis) -> Panel:
    """What is left of each flavour."""
    highest = (0.0, HIGHEST)
    made = _of_energies("survival", "what arrives of each flavour", "flux over that unabsorbed", analysis, highest)
    curves = _curves(made, OF_FLAVOURS)
    _legend(made, "bottom_right")

    def show(now: Scene, _: State) -> list[Parcel]:
        made.y_range.end = HIGHEST * np.ceil(np.nanmax(now.survival, initial=HIGHEST) / HIGHEST)
        return [curves(now.energy_gev, now.survival)]

    return Panel(made, show)


def depth(analysis: Analysis) -> Panel:
    """Optical depth at each target."""
    made = _of_energies("depth", "depth from the farthest source", "optical depth τ", analysis, DEPTH)
    dashes = zip(scene.targets_of(analysis), ("solid", "dashed", "dotted", "dashdot"), strict=False)
    ink = INK[False][0]
    curves = _curves(made, {name: {"line_dash": dash, "color": ink, "legend_label": name} for name, dash in dashes})
    _legend(made, "top_right")

    def show(now: Scene, _: State) -> list[Parcel]:
        made.y_range.end = 10.0 ** np.ceil(np.log10(max(DEPTH[1], 2.0 * float(now.depths.max(initial=0.0)))))
        return [curves(now.depth_energy_gev, np.where(now.depths > 0.0, now.depths, np.nan))]

    return Panel(made, show, [line.glyph for line in made.renderers])


def counts(analysis: Analysis) -> list[Panel]:
    """Events of each topology in bins of deposited energy, or measured fluxes, with the data."""
    return [_bins(analysis, row, name) for row, name in enumerate(analysis.topologies)]


def _bins(analysis: Analysis, row: int, topology: str) -> Panel:
    dataset: Any = analysis.dataset
    observed, counted = analysis.observed_counts[row], dataset.kind == "counts"
    if counted:
        (low, high), limit = garwood(observed), observed == 0.0
        floor, top, scale = FLOOR_EVENTS, 3.0 * float(np.max(garwood(analysis.observed_counts)[1])), "log"
        words = topology.replace("_", " "), "deposited energy [TeV]", "events per bin"
    else:
        low, high = observed - dataset.error_low, observed + dataset.error_up
        limit, floor, scale = dataset.error_low == 0.0, min(0.0, 1.3 * float(np.min(low))), "linear"
        top, words = 1.3 * float(np.max(high)), ("measured flux", ENERGY, f"E²φ [{_spelled(dataset.unit)}]")
    left, right = np.asarray(dataset.bins_gev).T / GEV_PER_TEV
    ranges: dict[str, Any] = {"x_range": _range(left[0], right[-1]), "y_range": _range(floor, top)}
    made = _figure(topology, *words, x_axis_type="log", y_axis_type=scale, **ranges)
    # components by themselves, for nobody can read a stack on a logarithmic axis
    parts = [name for name in COMPONENTS if counted and name in analysis.model.component_names]
    empty = dict.fromkeys(("top", *parts), np.full(len(left), floor))
    every = ColumnDataSource({"left": left, "right": right, **empty})
    bars = {"left": "left", "right": "right", "top": "top", "bottom": floor, "source": every}
    made.quad(**bars, color=style.SKY, fill_alpha=0.35, line_width=0, legend_label="expected")
    made.segment("left", "top", "right", "top", source=every, color=style.SKY, line_width=3)
    for name in parts:
        colour, _, label = COMPONENTS[name]
        made.segment("left", name, "right", name, source=every, color=colour, line_width=1.5, legend_label=label)
    low = np.where(limit, LIMIT * high, np.maximum(low, floor))
    marks = np.where(limit, "inverted_triangle", "circle")
    seen = {"y": np.where(limit, low, observed), "low": low, "high": high, "mark": marks}
    data = ColumnDataSource({"x": np.sqrt(left * right), **seen})
    ink = INK[False][0]
    errors = made.segment("x", "low", "x", "high", source=data, color=ink)
    points = made.scatter("x", "y", source=data, color=ink, size=6, marker="mark", legend_label="data, 68 %")
    if row == 0:
        _legend(made, "top_right", 2)
    else:
        made.center.remove(made.legend[0])

    def show(now: Scene, _: State) -> list[Parcel]:
        total = {"top": sum(now.components.values(), start=np.zeros(1))}
        shown = total | {name: now.components[name] for name in parts}
        return [(every, {name: np.maximum(counts[row], floor) for name, counts in shown.items()})]

    return Panel(made, show, [errors.glyph, points.glyph])


def plane(analysis: Analysis, draws: FloatArray, to: Callable[[float, float], object]) -> Panel:
    """The plane (m_Z', g') with the point and draws of a posterior, shape (draw, 2); a tap moves the point."""
    masses, couplings = scene.axes_of(analysis)
    moves = all(name in analysis.parameter_names for name in COORDINATES)
    words = "mass and coupling" + ": click to move" * moves, *map(analysis.spelled, ("m_Z' [MeV]", "g'"))
    ranges: dict[str, Any] = {"x_range": _range(*masses), "y_range": _range(*couplings)}
    made = _figure("plane", *words, x_axis_type="log", y_axis_type="log", **ranges)
    made.xaxis[0].ticker = _round_numbers(*masses)
    if len(draws):
        mass, coupling = 10.0**draws.T
        made.scatter(mass, coupling, color=style.PURPLE, size=2, alpha=0.4, legend_label="posterior draws")
    best, here = ColumnDataSource({"x": [], "y": []}), ColumnDataSource({"x": [], "y": []})
    star = {"marker": "star", "size": 14, "color": style.ORANGE, "legend_label": "highest seen"}
    made.scatter("x", "y", source=best, **star)
    cross = {"marker": "circle_cross", "size": 15, "fill_alpha": 0.0, "line_width": 2, "color": INK[False][0]}
    drawn = made.scatter("x", "y", source=here, **cross)
    _legend(made, "below", 2)
    made.height = HEIGHT + 50
    made.on_event("tap", lambda event: to(event.x, event.y))

    def show(_: Scene, state: State) -> list[Parcel]:
        return [(here, _place(state, state.at)), (best, _place(state, state.best.at if state.best else state.at))]

    return Panel(made, show, [drawn.glyph])


def _place(state: State, at: Mapping[str, float]) -> dict[str, FloatArray]:
    point = state.analysis.values(state.analysis.theta(at))
    return {"x": point["m_zprime_mev"].reshape(1), "y": point["g_prime"].reshape(1)}


def _round_numbers(low: float, high: float) -> FixedTicker:
    """1, 2 and 5 times powers of ten, which a logarithmic axis of little more than a decade does not keep to."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1.0)
    return FixedTicker(
        ticks=[tick for tick in np.outer(powers, [1.0, 2.0, 5.0]).ravel().tolist() if low <= tick <= high]
    )


def surround(panel: Panel, around: Surroundings) -> None:
    """Draw the bounds in the plane: what they exclude shaded, their edges as lines."""
    made, x, (floor, ceiling) = panel.figure, around.masses_mev, around.couplings
    near, far = around.opaque
    made.varea(x, far, near, color=style.SKY, alpha=0.3, legend_label="τ = 1, z = 0 to 3", level="underlay")
    for constraint, look, found in around.bounds:
        colour, dashes = look.line["color"], "dashed" if constraint.estimate else "solid"
        line = {"color": colour, "line_dash": dashes, "line_width": 2, "legend_label": constraint.name}
        for allowed, end in ((found.upper, ceiling), (found.lower, floor)):
            edge = np.clip(np.where(np.isnan(allowed), floor, allowed), floor, ceiling)
            made.varea(x, edge, np.full_like(x, end), color=colour, alpha=look.opacity, level="underlay")
            made.line(x, np.where((edge > floor) & (edge < ceiling), edge, np.nan), **line)
