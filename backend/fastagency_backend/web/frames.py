"""How frames reach the network, where `fastagency` starts the server: those of one turn of the event loop in one write.

uvicorn makes a system call for each frame, and each of them may wake the client. A run that says ten things at once, to
twenty followers, is two hundred of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, cast

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

from fastagency_backend.web.texts import TEXTS

ROOM_BYTES = 65_536
"""What is gathered at most; a slow client is the transport's to deal with."""
KEPT_BYTES = 1_048_576


class GatheringProtocol(WebSocketsSansIOProtocol):
    """uvicorn's own protocol, on a transport that gathers; with the extension `TEXTS`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, GatheringTransport(cast(asyncio.Transport, transport))))

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.handshake_initiated and not self.handshake_complete:
            cast(dict[str, Any], self.scope["extensions"])[TEXTS] = {}

    async def send(self, message: Any) -> None:
        if TEXTS not in message:
            await super().send(message)
            return
        texts: Sequence[str] = message[TEXTS]
        if self.conn.extensions:  # compressed, each connection by itself
            for text in texts:
                await super().send({"type": "websocket.send", "text": text})
            return
        for part in framed(texts):
            await self.writable.wait()
            if self.disconnected or self.conn.state is not State.OPEN:
                raise ClientDisconnected
            self.transport.write(part)


def framed(texts: Sequence[str]) -> list[bytes]:
    """Texts as a server's frames, in parts of about `ROOM_BYTES`.

    They are the same for every client, for a server does not mask them: kept for the next one who watches the same run.
    """
    global _last
    last_texts, parts = _last
    if last_texts != texts:
        parts = list(_parts(texts))
        _last = (texts, parts) if sum(map(len, parts)) <= KEPT_BYTES else ((), [])
    return parts


_last: tuple[Sequence[str], list[bytes]] = ((), [])
"""One batch, whoever it was for."""


def _parts(texts: Sequence[str]) -> Iterator[bytes]:
    frames: list[bytes] = []
    size = 0
    for text in texts:
        data = text.encode()
        frames += (_head(len(data)), data)
        size += len(data)
        if size >= ROOM_BYTES:
            yield b"".join(frames)
            frames, size = [], 0
    if frames:
        yield b"".join(frames)


def _head(size: int) -> bytes:
    """Of a whole text message in one frame (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


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
