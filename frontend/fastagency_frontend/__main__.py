"""`python -m fastagency_frontend [--server gunicorn|waitress]`: serves the chat page, set up by the environment."""

from __future__ import annotations

import argparse
import sys

from fastagency_shared.errors import FastAgencyError

from fastagency_frontend.server import address_to_open, default_server, free_port, serve
from fastagency_frontend.settings import load_settings


def main(arguments: list[str] | None = None) -> int:
    """Serve the page; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m fastagency_frontend", description="Serves the FastAgency chat page."
    )
    parser.add_argument("--server", choices=["gunicorn", "waitress"], default=default_server())
    chosen = parser.parse_args(arguments)
    try:
        settings = load_settings()
        port = free_port(settings.frontend_host, settings.frontend_port)
        settings = settings.model_copy(update={"frontend_port": port})
        address = address_to_open(settings.frontend_host, port)
        _say(f"Open {address} in your browser. The backend is expected at {settings.backend_url}.")
        serve(chosen.server, settings)
    except (FastAgencyError, ImportError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
