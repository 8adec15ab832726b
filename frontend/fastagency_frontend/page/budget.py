"""How much work one text may be: CPU time of the thread that renders it, asked for between small steps of it.

A thread cannot be stopped from outside, and the regular expressions of one step cannot be stopped at all. So each step
is small, because of its input, and whether there is time for another one is asked before it. CPU time, and not time on
the wall: on a busy machine a harmless text looks the same as on an idle one.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class TooMuchWork(Exception):
    """A text is not worth what it would take; it is shown as it was written."""


class Budget:
    """CPU seconds, from now on, of the thread that makes it."""

    def __init__(self, cpu_s: float, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._end = clock() + cpu_s

    def spend(self) -> None:
        """Called before each step.

        Raises:
            TooMuchWork: there is no time left.
        """
        if self._clock() > self._end:
            raise TooMuchWork
