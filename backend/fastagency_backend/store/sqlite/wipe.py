"""Lets nothing of what was deleted be found in the files of the embedded store, also while others use it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from fastagency_backend.store.base import StoreError

BUSY_S = 5.0
PAGES, PAUSE_S = 500, 0.01
"""Given back at a time, and how long others may write then."""
WAIT_S = 5.0


def wipe(path: Path) -> bool:
    """Give free pages back to the system, and empty the log beside the file. False: somebody is reading it just now.

    Raises:
        StoreError: it cannot be done.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)) as db:
            if db.execute("PRAGMA auto_vacuum").fetchone()[0] == 0:  # a file that 1.0 has made
                db.execute("VACUUM")
            while db.execute("PRAGMA freelist_count").fetchone()[0]:
                db.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
                time.sleep(PAUSE_S)
            return _emptied(db)
    except sqlite3.Error as error:
        raise StoreError(f"What was deleted from {path} could not be wiped: {error}. Repeat the command.") from error


def _emptied(db: sqlite3.Connection) -> bool:
    until = time.monotonic() + WAIT_S
    while True:
        if db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0:
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(0.05)
