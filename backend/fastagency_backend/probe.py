"""How a worker is doing, over HTTP: for whoever supervises and measures processes that serve nobody.

In threads of its own, with nothing but the standard library: that an event loop stands still is said, not waited for.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from fastagency_backend import observe
from fastagency_backend.engine.health import PATIENCE_S, Health
from fastagency_backend.engine.observer import Observer

logger = logging.getLogger(__name__)

HEALTH_PATH = "/fastagency/health"
"""As of every other process of the backend."""
ANSWER_TIMEOUT_S = 3 * PATIENCE_S
STUCK = Health(unwell=("loop",))


class Probed(Protocol):
    """What is asked."""

    @property
    def observer(self) -> Observer: ...

    async def health(self) -> Health: ...


Page = Callable[[], tuple[int, str, bytes]]
"""Gives status, content type and body; called in any thread."""


@contextmanager
def probe(host: str, port: int, process: Probed, metrics_path: str | None) -> Iterator[None]:
    """Answer meanwhile. On the loop of what is asked."""
    loop = asyncio.get_running_loop()

    def health() -> tuple[int, str, bytes]:
        asked = asyncio.run_coroutine_threadsafe(process.health(), loop)
        try:
            found = asked.result(ANSWER_TIMEOUT_S)
        except TimeoutError:
            asked.cancel()
            found = STUCK
        return 200 if found.ready else 503, "application/json", json.dumps(found.report).encode()

    def metrics() -> tuple[int, str, bytes]:
        body, content_type = observe.exposition(process.observer)
        return 200, content_type, body

    pages: dict[str, Page] = {HEALTH_PATH: health}
    if metrics_path is not None:
        pages[metrics_path] = metrics
    server = _Server((host, port), _handler(pages))
    threading.Thread(target=server.serve_forever, name="fastagency-probe", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def _handler(pages: dict[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            status, content_type, body = (
                page() if page is not None else (404, "text/plain", b"There is no such page.\n")
            )
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base's
            logger.debug(format, *args)

    return Handler
