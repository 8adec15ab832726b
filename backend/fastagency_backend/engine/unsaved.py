"""Results that are paid for and not recorded yet: kept until the store has taken them.

They outlive the attempt in which they were paid for. When the store fails, the run is dropped and taken up again; what
its calls had returned by then is recorded first, so that none of them is made again.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from fastagency_backend.store.base import Lease, RunLog, StepRecord, Store


class Unsaved:
    """Of one run, by step key, oldest first. Thread-safe."""

    def __init__(self) -> None:
        self._steps: dict[str, StepRecord] = {}
        self._handed_over: set[str] = set()

    def keep(self, key: str, step: StepRecord) -> None:
        """Its `order` does not count: it gets its place when it is saved."""
        self._steps[key] = step

    def hand_over(self, key: str) -> None:
        """The store is asked to take it; it is kept until that is done."""
        self._handed_over.add(key)

    def forget(self, key: str) -> None:
        self._steps.pop(key, None)
        self._handed_over.discard(key)

    @property
    def stranded(self) -> dict[str, StepRecord]:
        """Those that were not handed to the store: their run was dropped in that very moment."""
        return {key: step for key, step in list(self._steps.items()) if key not in self._handed_over}

    async def save(self, store: Store, lease: Lease, log: RunLog) -> None:
        """Record them, and add them to `log`, before anything else is done. Raises `StoreError`."""
        for key, step in list(self._steps.items()):
            if key not in log.steps:  # else the commit went well after all
                log.steps[key] = placed = replace(step, order=log.last_order + 1)
                await recorded(store, lease, key, placed)
            self.forget(key)


async def recorded(store: Store, lease: Lease, key: str, step: StepRecord) -> None:
    """Record a result, and wait until that is committed. Raises `StoreError`."""
    saved: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def done(_seq: int | None, error: Exception | None) -> None:
        if not saved.done():
            saved.set_exception(error) if error is not None else saved.set_result(None)

    store.append_step(lease, key, step, done)
    await saved
