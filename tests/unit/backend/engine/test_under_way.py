"""A message under way: whole for who joins in the middle, and in the log if the run ends before it is complete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from fastagency_backend.engine.engine import Engine
from fastagency_backend.engine.run import Run
from fastagency_backend.web.session import SessionV1
from fastagency_backend.workflow import UI
from fastagency_shared.messages import TextChunk, TextInput, TextMessage, parse_message
from fastagency_shared.under_way import UnderWay

from tests.fakes.lab import Lab, run_id, until
from tests.unit.backend.engine.test_run import register


async def write(run: Run, *words: str, stream: str = "s", sender: str = "poet") -> None:
    for word in words:
        run.chunk(TextChunk(sender=sender, stream=stream, delta=word))


async def heard(engine: Engine, enough: Callable[[UnderWay], bool]) -> UnderWay:
    """Join the run, and listen until that is enough."""
    texts = UnderWay()
    async with asyncio.timeout(60), aclosing(engine.service.readers.watch(run_id(), after=0, beat_s=1)) as batches:
        async for batch in batches:
            for item in batch:
                if isinstance(item, TextChunk):
                    texts.add(item)
            if enough(texts):
                return texts
    raise AssertionError("the run has ended")


async def test_who_joins_in_the_middle_has_the_text_from_its_beginning(lab: Lab) -> None:
    goes = asyncio.Event()

    async def body(run: Run) -> None:
        await write(run, "Once ", "upon ")
        await goes.wait()
        await write(run, "a time")
        await run.ask(TextInput())

    register(lab, body)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await until(lambda: engine.feeds.is_writing(run_id()))
    early = asyncio.create_task(heard(engine, lambda texts: bool(texts) and texts.text_of("s") == "Once upon a time"))
    await heard(engine, lambda texts: bool(texts) and texts.text_of("s") == "Once upon ")
    goes.set()
    await early
    await heard(engine, lambda texts: bool(texts) and texts.text_of("s") == "Once upon a time")


async def test_a_whole_message_ends_what_is_kept(lab: Lab) -> None:
    async def body(run: Run) -> None:
        await write(run, "half")
        await write(run, "other", stream="t", sender="prophet")
        run.emit(TextMessage(sender="poet", body="half a verse"))
        await run.ask(TextInput())

    register(lab, body)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    assert [chunk.delta for chunk in engine.feeds.under_way(run_id())] == ["other"]
    await lab.stop(engine)
    assert not engine.feeds.is_writing(run_id())


@pytest.mark.parametrize("end", ["cancel", "fail"])
async def test_what_was_being_written_is_in_the_log_when_the_run_ends(lab: Lab, end: str) -> None:
    async def body(run: Run) -> None:
        await write(run, "Once ", "upon ")
        await write(run, "Hear ", stream="t", sender="prophet")
        run.emit(TextMessage(sender="clerk", body="whole"))
        if end == "fail":
            raise RuntimeError("the model is gone")
        await asyncio.sleep(3600)

    register(lab, body)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    if end == "cancel":
        await until(lambda: len(engine.feeds.under_way(run_id())) == 2)
        await engine.service.cancel(run_id(), None)
    await lab.ended(engine)
    log = await lab.log(engine)
    texts = [message for message in log if isinstance(message, TextMessage)]
    assert sorted((each.sender, each.body, each.interrupted) for each in texts) == [
        ("clerk", "whole", False),
        ("poet", "Once upon ", True),
        ("prophet", "Hear ", True),
    ]
    assert log[-1].ends_run


async def test_a_thread_that_writes_is_cut_off_too(lab: Lab) -> None:
    @lab.wf.register("talk", "")
    def talk(ui: UI, params: dict[str, Any]) -> str:
        run = lab.live(lab.engines[0])
        run.chunk(TextChunk(sender="poet", stream="s", delta="Once "))
        ui.text_input()
        return ""

    engine = await lab.engine()
    await lab.start(engine, "talk")
    await until(lambda: engine.feeds.is_writing(run_id()))
    await engine.service.cancel(run_id(), None)
    assert await lab.texts(engine) == ["Once "]


async def test_a_v1_client_gets_the_text_without_the_mark(lab: Lab) -> None:
    async def body(run: Run) -> None:
        run.emit(TextMessage(sender="poet", body='a "interrupted":true}}'))
        await write(run, "Once ")
        await asyncio.sleep(3600)

    register(lab, body)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await until(lambda: engine.feeds.is_writing(run_id()))
    await engine.service.cancel(run_id(), None)
    session = SessionV1(engine.service, await lab.run(engine), None)
    page = await engine.service.read(run_id(), None, after=0, limit=100)
    frames = [parse_message(frame) for frame in session.outgoing(page.events)]
    texts = [frame.wire()["content"] for frame in frames if isinstance(frame, TextMessage)]
    assert texts == [{"body": 'a "interrupted":true}}'}, {"body": "Once "}]
    assert all('"interrupted":' not in frame for frame in session.outgoing(page.events[-2:]))
