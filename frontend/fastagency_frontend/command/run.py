"""`fastagency run`: an application of one's own, in this terminal or for browsers."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from contextlib import closing
from typing import Any

from fastagency_shared import logs
from fastagency_shared.command import Command, FreePort
from fastagency_shared.errors import FastAgencyError

from fastagency_frontend.app import FastAgency, TerminalInterface, WebInterface
from fastagency_frontend.command.address import address_to_open
from fastagency_frontend.command.load import CannotLoad, default_target, load
from fastagency_frontend.command.say import say
from fastagency_frontend.command.serve import serve
from fastagency_frontend.settings import load_settings

EXIT_OK = 0
EXIT_USAGE = 2


class CannotRun(FastAgencyError):
    """The application cannot be run in the way that was asked for."""


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "target",
        metavar="FILE_OR_MODULE[:APP]",
        nargs="?",
        help="where the application is, such as main.py:app; unset: main.py, app.py or api.py, here or in app/",
    )
    parser.add_argument(
        "--workflow", metavar="NAME", help="for a terminal: which workflow to run, if there are several"
    )
    parser.add_argument(
        "--param",
        metavar="KEY=VALUE",
        type=_param,
        action="append",
        default=[],
        help="for a terminal: a parameter of the workflow, JSON or plain text; can be given several times",
    )
    parser.add_argument(
        "--token",
        metavar="TOKEN",
        help="for a terminal: says to the backend who asks; FASTAGENCY_TOKEN does so unseen by others",
    )


def _run(options: Namespace, free_port: FreePort) -> int:
    app = _loaded(options.target or default_target())
    ui = app.ui
    if isinstance(ui, TerminalInterface):
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
        token = {"token": told} if (told := _token(options)) else {}
        with closing(app):
            return ui.run(options.workflow, dict(options.param), **token)
    if not isinstance(ui, WebInterface):
        raise CannotRun(f"A {type(ui).__name__} can be neither run in a terminal nor served to browsers.")
    if options.workflow or options.param or options.token:
        say(
            "fastagency: --workflow, --param and --token are for a ConsoleUI; in a browser, people choose.",
            to=sys.stderr,
        )
        return EXIT_USAGE
    return _serve(app, free_port)


def _token(options: Namespace) -> str | None:
    if options.token is not None:
        return str(options.token)
    token = load_settings().token
    return None if token is None else token.get_secret_value()


def _loaded(target: str) -> FastAgency:
    try:
        return load(target)
    except FastAgencyError:
        raise
    except ModuleNotFoundError as error:
        raise CannotLoad(f"{target} needs the module {error.name!r}, which is not installed.") from error
    except ImportError as error:
        raise CannotLoad(f"{target} cannot be imported. {error}") from error
    except Exception as error:
        traceback.print_exc()
        raise CannotLoad(
            f"{target} cannot be imported: its own code raised the {type(error).__name__} above."
        ) from error


def _serve(app: FastAgency, free_port: FreePort) -> int:
    settings = load_settings()
    logs.set_up(settings.log_level, settings.log_format)
    port = free_port("frontend", settings.frontend_host, settings.frontend_port)
    address = address_to_open(settings.frontend_host, port, settings.frontend_prefix)
    with closing(app):
        serve(
            app,
            "waitress",
            settings.model_copy(update={"frontend_port": port}),
            ready=lambda: say(f"{app.title} is at {address} (Ctrl-C stops it)"),
        )
    return EXIT_OK


def _param(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as topic=cells")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


command = Command("run an application: in this terminal, or for a browser", _run, _add_arguments)
