"""Runs that this worker owns and knows nothing of: a claim took them whose reply was lost, say.

They would stay as they are for as long as the worker lives, for nobody takes over from the living.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from fastagency_backend.engine.driver import Driver
from fastagency_backend.engine.pause import pause
from fastagency_backend.store.base import Store

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0


class Strays:
    """Gives back what is found twice in a row under the same fence. `is_claiming`: some may be about to be known."""

    def __init__(self, worker: str, store: Store, driver: Driver, is_claiming: Callable[[], bool]) -> None:
        self._worker, self._store, self._driver, self._is_claiming = worker, store, driver, is_claiming
        self._seen: Mapping[str, int] = {}

    async def look(self) -> None:
        """A chore."""
        await pause(LOOK_EVERY_S)
        found = await self._find()
        if found is None:
            return
        strays = {run_id: fence for run_id, fence in found.items() if self._seen.get(run_id) == fence}
        self._seen = found
        if strays:
            logger.warning("%d runs were owned and not driven, and are given back: %s", len(strays), ", ".join(strays))
            await self._store.dispatcher.give_back_runs(self._worker, strays)

    async def _find(self) -> dict[str, int] | None:
        """The fences of what is owned and not at hand. None: it cannot be told now."""
        if self._is_claiming():
            return None
        owned = await self._store.dispatcher.owned_runs(self._worker)
        if self._is_claiming():
            return None
        at_hand = self._driver.at_hand
        return {run_id: each.fence for run_id, each in owned.items() if run_id not in at_hand}
