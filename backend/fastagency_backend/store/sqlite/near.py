"""Small reads, carried out where they are asked for: on the event loop, without a thread in between.

In WAL mode a read waits for no writer. To hand it to another thread and back takes longer than the read itself, and is
most of what a start or an answer waits for. So the loop has a connection of its own, which gives up rather than hold
the loop up: it waits for no lock, and a read that is not small after all is stopped. The reader's thread then does the
same once more, as it does when anything fails: what an error means is decided there only.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from fastagency_backend.store.sqlite.lane import Lane

logger = logging.getLogger(__name__)

T = TypeVar("T")

STEPS = 5_000
"""Steps of SQLite's machine, of which a row takes 10 to 30: all of them are a fraction of a millisecond."""
VALUE_BYTES = 100_000
CACHE_KIB = 2_000


class TooMuch(Exception):
    """A job has found that what it was to read is not small."""


class Near:
    """The loop's own connection, and `reader` for what it does not do."""

    def __init__(self, open_connection: Callable[[], sqlite3.Connection], reader: Lane) -> None:
        self._open = open_connection
        self._reader = reader
        self._db: sqlite3.Connection | None = None
        self._alarms = 0

    async def start(self) -> None:
        """Open the connection: in the reader's thread, for that may have to wait."""
        self._db = await self._reader.run(lambda _: self._prepare())

    def stop(self) -> None:
        """From now on the reader's thread does everything."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    async def run(
        self, job: Callable[[sqlite3.Connection], T], at_length: Callable[[sqlite3.Connection], T] | None = None
    ) -> T:
        """The result of a read that is expected to be small: it sees all that was committed by now.

        `at_length` is what the reader's thread does in the place of `job`, which refuses what is not small.
        """
        if self._db is not None:
            self._alarms = 0
            try:
                return job(self._db)
            except (sqlite3.Error, TooMuch) as error:
                logger.debug("A read is left to the reader's thread: %s", error)
                self._let_go(self._db)
        return await self._reader.run(at_length or job)

    def _prepare(self) -> sqlite3.Connection:
        db = self._open()
        db.execute("PRAGMA busy_timeout = 0")
        db.execute("PRAGMA query_only = 1")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
        db.set_progress_handler(self._is_too_much, STEPS)
        return db

    def _let_go(self, db: sqlite3.Connection) -> None:
        """A read that was stopped at its very ROLLBACK would show the state that it saw to all that come after it."""
        if db.in_transaction:
            db.set_progress_handler(None, 0)
            db.execute("ROLLBACK")
            db.set_progress_handler(self._is_too_much, STEPS)

    def _is_too_much(self) -> bool:
        """Called each time that a statement has taken `STEPS`, over all its executions: the first one says nothing."""
        self._alarms += 1
        return self._alarms > 1
