"""A laboratory for the engine: several engines on one database, runs by number, conditions waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastagency_backend.engine.engine import Engine, EngineSettings
from fastagency_backend.engine.run import Run
from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import EventPage, RunRecord, Store
from fastagency_backend.workflow import Workflow
from fastagency_shared.messages import LoggedMessage, TextMessage, parse_message
from fastagency_shared.run import InitiateRequest, RunStatus

from tests.databases import Database, store_on

DEADLINE_S = 60.0
"""Long enough for a machine that does other things too; no verdict depends on it."""


def run_id(number: int = 1) -> str:
    return f"{number:032x}"


async def until(condition: Callable[[], Any]) -> Any:
    """Wait for a condition (which may be a coroutine function) to become true, and return it."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            value = condition()
            if isinstance(value, Awaitable):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.005)


class Lab:
    """Engines over one database. `wf` has the workflows of the test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.wf = Workflow()
        self.engines: list[Engine] = []

    async def engine(self, *, store: Store | None = None, warm_s: float = 600.0, **settings: Any) -> Engine:
        """One more engine, as another process would have it; by default nothing is parked."""
        engine = Engine(store or self.store(), self.wf.specs, EngineSettings(warm_s=warm_s, **settings))
        await engine.start()
        self.engines.append(engine)
        return engine

    def store(self, own: type[SqliteStore] | None = None) -> Any:
        return store_on(self.database, own)

    async def stop(self, engine: Engine) -> None:
        self.engines.remove(engine)
        await engine.stop()

    async def close(self) -> None:
        while self.engines:
            await self.engines.pop().stop()

    # --- runs -----------------------------------------------------------------------------------------------------

    async def start(self, engine: Engine, workflow: str, number: int = 1, /, **params: Any) -> str:
        request = InitiateRequest(workflow_name=workflow, workflow_uuid=run_id(number), params=params)
        return (await engine.service.create(request, None)).id

    async def run(self, engine: Engine, number: int = 1) -> RunRecord:
        return await engine.service.get(run_id(number), None)

    async def log(self, engine: Engine, number: int = 1) -> list[LoggedMessage]:
        return self.messages(await engine.service.read(run_id(number), None, after=0, limit=100_000))

    def messages(self, page: EventPage) -> list[LoggedMessage]:
        assert [event.seq for event in page.events] == list(range(1, len(page.events) + 1))
        return [parse_message(event.body) for event in page.events]  # type: ignore[misc]

    async def turn(self) -> None:
        await asyncio.sleep(0.002)

    async def moved(self, engine: Engine, seq: int, number: int = 1) -> None:
        """Wait until the run has gone on, waits for an answer, or has ended."""

        async def look() -> bool:
            record = await self.run(engine, number)
            return record.last_seq > seq or bool(record.questions) or record.status.ended

        await until(look)

    async def texts(self, engine: Engine, number: int = 1) -> list[str]:
        """The bodies of the run's text messages."""
        log = await self.log(engine, number)
        return [message.body or "" for message in log if isinstance(message, TextMessage)]

    async def ended(self, engine: Engine, number: int = 1) -> RunRecord:
        """Wait for the run's end."""

        async def look() -> RunRecord | None:
            record = await self.run(engine, number)
            return record if record.status.ended else None

        record: RunRecord = await until(look)
        return record

    async def completed(self, engine: Engine, number: int = 1) -> str | None:
        record = await self.ended(engine, number)
        assert record.status is RunStatus.COMPLETED, (record, await self.log(engine, number))
        return record.result

    async def question(self, engine: Engine, number: int = 1, *, nth: int = 0) -> str:
        """Wait until that many questions are open, and return the uuid of the n-th."""

        async def look() -> str | None:
            questions = (await self.run(engine, number)).questions
            return parse_message(questions[nth]).uuid if len(questions) > nth else None

        uuid: str = await until(look)
        return uuid

    async def answer(self, engine: Engine, value: str | list[str], number: int = 1) -> None:
        await engine.service.answer(run_id(number), None, await self.question(engine, number), value)

    async def parked(self, engine: Engine, number: int = 1) -> None:
        """Wait until the run waits for a person and is in no engine's memory."""

        async def look() -> bool:
            record = await self.run(engine, number)
            return record.worker is None and record.status is RunStatus.WAITING and record.id not in engine.driver.live

        await until(look)

    def live(self, engine: Engine, number: int = 1) -> Run:
        return engine.driver.live[run_id(number)]
