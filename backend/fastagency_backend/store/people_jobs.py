"""`people.People` over jobs: what a store's own part has to add is how a job is carried out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any, TypeVar

from fastagency_shared.user import User

from fastagency_backend.store import people_sql as sql
from fastagency_backend.store.audit import AuditRecord, Entry
from fastagency_backend.store.people import ApiToken, Erased, NewSession, Person, SessionRecord
from fastagency_backend.store.people_sql import Sql

T = TypeVar("T")


class PeopleJobs(ABC):
    """See the module's docstring, and `people.People` for the methods."""

    @abstractmethod
    async def _write(self, job: Callable[[Sql], T]) -> T:
        """Carry out a job in a transaction."""

    @abstractmethod
    async def _read(self, job: Callable[[Sql], T]) -> T:
        """Carry out a job that changes nothing."""

    @abstractmethod
    def _gone(self, run_ids: list[str]) -> None:
        """Runs were deleted: tell those who watch or drive them."""

    async def see(self, user: User, at: float) -> None:
        await self._write(lambda db: sql.see(db, user, at))

    async def person(self, user_id: str) -> Person | None:
        return await self._read(lambda db: sql.person(db, user_id))

    async def open_session(self, new: NewSession, visitor: str | None = None) -> int:
        return await self._write(lambda db: sql.open_session(db, new, visitor))

    async def find_session(self, secret: str, at: float) -> SessionRecord | None:
        found, stale = await self._read(lambda db: sql.find_session(db, secret, at))
        return await self._write(lambda db: sql.touch_session(db, secret, at)) if stale else found

    async def rotate_session(self, secret: str, new: str, at: float) -> SessionRecord | None:
        return await self._write(lambda db: sql.rotate_session(db, secret, new, at))

    async def end_session(self, secret: str) -> str | None:
        return await self._write(lambda db: sql.end_session(db, secret))

    async def end_sessions(self, user_id: str) -> list[str]:
        return await self._write(lambda db: sql.end_sessions(db, user_id))

    async def live_sessions(self, ids: Collection[str], at: float) -> set[str]:
        asked = list(ids)  # a thread looks later, when the caller's may have changed
        return await self._read(lambda db: sql.live_sessions(db, asked, at))

    async def add_token(self, token: ApiToken, secret: str) -> None:
        await self._write(lambda db: sql.add_token(db, token, secret))

    async def tokens(self, user_id: str | None = None) -> list[ApiToken]:
        return await self._read(lambda db: sql.tokens(db, user_id))

    async def remove_token(self, token_id: str, at: float) -> bool:
        return await self._write(lambda db: sql.remove_token(db, token_id, at))

    async def use_token(self, secret: str, at: float, day: str) -> ApiToken | None:
        found = await self._read(lambda db: sql.find_token(db, secret, at))
        if found is not None and found.used != day:
            token_id = found.id
            await self._write(lambda db: sql.note_use(db, token_id, day))
        return found

    async def live_tokens(self, ids: Collection[str], at: float) -> set[str]:
        asked = list(ids)
        return await self._read(lambda db: sql.live_tokens(db, asked, at))

    async def record(self, entry: Entry) -> AuditRecord:
        return await self._write(lambda db: sql.record(db, entry))

    async def audit(self, *, after: int = 0, limit: int = 100) -> list[AuditRecord]:
        return await self._read(lambda db: sql.audit(db, after, limit))

    async def pseudonyms(self) -> dict[str, str]:
        return await self._read(sql.pseudonyms)

    async def export(self, user_id: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        for row in await self._read(lambda db: sql.rows_of_person(db, user_id)):
            yield row
        for run_id in await self._read(lambda db: sql.run_ids(db, user_id)):
            for row in await self._read(lambda db, run_id=run_id: sql.rows_of_run(db, run_id)):  # type: ignore[misc]
                yield row

    async def erase(self, user_id: str, at: float) -> Erased:
        erased, run_ids = await self._write(lambda db: sql.erase(db, user_id, at))
        self._gone(run_ids)
        return erased
