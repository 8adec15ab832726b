"""One line for the person at the terminal, at once even into a pipe, and from several threads."""

import sys
import threading
from typing import TextIO

_lock = threading.Lock()


def say(line: str, *, to: TextIO | None = None) -> None:
    """Write a line to `to`, the standard output by default. Nobody there to read it is no error."""
    out = to or sys.stdout
    with _lock:
        try:
            out.write(f"{line}\n")
            out.flush()
        except BrokenPipeError:
            return
