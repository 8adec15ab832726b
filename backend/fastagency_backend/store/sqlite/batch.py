"""Carries out a batch of jobs on a connection: writes in one transaction, so that a hundred runs share one flush.

A job that fails undoes only itself. That is rare, and rarer still that it had written anything by then: so a batch is
carried out without savepoints, and from its beginning with one for each job if that should happen.

Errors of SQLite leave here as `StoreError`, and as `StoreBroken` when the file is beyond use. No threads and no event
loop here.
"""

from __future__ import annotations

import itertools
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastagency_backend.store.base import Lease, LeaseLost, LeaseVoid, StoreBroken, StoreError
from fastagency_backend.store.handover import Deliver, Outcome

logger = logging.getLogger(__name__)

Job = Callable[[sqlite3.Connection], Any]
RowWriter = Callable[[sqlite3.Connection, Lease, list[Any]], Sequence[Any]]
"""`(db, lease, rows)`: writes all rows, or none; returns a result for each."""

TRIES = 5
RETRY_S = 0.1
BEYOND_USE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class _HalfDone(Exception):
    """A job has failed after it had written something, and nothing can take back that alone."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows under one lease. Those of equal writer and lease that stand next to each other are written in one go."""

    write: RowWriter
    lease: Lease


@dataclass(slots=True, eq=False)
class Task:
    """A job, or a row, and whom to tell what came of it. Not frozen: one is made for every message."""

    job: Job | None
    deliver: Deliver
    lease: Lease | None = None
    rows: Rows | None = None
    row: tuple[Any, ...] = ()


def commit(db: sqlite3.Connection, batch: list[Task]) -> list[Outcome]:
    """Run the batch in one transaction. The leases of what failed are void from then on.

    Raises:
        StoreBroken: the file is beyond use; nothing of the batch was written.
    """
    outcome = _commit(db, batch)
    for task, (_, failure) in zip(batch, outcome, strict=True):
        if task.lease is not None and _breaks_off(failure):
            task.lease.void = True
    return outcome


def read(db: sqlite3.Connection, batch: list[Task]) -> list[Outcome]:
    """Run a batch that only reads. Raises `StoreBroken`."""
    return [_do(db, task.job) for task in batch if task.job is not None]


def store_error(error: sqlite3.Error) -> StoreError:
    """What an error of SQLite means to whoever uses the store."""
    if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in BEYOND_USE:
        return StoreBroken(f"The database is damaged ({error}). Restore a backup of it.")
    return StoreError(f"The database could not do it: {error}.")


def _commit(db: sqlite3.Connection, batch: list[Task]) -> list[Outcome]:
    for left in reversed(range(TRIES)):
        try:
            db.execute("BEGIN IMMEDIATE")
            outcome = _do_all(db, batch)
            db.execute("COMMIT")
        except StoreBroken:
            _roll_back(db)
            raise
        except sqlite3.Error as error:
            _roll_back(db)
            failure = store_error(error)
            if isinstance(failure, StoreBroken):
                raise failure from error
            if left and isinstance(error, sqlite3.OperationalError):
                logger.warning("The database could not commit (%s): trying again", error)
                time.sleep(RETRY_S)
                continue
            logger.exception("The database could not commit %d writes", len(batch))
            return [(None, failure)] * len(batch)
        else:
            return outcome
    raise AssertionError("unreachable: the last try returns")


def _roll_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("ROLLBACK")


def _do_all(db: sqlite3.Connection, batch: list[Task]) -> list[Outcome]:
    """Carry out the batch in the transaction that has begun."""
    try:
        return _do_each(db, batch, _do_whole)
    except _HalfDone:
        db.execute("ROLLBACK")
        db.execute("BEGIN IMMEDIATE")
        return _do_each(db, batch, _do_apart)


def _do_each(
    db: sqlite3.Connection, batch: list[Task], do: Callable[[sqlite3.Connection, Job], Outcome]
) -> list[Outcome]:
    outcome: list[Outcome] = []
    void: set[Lease] = set()  # of this try: another may go better
    for _, tasks in itertools.groupby(batch, key=_unit):
        group = list(tasks)
        lease = group[0].lease
        if lease is not None and (lease.void or lease in void):
            outcome += [(None, LeaseVoid(f"An earlier write of the run {lease.run_id} failed."))] * len(group)
            continue
        done = _do_group(db, group, do)
        outcome += done
        if lease is not None and _breaks_off(done[-1][1]):
            void.add(lease)
    return outcome


def _unit(task: Task) -> object:
    """What is done in one go: rows of one kind under one lease, or a single job."""
    return task.rows if task.rows is not None else task


def _do_group(
    db: sqlite3.Connection, group: list[Task], do: Callable[[sqlite3.Connection, Job], Outcome]
) -> list[Outcome]:
    first = group[0]
    if first.rows is None:
        assert first.job is not None
        return [do(db, first.job)]
    write, lease, rows = first.rows.write, first.rows.lease, [task.row for task in group]
    written, error = do(db, lambda db: write(db, lease, rows))
    return [(None, error)] * len(group) if error is not None else [(each, None) for each in written]


def _do_whole(db: sqlite3.Connection, job: Job) -> Outcome:
    """Carry out one job. Raises `_HalfDone` if it fails after it has written something."""
    before = db.total_changes
    outcome = _do(db, job)
    if outcome[1] is not None and db.total_changes != before:
        raise _HalfDone
    return outcome


def _do_apart(db: sqlite3.Connection, job: Job) -> Outcome:
    """Carry out one job; what it wrote is taken back if it fails."""
    db.execute("SAVEPOINT job")
    outcome = _do(db, job)
    if outcome[1] is not None:
        db.execute("ROLLBACK TO job")
    db.execute("RELEASE job")
    return outcome


def _do(db: sqlite3.Connection, job: Job) -> Outcome:
    writing = db.in_transaction
    try:
        result = job(db)
    except Exception as error:
        if writing and not db.in_transaction:
            raise  # SQLite has undone the whole transaction (the disk is full, say): so has the batch
        if not isinstance(error, sqlite3.Error):
            return None, error
        failure = store_error(error)
        if isinstance(failure, StoreBroken):
            raise failure from error
        return None, failure
    if writing and not db.in_transaction:
        raise sqlite3.OperationalError("the transaction was undone")
    return result, None


def _breaks_off(error: Exception | None) -> bool:
    """Whether what follows under the lease must not be written. After `LeaseLost` it cannot be anyway."""
    return error is not None and not isinstance(error, LeaseLost)
