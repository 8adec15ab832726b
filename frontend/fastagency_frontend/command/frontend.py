"""`fastagency frontend`: serves the chat page for the backend of the settings."""

from __future__ import annotations

import importlib
from argparse import ArgumentParser, Namespace

from fastagency_shared.command import Command, FreePort
from fastagency_shared.extras import extra

from fastagency_frontend.command.address import address_to_open
from fastagency_frontend.command.say import say
from fastagency_frontend.command.serve import default_server, serve
from fastagency_frontend.settings import load_settings


def add_server_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--server", choices=["gunicorn", "waitress"], default=default_server(), help="default: %(default)s"
    )


def _run(options: Namespace, free_port: FreePort) -> int:
    settings = load_settings()
    port = free_port("frontend", settings.frontend_host, settings.frontend_port)
    settings = settings.model_copy(update={"frontend_port": port})
    with extra("mesop", needed_by="The page"):
        application = importlib.import_module("fastagency_frontend.main").app
    address = address_to_open(settings.frontend_host, port, settings.frontend_prefix)
    serve(
        application,
        options.server,
        settings,
        ready=lambda: say(f"The page is at {address}, for the backend at {settings.backend_url}."),
    )
    return 0


command = Command("serve the chat page to browsers", _run, add_server_argument)
