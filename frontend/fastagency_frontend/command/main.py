"""The command `fastagency`, also `python -m fastagency`: finds the commands of both sides, and runs one.

Exit codes: 0 done, 1 it failed, 2 the command line was wrong, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points, version
from pathlib import Path

from dotenv import load_dotenv
from fastagency_shared.command import COMMANDS, Command
from fastagency_shared.errors import FastAgencyError

from fastagency_frontend.command.address import free_port
from fastagency_frontend.command.lifeline import stop_at_end_of_input
from fastagency_frontend.command.say import say

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

ORDER = (
    *("start", "backend", "api", "worker", "frontend", "run", "check", "user", "token", "audit"),
    *("migrate", "copy", "backup", "restore", "replay", "version"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    commands = found_commands()
    parser = _parser(commands)
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return EXIT_OK
    try:
        if options.stop_at_end_of_input:
            stop_at_end_of_input()
        _read_env_file(Path(".env"))
        return commands[options.command].run(options, free_port)
    except (FastAgencyError, ImportError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def found_commands() -> dict[str, Command]:
    """What the installed sides offer, by name; the usual ones first."""
    found: dict[str, Command] = {each.name: each.load() for each in entry_points(group=COMMANDS)}
    known = [name for name in ORDER if name in found]
    return {name: found[name] for name in [*known, *sorted(found.keys() - set(known))]}


def _parser(commands: dict[str, Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fastagency", description="Put agent workflows in front of people.")
    parser.add_argument("--version", action="version", version=version("fastagency"))
    # `fastagency start` gives it to its children.
    parser.add_argument("--stop-at-end-of-input", action="store_true", help=argparse.SUPPRESS)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in commands.items():
        command.add_arguments(subparsers.add_parser(name, help=command.help, description=command.help))
    return parser


def _read_env_file(path: Path) -> None:
    """Into the environment, for what is not ours: Mesop's variables, those of an application, and of its model.

    A variable that is set already stays as it is.
    """
    try:
        load_dotenv(path)
    except (OSError, UnicodeDecodeError) as error:
        raise FastAgencyError(f"The file {path.resolve()} cannot be read: {error}.") from None


def _fail(sentence: str) -> int:
    say(f"fastagency: {sentence}", to=sys.stderr)
    return EXIT_FAILED


def _version(_options: argparse.Namespace, _free_port: object) -> int:
    say(version("fastagency"))
    return EXIT_OK


version_command = Command("print the version of FastAgency", _version)
