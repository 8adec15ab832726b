"""Feeds: bounded queues of those who watch; a slow reader loses its queue, never a message."""

from __future__ import annotations

import asyncio

import pytest
from fastagency_backend.engine import feed as feed_module
from fastagency_backend.engine.feed import JOINED_CHARS, QUEUE_CHARS, QUEUE_ITEMS, Feeds, Subscription, in_order
from fastagency_backend.store.base import StoredEvent
from fastagency_shared.messages import InputAnswered, RunStatusChanged, TextChunk, TransientMessage
from fastagency_shared.run import RunStatus


class Outlet:
    """Another process, which wants what is shown of a run, or not."""

    def __init__(self) -> None:
        self.wants = False
        self.items: list[TransientMessage] = []

    def watched(self, run_id: str) -> None: ...
    def unwatched(self, run_id: str) -> None: ...
    def said(self, run_id: str, sender: str | None) -> None: ...
    def forgotten(self, run_id: str) -> None: ...

    def is_wanted(self, run_id: str) -> bool:
        return self.wants

    def shown(self, run_id: str, item: TransientMessage) -> None:
        self.items.append(item)


def event(seq: int) -> StoredEvent:
    return StoredEvent(seq, 1.0, "{}")


def chunk(delta: str, stream: str = "s") -> TextChunk:
    return TextChunk(stream=stream, delta=delta)


def fresh() -> Subscription:
    subscription = Subscription()
    subscription.stale = False
    return subscription


def test_a_new_reader_begins_in_the_store() -> None:
    assert Subscription().stale


def test_pieces_of_one_message_are_joined_while_nobody_reads() -> None:
    subscription = fresh()
    for item in (chunk("a"), chunk("b"), chunk("c", "other"), chunk("d", "other"), event(1), chunk("e", "other")):
        subscription.put(item)
    shown = [(item.stream, item.delta) if isinstance(item, TextChunk) else item for item in subscription.take()]
    assert shown == [("s", "ab"), ("other", "cd"), event(1), ("other", "e")]


def test_a_reader_that_is_too_slow_goes_back_to_the_store() -> None:
    subscription = fresh()
    for seq in range(1, QUEUE_ITEMS + 1):
        subscription.put(event(seq))
    assert not subscription.stale
    subscription.put(event(QUEUE_ITEMS + 1))
    assert subscription.stale
    assert len(subscription.take()) == 1


def test_the_queue_is_bounded_whatever_comes() -> None:
    subscription = fresh()
    for number in range(5 * QUEUE_ITEMS):
        subscription.put(event(number) if number % 2 else RunStatusChanged(status="running"))
    assert len(subscription.take()) <= QUEUE_ITEMS


def test_the_queue_is_bounded_however_long_its_messages_are() -> None:
    """Two hundred slow readers of long messages held gigabytes."""
    subscription = fresh()
    long = QUEUE_CHARS // 4
    for seq in range(1, 1000):
        subscription.put(StoredEvent(seq, 1.0, "x" * long))
        subscription.put(chunk("y" * JOINED_CHARS, stream=str(seq)))
    assert subscription.stale
    assert sum(
        len(item.body) if isinstance(item, StoredEvent) else len(item.delta) for item in subscription.take()
    ) <= (QUEUE_CHARS)
    subscription.stale = False
    subscription.put(StoredEvent(1000, 1.0, "x" * (2 * QUEUE_CHARS)))  # one goes through, however long it is
    assert not subscription.stale
    assert [item.seq for item in subscription.take() if isinstance(item, StoredEvent)] == [1000]


def test_what_was_seen_is_skipped_and_a_gap_sends_back_to_the_store() -> None:
    subscription = fresh()
    for seq in (1, 2, 3):
        subscription.put(event(seq))
    assert in_order(subscription, 1) == ([event(2), event(3)], 3)
    assert not subscription.stale
    for seq in (4, 6, 7):
        subscription.put(event(seq))
    assert in_order(subscription, 3) == ([event(4)], 4)
    assert subscription.stale


async def test_waiting_ends_with_news_or_with_time() -> None:
    subscription = fresh()
    await subscription.wait(0.001)
    assert not subscription.pending
    waiting = asyncio.create_task(subscription.wait(3600))
    await asyncio.sleep(0)
    subscription.put(event(1))
    async with asyncio.timeout(30):
        await waiting
    subscription.take()
    waiting = asyncio.create_task(subscription.wait(3600))
    await asyncio.sleep(0)
    subscription.go_stale()
    async with asyncio.timeout(30):
        await waiting
    assert subscription.pending


def test_each_run_has_its_own_readers() -> None:
    feeds = Feeds()
    with feeds.subscribe("a") as first, feeds.subscribe("a") as second, feeds.subscribe("b") as other:
        for subscription in (first, second, other):
            subscription.stale = False
        feeds.push("a", event(1))
        assert (first.take(), second.take(), other.take()) == ([event(1)], [event(1)], [])
        feeds.go_stale("b")
        assert (first.stale, other.stale) == (False, True)
        feeds.go_stale()
        assert first.stale
        assert second.stale
        assert len(feeds) == 3
    assert len(feeds) == 0
    feeds.push("a", event(2))


def test_a_chunk_that_does_not_go_on_where_the_last_one_ends_is_kept_apart() -> None:
    subscription = fresh()
    for delta, offset in (("abc", 0), ("d", 3), ("X", 1), ("y", 2)):
        subscription.put(TextChunk(stream="s", delta=delta, offset=offset))
    shown = [(item.delta, item.offset) for item in subscription.take() if isinstance(item, TextChunk)]
    assert shown == [("abcd", 0), ("Xy", 1)]


def test_joined_chunks_have_a_length_that_can_be_sent() -> None:
    subscription = fresh()
    for _ in range(25):
        subscription.put(chunk("x" * (JOINED_CHARS // 10)))
    assert [len(item.delta) for item in subscription.take() if isinstance(item, TextChunk)] == [
        JOINED_CHARS,
        JOINED_CHARS,
        JOINED_CHARS // 2,
    ]


async def test_chunks_alone_are_looked_at_now_and_then_and_all_else_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "CHUNK_PACE_S", 3600)
    subscription = fresh()
    waiting = asyncio.create_task(subscription.wait(7200))
    await asyncio.sleep(0)
    for delta in "ab":
        subscription.put(chunk(delta))
    await asyncio.sleep(0)
    assert not waiting.done()
    subscription.put(event(1))
    async with asyncio.timeout(30):
        await waiting
    assert [type(item) for item in subscription.take()] == [TextChunk, StoredEvent]
    monkeypatch.setattr(feed_module, "CHUNK_PACE_S", 0)
    waiting = asyncio.create_task(subscription.wait(7200))
    await asyncio.sleep(0)
    subscription.put(chunk("c"))
    async with asyncio.timeout(30):
        await waiting


async def test_chunks_wait_no_longer_than_their_pace() -> None:
    subscription = fresh()
    waiting = asyncio.create_task(subscription.wait(3600))
    await asyncio.sleep(0)
    subscription.put(chunk("a"))
    async with asyncio.timeout(30):
        await waiting
    assert subscription.pending


async def test_a_wait_that_ended_early_leaves_its_whole_time_to_the_next() -> None:
    subscription = fresh()
    loop, waits_s = asyncio.get_running_loop(), 0.05
    for _ in range(3):
        waiting = asyncio.create_task(subscription.wait(waits_s))
        await asyncio.sleep(waits_s / 2)
        subscription.put(event(1))
        await waiting
        subscription.take()
    began = loop.time()
    await subscription.wait(waits_s)
    assert loop.time() - began >= waits_s


async def test_a_reader_that_leaves_is_told_and_no_timer_is_left() -> None:
    feeds = Feeds()
    with feeds.subscribe("a") as subscription:
        subscription.stale = False
        waiting = asyncio.create_task(subscription.wait(3600))
        await asyncio.sleep(0)
        feeds.push("a", chunk("x"))
        subscription.close()
        async with asyncio.timeout(30):
            await waiting
        assert subscription.pending


def test_a_run_that_is_tried_again_after_its_end_goes_on() -> None:
    feeds = Feeds()
    with feeds.subscribe("a") as subscription:
        feeds.end("a", event(7))
        assert subscription.last == 7
        feeds.push("a", RunStatusChanged(status="failed"))
        assert subscription.last == 7
        feeds.push("a", event(8))
        assert subscription.last is None


def test_a_chunk_is_placed_in_its_run_and_in_its_stream() -> None:
    feeds = Feeds()
    with feeds.subscribe("a") as subscription:
        feeds.push("a", chunk("ab"))
        feeds.push("a", chunk("c", "other"))
        feeds.push("a", chunk("d"))
        placed = [(each.workflow_uuid, each.offset) for each in subscription.take() if isinstance(each, TextChunk)]
    assert placed == [("a", 0), ("a", 0), ("a", 2)]
    assert [each.workflow_uuid for each in feeds.under_way("a")] == ["a", "a"]


def test_for_nobody_no_status_is_made() -> None:
    feeds = Feeds()
    feeds.status("a", RunStatus.RUNNING)
    with feeds.subscribe("a") as subscription:
        feeds.status("a", RunStatus.RUNNING)
        feeds.status("b", RunStatus.RUNNING)
        (told,) = subscription.take()
    assert isinstance(told, RunStatusChanged)
    assert (told.workflow_uuid, told.status) == ("a", RunStatus.RUNNING)


async def test_a_terse_reader_is_not_woken_for_who_has_answered_nor_for_what_is_not_logged() -> None:
    subscription = fresh()
    subscription.terse = True
    waiting = asyncio.ensure_future(subscription.wait(60.0))
    await asyncio.sleep(0)
    answered = StoredEvent(1, 1.0, InputAnswered(question="q", value="yes").model_dump_json())
    for item in (answered, RunStatusChanged(status="running"), chunk("a")):
        subscription.put(item)
    await asyncio.sleep(0)
    assert not waiting.done()
    subscription.put(event(2))
    await waiting
    assert in_order(subscription, 0) == ([answered, event(2)], 2)


async def test_a_status_is_told_where_somebody_wants_it() -> None:
    feeds, outlet = Feeds(), Outlet()
    feeds.outlet = outlet
    with feeds.subscribe("r") as terse, feeds.subscribe("r") as other:
        terse.terse = True
        feeds.status("r", RunStatus.WAITING, "A title")
        assert terse.take() == []
        (shown,) = other.take()
        assert isinstance(shown, RunStatusChanged)
        assert (shown.status, shown.title) == (RunStatus.WAITING, "A title")
        other.terse = True
        outlet.items.clear()
        feeds.status("r", RunStatus.RUNNING)
        assert outlet.items == []
    outlet.wants = True
    feeds.status("r", RunStatus.RUNNING)
    assert [item.status for item in outlet.items if isinstance(item, RunStatusChanged)] == [RunStatus.RUNNING]
