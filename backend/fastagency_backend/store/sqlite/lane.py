"""Threads that own a SQLite connection each: one that writes, with group commit, and one that reads.

A job is a function of the connection. A lane takes every job that it finds in its queue as one batch (`batch.py`);
results are handed to the event loop only after the commit. A lane whose file is beyond use breaks: from then on every
job fails at once, with the sentence that says why.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from fastagency_backend.store.base import Broken, Lease, StoreBroken, StoreError
from fastagency_backend.store.handover import Deliver, awaited, broken_by, call_on, deliver_all, settle, take
from fastagency_backend.store.sqlite import batch
from fastagency_backend.store.sqlite.batch import Job, Rows, Task

logger = logging.getLogger(__name__)

T = TypeVar("T")

POLL_S = 0.05
"""How soon after its last batch a lane is idle, and how often the writer looks for the commits of other processes."""
BUSY_TIMEOUT_S = 30.0


def connect(path: str, *, synchronous: str, handed_over: bool = False) -> sqlite3.Connection:
    """Open the file; the caller's thread owns the connection, unless it is to be handed over to another one."""
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S, check_same_thread=not handed_over)
        if os.stat(path).st_size == 0:  # a file that is not new would be written to, to no effect
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _use_wal(db)
        db.execute(f"PRAGMA synchronous = {synchronous}")
        db.execute("PRAGMA cache_size = -4000")
        db.execute("PRAGMA secure_delete = ON")  # what is deleted is not left in the file
    except (sqlite3.Error, OSError) as error:
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
        self._queue: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._open = open_connection
        self._carry_out = batch.commit if writes else batch.read
        self._thread = threading.Thread(target=self._run, name=f"fastagency-{name}", daemon=True)
        self._opened: asyncio.Future[None] | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: Callable[[sqlite3.Connection], float] | None = None
        self._broken: Broken = _nobody_is_told

    async def start(self, broken: Broken, idle: Callable[[sqlite3.Connection], float] | None = None) -> None:
        """Open the connection in the thread. `idle` is called there every now and then, and returns in how many seconds
        it is to be called again; but after a batch it is called within `POLL_S` seconds.

        `broken` is called on the loop when the lane breaks.
        """
        self._loop = asyncio.get_running_loop()
        self._opened, self._stopped = self._loop.create_future(), self._loop.create_future()
        self._idle, self._broken = idle, broken
        self._thread.start()
        await self._opened

    async def stop(self) -> None:
        """Finish what is queued, then close the connection."""
        self._queue.put(None)
        if self._stopped is not None:
            await self._stopped

    @property
    def queued(self) -> int:
        """How many jobs are waiting, about."""
        return self._queue.qsize()

    def submit(self, job: Job, deliver: Deliver, lease: Lease | None = None) -> None:
        """Hand over a job from any thread; `deliver` is called on the loop, in the order of the jobs."""
        self._queue.put(Task(job, deliver, lease))

    def submit_row(self, rows: Rows, row: tuple[Any, ...], deliver: Deliver) -> None:
        """`submit` for one of many rows: the same order, at a fraction of the time."""
        self._queue.put(Task(None, deliver, rows.lease, rows, row))

    async def run(
        self,
        job: Callable[[sqlite3.Connection], T],
        lease: Lease | None = None,
        told: Callable[[Any], None] | None = None,
    ) -> T:
        """Hand over a job and wait for its result. `told` is called with what it is, unless it is None, in its turn."""
        deliver, future = awaited(told)
        self.submit(job, deliver, lease)
        result: T = await future
        return result

    # --- in the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            db = self._open()
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever awaits start()
            self._tell(settle, self._opened, error)
            self._tell(settle, self._stopped)
            return
        self._tell(settle, self._opened)
        try:
            self._serve(db)
        finally:
            db.close()
            self._tell(settle, self._stopped)

    def _serve(self, db: sqlite3.Connection) -> None:
        broken: StoreBroken | None = None
        next_idle = time.monotonic()
        stop = False
        while not stop:
            tasks: list[Task] = []
            try:
                if self._idle is not None and broken is None and time.monotonic() >= next_idle:
                    next_idle = time.monotonic() + self._idle(db)
                wait_s = None if self._idle is None or broken is not None else max(0.0, next_idle - time.monotonic())
                tasks, stop = take(self._queue, wait_s)
                if tasks and broken is None:
                    self._tell(deliver_all, tasks, self._carry_out(db, tasks))
                    next_idle = min(next_idle, time.monotonic() + POLL_S)
            except Exception as error:  # noqa: BLE001 - a thread that ended would leave every job unanswered
                broken = self._break(error)
            if tasks and broken is not None:
                self._tell(deliver_all, tasks, [(None, broken)] * len(tasks))

    def _break(self, error: Exception) -> StoreBroken:
        broken = broken_by(error, "read or written")
        self._tell(self._broken, broken)
        return broken

    def _tell(self, callback: Callable[..., None], *args: Any) -> None:
        assert self._loop is not None
        call_on(self._loop, callback, *args)


def _nobody_is_told(_error: StoreBroken) -> None:
    """Until `start`."""
