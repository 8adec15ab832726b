"""Which worker has which run, on PostgreSQL: leases, claims, take-over. See `dispatch.Dispatcher`.

A claim locks what it takes and passes over what others hold. One whose reply was lost is found again by its number: the
next claim of this process returns what that one took.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg

from fastagency_backend.store.base import RunRecord
from fastagency_backend.store.dispatch import ANY_BUILD, NO_LIMITS, OFFER_KEPT_S, AtWork, Builds, Line, Offer, Owned
from fastagency_backend.store.postgres import claim, query
from fastagency_backend.store.postgres.claim import Ready, Turns
from fastagency_backend.store.postgres.failure import store_error
from fastagency_backend.store.postgres.lane import Lanes
from fastagency_backend.store.postgres.liveness import LOOK, Heart
from fastagency_backend.store.postgres.locks import CLAIM
from fastagency_backend.store.postgres.part import Part
from fastagency_backend.store.postgres.pool import Connection, Connections
from fastagency_backend.store.postgres.sql import LOCK, NOW, record
from fastagency_backend.store.signals import Signals

logger = logging.getLogger(__name__)

DOUBT_S = 60.0
"""How long a claim whose reply was lost is asked for: the server ends what is left open long before."""
CLAIM_TRIES = 5
"""How often a claim looks again when others have taken what it had chosen."""
OFFER = (
    f"INSERT INTO workflow(name, description, durable, build, roles, place, offered) SELECT o.*, {NOW} FROM "
    "unnest(%(names)s::text[], %(descriptions)s::text[], %(durables)s::boolean[], %(builds)s::text[], "
    "%(roles)s::text[], %(places)s::integer[]) o(name, description, durable, build, roles, place) ORDER BY name "
    "ON CONFLICT(name) DO UPDATE SET description = excluded.description, durable = excluded.durable, "
    "build = excluded.build, roles = excluded.roles, place = excluded.place, offered = excluded.offered"
)
FORGET_OFFERS = f"DELETE FROM workflow WHERE offered <= {NOW} - %(kept_s)s AND name != ALL(%(names)s::text[])"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a claim asks for."""

    workflows: list[str]
    limit: int
    at_work: AtWork
    builds: Builds
    on_trial: bool


class PostgresDispatcher(Part):
    """Part of a `PostgresStore`, whose connections and lanes it shares."""

    def __init__(self, connections: Connections, lanes: Lanes, signals: Signals, heart: Heart) -> None:
        super().__init__(connections, lanes, signals, heart)
        self._turns = Turns()
        self._first_user = ""
        self._doubtful: dict[int, float] = {}
        self._claiming = threading.Lock()

    async def close(self) -> None:
        """Keep no lease any more: others will take over what this process still owns."""
        await asyncio.to_thread(self._heart.close)

    async def register_worker(self, worker: str, ttl_s: float, well: Callable[[], bool] | None = None) -> None:
        try:
            await asyncio.to_thread(self._heart.start, worker, ttl_s, well)
        except psycopg.Error as error:
            raise store_error(error) from error

    def term(self, worker: str) -> int | None:
        return self._heart.term(worker)

    async def release_worker(self, worker: str) -> None:
        await self._lanes.drain()
        if self._heart.worker == worker:
            await asyncio.to_thread(self._heart.stop)
        self._signals.tell(await self._connections.write(lambda db: _release(db, worker)), ready=True)

    async def give_back_runs(self, worker: str, fences: Mapping[str, int]) -> None:
        given = dict(fences)
        back = await self._connections.write(lambda db: _give_back(db, worker, given))
        self._signals.tell(back, ready=bool(back))

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
        names = list(workflows)

        def job(db: Connection) -> list[RunRecord]:
            with self._claiming:
                self._heart.offer(names, builds)
                self._take_over(db, worker)
                return self._found_again(db, worker) or self._claim(
                    db, worker, Asked(names, limit, at_work, builds, on_trial)
                )

        return await self._connections.write(job)

    async def offer_workflows(self, offers: Sequence[Offer], *, kept_s: float = OFFER_KEPT_S) -> None:
        args = {
            "names": [offer.name for offer in offers],
            "descriptions": [offer.description for offer in offers],
            "durables": [offer.durable for offer in offers],
            "builds": [offer.build for offer in offers],
            "roles": [offer.roles_json for offer in offers],
            "places": list(range(len(offers))),
            "kept_s": kept_s,
        }

        def job(db: Connection) -> None:
            db.execute(OFFER, args)
            db.execute(FORGET_OFFERS, args)

        await self._connections.write(job)

    async def catalogue(self) -> list[Offer]:
        return await self._connections.read(query.catalogue)

    async def next_due(self) -> float | None:
        return await self._connections.read(query.next_due)

    async def owned_runs(self, worker: str, among: Collection[str] | None = None) -> dict[str, Owned]:
        asked = None if among is None else list(among)  # a thread looks later, when the caller's may have changed
        return await self._connections.read(lambda db: query.owned_runs(db, worker, asked))

    async def lines(self) -> list[Line]:
        return await self._connections.read(query.lines)

    # --- in a thread ----------------------------------------------------------------------------------------------

    def _take_over(self, db: Connection, worker: str) -> None:
        """Runs of dead workers, and of owners that are none, wait for a worker from now on."""
        with db.pipeline():
            rows = db.execute(LOOK)
            owners = db.execute(claim.STRANGERS)
        dead = self._heart.liveness.look(worker, rows.fetchall())
        strangers = [row[0] for row in owners.fetchall() if row[0] != self._heart.worker]
        if not dead and not strangers:
            return
        with db.transaction():
            args = {"ids": list(dead), "beats": list(dead.values())}
            buried = [row[0] for row in db.execute(claim.BURY, args)]
            db.execute(claim.HOLD_ALL_OF, ([*buried, *strangers],))
            if buried:
                db.execute(claim.COUNT_DEATHS, (buried,))
            lost = [row[0] for row in db.execute(claim.LOSE, ([*buried, *strangers],))]
        self._signals.tell(lost, ready=bool(lost))

    def _found_again(self, db: Connection, worker: str) -> list[RunRecord]:
        """What claims of ours took whose replies were lost. One may still be under way, so it is asked for again."""
        if not self._doubtful:
            return []
        rows = db.execute(claim.TAKEN, (worker, list(self._doubtful))).fetchall()
        settled = {row[0] for row in rows}
        now = time.monotonic()
        self._doubtful = {
            number: since for number, since in self._doubtful.items() if number not in settled and now - since < DOUBT_S
        }
        return [record(row[1:]) for row in rows]

    def _claim(self, db: Connection, worker: str, asked: Asked) -> list[RunRecord]:
        found: list[RunRecord] = []
        for _ in range(CLAIM_TRIES):
            try:
                taken, again = self._claim_once(db, worker, replace(asked, limit=asked.limit - len(found)))
            except psycopg.Error as error:
                if not found:
                    raise
                logger.warning("A claim was broken off: %s", error)
                break
            found += taken
            if not again or len(found) >= asked.limit:
                break
        return found

    def _claim_once(self, db: Connection, worker: str, asked: Asked) -> tuple[list[RunRecord], bool]:
        """One transaction; the flag says that others took some of what was chosen."""
        limited = asked.at_work.per_user is not None or bool(asked.at_work.per_workflow)
        number = secrets.randbits(62)
        self._doubtful[number] = time.monotonic()
        with db.transaction():
            if limited:
                db.execute("SELECT pg_advisory_xact_lock(%s)", (CLAIM,))
            due = db.execute(claim.COME_DUE).rowcount
            accused = _on_trial(db, asked) if asked.on_trial else []
            chosen = accused or self._choose(db, asked, 1 if limited else claim.SPARE)
            taken = _take(db, worker, number, chosen, 1 if accused else asked.limit, asked.builds.own)
        del self._doubtful[number]
        self._signals.tell((run.id for run in taken), ready=due > len(taken))
        self._turns.served([run.user_id or "" for run in taken])
        return taken, bool(chosen) and not accused and not limited

    def _choose(self, db: Connection, asked: Asked, spare: int) -> list[Ready]:
        at_work, limit = asked.at_work, asked.limit * spare
        ready = self._ready(db, asked, limit) if limit > 0 else []
        if not ready:
            return []
        by_user = _count(db, claim.AT_WORK_OF_USERS, list({each.user for each in ready}))
        by_workflow = _count(db, claim.AT_WORK_OF_WORKFLOWS, list(at_work.per_workflow))
        return self._turns.choose(ready, by_user, by_workflow, at_work, limit)

    def _ready(self, db: Connection, asked: Asked, limit: int) -> list[Ready]:
        """What may be chosen from; where that is very much, a part of it, and another one the next time."""
        args = {"workflows": asked.workflows, "limit": limit, "builds": asked.builds.named}
        ready: dict[str, Ready] = {}
        for first in dict.fromkeys([self._first_user, ""]):
            rows = db.execute(claim.READY, {**args, "first": first}).fetchall()
            ready.update((row[0], Ready(*row)) for row in rows)
            self._first_user = rows[-1][1] if len(rows) >= claim.LOOKED_AT else ""
            if self._first_user:
                break
        return list(ready.values())


def _on_trial(db: Connection, asked: Asked) -> list[Ready]:
    rows = db.execute(claim.ON_TRIAL_NEXT, {"workflows": asked.workflows, "builds": asked.builds.named})
    return [Ready(row[0], "", "", 0.0) for row in rows]


def _take(
    db: Connection, worker: str, number: int, chosen: list[Ready], limit: int, build: str | None
) -> list[RunRecord]:
    if not chosen:
        return []
    ids = [row[0] for row in db.execute(claim.HOLD, {"ids": [each.id for each in chosen], "limit": limit})]
    rows = db.execute(claim.TAKE, {"worker": worker, "claim": number, "build": build, "ids": ids}).fetchall()
    return sorted((record(row) for row in rows), key=lambda run: ids.index(run.id))


def _count(db: Connection, sql: str, names: list[str]) -> Counter[str]:
    return Counter(dict(db.execute(sql, (names,)).fetchall())) if names else Counter()


def _give_back(db: Connection, worker: str, fences: dict[str, int]) -> list[str]:
    args = {"ids": list(fences), "fences": list(fences.values()), "worker": worker}
    with db.transaction():
        db.execute(LOCK, args)
        return [row[0] for row in db.execute(claim.GIVE_BACK, args)]


def _release(db: Connection, worker: str) -> list[str]:
    with db.transaction():
        db.execute("DELETE FROM worker WHERE id = %s", (worker,))  # nothing is started for it any more
        db.execute(claim.HOLD_ALL_OF, ([worker],))
        return [row[0] for row in db.execute(claim.RELEASE, ([worker],))]
