"""What the route modules need to know of the adapter that they belong to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fastapi import APIRouter

from fastagency_backend.engine.service import RunService
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.web.identity import Identity


@dataclass(frozen=True)
class Publication:
    """The router to add routes to, whom they are for, the workflows, and the way to the service, which may start it."""

    router: APIRouter
    identity: Identity
    specs: Mapping[str, WorkflowSpec]
    service: Callable[[], Awaitable[RunService]]
