"""Wakes those who watch a run, and carries what is never logged: chunks of a message under way, changes of status.

What a run is writing is kept here until the whole message comes, for those who join in the middle.

A subscription is a bounded queue. A reader that is too slow loses the queue, not the run: it goes back to the store at
its cursor, so nothing logged is missed, and the run never waits for a reader. Used on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from fastagency_shared.messages import RunStatusChanged, TextChunk, TransientMessage
from fastagency_shared.run import RunStatus
from fastagency_shared.under_way import UnderWay

from fastagency_backend.store.base import StoredEvent

QUEUE_ITEMS, QUEUE_CHARS = 1000, 262_144
JOINED_CHARS = 10_000
"""Chunks that a reader has not taken yet are joined up to about this length."""
CHUNK_PACE_S = 0.005
"""The shortest time between two looks at chunks alone: of a quick stream, more come in one frame."""

ANSWERED = '{"type":"input_answered"'
"""How a message begins that tells of an answer."""

Item = StoredEvent | TransientMessage


class Subscription:
    """One reader's queue.

    `stale` says that the store knows more than the queue; `joins` that pieces of a message under way are missing;
    `closed` that the reader wants no more. `last` is the number of the message that the run ended with, once it has.
    `sent_home` says that there is more, but not here and now: the reader has to come again. A `terse` reader shows
    nobody what is not logged, nor who has answered: it is given none of the first, and not woken for the second.
    `reached` is the number of the newest message that it was given, or has read.
    """

    def __init__(self) -> None:
        self.stale = self.joins = True
        self.terse = False
        self.closed = self.sent_home = False
        self.last: int | None = None
        self.reached = 0
        self._items: list[Item | _Pieces] = []
        self._chars = 0
        self._news: asyncio.Future[None] | None = None
        self._waits_since = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._pace: asyncio.TimerHandle | None = None

    @property
    def pending(self) -> bool:
        """Whether there is something to look at."""
        return self.stale or self.closed or bool(self._items)

    def put(self, item: Item) -> None:
        if self.terse and not isinstance(item, StoredEvent):
            return
        chars = _chars(item)
        if self._items and (len(self._items) >= QUEUE_ITEMS or self._chars + chars > QUEUE_CHARS):
            self._items.clear()
            self._chars = 0
            self.stale = self.joins = True
        self._chars += chars
        if isinstance(item, TextChunk) and self._joined(item):
            return
        if isinstance(item, StoredEvent):
            self.last = None  # if it had ended, it is tried again
            self.reached = max(self.reached, item.seq)
        self._items.append(item)
        if isinstance(item, TextChunk):
            self._wake_in_time()
        elif not (self.terse and isinstance(item, StoredEvent) and item.body.startswith(ANSWERED)):
            self._wake()

    def go_stale(self) -> None:
        self.stale = True
        self._wake()

    def close(self) -> None:
        """The reader leaves: whoever waits is told."""
        self.closed = True
        self._wake()
        for timer in (self._alarm, self._pace):
            if timer is not None:
                timer.cancel()

    def take(self) -> list[Item]:
        items, self._items, self._chars = self._items, [], 0
        return [item.whole() if isinstance(item, _Pieces) else item for item in items]

    async def wait(self, timeout_s: float) -> None:
        """Return at the next news, or after the time."""
        if self.pending:
            return
        loop = asyncio.get_running_loop()
        self._waits_since = loop.time()
        self._news = loop.create_future()
        if self._alarm is None:  # one for many waits: most are over long before it rings
            self._alarm = loop.call_later(timeout_s, self._ring, loop, timeout_s)
        await self._news

    def _ring(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._alarm = None
        if self._news is None or self._news.done():
            return
        left = self._waits_since + timeout_s - loop.time()
        if left <= 0:
            self._wake()
        else:
            self._alarm = loop.call_later(left, self._ring, loop, timeout_s)

    def _wake(self) -> None:
        if self._pace is not None:
            self._pace.cancel()
            self._pace = None
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _wake_in_time(self) -> None:
        if self._pace is not None or self._news is None or self._news.done():
            return
        loop = self._news.get_loop()
        left = self._waits_since + CHUNK_PACE_S - loop.time()
        if left <= 0:
            self._wake()
        else:
            self._pace = loop.call_later(left, self._wake)

    def _joined(self, chunk: TextChunk) -> bool:
        last = self._items[-1] if self._items else None
        if isinstance(last, TextChunk) and _continues(last, len(last.delta), chunk):
            self._items[-1] = _Pieces(last, chunk)
            return True
        return isinstance(last, _Pieces) and last.add(chunk)


def _chars(item: Item) -> int:
    """How much of the queue's room an item takes, as far as it has no bound of its own."""
    match item:
        case StoredEvent():
            return len(item.body)
        case TextChunk():
            return len(item.delta)
    return 0


class _Pieces:
    """Chunks of one stream that follow one another, kept apart until somebody wants them."""

    def __init__(self, first: TextChunk, second: TextChunk) -> None:
        self._first = first
        self._deltas = [first.delta, second.delta]
        self._chars = len(first.delta) + len(second.delta)

    def add(self, chunk: TextChunk) -> bool:
        """Take a chunk if it goes on where this ends, and there is room."""
        if not _continues(self._first, self._chars, chunk):
            return False
        self._deltas.append(chunk.delta)
        self._chars += len(chunk.delta)
        return True

    def whole(self) -> TextChunk:
        return self._first.model_copy(update={"delta": "".join(self._deltas)})


def _continues(first: TextChunk, chars: int, chunk: TextChunk) -> bool:
    """Whether a chunk goes on where so many characters from `first` on end: it may also take their place."""
    if first.stream != chunk.stream or chars >= JOINED_CHARS:
        return False
    return first.offset is None or chunk.offset is None or first.offset + chars == chunk.offset


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


class Outlet(Protocol):
    """Whoever takes what happens here to other processes."""

    def watched(self, run_id: str) -> None:
        """Somebody here watches the run, and nobody did before."""
        ...

    def unwatched(self, run_id: str) -> None:
        """Nobody here watches the run any more."""
        ...

    def is_wanted(self, run_id: str) -> bool:
        """Whether a process wants what is shown of the run."""
        ...

    def shown(self, run_id: str, item: TransientMessage) -> None:
        """A process shows something of a run that is not in its log."""
        ...

    def said(self, run_id: str, sender: str | None) -> None:
        """What this sender was writing is over."""
        ...

    def forgotten(self, run_id: str) -> None:
        """The run is not driven here any more."""
        ...


class Feeds:
    """The subscriptions of this process, by run.

    `outlet`, if there is one, hears what is done here; not what comes from other processes (`here=False`).
    """

    outlet: Outlet | None = None

    def __init__(self) -> None:
        self._by_run: dict[str, set[Subscription]] = {}
        self._under_way: dict[str, UnderWay] = {}

    @contextmanager
    def subscribe(self, run_id: str) -> Iterator[Subscription]:
        """Subscribe before reading the store, or something between the two would be missed."""
        subscription = Subscription()
        if run_id not in self._by_run:
            self._by_run[run_id] = set()
            if self.outlet is not None:
                self.outlet.watched(run_id)
        self._by_run[run_id].add(subscription)
        try:
            yield subscription
        finally:
            subscription.close()
            others = self._by_run[run_id]
            others.discard(subscription)
            if not others:
                del self._by_run[run_id]
                if self.outlet is not None:
                    self.outlet.unwatched(run_id)

    def push(self, run_id: str, item: Item, *, here: bool = True) -> None:
        if isinstance(item, TextChunk):
            if (texts := self._under_way.get(run_id)) is None:
                texts = self._under_way[run_id] = UnderWay()
            item = texts.add(item, workflow_uuid=run_id)
        if here and self.outlet is not None and not isinstance(item, StoredEvent):
            self.outlet.shown(run_id, item)
        for subscription in self._by_run.get(run_id, ()):
            subscription.put(item)

    def status(self, run_id: str, status: RunStatus, title: str | None = None) -> None:
        """Tell those who watch a run how it stands, and what it is called now; for nobody, no message is made."""
        here = any(not each.terse for each in self._by_run.get(run_id, ()))
        if here or (self.outlet is not None and self.outlet.is_wanted(run_id)):
            self.push(run_id, RunStatusChanged(workflow_uuid=run_id, status=status, title=title))

    def end(self, run_id: str, last: StoredEvent) -> None:
        """The run has ended with this message: its readers need not ask the store whether more comes."""
        for subscription in self._by_run.get(run_id, ()):
            subscription.put(last)
            subscription.last = last.seq

    def is_writing(self, run_id: str) -> bool:
        """Whether a message of the run is under way."""
        return run_id in self._under_way

    def under_way(self, run_id: str) -> list[TextChunk]:
        """What the run is writing, each message from its beginning."""
        return self._under_way[run_id].so_far() if self.is_writing(run_id) else []

    def has_gap(self, run_id: str, chunk: TextChunk) -> bool:
        """Whether something is missing before this piece, which has a place."""
        known = self._under_way.get(run_id)
        return (chunk.offset or 0) > (known.chars_of(chunk.stream) if known is not None else 0)

    def said(self, run_id: str, sender: str | None, *, here: bool = True) -> None:
        """A whole message of this sender takes the place of what it was writing."""
        if here and self.outlet is not None:
            self.outlet.said(run_id, sender)
        if (texts := self._under_way.get(run_id)) is not None:
            texts.end(sender)
            if not texts:
                del self._under_way[run_id]

    def forget(self, run_id: str, *, here: bool = True) -> None:
        """The run is not driven any more: what it was writing is over, whatever it was."""
        if here and self.outlet is not None:
            self.outlet.forgotten(run_id)
        self._under_way.pop(run_id, None)

    def go_stale(self, run_id: str | None = None) -> None:
        """Send the readers of one run, or of all, back to the store."""
        runs = self._by_run if run_id is None else (run_id,)
        for each in runs:
            for subscription in self._by_run.get(each, ()):
                subscription.go_stale()

    def has_reached(self, run_id: str, seq: int) -> bool:
        """Whether everybody who watches the run was given its newest message, or has read it."""
        return all(subscription.reached >= seq for subscription in self._by_run.get(run_id, ()))

    @property
    def watched(self) -> list[str]:
        """The runs that somebody watches."""
        return list(self._by_run)

    def __len__(self) -> int:
        return sum(map(len, self._by_run.values()))
