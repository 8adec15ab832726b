"""The API as a process: `uvicorn fastagency_backend.api:app`, or `fastagency api`. Workers beside it drive the runs."""

from __future__ import annotations

from fastapi import FastAPI

from fastagency_backend.settings import BackendSettings
from fastagency_backend.web import serving
from fastagency_backend.web.api import ApiRoutes


def create_app(settings: BackendSettings) -> FastAPI:
    """The application that serves the workflows that workers offer. Raises `InvalidSettings`."""
    return serving.application(
        "FastAgency API", settings, lambda get_user_id: ApiRoutes(settings, get_user_id=get_user_id)
    )


app = serving.made(create_app)
