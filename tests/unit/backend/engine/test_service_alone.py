"""A process that answers clients and drives nothing: another one, on the same file, drives the runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.service import RunService
from fastagency_backend.store.base import StoredEvent
from fastagency_backend.workflow import AsyncUI
from fastagency_shared.messages import parse_message
from fastagency_shared.run import InitiateRequest, RunStatus

from tests.databases import Database
from tests.fakes.bus import Ear
from tests.fakes.lab import Lab, run_id, until


@pytest.fixture
async def lab(database: Database) -> Any:
    lab = Lab(database)
    yield lab
    await lab.close()


async def test_a_service_without_a_driver_starts_watches_answers_and_cancels(lab: Lab) -> None:
    @lab.wf.register("talk", "Asks")
    async def talk(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.text_input(prompt="well?")

    await lab.engine()
    ear = Ear()
    store = lab.store()
    await store.open(ear)
    service = RunService(store, lab.wf.specs, Feeds())

    async def look() -> None:
        while True:
            await ear.news.wait()
            ear.news.clear()
            await service.readers.look()

    looking = asyncio.create_task(look(), name="look")
    try:
        for number in (1, 2):
            await service.create(InitiateRequest(workflow_name="talk", workflow_uuid=run_id(number)), None)
        kinds = []
        async for batch in service.readers.watch(run_id(1), after=0, beat_s=3600):
            for item in batch:
                message = parse_message(item.body) if isinstance(item, StoredEvent) else item
                kinds.append(message.type)
                if message.type == "text_input":
                    await service.answer(run_id(1), None, message.uuid, "fine")
        assert [kind for kind in kinds if kind != "run_status"] == [
            "workflow_started",
            "text_input",
            "input_answered",
            "workflow_completed",
        ]
        assert (await service.get(run_id(1), None)).result == "fine"

        driver = lab.engines[0].driver
        await until(lambda: run_id(2) in driver.live)
        assert (await service.cancel(run_id(2), None)).status is RunStatus.CANCELLED
        await until(lambda: not driver.live)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await store.close()
