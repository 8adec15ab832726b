"""Those who watch runs in this process: what they are sent, and when the store is looked at for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import aclosing, contextmanager

from fastagency_shared.messages import RunStatusChanged, TextChunk

from fastagency_backend.engine.feed import Feeds, Item, Subscription, in_order
from fastagency_backend.store.base import EventPage, RunRecord, Store

PAGE, PAGE_BYTES = 500, 131_072
"""Events read from the store at a time, and their size: a reader who is slow holds them, and there are many readers."""
READING_AT_ONCE = 4
"""Readers for whom the store is looked at; others would stand in the way of whoever asks for something short."""


class Readers:
    """See the module's docstring. `leaving` is set once everybody is sent home.

    `reason` says why a run waits for a worker, if it does.
    """

    def __init__(self, store: Store, feeds: Feeds, reason: Callable[[RunRecord], str | None]) -> None:
        self.leaving = asyncio.Event()
        self._store, self._feeds, self._reason = store, feeds, reason
        self._heads: dict[str, tuple[int, str]] = {}
        self._turns = asyncio.Semaphore(READING_AT_ONCE)

    @contextmanager
    def subscribe(self, run_id: str) -> Iterator[Subscription]:
        """Subscribe to a run for `follow`, and only then read its first page."""
        with self._feeds.subscribe(run_id) as subscription:
            subscription.stale = False
            yield subscription

    async def watch(
        self, run_id: str, *, after: int, beat_s: float, epoch: int = 0
    ) -> AsyncGenerator[Sequence[Item], None]:
        """Everything after a cursor, then live, until the run ends, is deleted, or everybody is sent home.

        That is when the process is about to stop, and when the store is not in the `epoch` of the cursor any more.
        Yields batches, in order and without a gap; an empty one at least every `beat_s` seconds.
        """
        with self._feeds.subscribe(run_id) as subscription:
            batches = self.follow(run_id, subscription, None, after=after, beat_s=beat_s, epoch=epoch)
            async with aclosing(batches):
                async for batch in batches:
                    yield batch

    async def follow(
        self,
        run_id: str,
        subscription: Subscription,
        page: EventPage | None,
        *,
        after: int,
        beat_s: float,
        epoch: int = 0,
    ) -> AsyncGenerator[Sequence[Item], None]:
        """`watch` from a first page, which was read after subscribing; also until the subscription is closed."""
        cursor = after
        told: str | None = None
        while not subscription.closed:
            if page is None and subscription.stale:
                subscription.stale = False
                async with self._turns:
                    page = await self._store.read_events(run_id, after=cursor, limit=PAGE, max_bytes=PAGE_BYTES)
            if self.leaving.is_set() or not self._is_of(epoch, page):
                subscription.sent_home = True
                return
            if page is not None:
                run, events, more, page = page.run, page.events, page.more, None
                status, reason = (None, None) if run is None else (run.status, self._reason(run))
                run = None  # nothing large is kept while a reader takes its time
                if events:
                    cursor = events[-1].seq
                    subscription.reached = max(subscription.reached, cursor)
                    yield events
                    events = ()
                if status is None or (status.ended and not more):
                    return
                if reason != told:
                    told = reason
                    yield [RunStatusChanged(workflow_uuid=run_id, status=status, reason=reason)]
                subscription.stale = subscription.stale or more
                continue
            batch, cursor = in_order(subscription, cursor)
            if subscription.joins and not subscription.stale:
                subscription.joins = False
                batch = [
                    *(item for item in batch if not isinstance(item, TextChunk)),
                    *self._feeds.under_way(run_id),
                ]
            told = next((each.reason for each in reversed(batch) if isinstance(each, RunStatusChanged)), told)
            if batch:
                yield batch
            if subscription.last is not None and cursor >= subscription.last and not subscription.pending:
                return
            if not batch and not subscription.stale:
                await subscription.wait(beat_s)
                if not subscription.pending:
                    yield ()

    @property
    def epoch(self) -> int:
        """The epoch that the store is in."""
        return self._store.epoch

    def _is_of(self, epoch: int, page: EventPage | None) -> bool:
        """Whether the store is in this epoch, and was when the page was read."""
        return self.epoch == epoch and (page is None or page.run is None or page.run.epoch == epoch)

    async def look(self, run_ids: Collection[str] | None = None) -> None:
        """These runs have changed elsewhere, or any may have: those who watch them go back to the store."""
        if run_ids is not None:
            for run_id in run_ids:
                self._feeds.go_stale(run_id)
            return
        watched = self._feeds.watched
        heads = await self._store.heads(watched) if watched else {}
        for run_id in watched:
            if not self._is_known(run_id, heads.get(run_id)):
                self._feeds.go_stale(run_id)
        self._heads = heads

    def _is_known(self, run_id: str, head: tuple[int, str] | None) -> bool:
        """Whether those who watch a run know all of this; a run that is driven here has told them."""
        before = self._heads.get(run_id)
        if before is None or head is None:
            return False
        return before == head or (before[1] == head[1] and self._feeds.has_reached(run_id, head[0]))

    def send_home(self) -> None:
        """The process is about to stop: end every watch now, not at the next message."""
        self.leaving.set()
        self._feeds.go_stale()

    def begin_anew(self) -> None:
        """The store is in another epoch: end every watch that is of an earlier one."""
        self._heads = {}
        self._feeds.go_stale()
