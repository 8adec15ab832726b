"""The backend as a process: `uvicorn fastagency_backend.main:app`, or `python -m fastagency_backend`.

It serves the demo workflows, or those that the setting FASTAGENCY_WORKFLOWS names as `module:attribute`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from fastagency_shared import logs
from fastapi import FastAPI

from fastagency_backend.frameworks import MissingExtra
from fastagency_backend.settings import BackendSettings, InvalidSettings, load_settings
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.web.adapter import HasSpecs


def load_workflows(target: str) -> HasSpecs:
    """Import `module:attribute`, looking in the current directory first.

    Raises:
        SystemExit: with one sentence that says what is wrong with the setting.
    """
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise SystemExit(f"FASTAGENCY_WORKFLOWS must look like module:attribute, not {target!r}.")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except MissingExtra as error:
        raise SystemExit(f"FASTAGENCY_WORKFLOWS={target}: {error}") from None
    except ModuleNotFoundError as error:
        raise SystemExit(f"FASTAGENCY_WORKFLOWS={target}: there is no module {error.name!r}.") from None
    workflows = getattr(module, attribute, None)
    if not isinstance(workflows, HasSpecs):
        raise SystemExit(f"FASTAGENCY_WORKFLOWS={target}: {module_name} has no Workflow named {attribute!r}.")
    return workflows


def create_app(settings: BackendSettings) -> FastAPI:
    """The application that serves the workflows of the settings."""
    logs.set_up(settings.log_level, settings.log_format)
    app = FastAPI(title="FastAgency backend")
    app.include_router(FastAPIAdapter(provider=load_workflows(settings.workflows), settings=settings).router)
    return app


def _app() -> FastAPI:
    try:
        return create_app(load_settings())
    except InvalidSettings as error:
        raise SystemExit(str(error)) from None


app = _app()
