"""What several test files share."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from nuinfer.errors import warn_once

os.environ.pop("COLUMNS", None)  # of whoever runs the tests; what is printed into a pipe has no width then
os.unsetenv("COLUMNS")  # readline, which pytest imports, tells child processes without telling Python


@pytest.fixture(scope="session")
def toys():
    """Toy analyses with known posteriors; worker processes import them too."""
    import inference_toys

    return inference_toys


@pytest.fixture(autouse=True)
def _every_test_is_warned():
    """What is said once in a process is said once in a test."""
    warn_once.cache_clear()


@pytest.fixture
def pool():
    """Two threads instead of worker processes."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium of the system, else the one that Playwright has installed, else a skip that says so."""
    reason = "needs Playwright (pip install nuinfer[browser])"
    api = pytest.importorskip("playwright.sync_api", reason=reason)
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with api.sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        except api.Error as error:
            pytest.skip(f"no Chromium starts on this machine: {str(error).splitlines()[0]}")
        yield opened
        opened.close()
