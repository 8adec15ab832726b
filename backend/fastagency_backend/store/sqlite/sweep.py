"""Removes what deleted runs leave behind, a little at a time, and gives the space back.

A run that is deleted is gone at once: its row is. Its events, steps and questions may be hundreds of megabytes, so they
are removed in slices, each short enough not to be felt by the runs that write in between.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

SLICE_S = 0.005
TABLES = ("event", "step", "question")
FIRST_ROWS, MAX_ROWS = 16, 2000
VACUUM_PAGES = 16
FREE_PAGES_KEPT = 256


class Sweeper:
    """Used in the thread that writes. It learns how many rows fit into a part of a slice."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._rows = FIRST_ROWS

    def slice(self, db: sqlite3.Connection) -> bool:
        """Work for about `SLICE_S`. Whether something is left to do."""
        until = self._clock() + SLICE_S
        while self._clock() < until:
            found = db.execute("SELECT run_id FROM garbage LIMIT 1").fetchone()
            if found is None:
                return self._give_back(db, until)
            if not self._remove_some(db, found[0]):
                db.execute("DELETE FROM garbage WHERE run_id = ?", found)
        return True

    def _remove_some(self, db: sqlite3.Connection, run_id: str) -> bool:
        for table in TABLES:
            began = self._clock()
            key = _KEY[table]
            # A range of the primary key: with IN, SQLite would look at every row of the run each time.
            removed = db.execute(
                f"DELETE FROM {table} WHERE run_id = ?1 AND {key} <= (SELECT MAX({key}) FROM "
                f"(SELECT {key} FROM {table} WHERE run_id = ?1 ORDER BY {key} LIMIT ?2))",
                (run_id, self._rows),
            ).rowcount
            if removed:
                self._learn(self._clock() - began)
                return True
        return False

    def _learn(self, took_s: float) -> None:
        if took_s > SLICE_S / 4:
            self._rows = max(1, self._rows // 2)
        elif took_s < SLICE_S / 16:
            self._rows = min(MAX_ROWS, self._rows * 2)

    def _give_back(self, db: sqlite3.Connection, until: float) -> bool:
        """Cut free pages off the end of the file: not in one that was made without `auto_vacuum`, as by 1.0."""
        if db.execute("PRAGMA auto_vacuum").fetchone()[0] == 0:
            return False
        while db.execute("PRAGMA freelist_count").fetchone()[0] > FREE_PAGES_KEPT:
            if self._clock() >= until:
                return True
            for _ in range(VACUUM_PAGES):  # one page each: `sqlite3` takes but one step of this statement
                db.execute("PRAGMA incremental_vacuum(1)")
        return False


def discard(db: sqlite3.Connection, run_id: str) -> bool:
    """Delete a run; whether there was one. What it leaves behind is swept later."""
    gone = db.execute("DELETE FROM run WHERE id = ? RETURNING 1", (run_id,)).fetchone() is not None
    if gone:
        db.execute("INSERT OR IGNORE INTO garbage(run_id) VALUES (?)", (run_id,))
    return gone


def clear(db: sqlite3.Connection, run_id: str) -> None:
    """Before an id is used again: remove at once what a deleted run of that id left behind."""
    if db.execute("DELETE FROM garbage WHERE run_id = ? RETURNING 1", (run_id,)).fetchone():
        for table in TABLES:
            db.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))


_KEY = {"event": "seq", "step": "key", "question": "uuid"}
