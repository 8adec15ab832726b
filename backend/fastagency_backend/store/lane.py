"""Threads that own a SQLite connection each: one that writes, with group commit, and one that reads.

A job is a function of the connection. The writer takes every job it finds in its queue into one transaction, so that a
hundred runs share one flush to the disk; results are handed to the event loop only after the commit.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar

from fastagency_backend.store.base import StoreError

logger = logging.getLogger(__name__)

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]
Deliver = Callable[[Any, Exception | None], None]
RowWriter = Callable[..., Sequence[Any]]
"""`(db, target, rows)`: writes all rows, or none; returns a result for each."""
_Outcome = tuple[Any, Exception | None]

MAX_BATCH = 1000
POLL_S = 0.05
"""How often the writer looks whether another process has committed."""
BUSY_TIMEOUT_S = 30.0
BUSY_TRIES = 5


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows for one target. Those of equal writer and target that stand next to each other are written in one go."""

    write: RowWriter
    target: Hashable


@dataclass(frozen=True, slots=True)
class _Task:
    job: Job
    deliver: Deliver
    rows: Rows | None = None
    row: tuple[Any, ...] = ()


def _nothing(_db: sqlite3.Connection) -> None:
    """The job of a task that is a row."""


def connect(path: str, *, synchronous: str) -> sqlite3.Connection:
    """Open the file; the caller's thread owns the connection."""
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S)
        _use_wal(db)
        db.execute(f"PRAGMA synchronous = {synchronous}")
        db.execute("PRAGMA cache_size = -16000")
    except sqlite3.Error as error:
        raise StoreError(f"The database {path} cannot be opened: {error}.") from error
    return db


def _use_wal(db: sqlite3.Connection) -> None:
    """The one statement for which SQLite does not wait while another process opens the same new file."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


class Lane:
    """A thread with a connection and a queue of jobs; `writes` makes it the one that commits."""

    def __init__(self, name: str, open_connection: Callable[[], sqlite3.Connection], *, writes: bool) -> None:
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._open = open_connection
        self._writes = writes
        self._thread = threading.Thread(target=self._run, name=f"fastagency-{name}", daemon=True)
        self._opened: asyncio.Future[None] | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: Callable[[sqlite3.Connection], None] | None = None

    async def start(self, idle: Callable[[sqlite3.Connection], None] | None = None) -> None:
        """Open the connection in the thread. `idle` is called there about every `POLL_S` seconds, busy or not."""
        self._loop = asyncio.get_running_loop()
        self._opened, self._stopped = self._loop.create_future(), self._loop.create_future()
        self._idle = idle
        self._thread.start()
        await self._opened

    async def stop(self) -> None:
        """Finish what is queued, then close the connection."""
        self._queue.put(None)
        if self._stopped is not None:
            await self._stopped

    def submit(self, job: Job, deliver: Deliver) -> None:
        """Hand over a job from any thread; `deliver` is called on the loop, in the order of the jobs."""
        self._queue.put(_Task(job, deliver))

    def submit_row(self, rows: Rows, row: tuple[Any, ...], deliver: Deliver) -> None:
        """`submit` for one of many rows: the same order, at a fraction of the time."""
        self._queue.put(_Task(_nothing, deliver, rows, row))

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Hand over a job and wait for its result."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def deliver(result: Any, error: Exception | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.submit(job, deliver)
        return await future

    # --- in the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            db = self._open()
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever awaits start()
            self._tell(self._set_opened, error)
            self._tell(self._set_stopped)
            return
        self._tell(self._set_opened, None)
        try:
            self._serve(db)
        finally:
            db.close()
            self._tell(self._set_stopped)

    def _set_stopped(self) -> None:
        assert self._stopped is not None
        if not self._stopped.done():
            self._stopped.set_result(None)

    def _set_opened(self, error: Exception | None) -> None:
        assert self._opened is not None
        if not self._opened.done():
            self._opened.set_exception(error) if error else self._opened.set_result(None)

    def _serve(self, db: sqlite3.Connection) -> None:
        next_idle = time.monotonic()
        while True:
            now = time.monotonic()
            if self._idle is not None and now >= next_idle:
                self._idle(db)
                next_idle = now + POLL_S
            batch, stop = self._take(None if self._idle is None else max(0.0, next_idle - now))
            if batch:
                outcome = self._commit(db, batch) if self._writes else self._do_all(db, batch)
                self._tell(self._deliver, list(zip(batch, outcome, strict=True)))
            if stop:
                return

    def _take(self, timeout_s: float | None) -> tuple[list[_Task], bool]:
        """Everything that is queued, and whether the end of the queue was reached."""
        try:
            first = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return [], False
        batch: list[_Task] = []
        while first is not None:
            batch.append(first)
            if len(batch) >= MAX_BATCH:
                return batch, False
            try:
                first = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, db: sqlite3.Connection, batch: list[_Task]) -> list[_Outcome]:
        """Run the batch in one transaction."""
        for left in reversed(range(BUSY_TRIES)):
            try:
                db.execute("BEGIN IMMEDIATE")
                outcome = self._do_all(db, batch)
                if not db.in_transaction:
                    raise sqlite3.OperationalError("the transaction was undone")
                db.execute("COMMIT")
            except sqlite3.Error as error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                if left and isinstance(error, sqlite3.OperationalError):
                    logger.warning("The database could not commit (%s): trying again", error)
                    time.sleep(0.1)
                    continue
                logger.exception("The database could not commit %d writes", len(batch))
                failure = StoreError(f"The database could not commit: {error}.")
                return [(None, failure)] * len(batch)
            else:
                return outcome
        raise AssertionError("unreachable: the last try returns")

    def _do_all(self, db: sqlite3.Connection, batch: list[_Task]) -> list[_Outcome]:
        outcome: list[_Outcome] = []
        for rows, tasks in itertools.groupby(batch, key=attrgetter("rows")):
            group = list(tasks)
            if rows is None:
                outcome += [self._do(db, task.job) for task in group]
                continue
            written, error = self._do(db, partial(rows.write, target=rows.target, rows=[task.row for task in group]))
            outcome += [(None, error)] * len(group) if error is not None else [(each, None) for each in written]
        return outcome

    def _do(self, db: sqlite3.Connection, job: Job) -> _Outcome:
        """Carry out one job; one that fails undoes only itself."""
        if self._writes:
            db.execute("SAVEPOINT job")
        try:
            result = job(db)
        except Exception as error:
            if self._writes and not db.in_transaction:
                raise  # SQLite has undone the whole transaction (the disk is full, say): so has the batch
            if self._writes:
                db.execute("ROLLBACK TO job")
                db.execute("RELEASE job")
            if isinstance(error, sqlite3.OperationalError):  # the disk, a lock: nothing that the job did wrong
                return None, StoreError(f"The database could not do it: {error}.")
            return None, error
        if self._writes:
            db.execute("RELEASE job")
        return result, None

    def _tell(self, callback: Callable[..., None], *args: Any) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop has been closed: nobody waits for this any more
            logger.debug("The event loop was closed before the database had answered")

    @staticmethod
    def _deliver(outcomes: list[tuple[_Task, _Outcome]]) -> None:
        for task, (result, error) in outcomes:
            task.deliver(result, error)
