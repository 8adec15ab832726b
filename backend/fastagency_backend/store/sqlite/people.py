"""People in the embedded store. See `people.People`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastagency_backend.store.people_jobs import PeopleJobs
from fastagency_backend.store.people_sql import Row, Sql
from fastagency_backend.store.sqlite.lane import Lane

T = TypeVar("T")


class SqliteSql(Sql):
    """On a connection whose thread has begun a transaction, or only reads."""

    run_key, of_run = "id", "run_id"

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def execute(self, sql: str, args: Mapping[str, Any]) -> tuple[list[str], list[Row]]:
        cursor = self._db.execute(sql, args)
        rows = cursor.fetchall()
        return [column[0] for column in cursor.description or ()], rows

    def serialize_audit(self) -> None:
        """There is one writer at a time."""

    def hold_runs(self, user_id: str) -> None:
        """The same."""


class SqlitePeople(PeopleJobs):
    """Part of a `SqliteStore`, whose lanes it shares."""

    def __init__(self, writer: Lane, reader: Lane) -> None:
        self._writer, self._reader = writer, reader

    async def _write(self, job: Callable[[Sql], T]) -> T:
        return await self._writer.run(lambda db: job(SqliteSql(db)))

    async def _read(self, job: Callable[[Sql], T]) -> T:
        return await self._reader.run(lambda db: job(SqliteSql(db)))

    def _gone(self, run_ids: list[str]) -> None:
        """Other processes notice the commit."""
