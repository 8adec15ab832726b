"""Whether a run does anything but wait for people, or for a moment: then it may leave memory."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager


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

    def calling(self) -> AbstractContextManager[None]:
        """Around a call that the run waits for."""
        return _Call(self)

    def waiting(self) -> AbstractContextManager[None]:
        """Around the wait for an answer, or for a moment. On the engine's loop."""
        return _Wait(self)

    def count_calls(self, more: int) -> None:
        with self._lock:
            self.calls += more

    def only_waits(self, for_s: float) -> bool:
        """Whether for so many seconds the run has done nothing but wait."""
        return self.waits > 0 and not self.calls and time.monotonic() - self._active_at >= for_s


class _Call(AbstractContextManager[None]):
    """What `calling` returns. A generator would take longer, and there are several calls for each answer."""

    __slots__ = ("_activity",)

    def __init__(self, activity: Activity) -> None:
        self._activity = activity

    def __enter__(self) -> None:
        self._activity.count_calls(1)

    def __exit__(self, *_: object) -> None:
        self._activity.count_calls(-1)
        self._activity.touch()


class _Wait(AbstractContextManager[None]):
    """What `waiting` returns."""

    __slots__ = ("_activity",)

    def __init__(self, activity: Activity) -> None:
        self._activity = activity

    def __enter__(self) -> None:
        self._activity.waits += 1

    def __exit__(self, *_: object) -> None:
        self._activity.waits -= 1
