"""What those are sent who watch a run, and how often the store is asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest
from fastagency_backend.engine.engine import Engine
from fastagency_backend.engine.feed import Item
from fastagency_backend.engine.run import Run
from fastagency_backend.store.base import StoredEvent
from fastagency_shared.messages import TextInput

from tests.fakes.lab import Lab, run_id, until
from tests.unit.backend.engine.test_run import register


async def asking(run: Run) -> None:
    await run.ask(TextInput())


async def watched(engine: Engine, after: int = 0) -> list[Item]:
    """All that a reader is sent, to the end."""
    items: list[Item] = []
    async with asyncio.timeout(60), aclosing(engine.service.readers.watch(run_id(), after=after, beat_s=60)) as batches:
        async for batch in batches:
            items += batch
    return items


def seqs(items: Sequence[Item]) -> list[int]:
    return [item.seq for item in items if isinstance(item, StoredEvent)]


@pytest.mark.parametrize("after", [0, 2, 100])
async def test_a_watch_ends_with_the_run_wherever_it_began(lab: Lab, after: int) -> None:
    register(lab, asking)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    watching = asyncio.create_task(watched(engine, after))
    await until(lambda: len(engine.feeds) == 1)
    await lab.answer(engine, "x")
    assert seqs(await watching) == list(range(after + 1, 5))
    assert len(engine.feeds) == 0


async def test_who_is_there_at_the_end_does_not_ask_the_store_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    register(lab, asking)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    watching = asyncio.create_task(watched(engine))
    await until(lambda: len(engine.feeds) == 1)
    await asyncio.sleep(0)
    asked: list[Any] = []
    read_events = engine.service.readers._store.read_events

    async def read(*args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        return await read_events(*args, **kwargs)

    monkeypatch.setattr(engine.service.readers._store, "read_events", read)
    await lab.answer(engine, "x")
    assert seqs(await watching) == [1, 2, 3, 4]
    assert asked == []


async def test_a_look_at_all_sends_nobody_to_the_store_who_was_told_here(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(run: Run) -> None:
        for _ in range(3):
            await run.ask(TextInput())

    register(lab, body)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    watching = asyncio.create_task(watched(engine))
    await until(lambda: len(engine.feeds) == 1)
    readers = engine.service.readers

    async def told() -> None:
        seq = (await lab.run(engine)).last_seq
        await until(lambda: engine.feeds.has_reached(run_id(), seq))

    await lab.answer(engine, "the title")
    await lab.question(engine)
    await told()
    await readers.look()
    stale: list[str | None] = []
    monkeypatch.setattr(engine.feeds, "go_stale", stale.append)
    await lab.answer(engine, "x")
    await lab.question(engine)
    await told()
    await readers.look()
    assert stale == []
    monkeypatch.setattr(engine.feeds, "has_reached", lambda run_id, seq: False)
    await lab.answer(engine, "y")
    await readers.look()
    assert stale == [run_id()]
    await watching
