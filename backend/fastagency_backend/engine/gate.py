"""Holds runs back while the store cannot write, so that nothing is paid for whose result could not be kept.

And while the worker's lease is not good, for then its runs need not be its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable

from fastagency_backend.store.base import Store, StoreBroken, StoreError

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0


class Gate:
    """One probe of the store for all who wait; `holds_lease` says whether that is good. On the engine's loop."""

    def __init__(self, store: Store, holds_lease: Callable[[], bool]) -> None:
        self._store, self._holds_lease = store, holds_lease
        self._probe: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether somebody waits for the store."""
        return self._probe is not None and not self._probe.done()

    async def opened(self) -> None:
        """Return when the store has written something, and the lease is good. Raises `StoreBroken` when none will."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._until_writable(), name="gate", context=contextvars.Context())
        await asyncio.shield(self._probe)

    async def _until_writable(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._store.ensure_writable()
            except StoreBroken:
                raise
            except StoreError as error:
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                logger.warning("Nothing can be written (%s). Runs wait; the next look is in %.1f s", error, pause_s)
            else:
                if self._holds_lease():
                    return
                pause_s = FIRST_PAUSE_S
