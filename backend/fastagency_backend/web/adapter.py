"""`FastAPIAdapter`: publishes workflows on a FastAPI application::

    adapter = FastAPIAdapter(provider=wf)
    app = FastAPI()
    app.include_router(adapter.router)

The engine lives as long as the application does: the router brings a lifespan that starts it and hands its runs over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from fastagency_backend import frameworks
from fastagency_backend.assembly import engine_for
from fastagency_backend.engine import memory
from fastagency_backend.engine.engine import Engine
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.settings import BackendSettings, load_settings
from fastagency_backend.web.identity import GetUserId
from fastagency_backend.web.routes import Paths, Routes, cannot_go_on


def _prepare() -> None:
    frameworks.prepare()
    memory.spare_what_is_loaded()
    memory.look_less_often()


@runtime_checkable
class HasSpecs(Protocol):
    """What an adapter publishes: `Workflow` is one."""

    @property
    def specs(self) -> Mapping[str, WorkflowSpec]:
        """The workflows by name."""
        ...


class FastAPIAdapter(Routes):
    """Routes for custom clients and for the FastAPI provider, as a router to include.

    Args:
        provider: the `Workflow` object with the registered workflows.
        discovery_path: the first of the guide's three routes. The other routes (`/runs`, `/health`) are in its folder.
        initiate_workflow_path: the second of them.
        ws_path: the third, the WebSocket.
        get_user_id: any FastAPI dependency that returns the user's id (a `str`, an `int`, a `UUID`), a `User`, or None
            for nobody, or raises `HTTPException` to refuse. It holds on every route, the WebSocket included. Without
            one, bearer tokens say who calls if FASTAGENCY_SIGN_IN is set; if not, a caller is whoever the request
            claims.
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
        self.provider = provider
        super().__init__(
            provider.specs,
            get_user_id,
            Paths(discovery_path, initiate_workflow_path, ws_path),
            settings if settings is not None else load_settings(),
        )

    async def _process(self) -> Engine:
        await asyncio.to_thread(_prepare)
        return engine_for(self.provider.specs, self._settings, cannot_go_on)
