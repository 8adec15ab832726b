"""`fastagency user ...`: what can be done about people. Each side adds its own, by entry point, as with commands."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib.metadata import entry_points

from fastagency_shared.command import USER_COMMANDS, Command, FreePort

ORDER = ("add", "passwd", "roles", "remove", "list")


def _add_arguments(parser: ArgumentParser) -> None:
    subparsers = parser.add_subparsers(dest="about_user", metavar="COMMAND", required=True)
    for name, command in _found().items():
        command.add_arguments(subparsers.add_parser(name, help=command.help, description=command.help))


def _run(options: Namespace, free_port: FreePort) -> int:
    return _found()[options.about_user].run(options, free_port)


def _found() -> dict[str, Command]:
    found: dict[str, Command] = {each.name: each.load() for each in entry_points(group=USER_COMMANDS)}
    known = [name for name in ORDER if name in found]
    return {name: found[name] for name in [*known, *sorted(found.keys() - set(known))]}


command = Command("add, change or remove people who sign in", _run, _add_arguments)
