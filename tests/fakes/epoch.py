"""A store whose database can fail over to a standby that lacks the newest of what was committed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import Broken, EventPage, Lease, LeaseLost, NewRun, RunRecord, Start
from fastagency_backend.store.signals import Deaf, Hears
from fastagency_backend.store.sqlite.batch import Rows
from fastagency_backend.store.sqlite.dispatch import SqliteDispatcher
from fastagency_backend.store.sqlite.lane import Deliver, Job, Lane


class FailingOver(SqliteStore):
    """`fail_over` is the failover; from then on the store is in another epoch."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, synchronous="OFF")
        self._now = 0
        self._hears: Hears = Deaf()
        self._writer = FencedLane(self, self._writer)
        self.dispatcher = OfAnEpoch(self)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.refused = 0
        """Writes under leases of other epochs."""

    @property
    def epoch(self) -> int:
        return self._now

    async def open(self, hears: Hears, broken: Broken | None = None) -> None:
        self._hears, self.loop = hears, asyncio.get_running_loop()
        await super().open(hears, broken)

    async def fail_over(self, run_id: str, *, keep: int) -> None:
        """All that came after the first events of this run is lost, with its newest results."""
        self._now += 1
        self._hears.begun_anew()

        def job(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM step WHERE run_id = ?", (run_id,))
            db.execute("DELETE FROM event WHERE run_id = ? AND seq > ?", (run_id, keep))
            db.execute("DELETE FROM question WHERE run_id = ? AND asked > ?", (run_id, keep))
            db.execute("UPDATE question SET value = NULL, ord = NULL WHERE run_id = ?", (run_id,))
            db.execute("UPDATE run SET status = 'running' WHERE id = ? AND worker IS NOT NULL", (run_id,))

        await self._writer.run(job)

    def tagged(self, record: RunRecord) -> RunRecord:
        return replace(record, epoch=self._now)

    async def create_run(self, new: NewRun, start: Start | None = None) -> tuple[RunRecord, bool]:
        record, created = await super().create_run(new, start)
        return self.tagged(record), created

    async def get_run(self, run_id: str) -> RunRecord | None:
        record = await super().get_run(run_id)
        return None if record is None else self.tagged(record)

    async def list_runs(self, user_id: str | None, **filters: Any) -> list[RunRecord]:
        return [self.tagged(record) for record in await super().list_runs(user_id, **filters)]

    async def read_events(self, run_id: str, **page: Any) -> EventPage:
        read = await super().read_events(run_id, **page)
        return read if read.run is None else replace(read, run=self.tagged(read.run))


class OfAnEpoch(SqliteDispatcher):
    """Claims are of the epoch in which they are made."""

    def __init__(self, store: FailingOver) -> None:
        super().__init__(store._writer, store._reader, store._near, store._liveness)
        self._store = store

    async def claim_runs(self, worker: str, workflows: Sequence[str], **options: Any) -> list[RunRecord]:
        claimed = await super().claim_runs(worker, workflows, **options)
        return [self._store.tagged(record) for record in claimed]


class FencedLane(Lane):
    """Takes the place of the store's writer: what is of another epoch is refused when its turn has come."""

    def __init__(self, store: FailingOver, writer: Lane) -> None:
        self.__dict__ = writer.__dict__
        self._store = store

    def submit(self, job: Job, deliver: Deliver, lease: Lease | None = None) -> None:
        super().submit(job if lease is None else lambda db: self._checked(lease) or job(db), deliver, lease)

    def submit_row(self, rows: Rows, row: tuple[Any, ...], deliver: Deliver) -> None:
        super().submit_row(Rows(self._checking(rows), rows.lease), row, deliver)

    def _checking(self, rows: Rows) -> Any:
        return lambda db, lease, written: self._checked(lease) or rows.write(db, lease, written)

    def _checked(self, lease: Lease) -> None:
        if lease.epoch != self._store.epoch:
            self._store.refused += 1
            raise LeaseLost(f"The lease of the run {lease.run_id} is of another epoch.")
