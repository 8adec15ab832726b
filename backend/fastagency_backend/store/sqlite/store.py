"""The embedded store: one SQLite file, nothing to start.

A writer thread commits everything (`lane.py`), a reader thread answers queries (`query.py`), small ones are answered on
the loop itself (`near.py`), and all see the same file as other processes do; the writer notices what those commit, and
which workers are alive (`liveness.py`).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fastagency_shared.run import RunStatus

from fastagency_backend.store.base import (
    PAGE_BYTES,
    Answered,
    Broken,
    Census,
    Done,
    EventPage,
    Everybody,
    Lease,
    NewRun,
    Past,
    Place,
    RunLog,
    RunRecord,
    Start,
    StepRecord,
    StoreBroken,
    StoredEvent,
    StoreError,
)
from fastagency_backend.store.signals import Hears
from fastagency_backend.store.sqlite import query
from fastagency_backend.store.sqlite.batch import Rows
from fastagency_backend.store.sqlite.checkpoint import Checkpoints
from fastagency_backend.store.sqlite.create import create
from fastagency_backend.store.sqlite.dispatch import SqliteDispatcher
from fastagency_backend.store.sqlite.fork import fork
from fastagency_backend.store.sqlite.lane import Lane, connect
from fastagency_backend.store.sqlite.liveness import Liveness
from fastagency_backend.store.sqlite.lookout import Lookout
from fastagency_backend.store.sqlite.near import Near
from fastagency_backend.store.sqlite.neighbours import NeighbourSignals
from fastagency_backend.store.sqlite.people import SqlitePeople
from fastagency_backend.store.sqlite.presence import Presence
from fastagency_backend.store.sqlite.private import create_file, create_folder
from fastagency_backend.store.sqlite.schema import check, migrate
from fastagency_backend.store.sqlite.sql import (
    ACQUIT,
    APPEND_EVENT,
    APPEND_STEP,
    BLANK,
    GO_ON,
    GO_ON_ANSWERED,
    LAST_SEQ,
    LIVE,
    NOTE_ANSWER,
    PARK,
    REST,
    TAKE_ANSWER,
    append_events,
    fenced,
    get_run,
    log_anyway,
    placing,
)
from fastagency_backend.store.sqlite.suspicion import ACQUITTED
from fastagency_backend.store.sqlite.sweep import Sweeper, discard

logger = logging.getLogger(__name__)

PROBE_BYTES = 65_536


class SqliteStore:
    """See `base.Store`. `synchronous` FULL survives a power cut, NORMAL a kill of the process only.

    Without `may_migrate`, a file of another version is refused, and none is made.
    """

    def __init__(self, path: str | Path, *, synchronous: str = "FULL", may_migrate: bool = True) -> None:
        self.path = str(path)
        self._synchronous, self._may_migrate = synchronous, may_migrate
        self._liveness = Liveness()
        self._sweeper = Sweeper()
        self._writer = Lane("store-writer", self._open_writer, writes=True)
        self._reader = Lane("store-reader", self._connect, writes=False)
        self._last_rows = Rows(append_events, Lease("", 0))
        self._checkpoints = Checkpoints(self._reader)
        self._lookout = Lookout(Presence(self.path), self._liveness, self._checkpoints)
        self._near = Near(lambda: self._connect(handed_over=True), self._reader)
        self.dispatcher = SqliteDispatcher(self._writer, self._reader, self._near, self._liveness)
        self.people = SqlitePeople(self._writer, self._reader)
        self.signals = NeighbourSignals(Path(self.path))

    def _connect(self, *, handed_over: bool = False) -> sqlite3.Connection:
        return connect(self.path, synchronous=self._synchronous, handed_over=handed_over)

    def _open_writer(self) -> sqlite3.Connection:
        db = self._brought_up_to_date() if self._may_migrate else self._as_it_is()
        self._checkpoints.start(db)
        return db

    def _brought_up_to_date(self) -> sqlite3.Connection:
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

    def _as_it_is(self) -> sqlite3.Connection:
        if not Path(self.path).exists():
            raise StoreError(
                f"There is no database {self.path}. Run `fastagency migrate` first, for FASTAGENCY_MIGRATE is off."
            )
        db = self._connect()
        try:
            check(db)
        except BaseException:
            db.close()
            raise
        return db

    async def open(self, hears: Hears, broken: Broken | None = None) -> None:
        told = broken or _log_only

        def tell(error: StoreBroken) -> None:
            self._near.stop()
            told(error)

        self._lookout.changed = self.signals.changed
        self._lookout.is_greeted = lambda: self.signals.hears_of_others
        self.signals.met = self._meet
        await self._writer.start(tell, self._lookout.look)
        await self._reader.start(tell)
        await self._near.start()
        await self.signals.open(hears)

    async def close(self) -> None:
        await self.signals.close()
        self._near.stop()
        await self._writer.stop()
        await self._reader.stop()

    def _meet(self) -> None:
        """Another process has come: look around at once, and often from now on."""
        self._lookout.meet()
        self._writer.submit(lambda _: None, lambda _result, _error: None)

    @property
    def queued(self) -> int:
        return self._writer.queued

    @property
    def epoch(self) -> int:
        return 0  # nobody takes the place of a file: one that was restored is started with anew

    async def census(self) -> Census:
        return await self._reader.run(query.census)

    async def now(self) -> float:
        return await self._near.run(query.now)

    # --- runs -----------------------------------------------------------------------------------------------------

    async def create_run(self, new: NewRun, start: Start | None = None) -> tuple[RunRecord, bool]:
        def job(db: sqlite3.Connection) -> tuple[RunRecord, bool]:
            taken = start is not None and self._liveness.holds(db, start.worker)
            return create(db, new, start if taken else None)

        return await self._writer.run(job)

    async def fork_run(self, run_id: str, before: str, new_id: str, at: float) -> RunRecord | None:
        def job(db: sqlite3.Connection) -> RunRecord | None:
            return get_run(db, new_id) if fork(db, run_id, before, new_id, at) else None

        return await self._writer.run(job)

    async def get_run(self, run_id: str) -> RunRecord | None:
        return await self._near.run(lambda db: get_run(db, run_id))

    async def list_runs(
        self,
        user_id: str | Everybody | None,
        *,
        limit: int,
        before: str | None,
        statuses: Sequence[RunStatus] = (),
        workflow: str | None = None,
    ) -> list[RunRecord]:
        return await self._reader.run(
            lambda db: query.list_runs(db, user_id, limit=limit, before=before, statuses=statuses, workflow=workflow)
        )

    async def count_at_work(self, user_id: str) -> int:
        return await self._near.run(lambda db: query.count_at_work(db, user_id))

    async def walk_runs(self, *, after: str, limit: int, ended: bool) -> list[RunRecord]:
        return await self._reader.run(lambda db: query.walk_runs(db, after=after, limit=limit, ended=ended))

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

    async def heads(self, run_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        asked = list(run_ids)  # the reader's thread looks later, when the caller's may have changed
        lane = self._near if len(asked) <= query.FEW_RUNS else self._reader
        return await lane.run(lambda db: query.heads(db, asked))

    # --- the life of an owned run ---------------------------------------------------------------------------------

    def acquit_run(self, lease: Lease) -> None:
        args = {"run_id": lease.run_id, "fence": lease.fence}
        self._writer.submit(lambda db: db.execute(ACQUIT, args), lambda _result, _error: None, lease)

    async def load_log(self, run_id: str) -> RunLog:
        return await self._reader.run(lambda db: query.load_log(db, run_id))

    async def load_past(self, run_id: str) -> Past:
        return await self._reader.run(lambda db: query.load_past(db, run_id))

    def append_event(self, lease: Lease, key: str, body: str, at: float, done: Done) -> None:
        rows = self._last_rows
        if rows.lease is not lease:
            rows = self._last_rows = Rows(append_events, lease)
        self._writer.submit_row(rows, (key, at, body), done)

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
            waits = f"UPDATE run SET status = 'waiting', updated = ?, {ACQUITTED} WHERE id = ?"
            db.execute(waits, (at, lease.run_id))
            return StoredEvent(seq, at, body)

        return await self._writer.run(job, lease)

    async def read_answer(self, run_id: str, uuid: str) -> str | None:
        return await self._near.run(lambda db: query.read_answer(db, run_id, uuid))

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
        return await self._near.run(lambda db: query.has_expired(db, run_id, uuid))

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
            db.execute(BLANK, (lease.run_id,))
            return StoredEvent(seq, at, body)

        return await self._writer.run(job, lease)

    # --- what clients do, in any process --------------------------------------------------------------------------

    async def read_events(
        self, run_id: str, *, after: int, limit: int, before: int | None = None, max_bytes: int = PAGE_BYTES
    ) -> EventPage:
        page = partial(query.read_events, run_id=run_id, after=after, limit=limit, before=before, max_bytes=max_bytes)
        return await self._near.run(partial(page, few=True), page)

    async def answer_question(
        self, run_id: str, uuid: str, value: str, body: str, at: float, title: str | None, place: Place | None = None
    ) -> Answered | None:
        def job(db: sqlite3.Connection) -> Answered | None:
            args = {"run_id": run_id, "uuid": uuid, "value": value, "at": at, "title": title or None}
            placed = db.execute(TAKE_ANSWER, args | placing(place)).fetchone()
            if placed is None:
                return None
            (status,) = db.execute(GO_ON_ANSWERED, args).fetchone()
            event = log_anyway(db, run_id, f"answer:{uuid}", body, at)
            return Answered(event, RunStatus(status), placed=placed[0] is not None)

        return await self._writer.run(job, told=None if place is None else place.taken)

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
            if ended is None:
                return None
            db.execute(BLANK, (run_id,))
            return log_anyway(db, run_id, "end", body, at)

        return await self._writer.run(job)


def _log_only(_error: StoreBroken) -> None:
    """For whoever opens a store without wanting to be told: the lane has logged it."""
