"""`python -m fastagency_backend`: the backend on the address of the settings, or one sentence that says why not."""

from __future__ import annotations

import socket
import sys

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
        timeout_graceful_shutdown=10,
    )


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
