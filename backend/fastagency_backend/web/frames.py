"""How frames reach the network, where `fastagency` starts the server: those of one turn of the event loop in one write.

uvicorn makes a system call for each frame, and each of them may wake the client. A run that says ten things at once, to
twenty followers, is two hundred of them.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ROOM_BYTES = 65_536
"""What is gathered at most; a slow client is the transport's to deal with."""


class GatheringProtocol(WebSocketsSansIOProtocol):
    """uvicorn's own protocol, on a transport that gathers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, GatheringTransport(cast(asyncio.Transport, transport))))


class GatheringTransport:
    """A transport whose first write in a turn of the loop goes out at once, and what follows in that turn as one."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._gathers = False
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._gathers:
            self._gathers = True
            self._loop.call_soon(self._end_of_turn)
            self._transport.write(data)
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size >= ROOM_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _end_of_turn(self) -> None:
        self._gathers = False
        self._flush()

    def _flush(self) -> None:
        parts, self._parts, self._size = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))
