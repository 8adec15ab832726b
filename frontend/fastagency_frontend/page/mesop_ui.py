"""`MesopUI`: the chat page as a user interface of a FastAgency application, and as the WSGI callable that serves it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

import mesop as me
from fastagency_shared import logs
from mesop.env.env import MESOP_BASE_URL_PATH
from mesop.runtime.context import Context

from fastagency_frontend.app import Application
from fastagency_frontend.page.entrance import open_entrance
from fastagency_frontend.page.environment import prepare_mesop
from fastagency_frontend.page.exposure import Exposure
from fastagency_frontend.page.handler import on_load
from fastagency_frontend.page.page import TRUSTED_TYPE, page
from fastagency_frontend.page.reply import StartResponse
from fastagency_frontend.page.site import Site
from fastagency_frontend.page.wsgi import Environ, Router, WsgiApp
from fastagency_frontend.settings import FrontendSettings, load_settings
from fastagency_frontend.sign_in import SignIn, sign_in_of

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_mesop: WsgiApp | None = None


class MesopUI:
    """The chat page, for `FastAgency(provider=..., ui=MesopUI())`; serve the application with gunicorn or waitress.

    Several of them may live in one process: they share Mesop's page, and each request knows its application.

    Args:
        settings: which headers of a person's request are passed on to the backend; from the environment by default.
        auth: how people sign in; by default as FASTAGENCY_SIGN_IN says, which the backend needs in any case.
    """

    def __init__(self, settings: FrontendSettings | None = None, *, auth: SignIn | None = None) -> None:
        self._settings = settings
        self._auth = auth
        self._router: Router | None = None
        self._logs = False  # set up at the first request: by then the application has configured its own, if it does
        self._serve = mesop_app()

    def mount(self, application: Application) -> None:
        """Called by `FastAgency`: from now on, this application is shown."""
        settings = self._settings = self._settings or load_settings()
        prepare_mesop(settings)  # again: these settings may be others than those of the import
        auth = self._auth or sign_in_of(settings)
        entrance = None if auth is None else open_entrance(auth, application, settings, MESOP_BASE_URL_PATH)
        site = Site(application, list(settings.forward_headers), entrance)
        exposure = Exposure.of(settings, signs_in=entrance is not None)
        self._router = Router(site, self._serve, MESOP_BASE_URL_PATH, exposure)

    def wsgi(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if self._router is None or self._settings is None:
            raise RuntimeError(
                "This MesopUI belongs to no application yet: pass it to FastAgency(provider=..., ui=...)."
            )
        if not self._logs:
            self._logs = True
            logs.set_up(self._settings.log_level, self._settings.log_format, quiet=("httpx",))
        return self._router(environ, start_response)


def mesop_app() -> WsgiApp:
    """Mesop's own WSGI application with our page in it; there is one in a process, as its pages are global."""
    global _mesop
    with _lock:
        if _mesop is None:
            me.page(
                path="/",
                title="FastAgency",
                on_load=on_load,
                security_policy=me.SecurityPolicy(allowed_trusted_types=[TRUSTED_TYPE]),
            )(page)
            _keep_state_out_of_errors()
            _mesop = _one_at_a_time_first(me.create_wsgi_app())
        return _mesop


def _one_at_a_time_first(app: WsgiApp) -> WsgiApp:
    """Mesop builds its Flask application at the first request; first requests at the same time would build several."""
    warm = threading.Event()
    lock = threading.Lock()

    def serve(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if warm.is_set():
            return app(environ, start_response)
        with lock:
            try:
                return app(environ, start_response)
            finally:
                warm.set()

    return serve


def _keep_state_out_of_errors() -> None:
    """Mesop shows the browser the error at which a state that it sent could not be read, and with it the state."""
    update = Context.update_state

    def update_state(context: Any, states: Any) -> None:
        try:
            update(context, states)
        except Exception:  # noqa: BLE001
            logger.info("A browser sent a state that cannot be read: of another version of the page, or made up")
            raise ValueError("This page is out of date. Please reload it.") from None

    Context.update_state = update_state
