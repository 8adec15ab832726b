"""The backend as a process: `uvicorn fastagency_backend.main:app`, or `fastagency backend`.

It serves the demo workflows, or those that the setting FASTAGENCY_WORKFLOWS names as `module:attribute`.
"""

from __future__ import annotations

from fastagency_shared import logs
from fastagency_shared.errors import InvalidSettings
from fastapi import FastAPI

from fastagency_backend.settings import BackendSettings, load_settings
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow.load import load_workflows


def create_app(settings: BackendSettings) -> FastAPI:
    """The application that serves the workflows of the settings. Raises `InvalidSettings`."""
    logs.set_up(settings.log_level, settings.log_format)
    # With a root path, FastAPI serves requests that still have it as well as those whose proxy took it away.
    app = FastAPI(title="FastAgency backend", root_path=settings.backend_prefix)
    app.include_router(FastAPIAdapter(provider=load_workflows(settings.workflows), settings=settings).router)
    return app


def _app() -> FastAPI:
    try:
        return create_app(load_settings())
    except InvalidSettings as error:
        raise SystemExit(str(error)) from None  # a server imports this: one sentence, not its traceback


app = _app()
