"""A real WebSocket server on a loopback port that plays one script for each connection."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

Script = Callable[[ServerConnection], None]
V2 = Subprotocol("fastagency.v2")


class Backend:
    """What a scripted backend was asked, and where it is."""

    def __init__(self, scripts: list[Script | HTTPStatus], subprotocols: list[Subprotocol]) -> None:
        self.first_frames: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._scripts = scripts
        self._lock = threading.Lock()
        self._handshakes = 0
        self._server = serve(
            self._handle,
            "127.0.0.1",
            0,
            subprotocols=subprotocols or None,
            select_subprotocol=None if subprotocols else (lambda connection, offered: None),
            process_request=self._handshake,
        )
        self.url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        with self._lock:
            script = self._scripts[min(self._handshakes, len(self._scripts) - 1)]
            self._handshakes += 1
        self.headers.append({name.lower(): value for name, value in request.headers.raw_items()})
        connection.script = script  # type: ignore[attr-defined]
        return connection.respond(script, "no\n") if isinstance(script, HTTPStatus) else None

    def _handle(self, connection: ServerConnection) -> None:
        try:
            self.first_frames.append(json.loads(connection.recv()))
            connection.script(connection)  # type: ignore[attr-defined]
        except ConnectionClosed:
            return


@contextmanager
def backend(*scripts: Script | HTTPStatus, v2: bool = True) -> Iterator[Backend]:
    """Plays the first script for the first connection, and so on; the last one for all that follow."""
    server = Backend(list(scripts), [V2] if v2 else [])
    try:
        yield server
    finally:
        server.stop()


def said(seq: int | None, body: str = "", kind: str = "text_message", *, epoch: int = 0, **content: Any) -> str:
    """A message on the wire."""
    message = {"type": kind, "uuid": f"m{seq}", "content": {"body": body} | content}
    if epoch:
        message["epoch"] = epoch
    return json.dumps(message if seq is None else {**message, "seq": seq, "at": "2030-01-01T00:00:00Z"})


def sending(*frames: str, close: int | None = None, then: Script | None = None) -> Script:
    """Sends the frames, then closes with a code, or cuts the connection without a word."""

    def script(connection: ServerConnection) -> None:
        for frame in frames:
            connection.send(frame)
        if then is not None:
            then(connection)
        elif close is not None:
            connection.close(close)
        else:
            cut(connection)

    return script


def cut(connection: ServerConnection) -> None:
    """The network goes away: no closing handshake."""
    connection.socket.shutdown(socket.SHUT_RDWR)


def until_closed(connection: ServerConnection) -> None:
    """Stays, and reads what comes, until the client goes."""
    for _ in connection:
        pass
