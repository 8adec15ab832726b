"""One object for each process, made when it is first asked for.

Threads, sockets and database connections do not survive a fork, and a server such as gunicorn may import an application
before it forks its workers: what needs them is made by the process that uses it, and made again by a forked child.
"""

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Holds what `make()` returned in this process. Thread-safe: `make` is called once at a time."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: tuple[int, T] | None = None
        self._lock = threading.Lock()

    def get(self) -> T:
        """The object of this process; made now if there is none, or if it was made before a fork."""
        pid = os.getpid()
        made = self._made
        if made is not None and made[0] == pid:
            return made[1]
        with self._lock:
            if self._made is None or self._made[0] != pid:
                self._made = (pid, self._make())
            return self._made[1]

    def take(self) -> T | None:
        """Give up the object of this process, for closing it; None if there is none."""
        with self._lock:
            made, self._made = self._made, None
        return made[1] if made is not None and made[0] == os.getpid() else None
