"""What the route modules need to know of the adapter that they belong to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fastapi import APIRouter
from starlette.requests import HTTPConnection

from fastagency_backend.engine.health import Health
from fastagency_backend.engine.limits import size_of
from fastagency_backend.engine.observer import Observer
from fastagency_backend.engine.service import RunService
from fastagency_backend.engine.spec import Offered
from fastagency_backend.store.base import Store
from fastagency_backend.web.identity import Identity
from fastagency_backend.web.quota import Party, Quota, party_of


class ServingProcess(Protocol):
    """What is behind the routes of a process: an `Engine`, or an `Api`."""

    service: RunService
    observer: Observer

    @property
    def store(self) -> Store: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def health(self) -> Health: ...


@dataclass(frozen=True)
class Publication:
    """The router to add routes to, whom they are for, the workflows, and the way to the service, which may start it."""

    router: APIRouter
    identity: Identity
    specs: Mapping[str, Offered]
    service: Callable[[], Awaitable[RunService]]
    quota: Quota

    def party(self, connection: HTTPConnection, user_id: str | None) -> Party | None:
        """Who is counted. A claim is nobody's."""
        return party_of(connection, None if self.identity.claims_count else user_id)

    def count_stored(self, connection: HTTPConnection, user_id: str | None, value: object) -> None:
        """Count what is stored of an answer. Raises `TooManyRequests`."""
        if (party := self.party(connection, user_id)) is not None:
            self.quota.store(party, size_of(value))

    async def count_start(self, connection: HTTPConnection, user_id: str | None, params: object = None) -> None:
        """Count the start of a run, which has this stored. Raises `TooManyRequests`."""
        party = self.party(connection, user_id)
        if party is None:
            return
        self.quota.start(party, 0 if params is None else size_of(params))
        if user_id is not None and not self.identity.claims_count:
            self.quota.check_at_work(await (await self.service()).count_at_work(user_id))
