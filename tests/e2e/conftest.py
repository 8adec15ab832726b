"""Real processes and a real browser for the end-to-end tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.person import Person
from tests.e2e.process import Process, backend_process, page_process
from tests.needed import missing

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.test 127.0.0.1",
]

Visit = Callable[..., Person]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e/" in item.path.as_posix():
            item.add_marker(pytest.mark.e2e)


def find_chromium() -> str:
    """The browser's program; without one the tests are skipped, but in CI they fail."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        missing("The end-to-end tests need Chromium or Chrome on the PATH: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One backend for all tests that leave it alone."""
    process = backend_process(tmp_path_factory.mktemp("backend"))
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def page(backend: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The page as the Procfile starts it, for all tests that leave it alone."""
    yield from running(page_process("gthread", backend, tmp_path_factory.mktemp("page")))


@pytest.fixture(scope="session", params=["gthread", "sync", "waitress"])
def any_server(
    request: pytest.FixtureRequest, backend: Process, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    """The page on each of the servers, one after the other."""
    process = page_process(request.param, backend, tmp_path_factory.mktemp(request.param))
    yield from running(process)


def running(process: Process) -> Iterator[Process]:
    process.start()
    yield process
    process.stop()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens browsers of people, and closes them after the test."""
    people: list[Person] = []

    def open_browser(process: Process, **options: Any) -> Person:
        people.append(Person(browser, process.url, **options))
        return people[-1]

    yield open_browser
    for person in people:
        person.close()
