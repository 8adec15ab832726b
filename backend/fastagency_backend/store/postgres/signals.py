"""Signals over the database itself: LISTEN and NOTIFY carry them. See `signals.Signals`.

A note is sent after the commit and never inside of it, for PostgreSQL lets transactions that notify commit one after
the other. All that is told while one is on its way goes with the next. The connection that listens belongs to a thread
of its own; after it was lost, everything is to be looked at.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any

import psycopg

from fastagency_backend.store.base import StoreError
from fastagency_backend.store.coalesced import Coalesced
from fastagency_backend.store.handover import call_on, settle
from fastagency_backend.store.postgres.failure import store_error
from fastagency_backend.store.postgres.pool import Connection, Connections
from fastagency_backend.store.signals import Hears

logger = logging.getLogger(__name__)

CHANNEL = "fastagency"
MAX_BYTES = 7_000
"""Of a text. A note has to stay below 8,000, and begins with its kind, its sender and perhaps a run's id."""
IDS_PER_NOTE = 200
"""32 characters each, and a space."""
EVERYTHING = 2_000
"""When so many runs have changed at once, none is named."""
MAX_OUTBOX = 10_000
"""Texts and wishes that wait to be sent; while the server is away, the newest."""
RECONNECT_S = 0.5
LONGEST_S = 0.04
"""How long hints are gathered at most: each one wakes every process that listens, and a part of the server for it."""
PAUSE_S = 0.01
"""How long notes are left to gather after some were taken. One after a silence is heard at once."""
CHANGED, READY, ANYTHING, WANTED, SHOWN = "craws"
"""The kinds of notes, by their first character."""
SENDER = 12
ID = 32
NOTIFY = (
    "WITH lax AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)) "
    "SELECT pg_notify(%s, note) FROM lax, unnest(%s::text[]) AS note"
)
"""Transactions that notify commit one after the other: none has to wait for the disk, for a note may be lost."""


class NotifySignals:
    """See the module's docstring."""

    max_bytes = MAX_BYTES

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._id = uuid.uuid4().hex[:SENDER]
        self._hears: Hears | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hints: Coalesced | None = None
        self._changed: set[str] = set()
        self._ready = False
        self._outbox: deque[str] = deque(maxlen=MAX_OUTBOX)
        self._something = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._watched: set[str] = set()
        self._listens = False
        self._absence_told = False
        self._thread: threading.Thread | None = None

    @property
    def connected(self) -> bool:
        return self._listens

    async def open(self, hears: Hears) -> None:
        self._hears, self._loop = hears, asyncio.get_running_loop()
        self._hints = Coalesced(self._take_hints, LONGEST_S)
        self._wake, self._woken = socket.socketpair()
        tried = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(tried,), name="fastagency-store-signals", daemon=True)
        self._thread.start()
        self._sending = asyncio.create_task(self._send_all(), name="store-signals")
        await tried

    async def close(self) -> None:
        """Send what was handed over, and listen no more."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
            self._sending = None
            await self._send(self._notes())
        if self._thread is not None:
            self._wake.close()
            await asyncio.to_thread(self._thread.join)
            self._woken.close()
            self._thread = None

    def tell(self, run_ids: Iterable[str], *, ready: bool = False) -> None:
        if self._hints is not None:
            self._hints.add(run_ids, ready=ready)

    def show(self, run_id: str, text: str) -> None:
        self._put(f"{SHOWN}{self._id}{run_id}{text}")

    def want(self, run_id: str) -> None:
        self._put(f"{WANTED}{self._id}{run_id}")

    def watch(self, run_id: str) -> None:
        self._watched.add(run_id)

    def unwatch(self, run_id: str) -> None:
        self._watched.discard(run_id)

    # --- sending, on the loop -------------------------------------------------------------------------------------

    def _take_hints(self, run_ids: Collection[str], ready: bool) -> None:
        self._changed.update(run_ids)
        self._ready |= ready
        self._something.set()

    def _put(self, note: str) -> None:
        self._outbox.append(note)
        self._something.set()

    async def _send_all(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            await self._send(self._notes())

    def _notes(self) -> list[str]:
        """Takes all that is to be sent."""
        notes = list(self._outbox)
        self._outbox.clear()
        ids, self._changed = sorted(self._changed), set()
        if self._ready:
            notes.append(READY + self._id)
            self._ready = False
        if len(ids) > EVERYTHING:
            notes.append(ANYTHING + self._id)
            ids = []
        firsts = range(0, len(ids), IDS_PER_NOTE)
        notes += [CHANGED + self._id + " ".join(ids[first : first + IDS_PER_NOTE]) for first in firsts]
        return notes

    async def _send(self, notes: list[str]) -> None:
        if not notes:
            return
        try:
            await self._connections.write(lambda db: _notify(db, notes))
        except StoreError as error:
            logger.warning("Other processes could not be told what has changed: %s", error)

    # --- listening, in the thread ---------------------------------------------------------------------------------

    def _run(self, tried: asyncio.Future[None]) -> None:
        db = self._listen()
        self._call(settle, tried)
        if db is None and (db := self._listen_again()) is None:
            return
        while not self._receive(db):
            self._listens = False
            db.close()
            if (db := self._listen_again()) is None:
                return
        self._listens = False
        db.close()

    def _listen(self) -> Connection | None:
        try:
            db = self._connections.connect_to_listen()
            db.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error as error:
            level = logging.DEBUG if self._absence_told else logging.WARNING
            logger.log(level, "There are no signals of other processes, and it is tried again: %s", store_error(error))
            self._absence_told = True
            return None
        self._listens, self._absence_told = True, False
        return db

    def _listen_again(self) -> Connection | None:
        """None: this process is on its way out."""
        while not select.select([self._woken], [], [], RECONNECT_S)[0]:
            if (db := self._listen()) is not None:
                logger.info("Signals of other processes are heard again")
                self._hear_that(None, ready=True)
                return db
        return None

    def _receive(self, db: Connection) -> bool:
        """Hear until the end, or until the connection breaks; whether it was the end."""
        try:
            while True:
                if notes := [note.payload for note in db.notifies(timeout=0)]:
                    self._call(self._hear, notes)
                    time.sleep(PAUSE_S)
                wake = self._woken.fileno()
                if wake in select.select([db.fileno(), wake], [], [])[0]:
                    return True
        except (psycopg.Error, OSError, ValueError) as error:
            logger.warning("The connection that listens for other processes was lost: %s", " ".join(str(error).split()))
            return False

    def _hear_that(self, run_ids: Collection[str] | None, *, ready: bool) -> None:
        assert self._hears is not None
        hears = self._hears
        self._call(lambda: hears.changed(run_ids, ready=ready))

    def _call(self, callback: Callable[..., None], *args: Any) -> None:
        assert self._loop is not None
        call_on(self._loop, callback, *args)

    # --- what is heard, on the loop -------------------------------------------------------------------------------

    def _hear(self, notes: list[str]) -> None:
        for note in notes:
            self._hear_one(note)

    def _hear_one(self, note: str) -> None:
        assert self._hears is not None
        kind, sender, rest = note[:1], note[1 : 1 + SENDER], note[1 + SENDER :]
        if sender == self._id:
            return
        if kind == CHANGED:
            self._hears.changed(rest.split(), ready=False)
        elif kind == READY:
            self._hears.changed((), ready=True)
        elif kind == ANYTHING:
            self._hears.changed(None, ready=False)
        elif kind == WANTED:
            self._hears.wanted(rest)
        elif kind == SHOWN and rest[:ID] in self._watched:
            self._hears.shown(rest[:ID], rest[ID:])


def _notify(db: Connection, notes: list[str]) -> None:
    db.execute(NOTIFY, (CHANNEL, notes))
