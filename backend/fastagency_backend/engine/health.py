"""Whether the engine is well: its loop, its chores, the writer and the database."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from dataclasses import dataclass

from fastagency_backend.engine.chore import Chores
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.lag import Lag
from fastagency_backend.engine.line import NOBODY, Lines, Waiting
from fastagency_backend.store.base import Store, StoreBroken, StoreError

logger = logging.getLogger(__name__)

PATIENCE_S = 2.0
"""How late the loop may be, and how long the store may take to answer."""
KEPT_S = 1.0
"""Anybody may ask: one look serves all who ask within this time."""


@dataclass(frozen=True)
class Health:
    """`alive`: waiting may help; otherwise only a new start of the process, or a person, does.

    `waiting`: runs that no worker has taken up for a while. `ready`: it serves people now. `unwell` names the parts
    that are not well: `loop`, `chores`, `writer`, `database`; or `stopping`.
    """

    alive: bool = True
    unwell: tuple[str, ...] = ()
    waiting: Waiting = NOBODY

    @property
    def ready(self) -> bool:
        return not self.unwell

    @property
    def report(self) -> dict[str, object]:
        """For those who ask over HTTP; of what waits, and what is not well, only what there is."""
        found = {
            "unwell": list(self.unwell),
            "waiting_for_room": self.waiting.for_room,
            "waiting_for_workflow": self.waiting.for_workflow,
            "waiting_for_build": self.waiting.for_build,
        }
        return {"alive": self.alive, "ready": self.ready} | {name: value for name, value in found.items() if value}


class Examination:
    """Looks at the parts; what is wrong with them is in the log, and not in the result."""

    def __init__(
        self, store: Store, chores: Chores, lag: Lag, leaving: asyncio.Event, lines: Lines | None = None
    ) -> None:
        self._store, self._chores, self._lag, self._leaving = store, chores, lag, leaving
        self._lines = lines or Lines(store, Feeds())
        self._one_at_a_time = asyncio.Lock()
        self._found = Health()
        self._found_at = float("-inf")
        self._broken = False

    async def result(self) -> Health:
        async with self._one_at_a_time:
            if time.monotonic() - self._found_at > KEPT_S:
                self._found = await self._look()
                self._found_at = time.monotonic()
            return self._found

    async def _look(self) -> Health:
        if self._leaving.is_set():
            return Health(unwell=("stopping",))
        parts = {
            "loop": self._lag.worst_s <= PATIENCE_S,
            "chores": self._chores.well,
            "writer": await self._answers("writer", self._store.ensure_writable()),
            "database": await self._answers("database", self._store.get_run("")),
        }
        unwell = tuple(name for name, well in parts.items() if not well)
        if unwell:
            logger.warning("The backend is not well: %s", ", ".join(unwell))
        return Health(parts["chores"] and not self._broken, unwell, self._lines.waiting)

    async def _answers(self, name: str, request: Awaitable[object]) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await request
        except (StoreError, TimeoutError) as error:
            self._broken = self._broken or isinstance(error, StoreBroken)
            logger.warning("The %s does not do what is asked of it: %s", name, error or "it does not answer")
            return False
        return True
