"""What the route modules need to know of the adapter that they belong to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fastapi import APIRouter

from fastagency_backend.engine.health import Health
from fastagency_backend.engine.observer import Observer
from fastagency_backend.engine.service import RunService
from fastagency_backend.engine.spec import Offered
from fastagency_backend.store.base import Store
from fastagency_backend.web.identity import Identity


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
