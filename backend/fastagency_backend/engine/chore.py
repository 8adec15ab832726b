"""What a process has to do again and again, beside the runs: named tasks that somebody watches and ends.

A chore whose store failed for a moment goes on after a pause. Any other end of a chore is the end of the worker: a
process that looks well and claims nothing would be worse than one that stops.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable

from fastagency_backend.store.base import StoreBroken, StoreError

logger = logging.getLogger(__name__)

RETRY_S = 1.0


class Chores:
    """The chores of a process. `failed` is called with a sentence when one of them cannot go on."""

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, chore: Callable[[], Awaitable[None]]) -> None:
        """Do this over and over from now on, in no run's context."""
        task = asyncio.create_task(self._forever(name, chore), name=f"engine-{name}", context=contextvars.Context())
        self._tasks.append(task)

    @property
    def well(self) -> bool:
        """Whether every chore is still being done."""
        return not any(task.done() for task in self._tasks)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forever(self, name: str, chore: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await chore()
            except StoreBroken as error:
                return self._failed(str(error))
            except StoreError:
                logger.exception("The store failed; trying again")
                await asyncio.sleep(RETRY_S)
            except Exception:
                logger.exception("The chore %r failed in a way that it cannot go on from", name)
                return self._failed(f"The chore {name!r} of this worker has failed.")
