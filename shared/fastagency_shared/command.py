"""The seam between the command line and the two sides: a side offers its commands and checks, and knows no other's.

They are found by their entry points: `fastagency.commands` names `Command` objects, the name being what people type;
`fastagency.user_commands` those that follow `fastagency user`;
`fastagency.checks` names functions for `fastagency check`. A module that holds them imports nothing that only an extra
brings, so that every command can be listed in every installation. What does I/O is passed in.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

COMMANDS = "fastagency.commands"
USER_COMMANDS = "fastagency.user_commands"
CHECKS = "fastagency.checks"


class FreePort(Protocol):
    """Makes sure that a side can listen where its settings say."""

    def __call__(self, side: Literal["backend", "frontend", "worker"], host: str, port: int) -> int:
        """The port itself, or a free one for 0. Raises `FastAgencyError` that says why nothing can listen there."""
        ...


def no_arguments(_parser: ArgumentParser) -> None:
    """For a command that takes none."""


@dataclass(frozen=True)
class Command:
    """One command: what `fastagency --help` says of it, its arguments, and what it does.

    `run` returns the exit code. It may raise `FastAgencyError` and, for a missing extra, `ImportError`; both are one
    sentence for people.
    """

    help: str
    run: Callable[[Namespace, FreePort], int]
    add_arguments: Callable[[ArgumentParser], None] = no_arguments


@dataclass(frozen=True)
class Finding:
    """What one check has found, in one sentence. `wrong` makes `fastagency check` fail; `absent` is not installed."""

    about: str
    state: Literal["fine", "wrong", "absent"]
    sentence: str


Check = Callable[[], Iterator[Finding]]
