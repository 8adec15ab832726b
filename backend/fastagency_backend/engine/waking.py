"""Wakes threads a few at a time: those that are awake at once fight for the interpreter's lock.

Each of a thousand that wait for it wakes up every few milliseconds to say so, and has whoever holds it let go.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from weakref import WeakKeyDictionary

AT_ONCE = 8
"""Threads that are woken in one turn of the loop; between two turns they have the interpreter's lock."""


class Waking:
    """See the module's docstring. Used on its loop. A thread waits for its lock, which is released once."""

    def __init__(self) -> None:
        self._left = AT_ONCE
        self._waiting: deque[threading.Lock] = deque()
        self._counts = False

    def wake(self, lock: threading.Lock) -> None:
        """Release the lock: at once if few were in this turn of the loop, else in one of the next."""
        if self._left:
            self._left -= 1
            lock.release()
        else:
            self._waiting.append(lock)
        if not self._counts:
            self._counts = True
            asyncio.get_running_loop().call_soon(self._next_turn, context=contextvars.Context())

    def _next_turn(self) -> None:
        self._left = AT_ONCE
        while self._waiting and self._left:
            self._left -= 1
            self._waiting.popleft().release()
        self._counts = self._left < AT_ONCE
        if self._counts:
            asyncio.get_running_loop().call_soon(self._next_turn)


_waking: WeakKeyDictionary[asyncio.AbstractEventLoop, Waking] = WeakKeyDictionary()


def waking_of(loop: asyncio.AbstractEventLoop) -> Waking:
    """What wakes threads from this loop."""
    if (waking := _waking.get(loop)) is None:
        waking = _waking[loop] = Waking()
    return waking
