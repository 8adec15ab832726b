"""Signals over a NATS server: what one process tells reaches the others, through a restart of the server too."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from fastagency_backend.store.base import StoreError
from fastagency_backend.store.nats import NatsSignals, reach

from tests.fakes.bus import Ear
from tests.fakes.lab import run_id, until
from tests.nats import NatsServer


@pytest.fixture
def server() -> Iterator[NatsServer]:
    server = NatsServer()
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def end(url: str, space: str = "test") -> AsyncIterator[tuple[NatsSignals, Ear]]:
    signals, ear = NatsSignals(url, space), Ear()
    await signals.open(ear)
    try:
        yield signals, ear
    finally:
        await signals.close()


async def connected(*ears: Ear) -> None:
    await until(lambda: all(ear.anything for ear in ears))
    await asyncio.sleep(0.1)  # until the server knows of the subscriptions


async def test_hints_wishes_and_what_is_shown_reach_the_others_and_not_oneself(server: NatsServer) -> None:
    async with AsyncExitStack() as stack:
        here, ear_here = await stack.enter_async_context(end(server.url))
        there, ear_there = await stack.enter_async_context(end(server.url))
        _, stranger = await stack.enter_async_context(end(server.url, space="another"))
        await connected(ear_here, ear_there, stranger)
        there.watch(run_id(1))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(here.tell, [run_id(n) for n in range(2500)])
        here.tell([run_id(1)], ready=True)
        here.want(run_id(7))
        here.show(run_id(2), "nobody watches this")
        for number in range(100):
            here.show(run_id(1), str(number))
        await until(lambda: len(ear_there.texts) == 100 and len(set(ear_there.ids)) == 2500)
        await until(lambda: ear_there.ready == 2)  # once as it was connected, for anything may be ready then
        assert ear_there.texts == [(run_id(1), str(number)) for number in range(100)]
        assert ear_there.wanting == [run_id(7)]
        there.unwatch(run_id(1))
        await asyncio.sleep(0.1)
        here.show(run_id(1), "not any more")
        here.want(run_id(8))
        await until(lambda: ear_there.wanting == [run_id(7), run_id(8)])
        assert len(ear_there.texts) == 100
        for ear in (ear_here, stranger):
            assert (ear.ids, ear.texts, ear.wanting) == ([], [], [])


async def test_a_server_that_goes_and_comes_back_is_found_again_and_everything_looked_at(server: NatsServer) -> None:
    async with AsyncExitStack() as stack:
        here, ear_here = await stack.enter_async_context(end(server.url))
        there, ear_there = await stack.enter_async_context(end(server.url))
        await connected(ear_here, ear_there)
        there.watch(run_id(1))
        server.stop()
        await until(lambda: not here.connected)
        here.tell([run_id(1)])
        server.start()
        await until(lambda: ear_here.anything == 2 and ear_there.anything == 2)
        await asyncio.sleep(0.1)
        here.show(run_id(1), "again")
        await until(lambda: (run_id(1), "again") in ear_there.texts)


async def test_a_server_that_is_not_there_yet_is_waited_for_without_its_password_in_the_log(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    with caplog.at_level(logging.INFO):
        async with end(server.url.replace("//", "//somebody:secret@")) as (signals, ear):
            signals.tell([run_id(1)])
            await until(lambda: "No signals" in caplog.text)
            assert not signals.connected
            server.start()
            await connected(ear)
    assert "secret" not in caplog.text


async def test_whether_a_server_can_be_reached_is_said_without_a_password(server: NatsServer) -> None:
    url = server.url.replace("//", "//somebody:secret@")
    assert await reach(url) == f"127.0.0.1:{server.port}"
    server.stop()
    with pytest.raises(StoreError, match=f"No server for signals answers at 127.0.0.1:{server.port} ") as refused:
        await reach(url)
    assert "secret" not in str(refused.value)
