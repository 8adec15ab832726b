"""The life of a run that a worker owns: what it appends, asks, waits for, and how it ends. A part of the store."""

from __future__ import annotations

from fastagency_shared.run import RunStatus

from fastagency_backend.store.base import Done, Lease, Past, RunLog, StepRecord, StoredEvent
from fastagency_backend.store.postgres import query
from fastagency_backend.store.postgres.append import Kind
from fastagency_backend.store.postgres.part import Part
from fastagency_backend.store.postgres.sql import ASK, EXPIRE, FINISH, PARK, REST


class Log(Part):
    """See `base.Store`."""

    def acquit_run(self, lease: Lease) -> None:
        self._lanes.append(Kind.ACQUIT, lease, (), lambda _result, _error: None)

    async def load_log(self, run_id: str) -> RunLog:
        return await self._connections.read(lambda db: query.load_log(db, run_id))

    async def load_past(self, run_id: str) -> Past:
        return await self._connections.read(lambda db: query.load_past(db, run_id))

    def append_event(self, lease: Lease, key: str, body: str, at: float, done: Done) -> None:
        self._lanes.append(Kind.EVENT, lease, (key, at, body), done)

    def append_step(self, lease: Lease, key: str, step: StepRecord, done: Done) -> None:
        self._lanes.append(Kind.STEP, lease, (key, step.order, step.value, step.asked), done)

    def note_answer(self, lease: Lease, uuid: str, order: int, done: Done) -> None:
        self._lanes.append(Kind.NOTE, lease, (uuid, order), done)

    async def open_question(
        self, lease: Lease, key: str, uuid: str, body: str, at: float, due: float | None = None
    ) -> StoredEvent:
        args = {"key": key, "uuid": uuid, "body": body, "at": at, "due": due}
        return StoredEvent(await self._lanes.run(ASK, lease.run_id, args, lease), at, body)

    async def read_answer(self, run_id: str, uuid: str) -> str | None:
        return await self._connections.read(lambda db: query.read_answer(db, run_id, uuid))

    async def expire_question(self, lease: Lease, uuid: str, value: str, body: str, at: float) -> StoredEvent | None:
        args = {"key": f"expired:{uuid}", "uuid": uuid, "value": value, "body": body, "at": at}
        seq = await self._lanes.run(EXPIRE, lease.run_id, args, lease)
        return StoredEvent(seq, at, body) if seq is not None else None

    async def has_expired(self, run_id: str, uuid: str) -> bool:
        return await self._connections.read(lambda db: query.has_expired(db, run_id, uuid))

    async def rest(self, lease: Lease, due: float | None) -> None:
        await self._lanes.run(REST, lease.run_id, {"due": due}, lease)

    async def park_run(self, lease: Lease) -> bool:
        return await self._lanes.run(PARK, lease.run_id, {}, lease) is not None

    async def finish_run(
        self, lease: Lease, status: RunStatus, result: str | None, body: str, at: float
    ) -> StoredEvent:
        args = {"key": "end", "status": str(status), "result": result, "body": body, "at": at}
        return StoredEvent(await self._lanes.run(FINISH, lease.run_id, args, lease), at, body)
