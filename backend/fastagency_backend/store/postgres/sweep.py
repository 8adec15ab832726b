"""Removes old runs, and what deleted runs leave behind, a little at a time.

A run that is deleted is gone at once: its row is. Its events, steps and questions are removed in slices, or with their
whole partition once all runs of that are gone. One process at a time does it: the others find the lock taken.
"""

from __future__ import annotations

import time

from fastagency_backend.store.postgres.locks import SWEEP
from fastagency_backend.store.postgres.partition import drop_empty
from fastagency_backend.store.postgres.pool import Connection

SLICE_S = 0.02
ROWS = 500
WRITER_DAYS = 1
_KEY = {"event": "seq", "step": "key", "question": "uuid"}

_DELETE_ENDED = (
    "WITH old AS (SELECT id FROM run WHERE status IN ('completed', 'failed', 'cancelled') AND updated < %s "
    "ORDER BY updated LIMIT %s FOR UPDATE SKIP LOCKED), "
    "gone AS (DELETE FROM run USING old WHERE run.id = old.id RETURNING number), "
    "g AS (INSERT INTO garbage(run) SELECT number FROM gone) SELECT count(*) FROM gone"
)


def delete_ended(db: Connection, at: float, limit: int) -> int:
    """Remove up to `limit` runs that ended before a moment; what somebody holds just now, another time."""
    row = db.execute(_DELETE_ENDED, (at, limit)).fetchone()
    assert row is not None
    return int(row[0])


def sweep(db: Connection) -> bool:
    """Work for about `SLICE_S`. Whether something is left to do, for this process."""
    with db.transaction():
        if not _is_leader(db):
            return False
        if drop_empty(db):
            return True
        until = time.monotonic() + SLICE_S
        while time.monotonic() < until:
            found = db.execute("SELECT run FROM garbage ORDER BY run LIMIT 1").fetchone()
            if found is None:
                _forget_writers(db)
                return False
            if not _remove_some(db, found[0]):
                db.execute("DELETE FROM garbage WHERE run = %s", found)
    return True


def _is_leader(db: Connection) -> bool:
    row = db.execute("SELECT pg_try_advisory_xact_lock(%s)", (SWEEP,)).fetchone()
    return row is not None and bool(row[0])


def _remove_some(db: Connection, run: int) -> bool:
    for table, key in _KEY.items():
        sql = (
            f"DELETE FROM {table} WHERE run = %(run)s AND {key} <= (SELECT max({key}) FROM "
            f"(SELECT {key} FROM {table} WHERE run = %(run)s ORDER BY {key} LIMIT {ROWS}) slice)"
        )
        if db.execute(sql, {"run": run}).rowcount:
            return True
    return False


def _forget_writers(db: Connection) -> None:
    """Rows of processes that were killed. A writer that lives makes its own again."""
    db.execute(f"DELETE FROM writer WHERE since < now() - interval '{WRITER_DAYS} days'")
