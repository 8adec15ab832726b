"""The wire to a server, which can lose a request or a reply, and the connection with it."""

from __future__ import annotations

import socket
from enum import Enum

from tests.proxy import Proxy


class Lose(Enum):
    REQUEST = "the next request, before the server has it"
    REPLY = "the next reply, when the server has done what it was asked"
    CLIENT = "the client, once the server has its next request"


class Wire(Proxy):
    """Listens on `port` for connections to the server at `target`. What is to be lost is lost once."""

    def __init__(self, target: int) -> None:
        self._lose: Lose | None = None
        self._needle = b""
        self._awaited: socket.socket | None = None
        self._lost: socket.socket | None = None
        super().__init__(target)

    def lose(self, what: Lose, needle: bytes = b"") -> None:
        """`needle`: text of the request that it is about; empty: whatever comes next."""
        self._needle, self._lose = needle, what

    @property
    def has_lost(self) -> bool:
        return self._lose is None

    def request(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        what = self._lose if self._needle in data else None
        if what is Lose.REQUEST:
            self._lose = None
            return False
        if what is Lose.REPLY:
            self._awaited = client
        server.sendall(data)
        if what is Lose.CLIENT:
            self._lose = None
            self._lost = client
            client.shutdown(socket.SHUT_RDWR)
        return True

    def no_more_requests(self, client: socket.socket, server: socket.socket) -> None:
        if client is not self._lost:  # else the server is not told
            super().no_more_requests(client, server)

    def reply(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        if self._awaited is client:
            self._awaited = self._lose = None
            return False
        return super().reply(data, client, server)
