"""Two processes on one store: text under way is seen in both, and what one does costs the other's runs nothing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from fastagency_backend.engine import relay
from fastagency_backend.engine.engine import Engine
from fastagency_backend.engine.run import Run
from fastagency_backend.workflow import AsyncUI
from fastagency_shared.messages import RunStatusChanged, TextChunk, TextInput
from fastagency_shared.under_way import UnderWay

from tests.databases import AnyStore
from tests.fakes.lab import Lab, run_id, until
from tests.unit.backend.engine.test_run import register

WAITING = 40


class Seen:
    """What somebody who watches the run is shown."""

    def __init__(self) -> None:
        self.texts = UnderWay()
        self.statuses: list[str] = []

    async def watch(self, engine: Engine) -> None:
        async with aclosing(engine.service.readers.watch(run_id(), after=0, beat_s=1)) as batches:
            async for batch in batches:
                for item in batch:
                    if isinstance(item, TextChunk):
                        self.texts.add(item)
                    elif isinstance(item, RunStatusChanged):
                        self.statuses.append(item.status)

    def reads(self, text: str) -> bool:
        return self.texts.chars_of("s") == len(text) and self.texts.text_of("s") == text


async def test_text_under_way_is_seen_in_the_other_process_also_by_who_joins_late(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "JOIN_S", 0.001)
    goes = asyncio.Event()

    async def body(run: Run) -> None:
        for word in ("Once ", "upon "):
            run.chunk(TextChunk(sender="poet", stream="s", delta=word))
        await goes.wait()
        run.chunk(TextChunk(sender="poet", stream="s", delta="a time"))
        await run.ask(TextInput())

    register(lab, body)
    driving = await lab.engine()
    other = await lab.engine(max_live=0)
    await lab.start(driving, "flow")
    await until(lambda: driving.feeds.is_writing(run_id()))
    early, late = Seen(), Seen()
    watching = [asyncio.create_task(early.watch(other))]
    await until(lambda: early.reads("Once upon "))
    watching.append(asyncio.create_task(late.watch(other)))
    await until(lambda: late.reads("Once upon "))
    goes.set()
    await until(lambda: early.reads("Once upon a time") and late.reads("Once upon a time"))
    await until(lambda: "waiting" in early.statuses)
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)


class CountingReads(AnyStore):
    reads = 0

    async def read_answer(self, run_id: str, uuid: str) -> str | None:
        self.reads += 1
        return await super().read_answer(run_id, uuid)


async def test_a_commit_elsewhere_is_looked_at_by_the_run_that_it_concerns_and_no_other(lab: Lab) -> None:
    @lab.wf.register("talk", "Asks twice")
    async def talk(ui: AsyncUI, params: dict[str, Any]) -> str:
        first = await ui.text_input(prompt="one?")
        return first + await ui.text_input(prompt="two?")

    store = lab.store(CountingReads)
    driving = await lab.engine(store=store)
    other = await lab.engine(max_live=0)
    for number in range(1, WAITING + 1):
        await lab.start(driving, "talk", number)
        await lab.question(driving, number)
    await other.service.rename(run_id(WAITING), None, "the first look sees every run")
    await until(lambda: all(run.seen_seq >= 0 for run in driving.driver.live.values()))
    await driving.driver.look()
    before = store.reads
    for number in range(1, 11):
        await other.service.rename(run_id(WAITING), None, f"title {number}")
        await driving.driver.look()
    assert store.reads == before
    await lab.answer(other, "a", 1)

    async def asks_again() -> bool:
        return len(await lab.log(driving, 1)) == 4  # it started, asked, was answered, and asked again

    await until(asks_again)
    assert store.reads - before <= 3
