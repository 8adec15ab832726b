"""Which worker has which run, in the embedded store. See `dispatch.Dispatcher`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict

from fastagency_backend.store.base import RunRecord
from fastagency_backend.store.dispatch import ANY_BUILD, NO_LIMITS, OFFER_KEPT_S, AtWork, Builds, Line, Offer, Owned
from fastagency_backend.store.sqlite import query
from fastagency_backend.store.sqlite.claim import Turns, make_ready
from fastagency_backend.store.sqlite.lane import Lane
from fastagency_backend.store.sqlite.liveness import NOW, Liveness
from fastagency_backend.store.sqlite.near import Near
from fastagency_backend.store.sqlite.sql import FORGET_OFFERS, OFFER, take
from fastagency_backend.store.sqlite.suspicion import ACQUITTED, suspect

_GIVE_BACK = (
    f"UPDATE run SET status = 'ready', worker = NULL, updated = {NOW}, suspect = 0 "
    "WHERE id = ? AND fence = ? AND worker = ?"
)


class SqliteDispatcher:
    """Part of a `SqliteStore`, whose lanes and liveness it shares."""

    def __init__(self, writer: Lane, reader: Lane, near: Near, liveness: Liveness) -> None:
        self._writer, self._reader, self._near, self._liveness = writer, reader, near, liveness
        self._turns = Turns()

    async def lines(self) -> list[Line]:
        return await self._reader.run(query.lines)

    async def offer_workflows(self, offers: Sequence[Offer], *, kept_s: float = OFFER_KEPT_S) -> None:
        def job(db: sqlite3.Connection) -> None:
            db.executemany(
                OFFER,
                [asdict(offer) | {"place": place, "roles": offer.roles_json} for place, offer in enumerate(offers)],
            )
            db.execute(FORGET_OFFERS, (kept_s, json.dumps([offer.name for offer in offers])))

        await self._writer.run(job)

    async def catalogue(self) -> list[Offer]:
        return await self._reader.run(query.catalogue)

    async def register_worker(self, worker: str, ttl_s: float, well: Callable[[], bool] | None = None) -> None:
        def job(db: sqlite3.Connection) -> None:
            self._liveness.register(db, worker, ttl_s, well)

        await self._writer.run(job)

    def term(self, worker: str) -> int | None:
        return self._liveness.term(worker)

    async def release_worker(self, worker: str) -> None:
        def job(db: sqlite3.Connection) -> None:
            db.execute(
                f"UPDATE run SET status = 'ready', worker = NULL, updated = {NOW}, {ACQUITTED} WHERE worker = ?",
                (worker,),
            )
            self._liveness.release(db, worker)

        await self._writer.run(job)

    async def give_back_runs(self, worker: str, fences: Mapping[str, int]) -> None:
        rows = [(run_id, fence, worker) for run_id, fence in fences.items()]
        await self._writer.run(lambda db: db.executemany(_GIVE_BACK, rows))

    async def claim_runs(
        self,
        worker: str,
        workflows: Sequence[str],
        *,
        limit: int,
        at_work: AtWork = NO_LIMITS,
        builds: Builds = ANY_BUILD,
        on_trial: bool = False,
    ) -> list[RunRecord]:
        def job(db: sqlite3.Connection) -> list[RunRecord]:
            self._liveness.offer(db, workflows, builds)
            dead = self._liveness.dead(db)
            make_ready(db, dead)
            self._liveness.bury(db, dead)
            chosen = suspect(db, workflows, builds) if on_trial else []
            chosen = chosen or self._turns.choose(db, workflows, at_work, builds, limit)
            taken = [take(db, run_id, worker, builds.own) for run_id in chosen]
            return [record for record in taken if record is not None]

        return await self._writer.run(job)

    async def next_due(self) -> float | None:
        return await self._near.run(query.next_due)

    async def owned_runs(self, worker: str, among: Collection[str] | None = None) -> dict[str, Owned]:
        asked = None if among is None else list(among)
        return await self._reader.run(lambda db: query.owned_runs(db, worker, asked))
