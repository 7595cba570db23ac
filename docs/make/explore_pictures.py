"""Take the pictures of ``docs/explore.md``: python docs/make/explore_pictures.py [RUN].

They need the extras `explore` and `browser`, and a Chromium. With a run folder its draws are in the dark one.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "figures"
DIP = ("--at", "m_zprime_mev=9", "--at", "g_prime=2.5e-4", "--at", "gamma=2.6", "--at", "phi_total=7")
PICTURES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1400, "height": 1250}},
    "phone": {"viewport": {"width": 380, "height": 800}, "device_scale_factor": 2},
    "dark": {"viewport": {"width": 1400, "height": 1250}, "color_scheme": "dark"},
}


def main() -> None:
    """Write a PNG each."""
    browsers = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=next(browsers, None), args=["--no-sandbox"])
        for name, settings in PICTURES.items():
            opened = sys.argv[1:] if name == "dark" and sys.argv[1:] else ["hese7"]
            command = [sys.executable, "-m", "nuinfer", "explore", *opened, *DIP, "--no-browser"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - ours
                (address,) = re.findall(r"http\S+", server.stdout.readline() if server.stdout else "")
                view = browser.new_page(**settings)
                view.goto(address)
                view.locator(".noUi-handle").first.wait_for()
                view.get_by_role("button", name="best fit from here").wait_for()
                view.wait_for_timeout(3000)  # the bounds
                view.screenshot(path=FOLDER / f"explore-{name}.png")
                view.close()
                server.send_signal(signal.SIGINT)
            print(f"wrote {FOLDER / f'explore-{name}.png'}")


if __name__ == "__main__":
    main()
