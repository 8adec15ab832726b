"""The network between one process and its server: it is cut, or swallows all there is, and is mended."""

from __future__ import annotations

import socket
import threading
from enum import Enum

from tests.proxy import Proxy


class State(Enum):
    WELL = "bytes go both ways"
    SILENT = "connections stay, and nothing comes through until it is mended"
    CUT = "connections are broken, and new ones refused"


class Network(Proxy):
    """Listens on `port` in the place of the server at `target`."""

    def __init__(self, target: int) -> None:
        self._state = State.WELL
        self._changed = threading.Condition()
        super().__init__(target)

    def silence(self) -> None:
        self._become(State.SILENT)

    def cut(self) -> None:
        self._become(State.CUT)
        self.end_all()

    def mend(self) -> None:
        self._become(State.WELL)

    def close(self) -> None:
        self._become(State.CUT)
        super().close()

    def accepts(self) -> bool:
        return self._state is not State.CUT

    def request(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        self._wait()
        return super().request(data, client, server)

    def reply(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        self._wait()
        return super().reply(data, client, server)

    def _become(self, state: State) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._state is not State.SILENT)
