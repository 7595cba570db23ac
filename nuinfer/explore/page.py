"""The page: what is moved by hand on one side, what follows on the other."""

from __future__ import annotations

import html
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from threading import Thread
from typing import Any, TypeVar

import numpy as np
from bokeh.document import Document
from bokeh.models import Column, CustomJS, CustomJSTickFormatter, Row
from bokeh.models.widgets import Button, Div, Select, Slider, TextInput, Toggle
from jinja2 import Environment, PackageLoader, Template

from nuinfer.config import own_definitions
from nuinfer.constants import COORDINATES
from nuinfer.errors import NuinferError
from nuinfer.explore import panels, terms
from nuinfer.explore import state as points
from nuinfer.explore.scene import look, surroundings
from nuinfer.explore.state import State
from nuinfer.explore.wire import Wire
from nuinfer.parameters import LOG10, Definition, in_units
from nuinfer.typing import FloatArray

T = TypeVar("T")
WAIT_MS = 5
"""How long moves of sliders are collected before the last of them is shown."""

STEPS = 1000  # of a slider
MOST_PAST = 200  # points that one can go back to

WIDGETS = (resources.files("nuinfer") / "explore" / "widgets.css").read_text("utf-8")
GRID = ":host { display: grid; grid-template-columns: repeat(auto-fit, minmax(%s, 1fr)); gap: .5rem; width: 100%%; }"

NUMBER = "String(Number((%s).toPrecision(6)))"
COPY = "navigator.clipboard.writeText(source.tags[0])"
DOWNLOAD = """
const [name, text] = source.tags
const link = document.createElement("a")
link.href = URL.createObjectURL(new Blob([text], {type: "application/toml"}))
link.download = name
link.click()
"""
SVG = """
(async () => {
for (const figure of [...stage.children, ...rest.children]) {
  const drawn = await Bokeh.index.find_one(figure).export("svg").to_blob()
  const link = document.createElement("a")
  link.href = URL.createObjectURL(drawn)
  link.download = `nuinfer-${figure.name}.svg`
  link.click()
}
})()
"""
SCHEME = "toggle.active = matchMedia('(prefers-color-scheme: dark)').matches"
RECOLOUR = "document.documentElement.dataset.theme = cb_obj.active ? 'dark' : 'light'"
LOST = "notice.text = '<p class=\"bad\">The explorer has ended.</p>'"


@dataclass(frozen=True)
class Opened:
    """What a page is opened with.

    Parameters
    ----------
    start : State
        Where it begins.
    read : callable
        From ``name=value`` texts to a point.
    name : str
        What was opened.
    origin : sequence of str
        Arguments with which a command that predicts finds the analysis.
    draws : ndarray, shape (draw, 2)
        Of (log10 m_Z', log10 g') from a posterior.
    """

    start: State
    read: Callable[[Iterable[str]], Mapping[str, float]]
    name: str
    origin: Sequence[str]
    draws: FloatArray = field(default_factory=lambda: np.empty((0, 2)))


class Page:
    """One page in one browser.

    Parameters
    ----------
    document : Document
        Of Bokeh.
    opened : Opened
        What it shows first.

    Attributes
    ----------
    document : Document
        What the browser shows.
    state : State
        Where it is.
    sliders : dict of str to Slider
        By the names of the parameters.
    """

    def __init__(self, document: Document, opened: Opened) -> None:
        self.document, self._opened, self.state = document, opened, opened.start
        self._past: list[State] = []
        self._kept, self._dragged, self._jobs = self.state, "", 0
        self._wanted: dict[str, float] = {}
        self._waiting = self._quiet = False
        self._panels: list[panels.Panel] = []
        self._drawn: Any = None
        self.sliders: dict[str, Slider] = {}
        self._notice = Div(name="notice", sizing_mode="stretch_width", stylesheets=[WIDGETS])
        self._terms = Div(name="terms", sizing_mode="stretch_width", stylesheets=[WIDGETS])
        self._wire = Wire(self._terms)
        self._dark = Toggle(label="dark", width=70, stylesheets=[WIDGETS])
        name = f"<strong>{html.escape(opened.name)}</strong>"
        named = Div(text=name, styles={"font-size": "1.1em"}, sizing_mode="stretch_width", stylesheets=[WIDGETS])
        self._at = TextInput(title="the point, as --at of every command takes it", **_wide())
        self._moved = Column(**_wide())
        self._stage, self._rest = Column(name="stage", **_wide()), Column(name="rest", **_wide(GRID % "19rem"))
        self._switches = {key: Select(title=_short(key), **_wide()) for key in points.switches()}
        self._buttons = {
            name: Button(label=name, **_wide())
            for name in ("back", "best fit from here", "copy --at", "copy command", "config", "figures as SVG")
        }
        switches = Column(children=list(self._switches.values()), name="switches", **_wide(GRID % "8.5rem"))
        buttons = Column(children=list(self._buttons.values()), **_wide(GRID % "8rem"))
        hand = Column(children=[self._wire.end, self._terms, buttons, self._moved, self._at], name="hand", **_wide())
        head = Row(children=[named, self._dark], name="head", sizing_mode="stretch_width")
        self._listen()  # before they are in the document, which asks then who is to hear of a click
        for root in (head, self._notice, self._stage, hand, switches, self._rest):
            document.add_root(root)
        self._arrive(self.state)

    # What is moved by hand --------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Tie widgets to what they do."""
        self._buttons["back"].on_click(self.back)
        self._buttons["best fit from here"].on_click(self.climb)
        self._at.on_change("value", self._heard(lambda text: self._to(self._opened.read(_values(text)))))
        for key, select in self._switches.items():
            select.on_change("value", self._heard(partial(self.switch, key)))
        self._dark.on_change("active", self._heard(lambda _: self._colour()))
        self._dark.js_on_change("active", CustomJS(code=RECOLOUR))
        for name, code in (("copy --at", COPY), ("copy command", COPY), ("config", DOWNLOAD)):
            button = self._buttons[name]
            button.js_on_click(CustomJS(args={"source": button}, code=code))
        figures = {"stage": self._stage, "rest": self._rest}
        self._buttons["figures as SVG"].js_on_click(CustomJS(args=figures, code=SVG))
        self.document.js_on_event("document_ready", CustomJS(args={"toggle": self._dark}, code=SCHEME))
        self.document.js_on_event("connection_lost", CustomJS(args={"notice": self._notice}, code=LOST))

    def _heard(self, act: Callable[[Any], object]) -> Callable[[str, Any, Any], None]:
        """A listener that is not told what the page itself has changed; what is refused is said."""

        def listen(_: str, __: Any, new: Any) -> None:
            if not self._quiet:
                with self._said():
                    act(new)

        return listen

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Errors of what one asks for become a line on the page."""
        try:
            yield
        except NuinferError as error:
            self._refuse(error)

    def slide(self, name: str, value: float) -> None:
        """Move a parameter, with others that are moved at the same time."""
        self._wanted[name] = value
        if not self._waiting:
            self._waiting = True
            self.document.add_timeout_callback(self.catch_up, WAIT_MS)

    def catch_up(self) -> None:
        """Show where the sliders are by now."""
        wanted, self._wanted, self._waiting = self._wanted, {}, False
        with self._said():
            self._show(points.nudged(self.state, wanted))

    def _to(self, values: Mapping[str, float]) -> None:
        self._arrive(points.moved(self.state, values))

    def _tap(self, mass: float | None, coupling: float | None) -> None:
        """Move to a place in the plane, as far as its coordinates are sampled."""
        given = zip(COORDINATES, (mass, coupling), strict=True)
        logs = {name: float(np.log10(x)) for name, x in given if x and name in self.state.analysis.parameter_names}
        with self._said():
            if logs:
                self._arrive(points.nudged(self.state, logs))

    def back(self) -> None:
        """Go to the point before."""
        if self._past:
            self._arrive(self._past.pop(), remember=False)

    def climb(self) -> None:
        """Go to the maximum next to the point."""
        self._meanwhile("climbing", partial(points.climbed, self.state), self._arrive)

    def switch(self, key: str, label: str) -> None:
        """Go to the analysis with one key changed."""
        value = next(value for value in self._choices(key) if _label(value) == label)
        keys = points.keys_with(self.state, key, value)
        self._meanwhile("building the model", partial(points.switched, self.state, keys), self._arrive)

    def _choices(self, key: str) -> list[Any]:
        return list(dict.fromkeys([points.value_of(self._opened.start.given, key), *points.switches()[key]]))

    # What takes a while -----------------------------------------------------------------------------------------------

    def _meanwhile(self, what: str, work: Callable[[], T], then: Callable[[T], object]) -> None:
        """Do something beside the page, which goes on with what comes of it unless it was asked for more meanwhile."""
        self._notice.text = f'<p class="quiet">{what} …</p>'
        self._jobs += 1
        number = self._jobs

        def end(act: Callable[[Any], object], found: Any) -> None:
            if number == self._jobs:
                act(found)

        def run() -> None:
            try:
                act, found = then, work()
            except Exception as error:
                self.document.add_next_tick_callback(partial(end, self._refuse, error))
                if not isinstance(error, NuinferError):
                    raise
            else:
                self.document.add_next_tick_callback(partial(end, act, found))

        Thread(target=run, daemon=True).start()

    def _refuse(self, error: Exception) -> None:
        """Say what is wrong, with everything left as it is."""
        self._notice.text = f'<p class="bad" role="alert">{html.escape(" ".join(str(error).split()))}</p>'
        self._set_widgets()

    # What is shown ----------------------------------------------------------------------------------------------------

    def _arrive(self, state: State, *, remember: bool = True) -> None:
        """Show a state that one has jumped to, from which `back` leads here."""
        if remember and state is not self._kept:
            self._past = [*self._past[-MOST_PAST:], self._kept]
        self._notice.text = ""
        if state.analysis is not self._drawn:
            self._build(state)
        self._show(state)
        self._kept, self._dragged = self.state, ""
        self._set_widgets()

    def _settle(self, name: str, _: float) -> None:
        """The end of a drag: `back` leads to where the same slider was first taken."""
        if self._waiting:
            self.document.add_timeout_callback(partial(self._settle, name, 0.0), WAIT_MS)
            return
        if name != self._dragged:
            self._past = [*self._past[-MOST_PAST:], self._kept]
        self._dragged, self._kept = name, self.state
        self._set_text()

    def _build(self, state: State) -> None:
        """Figures and sliders of another analysis."""
        analysis, self._drawn = state.analysis, state.analysis
        stage = panels.spectrum(analysis)
        rest = [
            panels.survival(analysis),
            *([panels.depth(analysis)] if analysis.absorbs else []),
            *panels.counts(analysis),
        ]
        if analysis.absorbs:
            plane = panels.plane(analysis, self._opened.draws, self._tap)
            rest.insert(0, plane)
            then = partial(self._surround, plane)
            self._meanwhile("computing the bounds", partial(surroundings, analysis), then)
        self._panels = [stage, *rest]
        self._wire.forget()
        self._colour()
        self._stage.children = [stage.figure]
        self._rest.children = [panel.figure for panel in rest]
        meanings, ends = own_definitions(analysis.config.model), points.ends_of(analysis)
        moved = zip(analysis.parameter_names, ends.tolist(), strict=True)
        self.sliders = {name: self._slider(name, low, high) for name, (low, high) in moved}
        texts = (f'<span class="quiet">{html.escape(_meaning(meanings[name]))}</span>' for name in self.sliders)
        below = (Div(text=text, margin=(0, 5, 4, 5), **_wide()) for text in texts)
        self._moved.children = [each for pair in zip(self.sliders.values(), below, strict=True) for each in pair]

    def _slider(self, name: str, low: float, high: float) -> Slider:
        physical = "10 ** tick" if name.startswith(LOG10) else "tick"
        made = Slider(
            name=name,
            title=in_units(name)[0], start=low, end=high, value=low, step=(high - low) / STEPS, margin=(2, 5, 0, 5),
            format=CustomJSTickFormatter(code=f"return {NUMBER % physical}"), **_wide(),
        )  # fmt: skip
        made.on_change("value", self._heard(partial(self.slide, name)))
        made.on_change("value_throttled", self._heard(partial(self._settle, name)))
        return made

    def _surround(self, plane: panels.Panel, around: Any) -> None:
        if plane in self._panels:
            panels.surround(plane, around)
            self._notice.text = ""

    def _show(self, state: State) -> None:
        """Draw a state of the analysis that there are figures for."""
        scene = look(state)
        self.state = points.seen(state, scene.terms)
        parcels = [parcel for panel in self._panels for parcel in panel.show(scene, self.state)]
        self._wire.send(parcels, terms.table(scene, self.state))

    def _colour(self) -> None:
        for panel in self._panels:
            panels.coloured(panel, dark=self._dark.active)

    def _set_widgets(self) -> None:
        """Let sliders, selectors and texts say where the page is."""
        self._quiet = True
        for name, value in zip(self.sliders, self.state.theta.tolist(), strict=True):
            slider = self.sliders[name]
            slider.update(start=min(slider.start, value), end=max(slider.end, value), value=value)
        for key, select in self._switches.items():
            choices = self._choices(key)
            now = self.state.switched.get(key, choices[0])
            select.update(options=[_label(value) for value in choices], value=_label(now))
        self._quiet = False
        self._set_text()

    def _set_text(self) -> None:
        self._quiet = True
        analysis = self.state.analysis
        self._at.value = shlex.join(points.arguments(self.state))
        command = points.command(self.state, self._opened.origin)
        self._buttons["copy --at"].tags = [self._at.value]
        self._buttons["copy command"].tags = [command]
        self._buttons["config"].tags = [f"{analysis.name}.toml", f"# {command}\n{analysis.config_toml()}"]
        self._buttons["back"].disabled = not self._past
        self._quiet = False


def _wide(*styles: str) -> dict[str, Any]:
    """As wide as there is room, in the colours of the page."""
    return {"sizing_mode": "stretch_width", "stylesheets": [WIDGETS, *styles]}


def _values(text: str) -> list[str]:
    """The ``name=value`` of a text, with or without ``--at``."""
    return [part for part in text.replace(",", " ").split() if part != "--at"]


def _label(value: Any) -> str:
    """How a value of a key is written in TOML, but for the quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def _short(key: str) -> str:
    """What a key of `switches` is about."""
    table, _, name = key.rpartition(".")
    return table.partition(".")[0] if name == "form" else name


def _meaning(definition: Definition) -> str:
    return definition.meaning + (f" [{definition.unit}]" if definition.unit else "")


def template() -> Template:
    """The page around the widgets, which come with markup of their own."""
    loader = PackageLoader("nuinfer", "explore")
    return Environment(autoescape=False, loader=loader).get_template("page.html")  # noqa: S701
