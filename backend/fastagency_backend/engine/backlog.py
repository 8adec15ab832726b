"""How much a run has handed to the store that is not committed yet. A run that is too far ahead has to wait."""

from __future__ import annotations

import asyncio
import threading

from fastagency_backend.engine.bridge import Bridge

HIGH = 500
"""Messages beyond which a workflow has to wait."""
LOW = 100
"""Messages at which it may go on."""


class Backlog:
    """A count of messages. It grows in any thread, and shrinks on the engine's loop as the store commits."""

    def __init__(self, bridge: Bridge) -> None:
        self.size = 0
        self._bridge = bridge
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._shrunk = asyncio.Event()
        bridge.when_closed(self._free)

    @property
    def full(self) -> bool:
        """Whether a workflow has to wait."""
        return self.size > HIGH

    def grow(self) -> None:
        with self._lock:
            self.size += 1

    def shrink(self) -> None:
        with self._lock:
            self.size -= 1
            if self.size in (LOW, 0):
                self._room.notify_all()
                self._shrunk.set()

    def wait_for_room(self) -> None:
        """Hold a thread back while there is too much. Does nothing on the loop, where `drain` is awaited instead."""
        if self.full and not self._bridge.on_loop:
            with self._room:
                self._room.wait_for(lambda: self.size <= LOW or self._bridge.closed)
            self._bridge.check()

    async def drain(self, *, fully: bool = False) -> None:
        """Wait, on the engine's loop, until few are left, or none. On another loop nothing is waited for."""
        if self._bridge.on_loop:
            while self.size > (0 if fully else LOW) and not self._bridge.closed:
                self._shrunk.clear()
                await self._shrunk.wait()
        self._bridge.check()

    def _free(self) -> None:
        with self._room:
            self._room.notify_all()
        self._shrunk.set()
