"""People on PostgreSQL. See `people.People`. A part of the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from fastagency_backend.store.people_jobs import PeopleJobs
from fastagency_backend.store.people_sql import Row, Sql
from fastagency_backend.store.postgres.locks import AUDIT
from fastagency_backend.store.postgres.part import Part
from fastagency_backend.store.postgres.pool import Connection

T = TypeVar("T")


class PostgresSql(Sql):
    """On a connection in a transaction, or one that only reads."""

    run_key, of_run = "number", "run"

    def __init__(self, db: Connection) -> None:
        self._db = db

    def execute(self, sql: str, args: Mapping[str, Any]) -> tuple[list[str], list[Row]]:
        cursor = self._db.execute(_named(sql), args)
        if cursor.description is None:
            return [], []
        return [column.name for column in cursor.description], cursor.fetchall()

    def serialize_audit(self) -> None:
        self._db.execute("SELECT pg_advisory_xact_lock(%s)", (AUDIT,))

    def hold_runs(self, user_id: str) -> None:
        """In the order of their ids, as every batch of a lane does."""
        self._db.execute("SELECT 1 FROM run WHERE user_id = %s ORDER BY id FOR UPDATE", (user_id,))


class PostgresPeople(Part, PeopleJobs):
    """Part of a `PostgresStore`, whose connections it shares."""

    async def _write(self, job: Callable[[Sql], T]) -> T:
        def write(db: Connection) -> T:
            with db.transaction():
                return job(PostgresSql(db))

        return await self._connections.write(write)

    async def _read(self, job: Callable[[Sql], T]) -> T:
        return await self._connections.read(lambda db: job(PostgresSql(db)))

    def _gone(self, run_ids: list[str]) -> None:
        self._signals.tell(run_ids)


@lru_cache(maxsize=200)
def _named(sql: str) -> str:
    """With parameters as psycopg writes them."""
    return re.sub(r":(\w+)", r"%(\1)s", sql)
