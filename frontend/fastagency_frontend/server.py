"""Which server runs the page, and how it is set up: gunicorn where it exists, waitress on Windows.

Imports neither Mesop nor a server at the top, so that a missing package can be named in one sentence.
"""

from __future__ import annotations

import importlib
import socket
import sys
from collections.abc import Mapping
from typing import Any, Literal

from fastagency_shared.errors import FastAgencyError
from fastagency_shared.extras import extra
from fastagency_shared.logs import formatter_of

from fastagency_frontend.settings import ENV_PREFIX, FrontendSettings

ServerName = Literal["gunicorn", "waitress"]

WORKER_TIMEOUT_S = 60
GRACEFUL_TIMEOUT_S = 5


class PortTaken(FastAgencyError):
    """Nothing can listen there; `str(error)` names the setting to change."""


def default_server() -> ServerName:
    return "waitress" if sys.platform == "win32" else "gunicorn"


def gunicorn_options(settings: FrontendSettings) -> dict[str, Any]:
    """One process with many threads: each live page holds a thread for a while, and so does each click."""
    json_lines = {"formatters": {"generic": {"()": formatter_of, "form": "json"}}}
    return {
        "bind": f"{settings.frontend_host}:{settings.frontend_port}",
        "worker_class": "gthread",
        "workers": 1,
        "threads": settings.frontend_threads,
        "timeout": WORKER_TIMEOUT_S,
        "graceful_timeout": GRACEFUL_TIMEOUT_S,
        "control_socket_disable": True,
        "logconfig_dict": json_lines if settings.log_format == "json" else {},
    }


def free_port(host: str, port: int) -> int:
    """The port itself if it can be listened on, a free one for 0.

    Raises:
        PortTaken: somebody else listens there, or the address is not one of this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if sys.platform != "win32":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise PortTaken(
            f"The page cannot be served at {host}:{port} ({error.strerror or error}). Stop what uses the port, or "
            f"choose another one with {ENV_PREFIX}FRONTEND_PORT (and the address with {ENV_PREFIX}FRONTEND_HOST)."
        ) from None


def address_to_open(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    shown = "127.0.0.1" if host in ("", "0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"http://{shown}:{port}"


def serve(server: ServerName, settings: FrontendSettings) -> None:
    """Run the page until the process is told to stop."""
    with extra("mesop", needed_by="The page"):
        application = importlib.import_module("fastagency_frontend.main").app
    with extra("server", needed_by=f"Serving the page with {server}"):
        if server == "gunicorn":
            from fastagency_frontend.gunicorn_server import run

            run(application, gunicorn_options(settings))
        else:
            _serve_waitress(application, settings)


def _serve_waitress(application: Any, settings: FrontendSettings) -> None:
    waitress = importlib.import_module("waitress")
    options: Mapping[str, Any] = {
        "host": settings.frontend_host,
        "port": settings.frontend_port,
        "threads": settings.frontend_threads,
    }
    waitress.serve(application, **options)
