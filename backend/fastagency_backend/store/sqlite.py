"""The embedded store: one SQLite file, nothing to start.

A writer thread commits everything (`lane.py`), a reader thread answers queries, and both see the same file as other
processes do: leases expire by the file's one clock, and the writer notices what other processes commit.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastagency_shared.run import RunStatus

from fastagency_backend.store.base import (
    NO_LIMITS,
    AtWork,
    Broken,
    Census,
    Changed,
    Done,
    EventPage,
    Lease,
    Line,
    NewRun,
    Past,
    QuestionRecord,
    RunLog,
    RunRecord,
    StepRecord,
    StoreBroken,
    StoredEvent,
    StoreError,
)
from fastagency_backend.store.batch import Rows, store_error
from fastagency_backend.store.claim import NEXT_DUE, Turns, make_ready
from fastagency_backend.store.fork import fork
from fastagency_backend.store.lane import Lane, connect
from fastagency_backend.store.liveness import NOW, Liveness
from fastagency_backend.store.private import create_file, create_folder
from fastagency_backend.store.schema import migrate
from fastagency_backend.store.sql import (
    ACQUIT,
    APPEND_EVENT,
    APPEND_STEP,
    COLUMNS,
    DETAILS,
    GO_ON,
    LAST_SEQ,
    LINES,
    LIVE,
    NOTE_ANSWER,
    OPEN_QUESTIONS,
    PARK,
    REST,
    TAKE,
    append_events,
    fenced,
    get_run,
    log_anyway,
    record,
)
from fastagency_backend.store.suspicion import ACQUITTED, suspect
from fastagency_backend.store.sweep import Sweeper, clear, discard

logger = logging.getLogger(__name__)

PROBE_BYTES = 65_536
CHECK_FILE_S = 1.0
"""How often it is made sure that the file is still where it was."""


class SqliteStore:
    """See `base.Store`. `synchronous` FULL survives a power cut, NORMAL a kill of the process only."""

    def __init__(self, path: str | Path, *, synchronous: str = "FULL") -> None:
        self.path = str(path)
        self._synchronous = synchronous
        self._liveness = Liveness()
        self._sweeper = Sweeper()
        self._turns = Turns()
        self._identity: tuple[int, int] | None = None
        self._next_check = 0.0
        self._data_version: int | None = None
        self._changed: Changed | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = Lane("store-writer", self._open_writer, writes=True)
        self._reader = Lane("store-reader", self._connect, writes=False)

    def _connect(self) -> sqlite3.Connection:
        return connect(self.path, synchronous=self._synchronous)

    def _open_writer(self) -> sqlite3.Connection:
        try:
            create_folder(Path(self.path).parent)
        except OSError as error:
            raise StoreError(f"The folder of the database {self.path} cannot be made: {error.strerror}.") from error
        try:
            create_file(Path(self.path))
        except OSError as error:
            raise StoreError(f"The database {self.path} cannot be opened: {error.strerror}.") from error
        db = self._connect()
        migrate(db)
        return db

    async def open(self, changed: Changed, broken: Broken | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = changed
        tell = broken or _log_only
        await self._writer.start(tell, self._look_around)
        await self._reader.start(tell)

    async def close(self) -> None:
        await self._writer.stop()
        await self._reader.stop()

    @property
    def queued(self) -> int:
        return self._writer.queued

    async def census(self) -> Census:
        def job(db: sqlite3.Connection) -> Census:
            counts = db.execute("SELECT status, worker IS NULL, COUNT(*) FROM run GROUP BY 1, 2").fetchall()
            runs = {each: sum(count for status, _, count in counts if status == each) for each in RunStatus}
            parked = sum(count for status, alone, count in counts if status == RunStatus.WAITING and alone)
            questions, oldest = db.execute(OPEN_QUESTIONS).fetchone()
            return Census(runs, questions, oldest, parked)

        return await self._reader.run(job)

    async def lines(self) -> list[Line]:
        return await self._reader.run(
            lambda db: [Line(name, runs, since, bool(offered)) for name, runs, since, offered in db.execute(LINES)]
        )

    async def now(self) -> float:
        return float(await self._reader.run(lambda db: _first(db.execute(f"SELECT {NOW}"))))

    def _look_around(self, db: sqlite3.Connection) -> None:
        """In the writer's thread, about every 50 ms: leases, and what other processes did to the file."""
        try:
            self._check_file()
            self._liveness.tick(db)
            version: int = db.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            if isinstance(failure := store_error(error), StoreBroken):
                raise failure from error
            logger.warning("The worker's lease could not be renewed: %s", error)
            return
        if self._data_version is not None and version != self._data_version and self._changed and self._loop:
            try:
                self._loop.call_soon_threadsafe(self._changed)
            except RuntimeError:  # the loop is closed: this process is on its way out
                logger.debug("The event loop was closed")
        self._data_version = version

    def _check_file(self) -> None:
        """SQLite goes on writing to a file that was deleted or replaced, and all of it would be lost."""
        if time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + CHECK_FILE_S
        try:
            found = os.stat(self.path)
        except OSError as error:
            raise StoreBroken(f"The database {self.path} is not there any more ({error.strerror}).") from error
        identity = (found.st_dev, found.st_ino)
        if self._identity is None:
            self._identity = identity
        elif identity != self._identity:
            raise StoreBroken(f"The database {self.path} was replaced by another file while it was in use.")

    # --- runs -----------------------------------------------------------------------------------------------------

    async def create_run(self, new: NewRun) -> tuple[RunRecord, bool]:
        def job(db: sqlite3.Connection) -> tuple[RunRecord, bool]:
            clear(db, new.id)
            created = db.execute(
                "INSERT INTO run(id, workflow, params, user_id, status, title, durable, created, updated, "
                "key_version) VALUES (?, ?, ?, ?, 'ready', ?, ?, ?, ?, ?) ON CONFLICT(id) DO NOTHING RETURNING 1",
                (
                    new.id,
                    new.workflow,
                    new.params,
                    new.user_id,
                    new.title,
                    new.durable,
                    new.at,
                    new.at,
                    new.key_version,
                ),
            ).fetchone()
            record = get_run(db, new.id)
            assert record is not None
            return record, created is not None

        return await self._writer.run(job)

    async def fork_run(self, run_id: str, before: str, new_id: str, at: float) -> RunRecord | None:
        def job(db: sqlite3.Connection) -> RunRecord | None:
            return get_run(db, new_id) if fork(db, run_id, before, new_id, at) else None

        return await self._writer.run(job)

    async def get_run(self, run_id: str) -> RunRecord | None:
        return await self._reader.run(lambda db: get_run(db, run_id))

    async def list_runs(
        self,
        user_id: str | None,
        *,
        limit: int,
        before: str | None,
        statuses: Sequence[RunStatus] = (),
        workflow: str | None = None,
    ) -> list[RunRecord]:
        def job(db: sqlite3.Connection) -> list[RunRecord]:
            where, args = "user_id IS ?", [user_id]
            if before is not None:
                where += " AND (created, id) < (SELECT created, id FROM run WHERE id = ?)"
                args.append(before)
            if statuses:
                where += " AND status IN (SELECT value FROM json_each(?))"
                args.append(json.dumps(list(statuses)))
            if workflow is not None:
                where += " AND workflow = ?"
                args.append(workflow)
            sql = f"SELECT {COLUMNS}, {DETAILS} FROM run WHERE {where} ORDER BY created DESC, id DESC LIMIT ?"
            return [record(row) for row in db.execute(sql, (*args, limit))]

        return await self._reader.run(job)

    async def walk_runs(self, *, after: str, limit: int, ended: bool) -> list[RunRecord]:
        def job(db: sqlite3.Connection) -> list[RunRecord]:
            rows = db.execute(
                f"SELECT {COLUMNS}, {DETAILS} FROM run WHERE id > ? {'' if ended else f'AND {LIVE}'} "
                "ORDER BY id LIMIT ?",
                (after, limit),
            )
            return [record(row) for row in rows]

        return await self._reader.run(job)

    async def rename_run(self, run_id: str, title: str, at: float) -> RunRecord | None:
        def job(db: sqlite3.Connection) -> RunRecord | None:
            db.execute("UPDATE run SET title = ?, titled = 1, updated = ? WHERE id = ?", (title, at, run_id))
            return get_run(db, run_id)

        return await self._writer.run(job)

    async def delete_run(self, run_id: str) -> bool:
        return await self._writer.run(lambda db: discard(db, run_id))

    async def delete_ended_before(self, at: float, *, limit: int) -> int:
        def job(db: sqlite3.Connection) -> int:
            sql = "SELECT id FROM run WHERE status IN ('completed', 'failed', 'cancelled') AND updated < ? LIMIT ?"
            ids = [row[0] for row in db.execute(sql, (at, limit))]
            return sum(discard(db, run_id) for run_id in ids)

        return await self._writer.run(job)

    async def sweep(self) -> bool:
        return await self._writer.run(self._sweeper.slice)

    async def ensure_writable(self) -> None:
        sql = "INSERT OR REPLACE INTO probe(id, data) VALUES (0, zeroblob(?))"
        for size in (PROBE_BYTES, 0):
            await self._writer.run(lambda db, size=size: db.execute(sql, (size,)))  # type: ignore[misc]

    # --- ownership ------------------------------------------------------------------------------------------------

    async def register_worker(self, worker: str, ttl_s: float, well: Callable[[], bool] | None = None) -> None:
        def job(db: sqlite3.Connection) -> None:
            self._liveness.register(db, worker, ttl_s, well)

        await self._writer.run(job)

    async def release_worker(self, worker: str) -> None:
        def job(db: sqlite3.Connection) -> None:
            db.execute(
                f"UPDATE run SET status = 'ready', worker = NULL, updated = {NOW}, {ACQUITTED} WHERE worker = ?",
                (worker,),
            )
            self._liveness.release(db, worker)

        await self._writer.run(job)

    async def claim_runs(
        self,
        worker: str,
        workflows: Sequence[str],
        *,
        limit: int,
        at_work: AtWork = NO_LIMITS,
        on_trial: bool = False,
    ) -> list[RunRecord]:
        def job(db: sqlite3.Connection) -> list[RunRecord]:
            self._liveness.offer(db, workflows)
            dead = self._liveness.dead(db)
            make_ready(db, dead)
            self._liveness.bury(db, dead)
            chosen = suspect(db, workflows) if on_trial else []
            chosen = chosen or self._turns.choose(db, workflows, at_work, limit)
            db.executemany(TAKE, [(worker, run_id) for run_id in chosen])
            found = [get_run(db, run_id) for run_id in chosen]
            return [record for record in found if record is not None]

        return await self._writer.run(job)

    async def next_due(self) -> float | None:
        return await self._reader.run(lambda db: _first(db.execute(NEXT_DUE)))

    def acquit_run(self, lease: Lease) -> None:
        args = {"run_id": lease.run_id, "fence": lease.fence}
        self._writer.submit(lambda db: db.execute(ACQUIT, args), lambda _result, _error: None, lease)

    async def heads(self, run_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        sql = (
            "SELECT id, (SELECT COALESCE(MAX(seq), 0) FROM event WHERE run_id = run.id), status || ' ' || title "
            "FROM run WHERE id IN (SELECT value FROM json_each(?))"
        )
        asked = json.dumps(list(run_ids))
        return await self._reader.run(lambda db: {row[0]: (row[1], row[2]) for row in db.execute(sql, (asked,))})

    async def owned_runs(self, worker: str) -> dict[str, int]:
        sql = "SELECT id, fence FROM run WHERE worker = ?"
        return await self._reader.run(lambda db: dict(db.execute(sql, (worker,)).fetchall()))

    # --- the life of an owned run ---------------------------------------------------------------------------------

    async def load_log(self, run_id: str) -> RunLog:
        def job(db: sqlite3.Connection) -> RunLog:
            db.execute("BEGIN")
            try:
                steps = db.execute("SELECT key, ord, value FROM step WHERE run_id = ?", (run_id,)).fetchall()
                questions = db.execute(
                    "SELECT key, uuid, value, ord, due FROM question WHERE run_id = ?", (run_id,)
                ).fetchall()
                keys = db.execute("SELECT key FROM event WHERE run_id = ?", (run_id,)).fetchall()
            finally:
                db.execute("ROLLBACK")
            return RunLog(
                steps={key: StepRecord(order, value) for key, order, value in steps},
                questions={key: QuestionRecord(*values) for key, *values in questions},
                event_keys=frozenset(row[0] for row in keys),
            )

        return await self._reader.run(job)

    async def load_past(self, run_id: str) -> Past:
        def job(db: sqlite3.Connection) -> Past:
            asked = db.execute("SELECT key, asked FROM step WHERE run_id = ?", (run_id,)).fetchall()
            said = db.execute("SELECT key, body FROM event WHERE run_id = ?", (run_id,)).fetchall()
            return Past(dict(asked), dict(said))

        return await self._reader.run(job)

    def append_event(self, lease: Lease, key: str, body: str, at: float, done: Done) -> None:
        self._writer.submit_row(Rows(append_events, lease), (key, at, body), done)

    def append_step(self, lease: Lease, key: str, step: StepRecord, done: Done) -> None:
        args = {
            "run_id": lease.run_id,
            "fence": lease.fence,
            "key": key,
            "ord": step.order,
            "value": step.value,
            "asked": step.asked,
        }
        self._writer.submit(lambda db: fenced(db, APPEND_STEP, args), done, lease)

    async def open_question(
        self, lease: Lease, key: str, uuid: str, body: str, at: float, due: float | None = None
    ) -> StoredEvent:
        args = {"run_id": lease.run_id, "fence": lease.fence, "key": key, "body": body, "at": at}

        def job(db: sqlite3.Connection) -> StoredEvent:
            seq = fenced(db, APPEND_EVENT, args)
            db.execute(
                "INSERT INTO question(run_id, uuid, key, asked, body, due) VALUES (?, ?, ?, ?, ?, ?)",
                (lease.run_id, uuid, key, seq, body, due),
            )
            db.execute("UPDATE run SET status = 'waiting', updated = ? WHERE id = ?", (at, lease.run_id))
            return StoredEvent(seq, at, body)

        return await self._writer.run(job, lease)

    async def read_answer(self, run_id: str, uuid: str) -> str | None:
        def job(db: sqlite3.Connection) -> str | None:
            row = db.execute("SELECT value FROM question WHERE run_id = ? AND uuid = ?", (run_id, uuid)).fetchone()
            return row[0] if row else None

        return await self._reader.run(job)

    async def expire_question(self, lease: Lease, uuid: str, value: str, body: str, at: float) -> StoredEvent | None:
        args = {"run_id": lease.run_id, "fence": lease.fence, "key": f"expired:{uuid}", "body": body, "at": at}

        def job(db: sqlite3.Connection) -> StoredEvent | None:
            fenced(db, LAST_SEQ, args)
            expired = "UPDATE question SET value = ?, expired = 1 WHERE run_id = ? AND uuid = ? AND value IS NULL"
            if not db.execute(expired, (value, lease.run_id, uuid)).rowcount:
                return None
            event = StoredEvent(fenced(db, APPEND_EVENT, args), at, body)
            db.execute(GO_ON, {"run_id": lease.run_id, "at": at})
            return event

        return await self._writer.run(job, lease)

    async def has_expired(self, run_id: str, uuid: str) -> bool:
        sql = f"SELECT 1 FROM question WHERE run_id = ? AND uuid = ? AND (expired OR (value IS NULL AND due <= {NOW}))"
        return await self._reader.run(lambda db: db.execute(sql, (run_id, uuid)).fetchone() is not None)

    async def rest(self, lease: Lease, due: float | None) -> None:
        args = {"run_id": lease.run_id, "fence": lease.fence, "due": due}
        await self._writer.run(lambda db: fenced(db, REST, args), lease)

    def note_answer(self, lease: Lease, uuid: str, order: int, done: Done) -> None:
        args = {"run_id": lease.run_id, "fence": lease.fence, "uuid": uuid, "ord": order}
        self._writer.submit(lambda db: fenced(db, NOTE_ANSWER, args), done, lease)

    async def park_run(self, lease: Lease) -> bool:
        args = {"run_id": lease.run_id, "fence": lease.fence}
        return await self._writer.run(lambda db: db.execute(PARK, args).fetchone() is not None, lease)

    async def finish_run(
        self, lease: Lease, status: RunStatus, result: str | None, body: str, at: float
    ) -> StoredEvent:
        args = {"run_id": lease.run_id, "fence": lease.fence, "key": "end", "body": body, "at": at}

        def job(db: sqlite3.Connection) -> StoredEvent:
            seq = fenced(db, APPEND_EVENT, args)
            db.execute(
                "UPDATE run SET status = ?, result = ?, worker = NULL, updated = ? WHERE id = ?",
                (status, result, at, lease.run_id),
            )
            return StoredEvent(seq, at, body)

        return await self._writer.run(job, lease)

    # --- what clients do, in any process --------------------------------------------------------------------------

    async def read_events(self, run_id: str, *, after: int, limit: int, before: int | None = None) -> EventPage:
        def job(db: sqlite3.Connection) -> EventPage:
            db.execute("BEGIN")
            try:
                run = get_run(db, run_id)
                if run is None:
                    return EventPage(None, ())
                if before is None:
                    sql = "SELECT seq, at, body FROM event WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?"
                    rows = db.execute(sql, (run_id, after, limit + 1)).fetchall()
                else:
                    sql = (
                        "SELECT seq, at, body FROM event WHERE run_id = ? AND seq > ? AND seq < ? "
                        "ORDER BY seq DESC LIMIT ?"
                    )
                    rows = db.execute(sql, (run_id, after, before, limit + 1)).fetchall()
            finally:
                db.execute("ROLLBACK")
            events = [StoredEvent(*row) for row in rows[:limit]]
            if before is not None:
                events.reverse()
            return EventPage(run, tuple(events), more=len(rows) > limit)

        return await self._reader.run(job)

    async def answer_question(
        self, run_id: str, uuid: str, value: str, body: str, at: float, title: str | None
    ) -> StoredEvent | None:
        def job(db: sqlite3.Connection) -> StoredEvent | None:
            taken = db.execute(
                "UPDATE question SET value = ? WHERE run_id = ? AND uuid = ? AND value IS NULL "
                f"AND (due IS NULL OR due > {NOW}) AND EXISTS (SELECT 1 FROM run WHERE id = ? AND {LIVE}) RETURNING 1",
                (value, run_id, uuid, run_id),
            ).fetchone()
            if taken is None:
                return None
            db.execute(GO_ON, {"run_id": run_id, "at": at})
            if title:
                db.execute("UPDATE run SET title = ?, titled = 1 WHERE id = ? AND NOT titled", (title, run_id))
            return log_anyway(db, run_id, f"answer:{uuid}", body, at)

        return await self._writer.run(job)

    async def retry_run(self, run_id: str, body: str, at: float) -> StoredEvent | None:
        def job(db: sqlite3.Connection) -> StoredEvent | None:
            failed = db.execute(
                f"UPDATE run SET status = 'ready', result = NULL, updated = ?, {ACQUITTED} "
                "WHERE id = ? AND status = 'failed' RETURNING fence",
                (at, run_id),
            ).fetchone()
            return log_anyway(db, run_id, f"resumed:{failed[0]}", body, at) if failed else None

        return await self._writer.run(job)

    async def cancel_run(self, run_id: str, body: str, at: float) -> StoredEvent | None:
        def job(db: sqlite3.Connection) -> StoredEvent | None:
            ended = db.execute(
                "UPDATE run SET status = 'cancelled', worker = NULL, fence = fence + 1, updated = ? "
                f"WHERE id = ? AND {LIVE} RETURNING 1",
                (at, run_id),
            ).fetchone()
            return log_anyway(db, run_id, "end", body, at) if ended else None

        return await self._writer.run(job)


def _first(found: sqlite3.Cursor) -> Any:
    return found.fetchone()[0]


def _log_only(_error: StoreBroken) -> None:
    """For whoever opens a store without wanting to be told: the lane has logged it."""
