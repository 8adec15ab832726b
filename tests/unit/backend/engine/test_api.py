"""A process that serves clients and drives nothing, beside workers on the same database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.engine import catalogue as catalogue_module
from fastagency_backend.engine.api import Api
from fastagency_backend.engine.catalogue import Catalogue
from fastagency_backend.engine.limits import DEFAULT_LIMITS
from fastagency_backend.store.base import StoredEvent
from fastagency_backend.store.dispatch import Builds
from fastagency_backend.workflow import AsyncUI
from fastagency_shared.errors import UnknownWorkflow
from fastagency_shared.messages import parse_message
from fastagency_shared.run import InitiateRequest, RunStatus

from tests.databases import Database, sqlite_only
from tests.fakes.lab import Lab, run_id, until

MakeApi = Callable[[], Awaitable[Api]]


@pytest.fixture
async def lab(database: Database) -> AsyncIterator[Lab]:
    lab = Lab(database)

    @lab.wf.register("talk", "Asks")
    async def talk(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.text_input(prompt="well?")

    yield lab
    await lab.close()


@pytest.fixture
async def make_api(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeApi]:
    monkeypatch.setattr(catalogue_module, "READ_AT_MOST_EVERY_S", 0.0)
    monkeypatch.setattr(catalogue_module, "READ_EVERY_S", 3600.0)
    apis = []

    async def make() -> Api:
        api = Api(lab.store(), Catalogue(), DEFAULT_LIMITS)
        await api.start()
        apis.append(api)
        return api

    yield make
    for api in apis:
        await api.stop()


async def start(api: Api, workflow: str = "talk", number: int = 1) -> str:
    request = InitiateRequest(workflow_name=workflow, workflow_uuid=run_id(number))
    return (await api.service.create(request, None)).id


async def offered(api: Api) -> None:
    """Wait until a worker has said what it has: the chore that reads it sleeps."""

    async def look() -> bool:
        return bool(await api.store.dispatcher.catalogue())

    await until(look)


async def test_a_run_is_started_followed_and_answered_where_nobody_drives_it(lab: Lab, make_api: MakeApi) -> None:
    api, other = await make_api(), await make_api()
    with pytest.raises(UnknownWorkflow):
        await start(api)
    await lab.engine()
    await offered(api)
    run = await start(api)

    async def follow() -> list[str]:
        kinds = []
        async for batch in other.service.readers.watch(run, after=0, beat_s=3600):
            kinds += [parse_message(item.body).type for item in batch if isinstance(item, StoredEvent)]
        return kinds

    following = asyncio.create_task(follow())
    await lab.answer(api, "fine")  # type: ignore[arg-type]
    async with asyncio.timeout(30):
        assert await following == ["workflow_started", "text_input", "input_answered", "workflow_completed"]
    assert (await api.service.get(run, None)).result == "fine"
    assert (await api.health()).ready


async def test_a_workflow_that_no_worker_offers_any_more_can_be_started_and_waits(lab: Lab, make_api: MakeApi) -> None:
    api, worker = await make_api(), await lab.engine()
    await offered(api)
    await lab.stop(worker)
    run = await start(api)
    assert (await api.service.get(run, None)).status is RunStatus.READY
    await lab.engine()
    await lab.answer(api, "back")  # type: ignore[arg-type]
    assert (await lab.ended(api)).result == "back"  # type: ignore[arg-type]


async def test_a_run_stays_with_its_build(lab: Lab, make_api: MakeApi) -> None:
    api = await make_api()
    old = await lab.engine(builds=Builds("old"), warm_s=0.0)
    await offered(api)
    await start(api)
    await lab.parked(old)
    await lab.stop(old)
    new = await lab.engine(builds=Builds("new", frozenset()))
    await lab.answer(api, "fine")  # type: ignore[arg-type]
    await start(api, number=2)
    await lab.question(new, 2)
    assert (await lab.run(new)).status is RunStatus.READY
    await lab.engine(builds=Builds("newer", frozenset({"old"})))
    assert await lab.completed(new) == "fine"
    assert [(await lab.run(new, number)).build for number in (1, 2)] == ["newer", "new"]


@sqlite_only
async def test_a_store_that_breaks_ends_it(lab: Lab) -> None:
    failures: list[str] = []
    api = Api(lab.store(), Catalogue(), DEFAULT_LIMITS, on_failure=failures.append)
    await api.start()
    assert isinstance(lab.database, Path)
    lab.database.unlink()
    await until(lambda: failures)
    assert api.failure == failures[0]
    assert "is not there any more" in failures[0]
    health = await api.health()
    assert (health.ready, health.alive) == (False, False)
    await api.stop()
