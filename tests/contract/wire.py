"""A TCP proxy in front of a server, which can lose a request or a reply, and the connection with it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from enum import Enum


class Lose(Enum):
    REQUEST = "the next request, before the server has it"
    REPLY = "the next reply, when the server has done what it was asked"
    CLIENT = "the client, once the server has its next request"


class Wire:
    """Listens on `port` for connections to the server at `target`. What is to be lost is lost once."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._lose: Lose | None = None
        self._needle = b""
        self._awaited: socket.socket | None = None
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._start(self._accept)

    def lose(self, what: Lose, needle: bytes = b"") -> None:
        """`needle`: text of the request that it is about; empty: whatever comes next."""
        self._needle, self._lose = needle, what

    @property
    def has_lost(self) -> bool:
        return self._lose is None

    def close(self) -> None:
        self._server.close()
        for pair in self._pairs:
            _end(*pair)

    def _start(self, target: object, *args: object) -> None:
        threading.Thread(target=target, args=args, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._pairs.append((client, server))
            self._start(self._requests, client, server)
            self._start(self._replies, server, client)

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                what = self._lose if self._needle in data else None
                if what is Lose.REQUEST:
                    self._lose = None
                    break
                if what is Lose.REPLY:
                    self._awaited = client
                server.sendall(data)
                if what is Lose.CLIENT:
                    self._lose = None
                    client.shutdown(socket.SHUT_RDWR)
                    return  # the server is not told
        _end(client, server)

    def _replies(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self._awaited is client:
                    self._awaited = self._lose = None
                    break
                client.sendall(data)
        _end(client, server)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
