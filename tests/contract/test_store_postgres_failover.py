"""A standby that was not up to date takes the primary's place: the log is in another epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, suppress
from itertools import count

import pytest
from fastagency_backend.engine.engine import Engine, EngineSettings
from fastagency_backend.engine.run import Run
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.store.base import Lease, LeaseLost, StoredEvent, StoreError
from fastagency_backend.store.postgres import PostgresStore
from fastagency_backend.store.signals import Deaf
from fastagency_shared.errors import StaleCursor
from fastagency_shared.messages import TextInput, TextMessage
from fastagency_shared.run import InitiateRequest

from tests.contract.store_contract import LONG_S, append, claim, new, run_id
from tests.fakes.lab import until
from tests.postgres import TwoHosts, two_hosts


@pytest.fixture
def pair() -> Iterator[TwoHosts]:
    with two_hosts(synchronous=False) as pair:
        yield pair


class Told(Deaf):
    """Notes the epoch that the store is in whenever it is told of one."""

    def __init__(self) -> None:
        self.anew = asyncio.Event()

    def begun_anew(self) -> None:
        self.anew.set()


async def test_numbers_and_fences_that_are_given_out_again_are_of_another_epoch(pair: TwoHosts) -> None:
    url = pair.new_database()
    told = Told()
    here, there = PostgresStore(url), PostgresStore(url)
    for store, hears in ((here, told), (there, Deaf())):
        await store.open(hears)
    try:
        await here.create_run(new(1))
        pair.caught_up()
        pair.standby.fall_behind()
        await here.dispatcher.register_worker("a", LONG_S)
        lost = (await claim(here, "a"))[run_id()]
        assert (lost.epoch, await append(here, lost, "lost")) == (0, 1)
        assert (await here.read_events(run_id(), after=0, limit=9)).run is not None
        pair.fail_over()

        await until(told.anew.is_set)
        assert here.epoch == 1
        await there.dispatcher.register_worker("b", LONG_S)
        with suppress(StoreError):  # connections that were idle at the failover
            await claim(there, "nobody", limit=0)
        taken = (await claim(there, "b"))[run_id()]
        assert (taken.fence, taken.epoch) == (lost.fence, 1)
        for refused in (append(here, lost, "late"), here.rest(lost, None), append(there, Lease(run_id(), 1), "late")):
            with pytest.raises(LeaseLost):
                await refused
        assert await append(there, taken, "other") == 1
        page = await here.read_events(run_id(), after=0, limit=9)
        assert page.run is not None
        assert page.run.epoch == 1
        assert [event.seq for event in page.events] == [1]
        created, _ = await here.create_run(new(2))
        assert created.epoch == 1
    finally:
        await here.close()
        await there.close()


async def test_a_client_s_cursor_is_refused_and_the_run_goes_on_from_what_is_left(pair: TwoHosts) -> None:
    words, goes_on = count(), asyncio.Event()

    async def talk(run: Run) -> None:
        async def word() -> str:
            return f"word {next(words)}"

        await goes_on.wait()
        run.emit(TextMessage(body=str(await run.step("model", "", {}, word))))
        await run.ask(TextInput())

    spec = WorkflowSpec("flow", "Says another word each time", talk)
    store = PostgresStore(pair.new_database())
    engine = Engine(store, {"flow": spec}, EngineSettings(warm_s=600))
    await engine.start()
    try:
        await engine.service.create(InitiateRequest(workflow_name="flow", workflow_uuid=run_id()), None)
        seen: list[StoredEvent] = []
        watching = asyncio.create_task(watch(engine, seen))
        await until(lambda: len(seen) == 1)
        pair.caught_up()
        pair.standby.fall_behind()
        goes_on.set()
        await until(lambda: len(seen) == 3)
        pair.fail_over()

        await asyncio.wait_for(watching, 60)
        assert [event.seq for event in seen] == [1, 2, 3]
        with pytest.raises(StaleCursor):
            await engine.service.read(run_id(), None, after=3, limit=9)

        async def asked_again() -> list[StoredEvent]:
            page = await store.read_events(run_id(), after=0, limit=9)
            return list(page.events) if len(page.events) == 3 else []

        again = await until(asked_again)
        assert again[0] == seen[0]
        assert "word 1" in again[1].body
        assert "word 0" in seen[1].body
        assert engine.driver.live[run_id()].lease.epoch == 1
    finally:
        await engine.stop()


async def watch(engine: Engine, seen: list[StoredEvent]) -> None:
    async with aclosing(engine.service.readers.watch(run_id(), after=0, beat_s=60)) as batches:
        async for batch in batches:
            seen.extend(item for item in batch if isinstance(item, StoredEvent))
