"""What clients do, in any process: runs are created, listed, answered, cancelled, deleted. A part of the store."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Sequence

from fastagency_shared.run import RunStatus

from fastagency_backend.store.base import (
    PAGE_BYTES,
    Answered,
    Census,
    EventPage,
    Everybody,
    NewRun,
    Place,
    RunRecord,
    Start,
    StoredEvent,
    StoreError,
)
from fastagency_backend.store.postgres import query
from fastagency_backend.store.postgres.fork import fork
from fastagency_backend.store.postgres.lane import Lanes
from fastagency_backend.store.postgres.liveness import Heart
from fastagency_backend.store.postgres.part import Part
from fastagency_backend.store.postgres.partition import Room
from fastagency_backend.store.postgres.pool import Connections
from fastagency_backend.store.postgres.sql import ANSWER, CANCEL, CREATE, DELETE, PROBE, RENAME, RETRY
from fastagency_backend.store.postgres.sweep import delete_ended, sweep
from fastagency_backend.store.signals import Signals

PROBE_BYTES = 65_536


class Client(Part):
    """See `base.Store`."""

    def __init__(self, connections: Connections, lanes: Lanes, signals: Signals, heart: Heart) -> None:
        super().__init__(connections, lanes, signals, heart)
        self._room = Room()

    async def create_run(self, new: NewRun, start: Start | None = None) -> tuple[RunRecord, bool]:
        taken = start if start is not None and self._heart.term(start.worker) is not None else None
        args = {
            "workflow": new.workflow,
            "params": new.params,
            "user_id": new.user_id,
            "title": new.title,
            "durable": new.durable,
            "at": new.at,
            "key_version": new.key_version,
            "started_by": new.started_by,
            "worker": taken.worker if taken is not None else None,
            "key": taken.key if taken is not None else None,
            "body": taken.body if taken is not None else None,
            "build": taken.build if taken is not None else None,
        }
        row = await self._lanes.run(CREATE, new.id, args)
        if row is not None:
            number, worker, epoch = row
            if self._room.lacks(number):
                await self._connections.write(self._room.make)
            build = start.build if start is not None and worker is not None else None
            return _created(new, worker, build, epoch), True
        record = await self.get_run(new.id)
        if record is None:
            raise StoreError(f"The run {new.id} was deleted while it was created.")
        return record, False

    async def fork_run(self, run_id: str, before: str, new_id: str, at: float) -> RunRecord | None:
        forked = await self._connections.write(lambda db: fork(db, run_id, before, new_id, at))
        if forked is not None:
            self._signals.tell({new_id})
        return forked

    async def get_run(self, run_id: str) -> RunRecord | None:
        return await self._connections.read(lambda db: query.get_run(db, run_id))

    async def list_runs(
        self,
        user_id: str | Everybody | None,
        *,
        limit: int,
        before: str | None,
        statuses: Sequence[RunStatus] = (),
        workflow: str | None = None,
    ) -> list[RunRecord]:
        return await self._connections.read(
            lambda db: query.list_runs(db, user_id, limit=limit, before=before, statuses=statuses, workflow=workflow)
        )

    async def count_at_work(self, user_id: str) -> int:
        return await self._connections.read(lambda db: query.count_at_work(db, user_id))

    async def walk_runs(self, *, after: str, limit: int, ended: bool) -> list[RunRecord]:
        return await self._connections.read(lambda db: query.walk_runs(db, after=after, limit=limit, ended=ended))

    async def rename_run(self, run_id: str, title: str, at: float) -> RunRecord | None:
        record: RunRecord | None = await self._lanes.run(RENAME, run_id, {"title": title, "at": at})
        return record

    async def delete_run(self, run_id: str) -> bool:
        return await self._lanes.run(DELETE, run_id, {}) is not None

    async def delete_ended_before(self, at: float, *, limit: int) -> int:
        return await self._connections.write(lambda db: delete_ended(db, at, limit))

    async def sweep(self) -> bool:
        return await self._connections.write(sweep)

    async def ensure_writable(self) -> None:
        probe = uuids.uuid4().hex
        await self._lanes.run(PROBE, probe, {"size": PROBE_BYTES})
        await self._connections.write(lambda db: db.execute("DELETE FROM probe WHERE id = %s", (probe,)))

    async def heads(self, run_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        asked = list(run_ids)  # a thread looks later, when the caller's may have changed
        return await self._connections.read(lambda db: query.heads(db, asked))

    async def census(self) -> Census:
        return await self._connections.read(query.census)

    async def now(self) -> float:
        return await self._connections.read(query.now)

    async def read_events(
        self, run_id: str, *, after: int, limit: int, before: int | None = None, max_bytes: int = PAGE_BYTES
    ) -> EventPage:
        return await self._connections.read(
            lambda db: query.read_events(db, run_id, after=after, limit=limit, before=before, max_bytes=max_bytes)
        )

    async def answer_question(
        self, run_id: str, uuid: str, value: str, body: str, at: float, title: str | None, place: Place | None = None
    ) -> Answered | None:
        args = {
            "key": f"answer:{uuid}",
            "uuid": uuid,
            "value": value,
            "body": body,
            "at": at,
            "title": title or None,
        }
        answered: Answered | None = await self._lanes.run(ANSWER, run_id, args, place=place)
        return answered

    async def retry_run(self, run_id: str, body: str, at: float) -> StoredEvent | None:
        return _event(await self._lanes.run(RETRY, run_id, {"body": body, "at": at}), at, body)

    async def cancel_run(self, run_id: str, body: str, at: float) -> StoredEvent | None:
        return _event(await self._lanes.run(CANCEL, run_id, {"key": "end", "body": body, "at": at}), at, body)


def _created(new: NewRun, worker: str | None, build: str | None, epoch: int) -> RunRecord:
    return RunRecord(
        id=new.id,
        workflow=new.workflow,
        params=new.params,
        user_id=new.user_id,
        status=RunStatus.READY if worker is None else RunStatus.RUNNING,
        title=new.title,
        result=None,
        durable=new.durable,
        worker=worker,
        fence=0 if worker is None else 1,
        created=new.at,
        updated=new.at,
        key_version=new.key_version,
        build=build,
        started_by=new.started_by,
        last_seq=0 if worker is None else 1,
        epoch=epoch,
    )


def _event(seq: int | None, at: float, body: str) -> StoredEvent | None:
    return StoredEvent(seq, at, body) if seq is not None else None
