"""What is shown and never logged reaches those who watch in another process, whole, and nobody else."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack

import pytest
from fastagency_backend.engine import relay
from fastagency_backend.engine.feed import Feeds, Subscription
from fastagency_backend.engine.hearing import Hearing
from fastagency_backend.engine.relay import Relay, pieces
from fastagency_shared.messages import RunStatusChanged, TextChunk
from fastagency_shared.under_way import UnderWay

from tests.fakes.bus import Bus
from tests.fakes.lab import run_id, until

RUN = run_id()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "JOIN_S", 0.001)


class Process:
    """Feeds with a relay; it drives the runs of `driven`."""

    def __init__(self, bus: Bus) -> None:
        self.driven: set[str] = set()
        self.feeds = Feeds()
        self.signals = bus.signals()
        self.relay = Relay(self.signals, self.feeds, self.driven.__contains__)

    async def open(self) -> Process:
        await self.signals.open(Hearing(self.relay))
        return self

    def writes(self, *words: str, stream: str = "s", sender: str = "poet") -> None:
        for word in words:
            self.feeds.push(RUN, TextChunk(workflow_uuid=RUN, sender=sender, stream=stream, delta=word))


class Watcher:
    """Somebody who watches the run in a process, and what they have been shown."""

    def __init__(self, stack: ExitStack, process: Process) -> None:
        self.texts = UnderWay()
        self.statuses: list[str] = []
        self._feeds = process.feeds
        self._subscription: Subscription = stack.enter_context(process.feeds.subscribe(RUN))

    def look(self) -> UnderWay:
        for item in self._subscription.take():
            if isinstance(item, TextChunk):
                self.texts.add(item)
            elif isinstance(item, RunStatusChanged):
                self.statuses.append(item.status)
        return self.texts

    def reads(self, text: str, stream: str = "s") -> bool:
        return self.look().chars_of(stream) == len(text) and self.texts.text_of(stream) == text


async def two() -> tuple[Bus, Process, Process]:
    bus = Bus()
    driver, other = await Process(bus).open(), await Process(bus).open()
    driver.driven.add(RUN)
    return bus, driver, other


async def test_chunks_and_status_reach_a_watcher_elsewhere() -> None:
    _, driver, other = await two()
    with ExitStack() as stack:
        watcher = Watcher(stack, other)
        await asyncio.sleep(0)
        driver.writes("Once ", "upon ")
        driver.feeds.push(RUN, RunStatusChanged(workflow_uuid=RUN, status="running"))
        driver.writes("a time")
        await until(lambda: watcher.reads("Once upon a time"))
        assert watcher.statuses == ["running"]


async def test_who_joins_in_the_middle_has_the_text_so_far() -> None:
    _, driver, other = await two()
    driver.writes("Once ", "upon ")
    with ExitStack() as stack:
        watcher = Watcher(stack, other)
        await until(lambda: other.feeds.is_writing(RUN))
        assert [chunk.delta for chunk in other.feeds.under_way(RUN)] == ["Once upon "]
        driver.writes("a time")
        late = Watcher(stack, other)
        await until(lambda: watcher.reads("Once upon a time"))
        assert [chunk.delta for chunk in other.feeds.under_way(RUN)] == ["Once upon a time"]
        late.look()


async def test_nothing_is_sent_for_nobody() -> None:
    bus, driver, _ = await two()
    driver.writes("Once ", "upon ")
    driver.feeds.push(RUN, RunStatusChanged(workflow_uuid=RUN, status="running"))
    await asyncio.sleep(0.01)
    assert bus.shown == []


async def test_what_is_wanted_before_the_run_has_a_worker_is_sent_by_the_worker_that_takes_it_up() -> None:
    _, driver, other = await two()
    driver.driven.clear()
    with ExitStack() as stack:
        watcher = Watcher(stack, other)
        await asyncio.sleep(0)
        driver.driven.add(RUN)
        driver.writes("Hello")
        await until(lambda: watcher.reads("Hello"))


async def test_a_lost_piece_is_asked_for_again() -> None:
    bus, driver, other = await two()
    with ExitStack() as stack:
        watcher = Watcher(stack, other)
        await asyncio.sleep(0)
        bus.loses = lambda _run_id, text: "lost " in text
        driver.writes("Once ")
        await until(lambda: watcher.reads("Once "))
        driver.writes("lost ")
        await until(lambda: "lost " in bus.shown[-1][1])
        bus.loses = lambda _run_id, _text: False
        driver.writes("and found")
        await until(lambda: watcher.reads("Once lost and found"))


async def test_a_whole_message_ends_what_was_written_elsewhere_too() -> None:
    _, driver, other = await two()
    with ExitStack() as stack:
        Watcher(stack, other)
        await asyncio.sleep(0)
        driver.writes("Once ", "upon ")
        await until(lambda: other.feeds.is_writing(RUN))
        driver.feeds.said(RUN, "poet")
        await until(lambda: not other.feeds.is_writing(RUN))
        driver.writes("Twice")
        await until(lambda: other.feeds.is_writing(RUN))
        driver.driven.clear()
        driver.feeds.forget(RUN)
        await until(lambda: not other.feeds.is_writing(RUN))


async def test_nothing_is_kept_for_a_run_that_nobody_watches_any_more() -> None:
    _, driver, other = await two()
    with ExitStack() as stack:
        Watcher(stack, other)
        await asyncio.sleep(0)
        driver.writes("Once ")
        await until(lambda: other.feeds.is_writing(RUN))
    assert not other.feeds.is_writing(RUN)
    assert RUN not in other.signals.watched


async def test_a_signal_of_another_version_is_no_harm() -> None:
    _, driver, other = await two()
    with ExitStack() as stack:
        watcher = Watcher(stack, other)
        for text in (
            "no JSON",
            "[]",
            "{}",
            '{"type": "said"}',
            '{"type": "from_the_future"}',
            '{"type": "text_chunk"}',
        ):
            other.relay.hear_shown(RUN, text)
        await asyncio.sleep(0)
        driver.writes("Hello")
        await until(lambda: watcher.reads("Hello"))


def test_a_long_text_is_cut_into_pieces_that_fit() -> None:
    text = "ab€" * 5000 + "\x00" * 3000
    whole = TextChunk(stream="s", delta=text, offset=7)
    cut = list(pieces(whole, 6000))
    assert len(cut) > 1
    assert all(len(json.dumps(each.delta)) <= 6002 for each in cut)
    assert [each.offset for each in cut] == [7 + sum(len(e.delta) for e in cut[:n]) for n in range(len(cut))]
    assert "".join(each.delta for each in cut) == text
