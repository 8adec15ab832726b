"""Carries out batches of writes on a connection of its own, each batch in one transaction. No threads, no event loop.

Rows that runs append all the time are one statement (`append.py`); anything else is a pipeline of statements, sent in
one go. A write that fails undoes only itself: a batch that failed is done again in halves, until the one is alone.

**An unknown outcome.** When the connection breaks, what was under way may have been committed or not, and may still be
carried out later by a server that was only cut off. So each transaction writes its number to this writer's row in
`writer`, under the turn that it began with. After a loss the writer takes another turn, which waits for a transaction
that is under way and keeps one that comes late from being carried out; the number that it then finds says whether the
batch is there. If it is, the results are looked up; if not, it is done again.

Under a lease of another epoch than the server's nothing is written, whatever the run's row says.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from fastagency_backend.store.base import Lease, LeaseLost, LeaseVoid, Place, StoreBroken, StoreError
from fastagency_backend.store.handover import Deliver, Outcome
from fastagency_backend.store.postgres import partition
from fastagency_backend.store.postgres.append import FOUND, MARK, Append, Appends
from fastagency_backend.store.postgres.failure import (
    AGAIN,
    is_lost,
    is_missing_partition,
    is_of_the_server,
    store_error,
)
from fastagency_backend.store.postgres.pool import Connection
from fastagency_backend.store.postgres.sql import EPOCH, LOCK, Operation, lease_lost, placing

logger = logging.getLogger(__name__)

T = TypeVar("T")

TRIES = 5
RECONNECT_S = 3.0
"""How long a batch waits for a server that is gone before it fails."""
RECONNECT_PAUSE_S = 0.1
LOCK_S = 2
CHECK = f"WITH mark AS ({MARK}) SELECT 1 / count(*) FROM mark"
TAKE_TURN = (
    "INSERT INTO writer(id, turn, batch) VALUES (%s, 1, 0) "
    f"ON CONFLICT(id) DO UPDATE SET turn = writer.turn + 1, since = now() RETURNING turn, batch, {EPOCH}"
)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A write to one run, and whom to tell what came of it."""

    run_id: str
    deliver: Deliver
    append: Append | None = None
    operation: Operation | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    lease: Lease | None = None
    place: Place | None = None
    """Where an answer reaches the run: looked at when it is written, for the lease may become void until then."""

    def all_args(self, epoch: int) -> dict[str, Any]:
        return {**placing(self.place, epoch), **self.args}


class Writer:
    """See the module's docstring. Used in one thread. `noticed` is told the epoch in which each turn is taken."""

    def __init__(self, connect: Callable[[], Connection], noticed: Callable[[int], None]) -> None:
        self._connect, self._noticed = connect, noticed
        self._db: Connection | None = None
        self._id = uuid.uuid4().hex
        self._turn = self._batch = self._epoch = 0

    def open(self) -> None:
        """Raises `StoreError`: the server does not let us in."""
        self._retry(self._take_turn)

    def close(self) -> None:
        if self._db is None:
            return
        try:
            self._db.execute("DELETE FROM writer WHERE id = %s", (self._id,))
        except psycopg.Error as error:
            logger.debug("The writer's row was left behind: %s", error)
        self._db.close()

    def commit(self, tasks: list[Task]) -> list[Outcome]:
        """Write all that can be written. The leases of what failed are void from then on."""
        done: dict[Task, Outcome] = {}
        self._commit(tasks, done)
        return [done[task] for task in tasks]

    def _commit(self, tasks: list[Task], done: dict[Task, Outcome]) -> None:
        for task in tasks:
            if task.lease is not None and task.lease.void:
                done[task] = (None, LeaseVoid(f"An earlier write of the run {task.run_id} failed."))
        tasks = [task for task in tasks if task not in done]
        if not tasks:
            return
        try:
            done.update(zip(tasks, self._transact(tasks), strict=True))
        except StoreBroken:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one task's values cannot be belongs to that task
            if len(tasks) == 1 or isinstance(error, StoreError) or is_of_the_server(error):
                self._fail(tasks, store_error(error), done)
            else:
                middle = len(tasks) // 2
                self._commit(tasks[:middle], done)
                self._commit(tasks[middle:], done)

    def _fail(self, tasks: list[Task], failure: StoreError, done: dict[Task, Outcome]) -> None:
        if isinstance(failure, StoreBroken):
            raise failure
        logger.error("%d writes failed: %s", len(tasks), failure)
        for task in tasks:
            done[task] = (None, failure)
            if task.lease is not None:
                task.lease.void = True

    def _transact(self, tasks: list[Task]) -> list[Outcome]:
        """One transaction, repeated as long as it is known that nothing of it was written."""
        for left in reversed(range(TRIES)):
            db = self._connected()
            good = [task for task in tasks if task.lease is None or task.lease.epoch == self._epoch]
            if len(good) < len(tasks):
                written = dict(zip(good, self._transact(good), strict=True)) if good else {}
                return [written.get(task) or (None, lease_lost(task.run_id)) for task in tasks]
            number = self._batch + 1
            try:
                with _nothing_left_open(db):
                    outcomes = self._send(db, tasks, number)
            except psycopg.Error as error:
                if is_lost(db, error):
                    if (found := self._settle(tasks, number, error)) is not None:
                        return found
                elif not left or not self._mend(db, error, tasks):
                    raise
                logger.info("%d writes are tried again: %s", len(tasks), error)
            else:
                self._batch = number
                return outcomes
        raise StoreError("The database was lost again and again while it was written to.")

    def _mend(self, db: Connection, error: psycopg.Error, tasks: list[Task]) -> bool:
        """Do what it takes to try again; false when that would not help."""
        if is_missing_partition(error):
            ids = [task.run_id for task in tasks]
            numbers = [row[0] for row in db.execute("SELECT number FROM run WHERE id = ANY(%s)", (ids,))]
            partition.make_for(db, numbers)
            return True
        if isinstance(error, psycopg.errors.DivisionByZero):
            self._begin_turn(db)
            return True
        return isinstance(error, AGAIN)

    # --- one transaction ------------------------------------------------------------------------------------------

    def _send(self, db: Connection, tasks: list[Task], number: int) -> list[Outcome]:
        mark = {"writer": self._id, "turn": self._turn, "batch": number, "epoch": self._epoch}
        appends = [task.append for task in tasks if task.append is not None]
        if len(appends) == len(tasks):
            rows = Appends(appends)
            sql, args = rows.prepare()
            return _read_appends(rows, db.execute(sql, args | mark).fetchall())
        outcomes: dict[Task, Outcome] = {}
        with db.pipeline():
            db.execute("BEGIN")
            db.execute(CHECK, mark)
            db.execute(LOCK, {"ids": sorted({task.run_id for task in tasks})})
            reads = [_execute(db, group, mark, outcomes) for group in _in_order(tasks)]
            db.execute("COMMIT")
        for read in reads:
            read()
        return [outcomes[task] for task in tasks]

    # --- the connection -------------------------------------------------------------------------------------------

    def _connected(self) -> Connection:
        if self._db is not None and not self._db.closed:
            return self._db
        self._retry(self._take_turn)
        assert self._db is not None
        return self._db

    def _take_turn(self) -> None:
        self._drop_connection()
        self._db = db = self._connect()
        with db.transaction():
            db.execute(f"SET LOCAL lock_timeout = '{LOCK_S}s'")
            self._begin_turn(db)

    def _begin_turn(self, db: Connection) -> None:
        row = db.execute(TAKE_TURN, (self._id,)).fetchone()
        assert row is not None
        self._turn, self._batch, self._epoch = row
        self._noticed(self._epoch)

    def _settle(self, tasks: list[Task], number: int, error: psycopg.Error) -> list[Outcome] | None:
        """After a lost connection: the outcomes, if the transaction was committed, and None if not."""
        logger.warning("The connection to the database was lost: %s", error)
        self._drop_connection()
        self._retry(self._take_turn)
        if self._turn == 1:  # the row is a new one: somebody has removed it, or put an older database in the place
            raise StoreError(
                "The connection was lost, and the database does not tell whether the last writes were made."
            )
        if self._batch < number:
            return None
        logger.warning("What was under way had been committed")
        return self._retry(lambda: [self._find(task) for task in tasks])

    def _find(self, task: Task) -> Outcome:
        if self._db is None or self._db.closed:
            self._take_turn()
        assert self._db is not None
        if task.append is not None:
            row = self._db.execute(FOUND[task.append.kind], (task.run_id, *task.append.values)).fetchone()
            return (row[0], None) if row is not None else (None, lease_lost(task.run_id))
        assert task.operation is not None
        return _read(task, self._db.execute(task.operation.found, task.all_args(self._epoch)).fetchall())

    def _retry(self, job: Callable[[], T]) -> T:
        until = time.monotonic() + RECONNECT_S
        while True:
            try:
                return job()
            except psycopg.Error as error:
                failure = store_error(error)
                if isinstance(failure, StoreBroken) or time.monotonic() > until:
                    raise failure from error
                time.sleep(RECONNECT_PAUSE_S)

    def _drop_connection(self) -> None:
        if self._db is not None:
            self._db.close()


@contextmanager
def _nothing_left_open(db: Connection) -> Iterator[None]:
    """A pipeline that failed leaves its transaction open."""
    try:
        yield
    except Exception:
        if not db.closed and db.info.transaction_status != TransactionStatus.IDLE:
            with suppress(psycopg.Error):
                db.execute("ROLLBACK")
        raise


def _in_order(tasks: list[Task]) -> list[list[Task]]:
    """Groups to be carried out one after the other, each run's tasks in their order: appends of many runs together."""
    waves: list[tuple[list[Task], list[Task]]] = []  # appends, and what comes after them
    at: dict[str, int] = {}  # the wave of a run's newest task
    closed: set[str] = set()  # runs whose newest task is no append
    for task in tasks:
        wave = at.get(task.run_id, 0)
        if task.append is not None and task.run_id in closed:
            wave += 1
            closed.discard(task.run_id)
        if wave == len(waves):
            waves.append(([], []))
        at[task.run_id] = wave
        if task.append is None:
            closed.add(task.run_id)
        waves[wave][task.append is None].append(task)
    return [group for appends, others in waves for group in (appends, *([each] for each in others)) if group]


def _execute(
    db: Connection, group: list[Task], mark: dict[str, Any], outcomes: dict[Task, Outcome]
) -> Callable[[], None]:
    """Send a group; returns what reads its outcomes once the pipeline is through."""
    first = group[0]
    if first.operation is not None:
        cursor = db.execute(first.operation.sql, first.all_args(mark["epoch"]))
        return lambda: outcomes.update({first: _read(first, cursor.fetchall())})
    rows = Appends([task.append for task in group if task.append is not None])
    sql, args = rows.prepare()
    cursor = db.execute(sql, args | mark)
    return lambda: outcomes.update(zip(group, _read_appends(rows, cursor.fetchall()), strict=True))


def _read(task: Task, rows: list[Any]) -> Outcome:
    assert task.operation is not None
    try:
        return task.operation.read(rows, task.args), None
    except LeaseLost as error:
        return None, error


def _read_appends(appends: Appends, rows: list[Any]) -> list[Outcome]:
    return [
        (None, lease_lost(append.lease.run_id)) if seq is None else (seq, None)
        for append, seq in zip(appends.rows, appends.read(rows), strict=True)
    ]
