"""A moment of the store's clock that somebody in this process waits for."""

from __future__ import annotations

import time

LOOK_AGAIN_S = 60.0


class Alarm:
    """It goes off at that moment, or after as many seconds as there were left: a clock set back holds up nobody.

    `due` and `now` are of the store's clock, which may jump; in between, time is measured by one that cannot.
    """

    def __init__(self, due: float, now: float) -> None:
        self._due = due
        self._until = time.monotonic() + due - now

    def left_s(self, now: float) -> float:
        """How long to wait before looking again; 0 when it is time."""
        return max(0.0, min(self._due - now, self._until - time.monotonic(), LOOK_AGAIN_S))
