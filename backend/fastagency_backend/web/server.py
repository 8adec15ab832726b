"""The server that `fastagency` starts: uvicorn, which is told when to stop, and does not look ten times a second."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn
from fastagency_shared.connection import MAX_FRAME_BYTES

from fastagency_backend.web.frames import GatheringProtocol

TICK_S = 1.0
"""How often uvicorn has something to do by itself: the header `Date` is made anew."""
COULD_NOT_START = 3
"""The code with which uvicorn's own command ends then."""


def serve(app: str, **options: Any) -> None:
    """`uvicorn.run`, with what is ours: this server, and how frames reach the network."""
    options = websocket_options() | options
    config = uvicorn.Config(app, **options)
    if config.workers > 1:  # WEB_CONCURRENCY: processes of uvicorn's own
        uvicorn.run(app, **options)
        return
    config.load_app()
    server = QuietServer(config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(COULD_NOT_START)


def websocket_options() -> dict[str, Any]:
    """What uvicorn is told of WebSockets."""
    return {
        "ws": GatheringProtocol,
        "ws_max_size": MAX_FRAME_BYTES,
        "ws_per_message_deflate": False,  # a message is small, and compressing it costs more than sending it
    }


class QuietServer(uvicorn.Server):
    """See the module's docstring."""

    _loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._stopping.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
