"""The partitions of what belongs to runs, made ahead and dropped when all their runs are gone.

A run's number says which partition it belongs to. A new one is made as a table of its own and then attached, which
lets everybody go on; `CREATE TABLE ... PARTITION OF` would lock the whole table.
"""

from __future__ import annotations

import logging

from psycopg import errors

from fastagency_backend.store.postgres.locks import PARTITIONS
from fastagency_backend.store.postgres.pool import Connection

logger = logging.getLogger(__name__)

SIZE = 100_000
AHEAD = 2
TABLES = ("event", "step", "question")
PATIENCE_MS = 200
"""How long a partition's end waits for those who read the table; they would wait behind it."""

_NEWEST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM run_number_seq"
_EXISTING = (
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(%s)"
)


def index_of(number: int) -> int:
    return number // SIZE


def make_ahead(db: Connection) -> int:
    """Make the partitions of the newest runs and those that follow; returns the last one's index."""
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITIONS,))
        newest = index_of(_value(db, _NEWEST))
        for table in TABLES:
            existing = _existing(db, table)
            for index in range(newest, newest + AHEAD):
                if f"{table}_{index}" not in existing:
                    _make(db, table, index)
    return newest + AHEAD - 1


def make_for(db: Connection, numbers: list[int]) -> None:
    """Make those of runs whose partitions are missing, for whatever reason."""
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITIONS,))
        for table in TABLES:
            for index in sorted({index_of(number) for number in numbers}):
                if f"{table}_{index}" not in _existing(db, table):
                    _make(db, table, index)
    make_ahead(db)


def drop_empty(db: Connection) -> bool:
    """Drop the partitions of runs that are all gone, oldest first, one at a time; whether one was dropped."""
    newest = index_of(_value(db, _NEWEST))
    old = sorted(index for name in _existing(db, "event") if (index := int(name.rpartition("_")[2])) < newest - 1)
    for index in old:
        low, high = index * SIZE, (index + 1) * SIZE
        if not _value(
            db, "SELECT count(*) FROM (SELECT 1 FROM run WHERE number >= %s AND number < %s LIMIT 1) r", low, high
        ):
            return _drop(db, index, low, high)
    return False


def _make(db: Connection, table: str, index: int) -> None:
    name = f"{table}_{index}"
    db.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
    db.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({index * SIZE}) TO ({(index + 1) * SIZE})"
    )
    logger.info("The partition %s was made", name)


def _drop(db: Connection, index: int, low: int, high: int) -> bool:
    try:
        with db.transaction():
            db.execute(f"SET LOCAL lock_timeout = {PATIENCE_MS}")
            for table in TABLES:
                db.execute(f"DROP TABLE IF EXISTS {table}_{index}")
            db.execute("DELETE FROM garbage WHERE run >= %s AND run < %s", (low, high))
    except errors.LockNotAvailable:
        logger.debug("The partitions number %d are in use, and are dropped another time", index)
        return False
    logger.info("The partitions number %d were dropped", index)
    return True


def _existing(db: Connection, table: str) -> set[str]:
    return {row[0] for row in db.execute(_EXISTING, (table,))}


def _value(db: Connection, sql: str, *args: int) -> int:
    row = db.execute(sql, args).fetchone()
    assert row is not None
    value: int = row[0]
    return value


class Room:
    """Knows how far there are partitions, so that those of runs to come are made in time."""

    def __init__(self) -> None:
        self._last = -1

    def lacks(self, number: int) -> bool:
        """Whether runs after this one may soon have none."""
        return index_of(number + SIZE // 2) > self._last

    def make(self, db: Connection) -> None:
        self._last = make_ahead(db)
