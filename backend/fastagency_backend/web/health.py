"""The sign of life for whoever starts, watches and balances processes: no sign-in, and nothing in it to hide."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel

from fastagency_backend.engine.health import Health
from fastagency_backend.store.base import StoreError
from fastagency_backend.web.publication import ServingProcess

logger = logging.getLogger(__name__)


class HealthReport(BaseModel):
    """`unwell` names the parts that are not well; with status 503 there is at least one.

    `waiting_for_room`: runs that have waited for their turn for a while; `waiting_for_workflow`: those whose
    workflow no worker has; `waiting_for_build`: those that none of the builds that are there goes on with.
    """

    alive: bool
    ready: bool
    unwell: list[str] = []
    waiting_for_room: int = 0
    waiting_for_workflow: int = 0
    waiting_for_build: int = 0


def add_route(router: APIRouter, path: str, process: Callable[[], Awaitable[ServingProcess]]) -> None:
    async def health() -> JSONResponse:
        """Whether this process is alive, and ready to serve people. Needs no sign-in."""
        try:
            found = await (await process()).health()
        except StoreError:  # a mounted application starts its engine now
            logger.exception("The engine could not be started")
            found = Health(unwell=("database",))
        status = 200 if found.ready else 503
        return JSONResponse(found.report, status, headers={"Cache-Control": "no-store"})

    router.add_api_route(
        path,
        health,
        response_model=HealthReport,
        responses={503: {"model": HealthReport}},
        route_class_override=APIRoute,
    )
