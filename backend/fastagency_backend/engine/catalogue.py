"""The workflows as the store knows them: what a worker says that it has, and what a process without any reads there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping

from fastagency_backend.engine.pause import pause
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.store.base import Store
from fastagency_backend.store.dispatch import Offer

LOOK_EVERY_S = 1.0
"""How often a worker looks whether it has more workflows."""
SAY_EVERY_S = 3600.0
"""How often it says what it has although that is what it was: or it would be forgotten."""
READ_EVERY_S = 2.0
READ_AT_MOST_EVERY_S = 0.5
"""Whoever asks for workflows that do not exist does not keep the store busy."""


class Offering:
    """What this worker has, told to everybody. `workflows` may grow at any time."""

    def __init__(self, store: Store, workflows: Mapping[str, WorkflowSpec], build: str | None) -> None:
        self._store, self._workflows, self._build = store, workflows, build
        self._said: list[Offer] | None = None
        self._said_at = 0.0

    async def look(self) -> None:
        """A chore: say it, if it is new."""
        offers = [
            Offer(spec.name, spec.description, spec.durable, self._build, spec.roles)
            for spec in list(self._workflows.values())
        ]
        if offers != self._said or time.monotonic() - self._said_at >= SAY_EVERY_S:
            await self._store.dispatcher.offer_workflows(offers)
            self._said, self._said_at = offers, time.monotonic()
        await pause(LOOK_EVERY_S)


class Catalogue(Mapping[str, Offer]):
    """What all workers have, in memory. Of a process that has no workflow itself; `connect` says where they are."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._offers: dict[str, Offer] = {}
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")

    def connect(self, store: Store) -> None:
        self._store, self._read_at = store, float("-inf")

    async def refresh(self) -> None:
        """Know afterwards all that was offered before: many who ask at a time share one look. Raises `StoreError`."""
        assert self._store is not None, "it is connected before anybody is served"
        asked_at = time.monotonic()
        async with self._reading:
            if self._read_at >= asked_at:
                return
            await asyncio.sleep(self._read_at + READ_AT_MOST_EVERY_S - time.monotonic())
            self._read_at = time.monotonic()
            self._offers = {offer.name: offer for offer in await self._store.dispatcher.catalogue()}

    async def look(self) -> None:
        """A chore: keep it fresh."""
        await self.refresh()
        await pause(READ_EVERY_S)

    def __getitem__(self, name: str) -> Offer:
        return self._offers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._offers)

    def __len__(self) -> int:
        return len(self._offers)
