"""A person with a browser, in the words of what people do on the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "e2e"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 60_000
"""How long anything may take before a test says that it does not come: the machine may be busy."""

expect.set_options(timeout=PATIENCE_MS)


class Person:
    """One visitor with one tab; `another_tab` opens a second one. Knows what the browser complained about."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.context: BrowserContext = browser.new_context(**{"viewport": DESKTOP, **options})
        self.context.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        self.outside: list[str] = []
        self.page = self._tab()

    def another_tab(self) -> Tab:
        return Tab(self._tab())

    @property
    def tab(self) -> Tab:
        return Tab(self.page)

    def visit(self, path: str = "/") -> Tab:
        self.page.goto(self.url + path)
        return self.tab

    def close(self) -> None:
        self.context.close()

    def _tab(self) -> Page:
        page = self.context.new_page()
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        return page

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:")):
            self.outside.append(url)


class Tab:
    """What can be done and seen in one tab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def phase(self) -> Locator:
        return self.page.locator(".fa-phase")

    @property
    def field(self) -> Locator:
        return self.page.locator("fa-composer .field")

    @property
    def note(self) -> Locator:
        """The sentence below the field: why an answer was not taken, or what has become of its question."""
        return self.page.locator("fa-composer .refusal")

    @property
    def banner(self) -> Locator:
        return self.page.locator("fa-pulse .banner")

    @property
    def conversations(self) -> Locator:
        return self.page.locator("fa-sidebar .conversation")

    def rows(self, kind: str = "") -> Locator:
        """What the transcript shows, all of it or one type of message."""
        return self.page.locator(f'fa-transcript [data-type="{kind}"]' if kind else "fa-transcript [data-type]")

    def start(self, workflow: str) -> None:
        self.button(re.compile(f"^{workflow}")).click()
        expect(self.page.locator("fa-transcript")).to_be_visible()

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def answer(self, text: str) -> None:
        expect(self.field).to_be_editable()
        self.field.fill(text)
        self.field.press("Enter")

    def said(self, text: str) -> Locator:
        return self.page.locator("fa-transcript article, fa-transcript .card").filter(has_text=text)

    def address(self) -> str:
        """Where the tab is; `page.url` lags behind what a script has pushed."""
        return str(self.page.evaluate("location.pathname + location.search"))

    def picture(self, name: str) -> None:
        """Keep a screenshot for the people who look at the run's artifacts."""
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        self.page.wait_for_timeout(300)  # lets animations end; no verdict depends on it
        self.page.screenshot(path=ARTIFACTS / f"{name}.png")
