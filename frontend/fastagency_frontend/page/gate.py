"""How many live connections may be held at once.

A held connection costs a thread of the server, and clicks need threads too: some are always left free. A browser has
six connections to a host, so one visitor gets at most three. Whoever is not let in polls instead.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

PER_VISITOR = 3
UNKNOWN_SERVER_THREADS = 4


class Gate:
    """Counts the held connections of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = 0
        self._by_visitor: Counter[str] = Counter()

    @property
    def held(self) -> int:
        """How many connections are held now."""
        return self._held

    def enter(self, visitor: str, places: int) -> bool:
        """Take one of `places`; True means that `leave` must be called once."""
        with self._lock:
            if self._held >= places or self._by_visitor[visitor] >= PER_VISITOR:
                return False
            self._held += 1
            self._by_visitor[visitor] += 1
            return True

    def leave(self, visitor: str) -> None:
        """Give the place back."""
        with self._lock:
            self._held -= 1
            self._by_visitor[visitor] -= 1
            if not self._by_visitor[visitor]:
                del self._by_visitor[visitor]


def places_for(environ: Mapping[str, Any]) -> int:
    """How many connections the server that runs us can hold and still answer clicks."""
    if not environ.get("wsgi.multithread"):
        return 0
    threads = server_threads(str(environ.get("SERVER_SOFTWARE", "")))
    return max(0, threads - max(2, threads // 8))


def server_threads(software: str) -> int:
    """How many threads serve requests. No server says so in a request, so each is asked where it keeps the number."""
    if software.startswith("waitress"):
        return sum(thread.name.startswith("waitress-") for thread in threading.enumerate())
    if software.startswith("gunicorn"):
        return _gunicorn_threads()
    if software.startswith("Werkzeug"):
        return 8 * (os.cpu_count() or 1)  # it starts a thread for each request
    return UNKNOWN_SERVER_THREADS


def _gunicorn_threads() -> int:
    # A gunicorn worker handles SIGTERM with a method of its own: the way from here to its configuration.
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    threads = getattr(getattr(worker, "cfg", None), "threads", None)
    return threads if isinstance(threads, int) else UNKNOWN_SERVER_THREADS
