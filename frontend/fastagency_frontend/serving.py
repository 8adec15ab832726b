"""Serving a WSGI application with waitress, in this very process: one command for a laptop."""

import errno
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

from fastagency_shared.errors import FastAgencyError
from fastagency_shared.extras import extra

from fastagency_frontend.server import address_to_open


class CannotServe(FastAgencyError):
    """The address cannot be listened on; `str(error)` says why and what to do."""


def serve(app: Any, host: str, port: int, threads: int, *, announce: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. `announce` is called with the address to open, once people can open it.

    Raises:
        CannotServe: the address cannot be listened on.
        ImportError: the "server" extra is not installed.
    """
    with extra("server", needed_by="Serving this application"):
        import waitress
    with _listening(host, port) as listener:
        server = waitress.create_server(app, sockets=[listener], threads=threads, ident=None)
        announce(address_to_open(host, listener.getsockname()[1]))
        _stop_on_sigterm()
        server.run()


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise CannotServe(_why_not(error, host, port)) from None


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is already in use. Stop what uses it, or choose another one: "
            f"FASTAGENCY_FRONTEND_PORT={port + 1 if port < 65535 else 8888}."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by you. Choose one above 1023: FASTAGENCY_FRONTEND_PORT=8888."
    return f"{host} is not an address of this machine. Correct FASTAGENCY_FRONTEND_HOST; 127.0.0.1 always works."


def _stop_on_sigterm() -> None:
    """As at Ctrl-C: workflows of this process are handed over at exit, and a plain SIGTERM would skip that."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
