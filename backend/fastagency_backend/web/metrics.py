"""Metrics on a path of the application, for an operator who lets nobody else ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute

from fastagency_backend import observe
from fastagency_backend.web.publication import ServingProcess


def add_route(router: APIRouter, path: str, process: Callable[[], Awaitable[ServingProcess]]) -> None:
    async def metrics() -> Response:
        observer = (await process()).observer
        body, content_type = await asyncio.to_thread(observe.exposition, observer)
        return Response(body, media_type=content_type)

    router.add_api_route(path, metrics, include_in_schema=False, route_class_override=APIRoute)
