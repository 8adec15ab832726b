"""Whether the database is still the file that was opened: SQLite goes on writing to one that is deleted or replaced."""

from __future__ import annotations

import os
import time

from fastagency_backend.store.base import StoreBroken

CHECK_EVERY_S = 1.0


class Presence:
    """Used in the thread that writes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._next_check = 0.0

    def check(self) -> None:
        """Look, if it is time. Raises `StoreBroken`: all that is written from now on would be lost."""
        if time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + CHECK_EVERY_S
        try:
            found = os.stat(self._path)
        except OSError as error:
            raise StoreBroken(f"The database {self._path} is not there any more ({error.strerror}).") from error
        identity = (found.st_dev, found.st_ino)
        if self._identity is None:
            self._identity = identity
        elif identity != self._identity:
            raise StoreBroken(f"The database {self._path} was replaced by another file while it was in use.")
