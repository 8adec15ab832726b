"""The epoch of the log, which is the server's timeline: a standby that is promoted begins another one.

A synchronous standby has lost nothing by then, but nobody can tell it from one that has. A connection stays with one
timeline for as long as it lasts, so that each is looked at when it is made; behind a PgBouncer it need not, so the
statements that matter look for themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg

from fastagency_backend.store.postgres.sql import EPOCH


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
        """Take in a connection that was made a moment ago. Raises `psycopg.Error`."""
        if self._tell is None:  # there may be no tables yet
            return
        row = db.execute(f"SELECT {EPOCH}").fetchone()
        assert row is not None
        with self._lock:
            if row[0] <= self.newest:
                return
            self.newest = row[0]
        self._tell()
