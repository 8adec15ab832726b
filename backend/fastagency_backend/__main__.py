"""`python -m fastagency_backend`: the backend on the address of the settings, or one sentence that says why not."""

from __future__ import annotations

import socket
import sys
from typing import Any

from fastagency_shared.logs import LogFormat, formatter_of

from fastagency_backend.settings import InvalidSettings, load_settings


def main() -> None:
    try:
        import uvicorn
    except ModuleNotFoundError:
        sys.exit('The backend needs packages that are not installed: pip install "fastagency[fastapi,server]"')
    try:
        settings = load_settings()
    except InvalidSettings as error:
        sys.exit(str(error))
    _check_port(settings.backend_host, settings.backend_port)
    uvicorn.run(
        "fastagency_backend.main:app",
        host=settings.backend_host,
        port=settings.backend_port,
        log_level=settings.log_level.lower(),
        log_config=_log_config(settings.log_format),
        timeout_graceful_shutdown=10,
    )


def _log_config(form: LogFormat) -> dict[str, Any]:
    """uvicorn's own, with our formatter if its lines are to be JSON from the first one on."""
    from uvicorn.config import LOGGING_CONFIG

    if form == "text":
        return LOGGING_CONFIG
    json_lines = {"()": formatter_of, "form": form}
    return LOGGING_CONFIG | {"formatters": {"default": json_lines, "access": json_lines}}


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(
                f"The backend cannot listen on {host}:{port} ({error.strerror}). "
                "Stop what uses the port, or set FASTAGENCY_BACKEND_PORT to another one."
            )


if __name__ == "__main__":
    main()
