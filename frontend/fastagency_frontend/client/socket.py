"""Opening the WebSocket of a run without ever blocking the caller for longer than a beat."""

import json
import logging
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any

from fastagency_shared.connection import SUBPROTOCOL_V2
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

V2 = Subprotocol(SUBPROTOCOL_V2)
OPEN_TIMEOUT_S = 10.0
# Nobody waits for the backend's part of the closing handshake: the run goes on without this watcher anyway.
CLOSE_TIMEOUT_S = 1.0

# At DEBUG the library logs the headers of the handshake, and they have credentials in them.
_quiet = logging.getLogger(f"{__name__}.handshake")
_quiet.setLevel(logging.INFO)


@dataclass(frozen=True)
class Address:
    """Where to connect, and on whose behalf: `headers` is asked each time, as a token in them may live for a minute."""

    url: str
    headers: Callable[[], Mapping[str, str]] = field(default=dict, repr=False)


def opened(address: Address, beat_s: float) -> Generator[None, None, ClientConnection]:
    """Open a WebSocket: yields at every beat while that takes, returns the connection, raises what `connect` raises.

    A name server or a network that does not answer blocks for seconds, so that the connecting happens in a thread.
    """
    result: Future[ClientConnection] = Future()
    threading.Thread(target=_connect, args=(address, result), name="fastagency-connect", daemon=True).start()
    try:
        while not wait([result], beat_s).done:
            yield
    except GeneratorExit:
        result.add_done_callback(_discard)
        raise
    return result.result()


def connected(address: Address, *subprotocols: Subprotocol) -> ClientConnection:
    """Open a WebSocket, and block until it is open. Raises `OSError` or `WebSocketException`."""
    return connect(
        address.url,
        subprotocols=subprotocols or None,
        additional_headers=dict(address.headers()),
        # Compression costs each connection far more memory than it saves between two servers.
        compression=None,
        open_timeout=OPEN_TIMEOUT_S,
        close_timeout=CLOSE_TIMEOUT_S,
        # The backend bounds its messages; a second bound here could only cut a conversation for ever.
        max_size=None,
        logger=_quiet,
    )


def frame(value: Mapping[str, Any]) -> str:
    """A JSON text frame."""
    return json.dumps(value, ensure_ascii=False)


def _connect(address: Address, result: "Future[ClientConnection]") -> None:
    try:
        connection = connected(address, V2)
    except Exception as error:  # noqa: BLE001 - it is raised again in the thread that waits for it
        result.set_exception(error)
    else:
        result.set_result(connection)


def _discard(result: "Future[ClientConnection]") -> None:
    if result.exception() is None:
        with result.result():
            pass
