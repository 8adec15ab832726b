"""The terminal: how wide it is, whether it has colours, and how a line or a secret is read from it."""

import getpass
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

from fastagency_frontend.settings import TerminalSettings

MIN_WIDTH = 20
MAX_WIDTH = 100


class EndOfInput(Exception):
    """Standard input has ended: nobody can answer any more."""


class Style(StrEnum):
    """How a line looks, as an ANSI code."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    CYAN = "36"


@dataclass(frozen=True)
class Line:
    """One line of text; a long one is wrapped where it is shown, each piece with the same indentation."""

    text: str = ""
    style: Style = Style.PLAIN


class Terminal:
    """Reads and writes lines. With streams of one's own, there are no colours and secrets are plain lines."""

    def __init__(self, stdin: TextIO | None = None, stdout: TextIO | None = None) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._settings = TerminalSettings()

    def show(self, lines: Iterable[Line]) -> None:
        """Print lines, wrapped to the width."""
        colored = self._has_colors()
        width = max(MIN_WIDTH, min(MAX_WIDTH, shutil.get_terminal_size((80, 24)).columns))
        for line in lines:
            for piece in _wrapped(_harmless(line.text), width):
                print(f"\x1b[{line.style}m{piece}\x1b[0m" if colored and line.style else piece, file=self._out)
        self._out.flush()

    def ask(self, prompt: str = "> ") -> str:
        """Read one line.

        Raises:
            EndOfInput: there is none.
        """
        if self._stdin is None and self._stdout is None:
            try:
                return input(prompt)
            except EOFError:
                raise EndOfInput from None
        print(prompt, end="", file=self._out, flush=True)
        line = self._in.readline()
        if not line:
            raise EndOfInput
        return line.rstrip("\r\n")

    def ask_secret(self, prompt: str = "> ") -> str:
        """Read one line that is not shown while it is typed. Raises as `ask`."""
        if self._stdin is not None or not self._in.isatty():
            return self.ask(prompt)
        try:
            return getpass.getpass(prompt)
        except EOFError:
            raise EndOfInput from None

    @property
    def _in(self) -> TextIO:
        return self._stdin if self._stdin is not None else sys.stdin

    @property
    def _out(self) -> TextIO:
        return self._stdout if self._stdout is not None else sys.stdout

    def _has_colors(self) -> bool:
        """https://no-color.org, and no codes into files or terminals that do not know them."""
        settings = self._settings
        if settings.no_color or settings.term == "dumb" or not self._out.isatty():
            return False
        return os.name != "nt" or settings.wt_session is not None


def _wrapped(text: str, width: int) -> list[str]:
    pieces: list[str] = []
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip(" "))][: width // 2]
        body = line.strip(" ")
        pieces += textwrap.wrap(
            body, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, tabsize=4
        ) or [""]
    return pieces


def _harmless(text: str) -> str:
    """Without control characters: what an agent says must not move the cursor or rewrite the title."""
    return "".join(c for c in text.replace("\r\n", "\n") if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f"))
