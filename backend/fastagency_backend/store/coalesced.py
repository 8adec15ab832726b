"""Hints that come close together are told as one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable

from fastagency_backend.store.handover import call_on

PAUSE_S = 0.005
"""How long hints are gathered. A hint after a silence is not held back."""


class Coalesced:
    """Gathers hints from any thread, and hands them on, on the loop. Made there."""

    def __init__(self, hand_on: Callable[[Collection[str], bool], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._hand_on = hand_on
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
                return
        self._loop.call_later(PAUSE_S, self._tell)
        self._hand_on(gathered, ready)
