"""`FastAPIAdapter`: publishes workflows on a FastAPI application::

    adapter = FastAPIAdapter(provider=wf)
    app = FastAPI()
    app.include_router(adapter.router)

The engine lives as long as the application does: the router brings a lifespan that starts it and hands its runs over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, runtime_checkable

from fastagency_shared import logs
from fastapi import APIRouter, WebSocket

from fastagency_backend import frameworks
from fastagency_backend.assembly import engine_for
from fastagency_backend.engine import memory
from fastagency_backend.engine.engine import Engine
from fastagency_backend.engine.service import RunService
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.settings import BackendSettings, load_settings
from fastagency_backend.store.base import StoreError
from fastagency_backend.web import guide, health, metrics, runs, shutdown
from fastagency_backend.web.identity import GetUserId, Identity
from fastagency_backend.web.problem import ProblemRoute
from fastagency_backend.web.publication import Publication
from fastagency_backend.web.socket import serve_socket

logger = logging.getLogger(__name__)


def _prepare() -> None:
    frameworks.prepare()
    memory.spare_what_is_loaded()
    memory.look_less_often()


def _cannot_go_on(sentence: str) -> None:
    """A process that can neither read nor write is of no use: let whoever supervises it start another."""
    if shutdown.stop_server():
        logger.critical("This process stops now, so that it can be started again. %s", sentence)


@runtime_checkable
class HasSpecs(Protocol):
    """What an adapter publishes: `Workflow` is one."""

    @property
    def specs(self) -> Mapping[str, WorkflowSpec]:
        """The workflows by name."""
        ...


class FastAPIAdapter:
    """Routes for custom clients and for the FastAPI provider, as a router to include.

    Args:
        provider: the `Workflow` object with the registered workflows.
        discovery_path: the first of the guide's three routes. The other routes (`/runs`, `/health`) are in its folder.
        initiate_workflow_path: the second of them.
        ws_path: the third, the WebSocket.
        get_user_id: any FastAPI dependency that returns the user's id (text, or None for an anonymous user), or raises
            `HTTPException` to refuse. It holds on every route, the WebSocket included. Without one, a caller is whoever
            the request claims.
        settings: in the place of those from the environment.

    Raises:
        TypeError: the provider has no workflows to publish.
        ValueError: a path does not begin with a slash.
        InvalidSettings: an environment variable has a value that cannot be used.
    """

    def __init__(
        self,
        provider: HasSpecs,
        *,
        discovery_path: str = "/fastagency/discovery",
        initiate_workflow_path: str = "/fastagency/initiate_workflow",
        ws_path: str = "/fastagency/ws",
        get_user_id: GetUserId | None = None,
        settings: BackendSettings | None = None,
    ) -> None:
        if not isinstance(provider, HasSpecs):
            raise TypeError(
                "FastAPIAdapter(provider=...) takes the Workflow object with your workflows, "
                f"not {type(provider).__name__}."
            )
        for path in (discovery_path, initiate_workflow_path, ws_path):
            if not path.startswith("/"):
                raise ValueError(f"The path {path!r} must begin with a slash.")
        self.provider = provider
        self.identity = Identity(get_user_id)
        self._settings = settings if settings is not None else load_settings()
        self._engine: Engine | None = None
        self._starting = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.router = APIRouter(route_class=ProblemRoute, lifespan=self._lifespan, tags=["fastagency"])
        publication = Publication(self.router, self.identity, provider.specs, self.service)
        self.router.add_api_websocket_route(ws_path, self._socket)  # the first: routes are tried in their order
        guide.add_routes(publication, discovery_path, initiate_workflow_path, ws_path)
        folder = discovery_path.rsplit("/", 1)[0]
        runs.add_routes(publication, folder + "/runs")
        health.add_route(self.router, folder + "/health", self.engine)
        if self._settings.metrics_path is not None:
            metrics.add_route(self.router, self._settings.metrics_path, self.engine)

    async def engine(self) -> Engine:
        """The engine of this process; where no lifespan runs (a mounted application), the first request starts it."""
        loop = asyncio.get_running_loop()
        if self._engine is None or self._loop is not loop:
            if self._loop is not loop:
                self._starting, self._loop, self._engine = asyncio.Lock(), loop, None
            async with self._starting:
                if self._engine is None:
                    logs.set_up(self._settings.log_level, self._settings.log_format)
                    await asyncio.to_thread(_prepare)
                    engine = engine_for(self.provider.specs, self._settings, _cannot_go_on)
                    await engine.start()
                    self._engine = engine
        return self._engine

    async def service(self) -> RunService:
        """What answers clients' requests in this process."""
        return (await self.engine()).service

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
        await serve_socket(websocket, await self.service(), self.identity)
