"""An application with a page of its own, for the command line to find and serve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastagency_frontend.app import FastAgency

from tests.fakes.provider import FakeProvider


class Page:
    def mount(self, application: FastAgency) -> None:
        pass

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"page"]


app = FastAgency(FakeProvider({}), Page(), title="Desk")
