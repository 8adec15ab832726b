"""Wakes those who watch a run, and carries what is never logged: chunks of a message under way, changes of status.

What a run is writing is kept here until the whole message comes, for those who join in the middle.

A subscription is a bounded queue. A reader that is too slow loses the queue, not the run: it goes back to the store at
its cursor, so nothing logged is missed, and the run never waits for a reader. Used on one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from fastagency_shared.messages import TextChunk, TransientMessage
from fastagency_shared.under_way import UnderWay

from fastagency_backend.store.base import StoredEvent

QUEUE_ITEMS = 1000
JOINED_CHARS = 10_000
"""Chunks that a reader has not taken yet are joined up to about this length."""

Item = StoredEvent | TransientMessage


class Subscription:
    """One reader's queue.

    `stale` says that the store knows more than the queue; `joins` that pieces of a message under way are missing.
    """

    def __init__(self) -> None:
        self.stale = self.joins = True
        self._items: deque[Item] = deque()
        self._news = asyncio.Event()

    @property
    def pending(self) -> bool:
        """Whether there is something to look at."""
        return self.stale or bool(self._items)

    def put(self, item: Item) -> None:
        if isinstance(item, TextChunk) and self._items:
            last = self._items[-1]
            if isinstance(last, TextChunk) and last.stream == item.stream and len(last.delta) < JOINED_CHARS:
                self._items[-1] = last.model_copy(update={"delta": last.delta + item.delta})
                return
        if len(self._items) >= QUEUE_ITEMS:
            self._items.clear()
            self.stale = self.joins = True
        self._items.append(item)
        self._news.set()

    def go_stale(self) -> None:
        self.stale = True
        self._news.set()

    def take(self) -> list[Item]:
        items = list(self._items)
        self._items.clear()
        self._news.clear()
        return items

    async def wait(self, timeout_s: float) -> None:
        """Return at the next news, or after the time."""
        if self.pending:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return


def in_order(subscription: Subscription, cursor: int) -> tuple[list[Item], int]:
    """What is new in the queue; at a gap, the rest is left to the store."""
    batch: list[Item] = []
    for item in subscription.take():
        if isinstance(item, StoredEvent):
            if item.seq <= cursor:
                continue
            if item.seq > cursor + 1:
                subscription.stale = True
                break
            cursor = item.seq
        batch.append(item)
    return batch, cursor


class Feeds:
    """The subscriptions of this process, by run."""

    def __init__(self) -> None:
        self._by_run: dict[str, set[Subscription]] = {}
        self._under_way: dict[str, UnderWay] = {}

    @contextmanager
    def subscribe(self, run_id: str) -> Iterator[Subscription]:
        """Subscribe before reading the store, or something between the two would be missed."""
        subscription = Subscription()
        self._by_run.setdefault(run_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            others = self._by_run[run_id]
            others.discard(subscription)
            if not others:
                del self._by_run[run_id]

    def push(self, run_id: str, item: Item) -> None:
        if isinstance(item, TextChunk):
            item = self._under_way.setdefault(run_id, UnderWay()).add(item)
        for subscription in self._by_run.get(run_id, ()):
            subscription.put(item)

    def is_writing(self, run_id: str) -> bool:
        """Whether a message of the run is under way."""
        return run_id in self._under_way

    def under_way(self, run_id: str) -> list[TextChunk]:
        """What the run is writing, each message from its beginning."""
        return self._under_way[run_id].so_far() if self.is_writing(run_id) else []

    def said(self, run_id: str, sender: str | None) -> None:
        """A whole message of this sender takes the place of what it was writing."""
        if (texts := self._under_way.get(run_id)) is not None:
            texts.end(sender)
            if not texts:
                del self._under_way[run_id]

    def forget(self, run_id: str) -> None:
        """The run is not driven here any more: what it was writing is over, whatever it was."""
        self._under_way.pop(run_id, None)

    def go_stale(self, run_id: str | None = None) -> None:
        """Send the readers of one run, or of all, back to the store."""
        runs = self._by_run if run_id is None else (run_id,)
        for each in runs:
            for subscription in self._by_run.get(each, ()):
                subscription.go_stale()

    @property
    def watched(self) -> list[str]:
        """The runs that somebody watches."""
        return list(self._by_run)

    def __len__(self) -> int:
        return sum(map(len, self._by_run.values()))
