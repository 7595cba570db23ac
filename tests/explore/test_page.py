"""The page of the explorer: without a browser, and in one that nothing but this machine answers."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest

import nuinfer
from nuinfer.cli import explore, main
from nuinfer.cli.command import point_of
from nuinfer.constants import COORDINATES
from nuinfer.explore import state
from nuinfer.flux import flux_at_earth

bokeh = pytest.importorskip("bokeh", reason="needs Bokeh (pip install nuinfer[explore])")

LOUD = ("error", "warning")


@pytest.fixture
def page():
    """A page that no browser shows; what is done beside it is done at once."""
    from bokeh.document import Document

    from nuinfer.explore.page import Opened, Page

    class Now(Page):
        def _meanwhile(self, _, work, then):
            try:
                then(work())
            except nuinfer.errors.NuinferError as error:
                self._refuse(error)

    opened = Opened(state.begin(nuinfer.load("hese7")), point_of, "hese7", ["hese7"])
    made = Now(Document(), opened)
    assert not made.document.validate()
    return made


def data_of(page, figure, column):
    """What was sent to the source of a figure that has a column."""
    sources = [each.data_source for each in page.document.select_one({"name": figure}).renderers]
    return next(columns for source, columns in page._wire.sent if source in sources and column in columns)


def test_a_slider_moves_everything(page):
    """Curves are those of the public functions at the new point, counts those of `predict`; the last move counts."""
    before = data_of(page, "spectrum", "νe")["νe"]
    for value in (2.0, 2.2, 2.4):
        page.slide("gamma", value)
    page.catch_up()
    assert page.state.at["gamma"] == 2.4
    after, analysis = data_of(page, "spectrum", "νe"), page.state.analysis
    assert not np.array_equal(before, after["νe"])
    energy = after["x"] * 1e3
    wanted = flux_at_earth(analysis, page.state.theta, energy)[:, 2] * energy**2 / 1e3
    assert after["ντ"] == pytest.approx(wanted, rel=1e-12)
    axis = page.document.select_one({"name": "spectrum"}).y_range
    assert np.mean((after["ντ"] > axis.start) & (after["ντ"] < axis.end)) > 0.5
    expected = analysis.expected_at(page.state.at).total
    for row, topology in enumerate(analysis.topologies):
        top = data_of(page, topology, "top")["top"]
        assert top == pytest.approx(np.maximum(expected[row], top.min()), rel=1e-12)
    assert f"{float(analysis.log_prob(page.state.theta)):.2f}" in page._wire.end.tags[-1]


@pytest.mark.slow
def test_back_and_what_is_refused(page):
    """One line on the page, everything as it was; `back` leads to where a drag began."""
    start = page.state
    for value in (2.0, 2.1):
        page.slide("gamma", value)
        page.catch_up()
        page._settle("gamma", value)
    page.switch("model.ordering", "inverted")
    assert page.state.analysis.config.model.ordering == "inverted"
    page.switch("model.mediator", "scalar")
    notice = page.document.select_one({"name": "notice"})
    assert "constraints.muon_g2" in notice.text
    assert "\n" not in notice.text
    assert page.state.analysis.mediator == "vector"
    page.back()
    assert page.state.at["gamma"] == 2.1
    page.back()
    assert (page.state.at, page.state.analysis) == (start.at, start.analysis)
    assert notice.text == ""


def test_without_bokeh(monkeypatch, capsys):
    """One line that says how to get it."""
    monkeypatch.setitem(sys.modules, "bokeh.server.server", None)
    assert main(["explore", "hese7", "--no-browser"]) == 2
    assert "pip install 'nuinfer[explore]'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_brings_its_draws(tmp_path):
    """The coordinates of the draws in the plane, and what `predict` calls the analysis."""
    few = {"ensembles": 2, "walkers": 24, "max_steps": 12, "seed": 7, "progress": False}
    with ThreadPoolExecutor(1) as pool:
        run = nuinfer.fit(nuinfer.load("hese7_icecube"), tmp_path / "run", executor=pool, **few)
    arguments = Namespace(analysis=str(run.folder), set=["model.source=pgamma"], trust=False)
    analysis, start, draws, origin = explore._opened(arguments)
    wanted = run.samples()[..., [run.parameter_names.index(name) for name in COORDINATES]].reshape(-1, 2)
    assert np.array_equal(draws, wanted[:: len(wanted) // explore.MOST_DRAWS + 1])
    assert analysis.config.model.source == "pgamma"
    assert np.array_equal(start, run.best_fit)
    assert main(["predict", origin, "--json"]) == 0


def test_ports_that_cannot_be_had(capsys):
    """One that is in use, and one beyond the last: a line, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port in (taken.getsockname()[1], 70000):
            assert main(["explore", "hese7", "--port", str(port), "--no-browser"]) == 2
            said = capsys.readouterr().err.strip().splitlines()[-1]
            assert said.startswith(f"nuinfer: error: --port {port}: ")


@contextmanager
def served(*arguments):
    """The address of an explorer; it has to end at Ctrl-C, with exit code 0 and without a traceback."""
    command = [sys.executable, "-m", "nuinfer", "explore", *arguments, "--no-browser"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
            assert process.returncode == 0
            assert "Traceback" not in said
            assert "error" not in said.lower()
        finally:
            process.kill()


def opened(browser, address, **settings):
    """A page, what its console said, and the hosts that it asked."""
    view = browser.new_page(**settings)
    said, hosts = [], set()
    view.on("console", lambda message: said.append(message.text) if message.type in LOUD else None)
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    view.on("websocket", lambda socket: hosts.add(urlsplit(socket.url).hostname))
    view.goto(address)
    view.locator(".noUi-handle").first.wait_for()
    view.get_by_text("computing the bounds").wait_for(state="detached")
    return view, said, hosts


CURVE = """name => {
  const figure = Bokeh.documents[0].get_model_by_name("spectrum")
  const source = figure.renderers.map(each => each.data_source).find(each => each.data[name])
  return Array.from(source.data[name])
}"""


@pytest.mark.slow
def test_in_a_browser(browser, capsys):
    """Loads in silence, asks this machine alone; sliders and clicks move the point, numbers are those of `predict`."""
    from playwright.sync_api import expect

    with served("hese7", "--at", "m_zprime_mev=8", "--at", "g_prime=1e-3") as address:
        view, said, hosts = opened(browser, address, viewport={"width": 1400, "height": 900})
        before, at = view.evaluate(CURVE, "νe"), view.locator("input[type=text]").first
        assert at.input_value().startswith("--at m_zprime_mev=8.0 --at g_prime=0.001 ")
        handle = view.locator(".noUi-handle").nth(3)
        handle.press("ArrowLeft")
        view.get_by_role("button", name="back", disabled=False).wait_for()
        assert view.evaluate(CURVE, "νe") != before
        assert "gamma=2.7475" in at.input_value()
        assert main(["predict", "hese7", *at.input_value().split(), "--json"]) == 0
        predicted = json.loads(capsys.readouterr().out)
        for topology in predicted["topologies"]:
            top = view.evaluate(
                "name => { const figure = Bokeh.documents[0].get_model_by_name(name);"
                "return Array.from(figure.renderers[0].data_source.data.top) }",
                topology,
            )
            total = np.add(predicted["astro"][topology], predicted["background"][topology])
            assert top == pytest.approx(np.maximum(total, min(top)), rel=1e-12)
        box = view.locator(".bk-Figure").nth(1).bounding_box()
        view.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.3 * box["height"])
        expect(at).not_to_have_value(re.compile("m_zprime_mev=8.0 "))
        assert "gamma=2.7475" in at.input_value()
        assert said == []
        assert hosts == {"127.0.0.1"}
        view.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(browser, scheme):
    """One column, nothing wider than the screen, in the colours that it asks for."""
    with served("mese11") as address:
        view, said, _ = opened(browser, address, viewport={"width": 380, "height": 800}, color_scheme=scheme)
        view.wait_for_function(
            "scheme => document.documentElement.dataset.theme == scheme || scheme == 'light'", arg=scheme
        )
        assert view.evaluate("document.documentElement.scrollWidth") <= 380
        boxes = [each.bounding_box() for each in view.locator(".bk-Figure").all()]
        assert len(boxes) == 5
        assert all(box["x"] >= 0.0 and box["x"] + box["width"] <= 380 and box["width"] > 300 for box in boxes)
        dark = "getComputedStyle(document.body).backgroundColor"
        assert view.evaluate(dark) == ("rgb(21, 24, 28)" if scheme == "dark" else "rgb(255, 255, 255)")
        assert said == []
        view.close()


@pytest.mark.slow
def test_a_foreign_page_cannot_drive_it():
    """Its web socket is refused, that of the page itself is taken."""
    with served("hese7_icecube") as address:
        page = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
        page.request("GET", "/")
        token = re.search(r'"token":"([^"]+)"', page.getresponse().read().decode())[1]
        page.close()
        for origin, code in (("http://example.org", 403), ("http://127.0.0.1:1", 403), (address.rstrip("/"), 101)):
            assert upgraded(address, origin, token) == code


def upgraded(address, origin, token):
    """What the server answers to a web socket of a page."""
    server = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    server.request("GET", "/ws", headers={
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Origin": origin,
        "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==", "Sec-WebSocket-Protocol": f"bokeh, {token}",
    })  # fmt: skip
    answer = server.getresponse().status
    server.close()
    return answer
