"""Hints that come close together are told as one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable

from fastagency_backend.store.handover import call_on

PAUSE_S = 0.005
"""How long hints are gathered. A hint after a silence is not held back."""
GROWTH = 2


class Coalesced:
    """Gathers hints from any thread, and hands them on, on the loop. Made there.

    While they keep coming, they are gathered for longer and longer, up to `longest_s`: where it costs all others
    something to be told, those who say much say it less often.
    """

    def __init__(self, hand_on: Callable[[Collection[str], bool], None], longest_s: float = PAUSE_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._hand_on = hand_on
        self._longest_s, self._pause_s = longest_s, PAUSE_S
        self._lock = threading.Lock()
        self._gathered: set[str] = set()
        self._ready = False
        self._under_way = False

    def add(self, run_ids: Iterable[str], *, ready: bool) -> None:
        """Thread-safe."""
        with self._lock:
            self._gathered.update(run_ids)
            self._ready |= ready
            if self._under_way or not (self._gathered or self._ready):
                return
            self._under_way = True
        call_on(self._loop, self._tell)

    def _tell(self) -> None:
        with self._lock:
            (gathered, self._gathered), (ready, self._ready) = (self._gathered, set()), (self._ready, False)
            if not (gathered or ready):
                self._under_way = False
                self._pause_s = PAUSE_S
                return
        self._loop.call_later(self._pause_s, self._tell)
        self._pause_s = min(self._pause_s * GROWTH, self._longest_s)
        self._hand_on(gathered, ready)
