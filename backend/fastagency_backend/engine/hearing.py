"""What this process has been told from outside: gathered until it is looked after."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from fastagency_backend.engine.pause import pause
from fastagency_backend.engine.relay import Relay

LOOK_AT_ALL_S = 5.0
"""How late what is done elsewhere is noticed at most, should the hint of it be lost."""
LOOK_PAUSE_S = 0.02
"""Commits of other processes are looked at together, this far apart."""


@dataclass(frozen=True, slots=True)
class News:
    """The runs that may have changed, None for any; and whether one that nobody has may be ready."""

    run_ids: Collection[str] | None
    ready: bool


class Hearing:
    """See `store.signals.Hears`. Made and used on one event loop."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._something = asyncio.Event()
        self._anew = asyncio.Event()
        self._run_ids: set[str] = set()
        self._anything = self._ready = False

    async def news(self) -> News:
        """Wait for hints, and take all that have come."""
        await self._something.wait()
        self._something.clear()
        news = News(None if self._anything else self._run_ids, self._ready)
        self._run_ids, self._anything, self._ready = set(), False, False
        return news

    async def look_at_all(self) -> None:
        """A chore, for hints may be lost: every now and then anything may have changed."""
        await pause(LOOK_AT_ALL_S)
        self.changed(None, ready=False)

    async def epoch(self) -> None:
        """Wait until the store is in another epoch."""
        await self._anew.wait()
        self._anew.clear()

    def changed(self, run_ids: Collection[str] | None, *, ready: bool) -> None:
        if run_ids is None:
            self._anything = True
        else:
            self._run_ids.update(run_ids)
        self._ready |= ready
        self._something.set()

    def shown(self, run_id: str, text: str) -> None:
        self._relay.hear_shown(run_id, text)

    def wanted(self, run_id: str) -> None:
        self._relay.hear_wanted(run_id)

    def begun_anew(self) -> None:
        self._anew.set()
