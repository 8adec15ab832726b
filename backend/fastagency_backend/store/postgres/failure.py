"""What errors of PostgreSQL mean to whoever uses the store. No connection is made and nothing is retried here."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import errors

from fastagency_backend.store.base import StoreBroken, StoreError

AGAIN = (
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.LockNotAvailable,
    errors.DivisionByZero,  # the transaction's own look at its row in `writer`: see `writer.py`
)
"""Nothing was written, and the same may well work at once."""
ELSEWHERE = (errors.ReadOnlySqlTransaction,)
"""The server has become a standby: another one takes writes now."""
GONE = (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName)
"""That the whole database is missing is not among them: a standby that was promoted too early is put right, say."""
OF_THE_SERVER = ("53", "57", "58")
"""Classes of errors that say nothing of the statement: no space or memory, shut down, input and output."""
NO_PARTITION = "no partition of relation"


def is_lost(db: psycopg.Connection[Any], error: psycopg.Error) -> bool:
    """Whether the connection is gone: what was under way may have been committed, or not."""
    return db.closed or isinstance(error, ELSEWHERE)


def is_missing_partition(error: psycopg.Error) -> bool:
    return isinstance(error, errors.CheckViolation) and NO_PARTITION in str(error)


def is_of_the_server(error: Exception) -> bool:
    """Whether every other statement would fail in the same way."""
    return isinstance(error, psycopg.Error) and (error.sqlstate or "")[:2] in OF_THE_SERVER


def store_error(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return error
    text = " ".join(str(error).split())
    if isinstance(error, GONE):
        return StoreBroken(f"The database is not what it was ({text}). Restore it, and start again.")
    if isinstance(error, psycopg.DataError) and "NUL" in text:
        return StoreError("The text has a NUL character (\\0), which PostgreSQL cannot keep. Remove it.")
    return StoreError(f"The database could not do it: {text}.")
