"""Copies the write-ahead log back into the file, beside the writer: no commit waits for that.

Left to itself, SQLite does it in the commit that makes the log 1,000 pages long, and whoever waits for that commit
waits for some milliseconds more. Here the reader's thread does it, while the writer goes on. The log begins anew once
all of it is copied and nothing was committed meanwhile. Under a load where that never happens, the writer does what is
left itself, at four times the length: the log is bounded as before.
"""

from __future__ import annotations

import logging
import sqlite3

from fastagency_backend.store.sqlite.lane import Lane

logger = logging.getLogger(__name__)

CHANGES = 1_000
"""Rows that were changed since the last time: with few to a commit, they take up some 1,300 pages."""
BOUND_PAGES = 4_000
"""Beyond this the writer does it itself. A log that is longer makes every read slower, too."""
SMALL_PAGES = 64
TRIES = 3


class Checkpoints:
    """Used in the thread that writes, which looks; `reader` does it."""

    def __init__(self, reader: Lane) -> None:
        self._reader = reader
        self._changes = 0
        self._under_way = False

    def start(self, db: sqlite3.Connection) -> None:
        db.execute(f"PRAGMA wal_autocheckpoint = {BOUND_PAGES}")

    def look(self, db: sqlite3.Connection) -> None:
        """Have the log copied back, if it is time."""
        if db.total_changes - self._changes >= CHANGES and not self._under_way:
            self._changes, self._under_way = db.total_changes, True
            self._reader.submit(copy_back, self._done)

    def _done(self, _result: object, error: Exception | None) -> None:
        self._under_way = False
        if error is not None:
            logger.warning("The log of the database could not be copied back: %s", error)


def copy_back(db: sqlite3.Connection) -> None:
    """Copy what there is; and at once what came meanwhile, while it is little, for then the log can begin anew."""
    for _ in range(TRIES):
        _, pages, copied = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if not 0 < pages - copied <= SMALL_PAGES:
            return
