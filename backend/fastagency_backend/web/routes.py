"""The routes of a process, as a router that brings the lifespan of what answers them."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastagency_shared import logs
from fastagency_shared.errors import RequestError
from fastapi import APIRouter, WebSocket

from fastagency_backend.assembly import bearers_for
from fastagency_backend.engine.service import RunService
from fastagency_backend.engine.spec import Offered
from fastagency_backend.people.directory import Directory
from fastagency_backend.people.holding import Holding
from fastagency_backend.people.session import Sessions
from fastagency_backend.settings import HOUR_S, BackendSettings
from fastagency_backend.store.base import StoreError
from fastagency_backend.store.people import People
from fastagency_backend.web import admin, guide, health, metrics, runs, sessions, shutdown
from fastagency_backend.web.bearer import BearerUser
from fastagency_backend.web.gate import Gate
from fastagency_backend.web.guarded import guarded
from fastagency_backend.web.identity import GetUserId, Identity
from fastagency_backend.web.problem import problem
from fastagency_backend.web.publication import Publication, ServingProcess
from fastagency_backend.web.quota import Quota, party_of
from fastagency_backend.web.socket import serve_socket

logger = logging.getLogger(__name__)


def cannot_go_on(sentence: str) -> None:
    """A process that can neither read nor write is of no use: let whoever supervises it start another."""
    if shutdown.stop_server():
        logger.critical("This process stops now, so that it can be started again. %s", sentence)


@dataclass(frozen=True)
class Paths:
    """The guide's three routes. The other routes (`/runs`, `/health`) are in the folder of the first.

    Raises:
        ValueError: a path does not begin with a slash.
    """

    discovery: str = "/fastagency/discovery"
    initiate_workflow: str = "/fastagency/initiate_workflow"
    ws: str = "/fastagency/ws"

    def __post_init__(self) -> None:
        for path in (self.discovery, self.initiate_workflow, self.ws):
            if not path.startswith("/"):
                raise ValueError(f"The path {path!r} must begin with a slash.")

    @property
    def folder(self) -> str:
        return self.discovery.rsplit("/", 1)[0]


class Routes(ABC):
    """See the module's docstring. A subclass says what the process is that answers."""

    def __init__(
        self, specs: Mapping[str, Offered], get_user_id: GetUserId | None, paths: Paths, settings: BackendSettings
    ) -> None:
        holding = Holding(self.people)
        bearers = None if get_user_id is not None else bearers_for(settings, self.people)
        own = None if bearers is None else BearerUser(bearers, holding)
        self.identity = identity = Identity(get_user_id or own, Directory(self.people), holding)
        self._specs, self._settings = specs, settings
        self._engine: ServingProcess | None = None
        self._starting = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gate, self._quota = Gate(settings, signs_in=not identity.claims_count), Quota(settings)
        route_class = guarded(self._gate, self._quota, settings.max_body_bytes)
        self.router = APIRouter(route_class=route_class, lifespan=self._lifespan, tags=["fastagency"])
        publication = Publication(self.router, identity, specs, self.service, self._quota)
        self.router.add_api_websocket_route(paths.ws, self._socket)  # the first: routes are tried in their order
        guide.add_routes(publication, paths.discovery, paths.initiate_workflow, paths.ws)
        runs.add_routes(publication, paths.folder + "/runs")
        admin.add_routes(publication, paths.folder + "/admin", self.people)
        if bearers is not None:
            kept = Sessions(self.people, holding, settings.session_hours * HOUR_S)
            sessions.add_routes(self.router, paths.folder + "/sessions", bearers, kept)
        health.add_route(self.router, paths.folder + "/health", self.engine)
        if settings.metrics_path is not None:
            metrics.add_route(self.router, settings.metrics_path, self.engine)

    @abstractmethod
    async def _process(self) -> ServingProcess:
        """What answers in this process; not started yet."""

    async def engine(self) -> ServingProcess:
        """The engine of this process; where no lifespan runs (a mounted application), the first request starts it."""
        loop = asyncio.get_running_loop()
        if self._engine is None or self._loop is not loop:
            if self._loop is not loop:
                self._starting, self._loop, self._engine = asyncio.Lock(), loop, None
            async with self._starting:
                if self._engine is None:
                    logs.set_up(self._settings.log_level, self._settings.log_format)
                    engine = await self._process()
                    await engine.start()
                    self._engine = engine
                    self._warn()
        return self._engine

    def _warn(self) -> None:
        closed = [name for name, spec in self._specs.items() if spec.roles is not None]
        if closed and self.identity.claims_count:
            logger.warning("Nobody signs in here, so nobody has the roles to start %s", ", ".join(map(repr, closed)))

    async def service(self) -> RunService:
        """What answers clients' requests in this process."""
        return (await self.engine()).service

    async def people(self) -> People:
        """Who there is, as the store of this process knows it."""
        return (await self.engine()).store.people

    @asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[None]:
        try:
            engine = await self.engine()
        except StoreError as error:
            logger.critical("The backend cannot start. %s", error)
            raise
        with shutdown.announced_to(engine.service.readers.send_home):
            yield
        self._engine = None
        await engine.stop()

    async def _socket(self, websocket: WebSocket) -> None:
        try:
            self._gate.check(websocket, changes=True)
            self._quota.check_sign_ins(party_of(websocket, None))
        except RequestError as error:
            await websocket.send_denial_response(problem(error))
            return
        await serve_socket(websocket, await self.service(), self.identity, self._quota)
