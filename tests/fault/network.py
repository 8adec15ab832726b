"""The network between one process and its server: a TCP proxy that is cut, or swallows all there is, and is mended."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from enum import Enum


class State(Enum):
    WELL = "bytes go both ways"
    SILENT = "connections stay, and nothing comes through until it is mended"
    CUT = "connections are broken, and new ones refused"


class Network:
    """Listens on `port` in the place of the server at `target`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._state = State.WELL
        self._changed = threading.Condition()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.connections = 0
        """How many have been made so far."""
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self) -> None:
        self._become(State.SILENT)

    def cut(self) -> None:
        self._become(State.CUT)
        self._end_all()

    def mend(self) -> None:
        self._become(State.WELL)

    def close(self) -> None:
        self.cut()
        self._server.close()

    def _become(self, state: State) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _end_all(self) -> None:
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _end(*pair)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self._state is State.CUT:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self.connections += 1
            self._pairs.append((client, server))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                with self._changed:
                    self._changed.wait_for(lambda: self._state is not State.SILENT)
                sink.sendall(data)
        _end(source, sink)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
