"""The command `fastagency`: runs an application in the terminal, or serves it to browsers.

Exit codes: 0 done, 1 it failed, 2 the command line was wrong, 130 stopped by Ctrl-C.
"""

import argparse
import json
import logging
import sys
import traceback
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from typing import Any

from fastagency_shared.errors import FastAgencyError

from fastagency_frontend.app import FastAgency, TerminalInterface, WebInterface
from fastagency_frontend.loading import load
from fastagency_frontend.serving import serve
from fastagency_frontend.settings import load_settings

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "version":
        print(_version())
        return EXIT_OK
    if options.command is None:
        parser.print_help()
        return EXIT_OK
    try:
        return _run(options)
    except FastAgencyError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    try:
        app = load(options.target)
    except FastAgencyError:
        raise
    except ModuleNotFoundError as error:
        return _fail(f"{options.target} needs the module {error.name!r}, which is not installed.")
    except ImportError as error:
        return _fail(f"{options.target} cannot be imported. {error}")
    except Exception as error:  # noqa: BLE001 - whatever the user's own code raises
        traceback.print_exc()
        return _fail(f"{options.target} cannot be imported: its own code raised the {type(error).__name__} above.")
    ui = app.ui
    if isinstance(ui, TerminalInterface):
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
        with closing(app):
            return ui.run(options.workflow, dict(options.param))
    if not isinstance(ui, WebInterface):
        return _fail(f"A {type(ui).__name__} can be neither run in a terminal nor served to browsers.")
    if options.workflow or options.param:
        return _fail("--workflow and --param are for a ConsoleUI; in a browser, people choose.", EXIT_USAGE)
    return _serve(app)


def _serve(app: FastAgency) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = load_settings()
    try:
        with closing(app):
            serve(
                app,
                settings.frontend_host,
                settings.frontend_port,
                settings.frontend_threads,
                announce=lambda address: print(f"{app.title} is at {address} (Ctrl-C stops it)", flush=True),
            )
    except ImportError as error:
        return _fail(str(error))
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fastagency", description="Put agent workflows in front of people.")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("version", help="print the version of FastAgency")
    run = commands.add_parser(
        "run",
        help="run an application: in this terminal, or for a browser",
        description="Runs an application with a ConsoleUI in this terminal, or serves one with a MesopUI to browsers.",
    )
    run.add_argument("target", metavar="FILE_OR_MODULE[:APP]", help="where the application is, such as main.py:app")
    run.add_argument("--workflow", metavar="NAME", help="which workflow to run, if there are several")
    run.add_argument(
        "--param",
        metavar="KEY=VALUE",
        type=_param,
        action="append",
        default=[],
        help="a parameter of the workflow, JSON or plain text; can be given several times",
    )
    return parser


def _param(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as topic=cells")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _version() -> str:
    return version("fastagency")


def _fail(sentence: str, code: int = EXIT_FAILED) -> int:
    print(f"fastagency: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
