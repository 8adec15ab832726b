"""The backend as a process: `uvicorn fastagency_backend.main:app`, or `fastagency backend`.

It serves the demo workflows, or those that the setting FASTAGENCY_WORKFLOWS names as `module:attribute`.
"""

from __future__ import annotations

from fastapi import FastAPI

from fastagency_backend.settings import BackendSettings
from fastagency_backend.web import FastAPIAdapter, serving
from fastagency_backend.workflow.load import load_workflows


def create_app(settings: BackendSettings) -> FastAPI:
    """The application that serves the workflows of the settings. Raises `InvalidSettings`."""
    return serving.application(
        "FastAgency backend",
        settings,
        lambda get_user_id: FastAPIAdapter(
            provider=load_workflows(settings.workflows), get_user_id=get_user_id, settings=settings
        ),
    )


app = serving.made(create_app)
