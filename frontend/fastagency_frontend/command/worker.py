"""gunicorn's worker with threads, which gives a thread only to a request that has arrived.

gunicorn's own gives one to each connection that has sent a byte, and the thread waits for the rest: as many half-sent
requests as there are threads stop the page for as long as they are held. Here the one thread that accepts connections
also reads from all of them. Whoever has not sent a request by `REQUEST_DEADLINE_S` is let go.
"""

from __future__ import annotations

import errno
import logging
import selectors
import socket
import struct
import time
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.http2 import negotiation
from gunicorn.workers.gthread import TConn, ThreadWorker

from fastagency_frontend.command.arrival import Arrival, arrival
from fastagency_frontend.command.crowd import Crowd
from fastagency_frontend.settings import load_settings

REQUEST_DEADLINE_S = 20.0
"""From the time a connection is accepted, or used again, to the last byte of the request."""
LOOK_EVERY_S = 1.0
WRITE_TIMEOUT_S = 20
"""How long a write waits for a client that does not read."""
MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Of all requests under way together; past it, only small ones go on."""
SMALL_BYTES = 64 * 1024
READ_BYTES = 64 * 1024

logger = logging.getLogger(__name__)


class Connection(TConn):  # type: ignore[misc]
    """A connection, and as much of a request as it has sent."""

    def __init__(self, worker: Worker, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(worker.cfg, sock, client, server)
        self.received = bytearray()
        self.deadline = 0.0
        self.continued = False
        self._crowd: Crowd | None = worker.crowd

    def close(self, graceful: bool = False) -> None:
        if self._crowd is not None:
            self._crowd.leave(self.client)
            self._crowd = None
        super().close(graceful=graceful)


class Worker(ThreadWorker):  # type: ignore[misc]
    """What is overridden runs in the thread that accepts, and in no other."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.crowd = Crowd(load_settings().frontend_connections_per_address)
        self._waiting: set[Connection] = set()
        self._waiting_bytes = 0
        self._next_look = 0.0

    def accept(self, listener: Any) -> None:
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        if not self.crowd.enter(client):
            sock.close()
            return
        self.nr_conns += 1
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", WRITE_TIMEOUT_S, 0))
        self.enqueue_req(Connection(self, sock, client, listener.getsockname()))

    def enqueue_req(self, conn: Connection) -> None:
        """Called for each request that a connection may send: the first one, and those after it."""
        if self.cfg.is_ssl or negotiation.prior_knowledge_allowed(self.cfg, conn.client):
            super().enqueue_req(conn)  # bytes that only a TLS or HTTP/2 connection can read
            return
        if conn.parser is not None:  # what was read together with the request before
            conn.received += conn.parser.unreader.take_buffered()
        self._waiting_bytes += len(conn.received)
        self._waiting.add(conn)
        conn.deadline = time.monotonic() + REQUEST_DEADLINE_S
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, conn))
        if conn.received:
            self._look_at(conn)

    def murder_pending(self) -> None:
        """Called after each event. When the worker stops, it does not wait for those who have sent nothing."""
        super().murder_pending()
        now = time.monotonic()
        if self.alive and now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY_S
        for conn in list(self._waiting):
            if now >= conn.deadline or not (self.alive or conn.received):
                self._let_go(conn)

    def _on_readable(self, conn: Connection, sock: socket.socket) -> None:
        try:
            read = sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            read = b""
        if not read:
            self._let_go(conn)
            return
        conn.received += read
        self._waiting_bytes += len(read)
        self._look_at(conn)

    def _look_at(self, conn: Connection) -> None:
        match arrival(conn.received):
            case Arrival.NOTHING | Arrival.PARTLY:
                if self._waiting_bytes > MAX_WAITING_BYTES and len(conn.received) > SMALL_BYTES:
                    self._refuse(conn, HTTPStatus.SERVICE_UNAVAILABLE)
            case Arrival.AWAITS_CONTINUE:
                if not conn.continued:
                    conn.continued = True
                    self._send(conn, "HTTP/1.1 100 Continue\r\n\r\n")
            case Arrival.WHOLE:
                received = self._take(conn)
                conn.init()
                conn.parser.unreader.unread(received)
                super().enqueue_req(conn)
            case refused:
                self._refuse(conn, HTTPStatus(refused.value))

    def _take(self, conn: Connection) -> bytes:
        """No longer wait for this request, but hold what has come of it."""
        self.poller.unregister(conn.sock)
        self._waiting.discard(conn)
        self._waiting_bytes -= len(conn.received)
        received, conn.received, conn.continued = bytes(conn.received), bytearray(), False
        return received

    def _let_go(self, conn: Connection) -> None:
        self._take(conn)
        self.nr_conns -= 1
        conn.close()

    def _refuse(self, conn: Connection, status: HTTPStatus) -> None:
        self._send(conn, f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self._let_go(conn)

    def _send(self, conn: Connection, text: str) -> None:
        """A few bytes, for which the buffer of a socket that was not written to has room."""
        try:
            conn.sock.send(text.encode())
        except OSError:
            logger.debug("A client went away before it was answered")
