"""The database has failed over and lost the newest messages: no client sees two messages under one cursor."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend import assembly
from fastagency_backend.workflow import AsyncUI, Workflow
from fastagency_frontend.client import FastAPIProvider, Patience
from fastagency_shared.connection import CloseCode
from fastagency_shared.errors import StaleCursor

from tests.fakes.epoch import FailingOver
from tests.integration.server import Client, Frame, app_with, serve

KEPT = 1
"""The messages that outlive a failover here: the first of four."""


class Site:
    """A backend whose database can fail over."""

    def __init__(self) -> None:
        self.url = ""
        self.stores: list[FailingOver] = []

    def store(self, path: Path, **_: Any) -> FailingOver:
        self.stores.append(FailingOver(path))
        return self.stores[-1]

    async def fail_over(self, run: Frame) -> None:
        store = self.stores[-1]
        assert store.loop is not None
        losing = asyncio.run_coroutine_threadsafe(store.fail_over(run["workflow_uuid"], keep=KEPT), store.loop)
        await asyncio.wrap_future(losing)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site()
    monkeypatch.setattr(assembly, "SqliteStore", site.store)
    with serve(app_with(tmp_path, workflows())) as site.url:
        yield site


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with Client(site.url) as client:
        yield client


def workflows() -> Workflow:
    wf = Workflow()
    said = iter(range(100))

    def next_word(place: int) -> str:
        return f"word {next(said)}"

    @wf.register(name="talk", description="Says other words each time, then asks")
    async def talk(ui: AsyncUI, params: dict[str, Any]) -> str:
        for place in range(2):
            word = await ui.step(next_word, place)
            await ui.text_message(body=word)
        return await ui.text_input(prompt="?")

    return wf


async def asked(client: Client) -> Frame:
    run = await client.start("talk")
    await client.status(run, "waiting")
    return run


async def asked_again(client: Client, run: Frame) -> None:
    while (info := await client.info(run))["status"] != "waiting" or info["last_seq"] < 4 or "epoch" not in info:
        await asyncio.sleep(0.01)


def texts(frames: list[Frame]) -> list[str]:
    return [frame["content"]["body"] for frame in frames if frame["type"] == "text_message"]


async def test_a_websocket_is_closed_and_its_cursor_refused_with_a_sentence(site: Site, client: Client) -> None:
    run = await asked(client)
    async with client.v2({"workflow_uuid": run["workflow_uuid"]}) as ws:
        await ws.until("text_input")
        assert "epoch" not in ws.logged[-1]
        await site.fail_over(run)
        await ws.rest()
    assert ws.code == CloseCode.RESTART
    await asked_again(client, run)
    assert len(ws.logged) == 4  # nothing of the second log has come under the first one's numbers

    async with client.v2({"workflow_uuid": run["workflow_uuid"], "after": 4}) as refused:
        (error,) = await refused.rest()
    assert refused.code == CloseCode.STALE_CURSOR
    assert error["type"] == "error"
    assert "from its start" in error["content"]["short"]

    async with client.v2({"workflow_uuid": run["workflow_uuid"], "after": 0}) as anew:
        await anew.until("text_input")
    assert [(frame["seq"], frame["epoch"]) for frame in anew.logged] == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert not set(texts(anew.logged)) & set(texts(ws.logged))

    async with client.v2({"workflow_uuid": run["workflow_uuid"], "after": 3, "epoch": 1}) as on:
        await on.until("text_input")
    assert [frame["seq"] for frame in on.logged] == [4]


async def test_a_v1_client_gets_everything_without_a_word_of_it(site: Site, client: Client) -> None:
    run = await asked(client)
    await site.fail_over(run)
    await asked_again(client, run)
    async with client.v1(run) as ws:
        await ws.until("text_input")
    assert ws.types == ["workflow_started", "text_message", "text_message", "text_input"]
    assert not any("epoch" in frame for frame in ws.heard)


async def events(client: Client, run: Frame, *, last: str = "", **query: int) -> list[Frame]:
    """The server-sent events up to the question, as `{id, event, data}`; or the refusal."""
    path = f"/runs/{run['workflow_uuid']}/events"
    headers = {"Last-Event-ID": last} if last else {}
    heard: list[Frame] = [{}]
    async with client.http.stream("GET", path, params=query, headers=headers) as reply:
        if reply.status_code != 200:
            await reply.aread()
            return [{"status": reply.status_code, **reply.json()}]
        async for line in reply.aiter_lines():
            name, _, value = line.partition(": ")
            if name:
                heard[-1][name] = value
            elif heard[-1].get("event") == "text_input":
                return heard
            else:
                heard.append({})
    return heard


async def test_server_sent_events_carry_the_epoch_in_their_ids(site: Site, client: Client) -> None:
    run = await asked(client)
    assert [each.get("id") for each in await events(client, run)] == [None, "1", "2", "3", "4"]
    await site.fail_over(run)
    await asked_again(client, run)
    ids = [each["id"] for each in await events(client, run) if "id" in each]
    assert ids == ["1-1", "2-1", "3-1", "4-1"]
    assert [each.get("id") for each in await events(client, run, last="3-1")] == [None, "4-1"]
    assert [each.get("id") for each in await events(client, run, after=3, epoch=1)] == [None, "4-1"]
    assert [each.get("id") for each in await events(client, run, after=2, epoch=1, last="3-1")] == [None, "4-1"]
    for stale in (await events(client, run, last="3"), await events(client, run, after=3)):
        assert [(each["status"], each["code"]) for each in stale] == [(409, "StaleCursor")]
    for bad in ("3-", "3-x", "-1", "3-1-1", "3.1", "x"):
        assert [each["status"] for each in await events(client, run, last=bad)] == [422]


async def test_pages_carry_the_epoch_and_refuse_a_cursor_of_another(site: Site, client: Client) -> None:
    run = await asked(client)
    path = f"/runs/{run['workflow_uuid']}/messages"
    page = (await client.http.get(path)).json()
    assert "epoch" not in page["run"]
    assert not any("epoch" in each for each in page["messages"])
    await site.fail_over(run)
    await asked_again(client, run)
    page = (await client.http.get(path)).json()
    assert page["run"]["epoch"] == 1
    assert [each["epoch"] for each in page["messages"]] == [1, 1, 1, 1]
    for query in ({"after": 2}, {"after": 2, "epoch": 2}, {"before": 3, "epoch": 0}):
        stale = await client.http.get(path, params=query)
        assert (stale.status_code, stale.json()["code"]) == (409, "StaleCursor")
    for query, seqs in (
        ({"after": 2, "epoch": 1}, [3, 4]),
        ({"before": 3, "epoch": 1}, [1, 2]),
        ({"before": 3}, [1, 2]),
    ):
        good = await client.http.get(path, params=query)
        assert [each["seq"] for each in good.json()["messages"]] == seqs


async def test_our_own_client_says_so_and_begins_from_the_start(site: Site, client: Client) -> None:
    run = (await asked(client))["workflow_uuid"]
    provider = FastAPIProvider(site.url, patience=Patience(base_s=0.01, cap_s=0.1))
    stream = provider.follow(run, beat_s=0.1)
    seen = await asyncio.to_thread(lambda: list(itertools.islice(filter(logged, stream), 4)))
    assert [each.seq for each in seen] == [1, 2, 3, 4]
    await site.fail_over({"workflow_uuid": run})
    with pytest.raises(StaleCursor):
        await asyncio.to_thread(lambda: [None for _ in filter(logged, stream)])
    with pytest.raises(StaleCursor):
        await asyncio.to_thread(provider.messages, run, after=2)
    await asked_again(client, {"workflow_uuid": run})
    page = await asyncio.to_thread(provider.messages, run)
    assert (page.run.epoch, [each.epoch for each in page.messages]) == (1, [1, 1, 1, 1])
    anew = provider.follow(run, after=3, epoch=1, beat_s=0.1)
    assert [each.seq for each in await asyncio.to_thread(lambda: [next(filter(logged, anew))])] == [4]
    provider.close()


def logged(message: Any) -> bool:
    return message is not None and message.seq is not None
