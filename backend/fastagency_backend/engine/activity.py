"""Whether a run does anything but wait for people, or for a moment: then it may leave memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Activity:
    """What a run is busy with. Thread-safe."""

    def __init__(self) -> None:
        self.calls = 0
        self.waits = 0
        self._lock = threading.Lock()
        self._active_at = time.monotonic()

    def touch(self) -> float:
        """Something has happened; returns the time of day, for the log."""
        self._active_at = time.monotonic()
        return time.time()

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Around a call that the run waits for."""
        with self._lock:
            self.calls += 1
        try:
            yield
        finally:
            with self._lock:
                self.calls -= 1
            self.touch()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around the wait for an answer, or for a moment. On the engine's loop."""
        self.waits += 1
        try:
            yield
        finally:
            self.waits -= 1

    def only_waits(self, for_s: float) -> bool:
        """Whether for so many seconds the run has done nothing but wait."""
        return self.waits > 0 and not self.calls and time.monotonic() - self._active_at >= for_s
