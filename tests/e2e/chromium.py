"""A real browser for the tests: the Chromium or Chrome that is on this machine, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HOW_TO_GET_IT = (
    "This test drives a browser, and there is no Chromium or Chrome on the PATH. Install one: `apt install chromium` "
    "on Debian and Ubuntu, `brew install --cask chromium` on macOS, `winget install Google.Chrome` on Windows."
)


def find_browser() -> str:
    """The browser's program. Without one the test is skipped, and in CI it fails."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(HOW_TO_GET_IT)
        pytest.skip(HOW_TO_GET_IT)
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    path = find_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()
