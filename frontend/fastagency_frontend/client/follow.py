"""Following a run over WebSocket: every message once and in order, whatever happens to the connection.

The cursor (the `seq` of the last message given out, and its epoch) is all the state there is. After a loss the next
connection asks for what comes after the cursor, and what is not the very next message is not given out.
"""

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from fastagency_shared.connection import CloseCode
from fastagency_shared.errors import BackendTimeout, BackendUnreachable, StaleCursor
from fastagency_shared.messages import (
    AnswerResult,
    Error,
    LoggedMessage,
    RunStatusChanged,
    TextChunk,
    TransientMessage,
)
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection

from fastagency_frontend.client import errors
from fastagency_frontend.client.backoff import Outage, Patience
from fastagency_frontend.client.reading import read_message
from fastagency_frontend.client.socket import V2, Address, frame, opened

logger = logging.getLogger(__name__)

Received = LoggedMessage | TransientMessage | None


@dataclass(frozen=True)
class Watch:
    """What is followed: a run, by whom, from which cursor, and how patiently."""

    run_id: str
    address: Address
    shown_url: str
    user_id: str | None = None
    after: int = 0
    epoch: int = 0
    beat_s: float = 5.0
    patience: Patience = field(default_factory=Patience)


def follow(watch: Watch) -> Iterator[Received]:
    """The messages of a run after the cursor, then live, until it ends; None at every beat.

    Raises:
        UnknownRun, BackendRefused, InvalidRequest: the backend says no.
        StaleCursor: the log is of another epoch than what was given out of it.
        BackendIncompatible: it does not speak the protocol.
        BackendUnreachable: it stayed away for `patience.give_up_s`.
    """
    return _Follower(watch).messages()


class _Follower:
    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._cursor, self._epoch = watch.after, watch.epoch
        self._outage = Outage(watch.patience)
        self._refusal: str | None = None
        self._ended = False

    def messages(self) -> Iterator[Received]:
        while not self._ended:
            try:
                connection = yield from opened(self._watch.address, self._watch.beat_s)
                # `with connection` alone would tell the backend of an internal error when the iterator is closed.
                with connection, closing(connection):
                    yield from self._conversation(connection)
            except ConnectionClosed as error:
                self._closed(error)
            except (OSError, WebSocketException) as error:
                self._not_opened(error)
            if not self._ended:
                yield from self._pause()

    def _conversation(self, connection: ClientConnection) -> Iterator[Received]:
        """What one connection brings, until it is lost, or until the run has ended."""
        if connection.subprotocol != V2:
            raise errors.not_fastagency(self._watch.shown_url)
        connection.send(self._first_frame())
        while not self._ended:
            try:
                data = connection.recv(timeout=self._watch.beat_s)
            except TimeoutError:
                yield None
                continue
            try:
                message = read_message(data)
            except ValueError:
                raise errors.not_fastagency(self._watch.shown_url) from None
            if message.seq is None:
                yield self._transient(message)
                continue
            if self._cursor and message.epoch != self._epoch:
                raise StaleCursor
            if message.seq > self._cursor + 1:
                logger.warning("A message is missing before %d; reconnecting", message.seq, extra=self._extra)
                self._outage.failed(time.monotonic())
                return
            elif message.seq == self._cursor + 1:
                self._outage.over()
                self._cursor, self._epoch = message.seq, message.epoch
                yield message

    def _first_frame(self) -> str:
        user = {"user_id": self._watch.user_id} if self._watch.user_id is not None else {}
        epoch = {"epoch": self._epoch} if self._epoch else {}
        return frame({"workflow_uuid": self._watch.run_id, "after": self._cursor, **epoch, **user})

    def _transient(self, message: LoggedMessage | TransientMessage) -> Received:
        if isinstance(message, Error):
            # It says why the connection is about to be closed.
            self._refusal = message.short
            return None
        self._outage.over()
        return message if isinstance(message, TextChunk | AnswerResult | RunStatusChanged) else None

    def _closed(self, error: ConnectionClosed) -> None:
        code = error.rcvd.code if error.rcvd is not None else CloseCode.LOST
        if code == CloseCode.NORMAL:
            self._ended = True
            return
        refused = errors.of_close(code, self._watch.shown_url, self._refusal)
        if refused is not None:
            raise refused from None
        logger.info("The connection to the backend was closed (%d); reconnecting", code, extra=self._extra)
        self._outage.failed(time.monotonic())

    def _not_opened(self, error: OSError | WebSocketException) -> None:
        """Come back later if that can help."""
        meaning = errors.of_exception(error, self._watch.shown_url)
        passing = isinstance(meaning, BackendUnreachable | BackendTimeout)
        broken = isinstance(error, InvalidStatus) and error.response.status_code >= 500
        if not passing and not broken:
            raise meaning from None
        logger.debug("The backend cannot be reached; trying again", extra=self._extra)
        self._outage.failed(time.monotonic())

    def _pause(self) -> Generator[None, None, None]:
        now = time.monotonic()
        wait_s = self._outage.wait_s(now)
        if wait_s is None:
            raise errors.given_up(self._watch.shown_url, self._outage.away_s(now))
        until = now + wait_s
        while (left_s := until - time.monotonic()) > 0:
            time.sleep(min(left_s, self._watch.beat_s))
            yield None

    @property
    def _extra(self) -> dict[str, str]:
        return {"run": self._watch.run_id}
