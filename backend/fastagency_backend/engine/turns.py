"""Counts the turns of an event loop while somebody waits for some of them to pass: once for all runs on that loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary


class Turns:
    """See the module's docstring; used on that loop. `now`, the number of the turn, stands still while nobody waits."""

    def __init__(self) -> None:
        self.now = 0
        self._counts = False
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()

    def call_after(self, turns: int, callback: Callable[[], None]) -> int:
        """Call back when so many turns have passed, or one more; returns that turn. They are the same for all."""
        due = self.now + turns + self._counts  # the turn that this is may not have been counted yet
        self._waiting.append((due, callback))
        if not self._counts:
            self._counts = True
            # In no run's context, for it goes on for others.
            asyncio.get_running_loop().call_soon(self._count, context=contextvars.Context())
        return due

    def _count(self) -> None:
        self.now += 1
        while self._waiting and self._waiting[0][0] <= self.now:
            self._waiting.popleft()[1]()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._count)
        else:
            self._counts = False


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns_of(loop: asyncio.AbstractEventLoop) -> Turns:
    """The counter of a loop."""
    if (turns := _turns.get(loop)) is None:
        turns = _turns[loop] = Turns()
    return turns
