"""Feeds: bounded queues of those who watch; a slow reader loses its queue, never a message."""

from __future__ import annotations

import asyncio

from fastagency_backend.engine.feed import QUEUE_ITEMS, Feeds, Subscription, in_order
from fastagency_backend.store.base import StoredEvent
from fastagency_shared.messages import RunStatusChanged, TextChunk


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
