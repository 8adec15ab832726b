"""A real engine on a real store, for tests that need runs and no web server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastagency_backend.engine.engine import Engine, EngineSettings
from fastagency_backend.engine.run import Run
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.store.base import StoredEvent
from fastagency_shared.answer import Answer
from fastagency_shared.messages import (
    LoggedMessage,
    MultipleChoice,
    Question,
    TextInput,
    TransientMessage,
    parse_message,
)
from fastagency_shared.run import InitiateRequest

from tests.databases import Database, store_on

Body = Callable[[Run], Awaitable[str | None]]
RUN_ID = "0123456789abcdef0123456789abcdef"


@asynccontextmanager
async def running(database: Database, body: Body, *, warm_s: float = 30.0) -> AsyncIterator[Engine]:
    """An engine with one workflow, `flow`; leaving it hands its runs over, as a stop of the backend does."""
    spec = WorkflowSpec("flow", "A workflow of a test", body)
    engine = Engine(store_on(database), {"flow": spec}, EngineSettings(warm_s=warm_s, lease_s=1.0))
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def start(engine: Engine) -> None:
    await engine.service.create(InitiateRequest(workflow_name="flow", workflow_uuid=RUN_ID), None)


Seen = LoggedMessage | TransientMessage


async def watch(
    engine: Engine, *, answer: Callable[[Question], Answer] | None = None, until: Callable[[Seen], bool] | None = None
) -> list[Seen]:
    """Everything of the run from its first message, live, until it ends or `until` says so; questions are answered."""
    seen: list[Seen] = []
    async for batch in engine.service.readers.watch(RUN_ID, after=0, beat_s=5.0):
        for item in batch:
            message = _message(item) if isinstance(item, StoredEvent) else item
            seen.append(message)
            if until is not None and until(message):
                return seen
        if answer is not None:
            await _answer_open(engine, answer)
    return seen


async def _answer_open(engine: Engine, answer: Callable[[Question], Answer]) -> None:
    for body in (await engine.service.get(RUN_ID, None)).questions:
        question = parse_message(body)
        assert isinstance(question, TextInput | MultipleChoice)
        await engine.service.answer(RUN_ID, None, question.uuid, answer(question))


async def logged(engine: Engine) -> list[LoggedMessage]:
    page = await engine.service.read(RUN_ID, None, after=0, limit=10_000)
    return [_message(event) for event in page.events]


def _message(event: StoredEvent) -> LoggedMessage:
    message = parse_message(event.body)
    assert not isinstance(message, TransientMessage)
    return message.model_copy(update={"seq": event.seq})


async def eventually(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)
