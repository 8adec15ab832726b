"""A TCP proxy in front of a server on this machine. What happens to the bytes is for those who build on it to say."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Proxy:
    """Listens on `port` for connections to the server at `target`; by default all bytes go through, both ways."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()
        self.end_all()

    def end_all(self) -> None:
        """Break all connections."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            end(*pair)

    def accepts(self) -> bool:
        """Whether somebody who connects now reaches the server."""
        return True

    def request(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        """Bytes of a client have come; false ends the connection."""
        server.sendall(data)
        return True

    def reply(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        """Bytes of the server have come; false ends the connection."""
        client.sendall(data)
        return True

    def no_more_requests(self, client: socket.socket, server: socket.socket) -> None:
        """The client has gone, or `request` has ended the connection: by default the server is told."""
        end(client, server)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if not self.accepts():
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._pairs.append((client, server))
            threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self._replies, args=(client, server), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while (data := client.recv(65536)) and self.request(data, client, server):
                pass
        self.no_more_requests(client, server)

    def _replies(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while (data := server.recv(65536)) and self.reply(data, client, server):
                pass
        end(client, server)


def end(*ends: socket.socket) -> None:
    for each in ends:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
