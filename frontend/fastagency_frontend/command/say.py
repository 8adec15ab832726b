"""One line for the person at the terminal, at once even into a pipe, and from several threads."""

import sys
import threading
from typing import TextIO

_lock = threading.Lock()


def say(line: str, *, to: TextIO | None = None) -> None:
    """Write a line to `to`, the standard output by default. Nobody there to read it is no error."""
    out = to or sys.stdout
    encoding = out.encoding or "utf-8"
    shown = line.encode(encoding, "replace").decode(encoding)  # not every terminal has every character
    with _lock:
        try:
            out.write(f"{shown}\n")
            out.flush()
        except BrokenPipeError:
            return
