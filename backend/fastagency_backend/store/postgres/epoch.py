"""The epoch of the log, which is the server's timeline: a standby that is promoted begins another one.

A synchronous standby has lost nothing by then, but nobody can tell it from one that has. A connection stays with one
timeline for as long as it lasts, so that each is looked at when it is made. Behind a PgBouncer it need not: there each
read is followed by a look, and the statements that write look for themselves.

A backup that is restored lacks the newest, too, and no timeline tells: whoever restores it begins another epoch. That
one has to be newer than any that the lost database can have had, which the backup does not know; so it is the time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg

from fastagency_backend.store.postgres.sql import EPOCH, TIMELINE

BEGIN_EPOCH = (
    f"UPDATE service SET timeline = {TIMELINE} - greatest({EPOCH} + 1, (extract(epoch FROM now()) / 10)::integer)"
)
"""Ten seconds each: so they fit into an integer for centuries. A failover a day adds less than time does."""


class Epochs:
    """The newest epoch that a connection of this process has shown. Used in any thread."""

    def __init__(self) -> None:
        self.newest = 0
        self._lock = threading.Lock()
        self._tell: Callable[[], None] | None = None

    def begin(self, tell: Callable[[], None]) -> None:
        """From now on each connection is looked at; `tell` is called in its thread when it shows another epoch."""
        self._tell = tell

    def look(self, db: psycopg.Connection[Any]) -> None:
        """Look which epoch a connection shows. Raises `psycopg.Error`."""
        if self._tell is not None:  # else there may be no tables yet
            self.take(read_epoch(db))

    def take(self, epoch: int) -> None:
        """Take in an epoch that a connection has shown."""
        with self._lock:
            if self._tell is None or epoch <= self.newest:
                return
            self.newest = epoch
        self._tell()


def read_epoch(db: psycopg.Connection[Any]) -> int:
    row = db.execute(f"SELECT {EPOCH}").fetchone()
    assert row is not None
    return int(row[0])


def begin_epoch(db: psycopg.Connection[Any]) -> int:
    """Begin another epoch, newer than any that this database has had; returns it."""
    db.execute(BEGIN_EPOCH)
    return read_epoch(db)
