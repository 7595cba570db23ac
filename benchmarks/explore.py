"""How long the explorer takes from a slider to the picture: python benchmarks/explore.py [PRESET [KEY=VALUE ...]].

Prints the milliseconds of the server alone, and of the whole way in a headless Chromium: from the move of a slider
until the frame after the last figure has its numbers. Without arguments, some presets in turn.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
from bokeh.document import Document
from playwright.sync_api import Page as View
from playwright.sync_api import sync_playwright

import nuinfer
from nuinfer.cli.command import point_of
from nuinfer.explore import state
from nuinfer.explore.page import Opened, Page

MOVES = 60
USUAL = ("hese7", "mese11", "hese12_nutau_scalar", "hese7 model.targets=thermal")

MOVE = """([name, share]) => new Promise(resolve => {
  const page = Bokeh.documents[0], slider = page.get_model_by_name(name), terms = page.get_model_by_name("terms")
  const begin = performance.now()
  const seen = () => {
    terms.properties.text.change.disconnect(seen)
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - begin)))
  }
  terms.properties.text.change.connect(seen)
  slider.value = slider.start + share * (slider.end - slider.start)
})"""


def main() -> None:
    """Print a line for each."""
    for words in [sys.argv[1:]] if sys.argv[1:] else map(str.split, USUAL):
        preset, *overrides = words
        here, there = on_the_server(preset, overrides), in_a_browser(preset, overrides)
        told = (f"{np.min(times):.0f} ms at least, {np.median(times):.0f} as a rule" for times in (here, there))
        print("{}: server {}; slider to picture {}".format(" ".join(words), *told))


def shares() -> list[float]:
    """Where the slider is put, over its length."""
    return [float(share) for share in np.random.default_rng(1).uniform(0.2, 0.8, MOVES)]


def on_the_server(preset: str, overrides: list[str]) -> list[float]:
    """Milliseconds of each move, without a browser."""
    page = Page(Document(), Opened(state.begin(nuinfer.load(preset, overrides)), point_of, preset, [preset]))
    name, times = "log10_g_prime", []
    low, high = page.sliders[name].start, page.sliders[name].end
    for share in shares():
        page.slide(name, low + share * (high - low))
        begin = time.perf_counter()
        page.catch_up()
        times.append(1e3 * (time.perf_counter() - begin))
    return times[5:]  # the first ones compile, and the bounds are computed beside them


def in_a_browser(preset: str, overrides: list[str]) -> list[float]:
    """Milliseconds of each move, from the slider to the picture."""
    sets = [part for text in overrides for part in ("--set", text)]
    command = [sys.executable, "-m", "nuinfer", "explore", preset, *sets, "--no-browser"]
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        (address,) = re.findall(r"http\S+", server.stdout.readline() if server.stdout else "")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        view: View = browser.new_page(viewport={"width": 1400, "height": 1000})
        view.goto(address)
        view.locator(".noUi-handle").first.wait_for()
        view.wait_for_timeout(3000)
        times: list[Any] = [view.evaluate(MOVE, ["log10_g_prime", share]) for share in shares()]
        browser.close()
        server.send_signal(signal.SIGINT)
    return [float(each) for each in times[5:]]


if __name__ == "__main__":
    main()
