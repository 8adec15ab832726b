"""Hints between processes: which runs have changed, and pieces of text under way. LISTEN and NOTIFY carry them.

A hint is sent after the commit and never inside of it, for PostgreSQL lets transactions that notify commit one after
the other. All that changes while one is under way goes in the next. Hints may be lost: whoever needs to know looks from
time to time anyway, and is told to look at everything (`None`) after the connection was away.
"""

from __future__ import annotations

import asyncio
import json
import logging
import select
import socket
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import psycopg

from fastagency_backend.store.base import StoreError
from fastagency_backend.store.postgres.failure import store_error
from fastagency_backend.store.postgres.pool import Connection, Connections

logger = logging.getLogger(__name__)

CHANNEL = "fastagency"
RUNS_PER_NOTE = 100
PIECE_CHARACTERS = 1_200
"""A note has to stay below 8,000 bytes, and a character may take six of them."""
PAUSE_S = 0.002
"""How long hints are gathered before they are sent."""
JOIN_S = 0.08
"""How long pieces of text are joined before they are sent."""
RECONNECT_S = 0.5
EVERYTHING = 2_000
"""When so many runs have changed at once, none is named."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of a run's message under way: it begins at `offset` of its `stream`, and replaces what was there."""

    run_id: str
    stream: str
    offset: int
    text: str


Heard = Callable[[frozenset[str] | None], None]
"""Called on the loop: these runs have changed elsewhere; None: any may have."""
HeardPiece = Callable[[Piece], None]


class Signals:
    """See the module's docstring. `tell` and `say` may be called in any thread."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._id = uuid.uuid4().hex[:12]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard: Heard = lambda _: None
        self._heard_piece: HeardPiece = lambda _: None
        self._told = _Outbox[str]()
        self._pieces = _Outbox[Piece]()
        self._sending: set[asyncio.Task[None]] = set()
        self._thread: threading.Thread | None = None
        self._listening: asyncio.Future[None] | None = None

    async def open(self, heard: Heard, heard_piece: HeardPiece | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._heard, self._heard_piece = heard, heard_piece or self._heard_piece
        self._listening = self._loop.create_future()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="fastagency-store-signals", daemon=True)
        self._thread.start()
        await self._listening

    async def close(self) -> None:
        """Send what was handed over, and listen no more."""
        while self._sending:
            await asyncio.gather(*self._sending)
        if self._thread is not None:
            self._wake.close()
            await asyncio.to_thread(self._thread.join)
            self._woken.close()
            self._thread = None

    def tell(self, runs: Iterable[str]) -> None:
        """These runs have changed."""
        if self._told.add(runs):
            self._call(self._start, self._send_told())

    def say(self, piece: Piece) -> None:
        """A piece of text has come."""
        if self._pieces.add([piece]):
            self._call(self._start, self._send_pieces())

    # --- sending, on the loop -------------------------------------------------------------------------------------

    def _start(self, sending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(sending, name="store-signals")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send_told(self) -> None:
        await asyncio.sleep(PAUSE_S)
        while runs := self._told.take():
            await self._notify(_notes_of_runs(runs))

    async def _send_pieces(self) -> None:
        await asyncio.sleep(JOIN_S)
        while pieces := self._pieces.take():
            await self._notify(_notes_of_pieces(pieces))

    async def _notify(self, notes: Iterable[dict[str, Any]]) -> None:
        payloads = [json.dumps({"from": self._id, **note}, separators=(",", ":")) for note in notes]
        try:
            await self._connections.write(lambda db: _notify(db, payloads))
        except StoreError as error:
            logger.warning("Other processes could not be told what has changed: %s", error)

    # --- listening, in the thread ---------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            db = self._listen()
        except psycopg.Error as error:
            self._call(_settle, self._listening, store_error(error))
            return
        self._call(_settle, self._listening, None)
        while not self._receive(db):
            db.close()
            while not self._woken_within(RECONNECT_S):
                try:
                    db = self._listen()
                except psycopg.Error as error:
                    logger.debug("The connection that listens could not be made again: %s", error)
                else:
                    break
            else:
                return
            self._call(self._heard, None)
        db.close()

    def _listen(self) -> Connection:
        db = self._connections.connect_to_listen()
        db.execute(f"LISTEN {CHANNEL}")
        return db

    def _receive(self, db: Connection) -> bool:
        """Hear until the end, or until the connection breaks; whether it was the end."""
        try:
            while True:
                for note in db.notifies(timeout=0):
                    self._hear(note.payload)
                wake = self._woken.fileno()
                if wake in select.select([db.fileno(), wake], [], [])[0]:
                    return True
        except (psycopg.Error, OSError, ValueError) as error:
            logger.warning("The connection that listens for other processes was lost: %s", error)
            return False

    def _woken_within(self, seconds: float) -> bool:
        return bool(select.select([self._woken], [], [], seconds)[0])

    def _hear(self, payload: str) -> None:
        note = json.loads(payload)
        if note["from"] == self._id:
            return
        if "piece" in note:
            self._call(self._heard_piece, Piece(*note["piece"]))
        else:
            self._call(self._heard, frozenset(note["runs"]) if note["runs"] is not None else None)

    def _call(self, callback: Callable[..., None], *args: Any) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop is closed: this process is on its way out
            logger.debug("The event loop was closed")


T = TypeVar("T")


class _Outbox(Generic[T]):
    """What is to be sent, gathered from any thread while a task is on its way to send it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: list[T] = []
        self._is_sent = False

    def add(self, items: Iterable[T]) -> bool:
        """Whether somebody has to start sending."""
        with self._lock:
            self._items += items
            starts = bool(self._items) and not self._is_sent
            self._is_sent = self._is_sent or starts
            return starts

    def take(self) -> list[T]:
        """All there is. Empty: the sender ends, and the next `add` says so."""
        with self._lock:
            items, self._items = self._items, []
            self._is_sent = bool(items)
            return items


def _notes_of_runs(told: list[str]) -> Iterator[dict[str, Any]]:
    runs = sorted(set(told))
    if len(runs) > EVERYTHING:
        yield {"runs": None}
        return
    for first in range(0, len(runs), RUNS_PER_NOTE):
        yield {"runs": runs[first : first + RUNS_PER_NOTE]}


def _notes_of_pieces(said: list[Piece]) -> Iterator[dict[str, Any]]:
    for piece in join(said):
        for first in range(0, max(1, len(piece.text)), PIECE_CHARACTERS):
            text = piece.text[first : first + PIECE_CHARACTERS]
            yield {"piece": [piece.run_id, piece.stream, piece.offset + first, text]}


def join(pieces: Iterable[Piece]) -> list[Piece]:
    """The same text in fewer pieces: those that follow each other in their stream become one."""
    joined: dict[tuple[str, str], list[Piece]] = {}
    for piece in pieces:
        of_stream = joined.setdefault((piece.run_id, piece.stream), [])
        if of_stream and of_stream[-1].offset + len(of_stream[-1].text) == piece.offset:
            of_stream[-1] = replace(of_stream[-1], text=of_stream[-1].text + piece.text)
        else:
            of_stream.append(piece)
    return [piece for of_stream in joined.values() for piece in of_stream]


def _notify(db: Connection, payloads: list[str]) -> None:
    db.execute("SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload", (CHANNEL, payloads))


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if not future.done():
        future.set_exception(error) if error is not None else future.set_result(None)
