"""What a process has to do again and again, beside the runs: named tasks with an owner that ends them."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable

from fastagency_backend.store.base import StoreError

logger = logging.getLogger(__name__)

RETRY_S = 1.0


class Chores:
    """The chores of a process. One whose store failed goes on after a moment."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, chore: Callable[[], Awaitable[None]]) -> None:
        """Do this over and over from now on, in no run's context."""
        task = asyncio.create_task(_forever(chore), name=f"engine-{name}", context=contextvars.Context())
        self._tasks.append(task)

    @property
    def well(self) -> bool:
        """Whether every chore is still being done."""
        return not any(task.done() for task in self._tasks)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _forever(chore: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await chore()
        except StoreError:
            logger.exception("The store failed; trying again")
            await asyncio.sleep(RETRY_S)
