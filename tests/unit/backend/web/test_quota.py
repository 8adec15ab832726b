"""How much one person, or one address, may ask for; real sockets where a connection is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastagency_backend.settings import BackendSettings
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import AsyncUI, Workflow
from fastapi import FastAPI, Header, HTTPException
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.integration.server import serve

FOLDER = "/fastagency"
ELSEWHERE = "203.0.113.7"


def by_token(token: Annotated[str | None, Header()] = None) -> str:
    if token is None:
        raise HTTPException(401, "Please sign in.")
    return token


def workflows() -> Workflow:
    wf = Workflow()

    @wf.register(name="ask", description="Asks.")
    async def ask(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.text_input(prompt="?")

    @wf.register(name="work", description="Works for long.")
    async def work(ui: AsyncUI, params: dict[str, Any]) -> None:
        await ui.step(asyncio.sleep, 3600)

    return wf


Open = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    """A client of an application with these settings, which seems to ask from an address."""
    async with AsyncExitStack() as stack:

        async def open_client(
            *, peer: str = ELSEWHERE, get_user_id: Any = by_token, **settings: Any
        ) -> httpx.AsyncClient:
            found = BackendSettings(database=tmp_path / "runs.sqlite3", database_synchronous="NORMAL", **settings)
            adapter = FastAPIAdapter(workflows(), get_user_id=get_user_id, settings=found)
            app = FastAPI()
            app.include_router(adapter.router)
            stack.push_async_callback((await adapter.engine()).stop)
            transport = httpx.ASGITransport(app, client=(peer, 1))
            return await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url=f"http://localhost{FOLDER}")
            )

        yield open_client


async def start(client: httpx.AsyncClient, user: str | None = "ann", **request: Any) -> httpx.Response:
    headers = {} if user is None else {"token": user}
    return await client.post("/initiate_workflow", json={"workflow_name": "ask"} | request, headers=headers)


def assert_refused(reply: httpx.Response, says: str) -> None:
    assert (reply.status_code, reply.json()["code"]) == (429, "TooManyRequests")
    assert says in reply.json()["detail"]
    assert 0 < int(reply.headers["retry-after"]) <= 24 * 3600


async def test_a_user_starts_only_so_many_runs_in_a_minute(opened: Open) -> None:
    client = await opened(max_starts_per_minute=3)
    for _ in range(3):
        run = (await start(client)).json()["workflow_uuid"]
    assert_refused(await start(client), "More than 3 starts in a minute")
    for again in ("retry", "fork"):
        url = f"/runs/{run}/{again}"
        assert_refused(await client.post(url, json={"before": "q"}, headers={"token": "ann"}), "starts in a minute")
    assert (await start(client, "bob")).status_code == 200


async def test_a_user_stores_only_so_much_in_a_day(opened: Open) -> None:
    client = await opened(max_bytes_per_day=1000)
    run = (await start(client)).json()["workflow_uuid"]
    assert_refused(await start(client, params={"text": "x" * 1000}), "More than 1,000 bytes in a day")
    answer = {"question": "q", "value": "x" * 1000}
    assert_refused(await client.post(f"/runs/{run}/answers", json=answer, headers={"token": "ann"}), "bytes in a day")
    assert (await start(client, params={"text": "x" * 800})).status_code == 200


async def test_a_user_has_only_so_many_runs_at_work(opened: Open) -> None:
    client = await opened(max_at_work_per_user=2)
    for _ in range(2):
        run = (await start(client, workflow_name="work")).json()["workflow_uuid"]
        async with asyncio.timeout(30):
            while (await client.get(f"/runs/{run}", headers={"token": "ann"})).json()["status"] != "running":
                await asyncio.sleep(0.01)
    assert_refused(await start(client), "2 of your conversations are at work")
    assert (await start(client, "bob")).status_code == 200
    await client.post(f"/runs/{run}/cancel", headers={"token": "ann"})
    assert (await start(client)).status_code == 200


async def test_an_address_that_nobody_signs_in_from_has_ten_times_as_much(opened: Open) -> None:
    client = await opened(get_user_id=None, allow_anonymous=True, max_starts_per_minute=1)
    for number in range(10):  # whoever they claim to be
        assert (await start(client, None, user_id=f"visitor-{number}")).status_code == 200
    assert_refused(await start(client, None, user_id="another"), "More than 10 starts")


async def test_this_machine_is_not_counted(opened: Open) -> None:
    client = await opened(peer="127.0.0.1", get_user_id=None, max_starts_per_minute=1)
    for _ in range(12):
        assert (await start(client, None)).status_code == 200


async def test_an_address_may_fail_to_sign_in_only_so_often(opened: Open) -> None:
    client = await opened(max_refused_per_minute=10)
    for _ in range(10):
        assert (await start(client, None)).status_code == 401
    assert_refused(await start(client, None), "More than 10 requests in a minute were refused")
    assert_refused(await start(client, "ann"), "were refused")  # it is not asked who it is any more


async def test_streams_and_sockets_of_a_user_are_counted_together_and_give_their_place_back(tmp_path: Path) -> None:
    settings = BackendSettings(database=tmp_path / "runs.sqlite3", max_streams_per_user=2)
    app = FastAPI()
    app.include_router(FastAPIAdapter(workflows(), get_user_id=by_token, settings=settings).router)
    ann = {"token": "ann"}
    with serve(app) as url:
        async with httpx.AsyncClient(base_url=url + FOLDER, headers=ann, timeout=30) as client:
            events = f"/runs/{(await start(client)).json()['workflow_uuid']}/events"
            address = f"ws{url.removeprefix('http')}{FOLDER}/ws"
            async with client.stream("GET", events) as stream, connect(address, additional_headers=ann):
                assert stream.status_code == 200
                assert_refused(await client.get(events), "2 connections open")
                with pytest.raises(InvalidStatus) as refused:
                    await connect(address, additional_headers=ann)
                assert refused.value.response.status_code == 429
                assert int(refused.value.response.headers["retry-after"]) > 0
                async with connect(address, additional_headers={"token": "bob"}):
                    pass
            async with asyncio.timeout(30):
                while True:  # the server hears of the ends a little later
                    async with client.stream("GET", events) as stream:
                        if stream.status_code == 200:
                            break
