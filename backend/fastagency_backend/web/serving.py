"""An application for a server that imports it: what `main` and `api` have in common."""

from __future__ import annotations

from collections.abc import Callable

from fastagency_shared import logs
from fastagency_shared.errors import InvalidSettings
from fastagency_shared.run import USER_HEADER
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from fastagency_backend.settings import BackendSettings, load_settings
from fastagency_backend.web.identity import GetUserId
from fastagency_backend.web.routes import Routes
from fastagency_backend.web.sign_in import load_get_user_id


def application(title: str, settings: BackendSettings, routes: Callable[[GetUserId | None], Routes]) -> FastAPI:
    """An application with these routes, for whom the settings sign in. Raises `InvalidSettings`.

    Pages of the origins that the settings list may read what it answers. An application of one's own says so itself.
    """
    logs.set_up(settings.log_level, settings.log_format)
    # With a root path, FastAPI serves requests that still have it as well as those whose proxy took it away.
    app = FastAPI(title=title, root_path=settings.backend_prefix)
    app.include_router(routes(load_get_user_id(settings)).router)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Last-Event-ID", USER_HEADER],
            expose_headers=["Retry-After"],
        )
    return app


def made(create_app: Callable[[BackendSettings], FastAPI]) -> FastAPI:
    """The application for the settings of the environment."""
    try:
        return create_app(load_settings())
    except InvalidSettings as error:
        raise SystemExit(str(error)) from None  # a server imports this: one sentence, not its traceback
