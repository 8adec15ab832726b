"""The HTTP connections of model clients, shared by all of them in this process.

A workflow makes its model clients anew at each start, replay and un-parking. Left alone, each brings an HTTP client of
its own, whose SSL context takes 15 to 25 ms of CPU; all the rest of it takes a tenth of one. So there is one SSL
context per process, and asynchronous clients share their connections too. Which server is asked, with which key and
which patience, is said with each request: one HTTP client serves all settings.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx

from fastagency_backend.engine.context import left

logger = logging.getLogger(__name__)

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100)
"""How many calls are made at once is the runs' business: no call waits here for another's connection."""

_lock = threading.Lock()
_context: ssl.SSLContext | None = None


def ssl_context() -> ssl.SSLContext:
    """As httpx makes it from the environment, once per process; threads, event loops and forks may share it."""
    global _context
    with _lock:
        if _context is None:
            _context = httpx.create_ssl_context()
        return _context


@dataclass(frozen=True)
class _Open:
    client: httpx.AsyncClient
    guard: AsyncGenerator[httpx.AsyncClient, None]
    """Alive until the loop shuts its asynchronous generators down, as `asyncio.run` does; then it closes the client."""


_shared: SharedClient | None = None
_by_loop: dict[asyncio.AbstractEventLoop, _Open] = {}


class SharedClient(httpx.AsyncClient):
    """An HTTP client for any event loop, and for any number of model clients: each may close it, the others go on.

    Connections belong to the loop that opened them, and it is not known before a request which one that is: a client
    that a workflow's thread makes is used on the engine's loop, or on one that the workflow runs itself. A child of a
    fork has a loop of its own, and with it connections of its own.
    """

    def __init__(self) -> None:
        super().__init__(verify=ssl_context(), limits=_LIMITS, follow_redirects=True)

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        client = await _client()
        # A connection keeps the context that it was opened in, and would keep the run alive with it.
        with left():
            return await client.send(request, **options)

    async def aclose(self) -> None:
        """Nothing: the connections are closed with the loop."""


class BlockingClient(httpx.Client):
    """An HTTP client for one blocking model client; it shares the SSL context only.

    A thread that waits for a model is stopped wherever it is when its run is dropped (`classic.thread`). What it leaves
    behind then must not be somebody else's.
    """

    def __init__(self) -> None:
        super().__init__(verify=ssl_context(), limits=_LIMITS, follow_redirects=True)

    def __del__(self) -> None:
        if not self.is_closed:
            self.close()


def shared_client() -> SharedClient:
    """The one of this process."""
    global _shared
    if _shared is None:
        _shared = SharedClient()
    return _shared


async def _client() -> httpx.AsyncClient:
    """The client of this loop. Nothing is awaited before it is noted, so that no other task makes a second one."""
    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        guard = _open(loop)
        client = await anext(guard)
        with _lock:
            for gone in [each for each in _by_loop if each.is_closed()]:  # without shutting its generators down
                del _by_loop[gone]
            _by_loop[loop] = _Open(client, guard)
    return _by_loop[loop].client


async def _open(loop: asyncio.AbstractEventLoop) -> AsyncGenerator[httpx.AsyncClient, None]:
    client = httpx.AsyncClient(verify=ssl_context(), limits=_LIMITS, follow_redirects=True)
    try:
        yield client
    finally:
        with _lock:
            _by_loop.pop(loop, None)
        await client.aclose()
        logger.debug("The connections to models are closed")
