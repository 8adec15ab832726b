"""The servers that a WSGI application can run on, in this very process: gunicorn, or waitress where there is none.

A server is imported when it is to serve: gunicorn cannot even be imported on Windows, and a missing package is to be
named in one sentence.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Literal

from fastagency_shared.extras import extra
from fastagency_shared.logs import formatter_of

from fastagency_frontend.command.address import bracketed
from fastagency_frontend.command.channel import limit_connections, limits
from fastagency_frontend.command.crowd import Crowd
from fastagency_frontend.settings import FrontendSettings

ServerName = Literal["gunicorn", "waitress"]

WORKER_TIMEOUT_S = 60
GRACEFUL_TIMEOUT_S = 5


def default_server() -> ServerName:
    return "waitress" if sys.platform == "win32" else "gunicorn"


def gunicorn_options(settings: FrontendSettings) -> dict[str, Any]:
    """One process with many threads: each live page holds a thread for a while, and so does each click."""
    options = {
        "bind": f"{bracketed(settings.frontend_host)}:{settings.frontend_port}",
        "worker_class": "fastagency_frontend.command.worker.Worker",
        "workers": 1,
        "threads": settings.frontend_threads,
        "timeout": WORKER_TIMEOUT_S,
        "graceful_timeout": GRACEFUL_TIMEOUT_S,
        "control_socket_disable": True,
    }
    return options | ({"logger_class": _json_logger()} if settings.log_format == "json" else {})


def _json_logger() -> type:
    """gunicorn's own logger, whose lines are JSON from the first one on."""
    from gunicorn.glogging import Logger

    class JsonLogger(Logger):  # type: ignore[misc]
        def setup(self, cfg: Any) -> None:
            super().setup(cfg)
            for log in (self.error_log, self.access_log):
                for handler in log.handlers:
                    handler.setFormatter(formatter_of("json"))

    return JsonLogger


def serve(application: Any, server: ServerName, settings: FrontendSettings, *, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM, on an address that `free_port` has found to be free.

    `ready` is called once people can open it.

    Raises:
        ImportError: the "server" extra is not installed.
    """
    if server == "gunicorn":
        _serve_gunicorn(application, {**gunicorn_options(settings), "when_ready": lambda _arbiter: ready()})
    else:
        _serve_waitress(application, settings, ready)


def _serve_gunicorn(application: Any, options: dict[str, Any]) -> None:
    with extra("server", needed_by="Serving the page with gunicorn"):
        from gunicorn.app.base import BaseApplication

    class Embedded(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return application

    Embedded().run()


def _serve_waitress(application: Any, settings: FrontendSettings, ready: Callable[[], None]) -> None:
    with extra("server", needed_by="Serving the page with waitress"):
        waitress = importlib.import_module("waitress")
    server = waitress.create_server(
        application,
        host=settings.frontend_host,
        port=settings.frontend_port,
        threads=settings.frontend_threads,
        ident=None,
        **limits(),
    )
    limit_connections(server, Crowd(settings.frontend_connections_per_address))
    _stop_as_at_ctrl_c()
    ready()
    server.run()


def _stop_as_at_ctrl_c() -> None:
    """Workflows of this process are handed over at exit, and a plain SIGTERM would skip that.

    Windows has no SIGTERM to send; there, `fastagency start` sends Ctrl-Break.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    for name in ("SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
