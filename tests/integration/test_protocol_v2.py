"""Protocol v2 on the WebSocket: numbers, cursors, answers that name their question, several watchers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from fastagency_backend.web import socket as socket_module
from fastagency_backend.web.frames import GatheringProtocol
from websockets.exceptions import ConnectionClosedOK

from tests.databases import NewDatabase
from tests.integration.server import Client, Frame, app_on, serve


@pytest.fixture(scope="module", params=["auto", GatheringProtocol], ids=["as uvicorn", "as fastagency"])
def url(request: pytest.FixtureRequest, new_database: NewDatabase) -> Iterator[str]:
    with new_database() as database, serve(app_on(database), ws=request.param) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with Client(url) as client:
        yield client


def answer(question: Frame, value: Any) -> Frame:
    return {"type": "answer", "question": question["uuid"], "value": value}


def first(run: Frame, after: int = 0) -> Frame:
    return {"workflow_uuid": run["workflow_uuid"], "after": after}


async def test_a_conversation_is_numbered_and_its_answers_are_acknowledged(client: Client) -> None:
    run = await client.start("talk")
    async with client.v2(first(run)) as ws:
        question = await ws.until("text_input")
        await ws.say(answer(question, "biology"))
        result = await ws.until("answer_result")
        assert result["content"] == {"question": question["uuid"], "accepted": True, "reason": None}
        choice = next((f for f in ws.heard if f["type"] == "multiple_choice"), None)
        choice = choice or await ws.until("multiple_choice")
        await ws.say(answer(choice, ["c, d", "a"]))
        await ws.rest()
    assert ws.code == 1000
    assert [frame["seq"] for frame in ws.logged] == list(range(1, 9))
    assert all(frame["at"] for frame in ws.logged)
    assert ws.logged == await client.log(run)
    answered = [frame["content"]["value"] for frame in ws.logged if frame["type"] == "input_answered"]
    assert answered == ["biology", ["a", "c, d"]]
    assert ws.logged[-1]["content"]["result"] == "biology: ['a', 'c, d']"


@pytest.mark.parametrize("after", [0, 1, 3, 6, 7, 100])
async def test_a_cursor_gives_exactly_what_follows(client: Client, after: int) -> None:
    run = await client.start("burst", count=5)
    await client.status(run, "completed")
    async with client.v2(first(run, after)) as ws:
        await ws.rest()
    assert [frame["seq"] for frame in ws.logged] == list(range(after + 1, 8))
    assert ws.code == 1000


async def test_leaving_and_coming_back_has_no_gap(client: Client) -> None:
    run = await client.start("burst", count=3000)
    seqs: list[int] = []
    while not seqs or seqs[-1] < 3002:
        async with client.v2(first(run, seqs[-1] if seqs else 0)) as ws:
            for _ in range(700):
                frame = await ws.hear()
                if frame is None:
                    break
        seqs += [frame["seq"] for frame in ws.logged]
    assert seqs == list(range(1, 3003))


@pytest.mark.parametrize(
    ("value", "says"), [("tea", "Choose one of"), (["yes", "no"], "Choose one of"), ([], "Choose")]
)
async def test_a_bad_answer_is_explained_and_the_question_stays_open(client: Client, value: Any, says: str) -> None:
    async with client.v2(first(await client.start("blocking"))) as ws:
        question = await ws.until("multiple_choice")
        await ws.say(answer(question, value))
        result = (await ws.until("answer_result"))["content"]
        assert result["accepted"] is False
        assert "Choose one of" in result["reason"]
        await ws.say(answer(question, "yes"))
        await ws.rest()
    assert ws.logged[-1]["type"] == "workflow_completed"


async def test_an_answer_to_a_question_that_was_never_asked(client: Client) -> None:
    async with client.v2(first(await client.start("blocking"))) as ws:
        await ws.until("multiple_choice")
        await ws.say({"type": "answer", "question": "nope", "value": "yes"})
        assert (await ws.until("answer_result"))["content"]["accepted"] is False


async def test_the_first_valid_answer_wins_and_everybody_hears_of_it(client: Client) -> None:
    run = await client.start("blocking")
    async with client.v2(first(run)) as one, client.v2(first(run)) as two, client.v1(run) as three:
        question = await one.until("multiple_choice")
        await two.until("multiple_choice")
        await three.until("multiple_choice")
        await one.say(answer(question, "no"))
        assert (await one.until("answer_result"))["content"]["accepted"] is True
        assert (await two.until("input_answered"))["content"] == {"question": question["uuid"], "value": "no"}
        with suppress(ConnectionClosedOK):  # the run's end may be quicker than the answer, and its reply
            await two.say(answer(question, "yes"))
        rest = [await one.rest(), await two.rest(), await three.rest()]
    late = [frame for frame in rest[1] if frame["type"] == "answer_result"]
    assert all(frame["content"]["accepted"] is False for frame in late)
    ends = [[frame["content"]["result"] for frame in heard if frame["type"] == "workflow_completed"] for heard in rest]
    assert ends == [["no"]] * 3


async def test_cancel_stops_the_run_and_tells_every_watcher(client: Client) -> None:
    run = await client.start("long")
    async with client.v2(first(run)) as one, client.v2(first(run)) as two:
        await one.until("text_message")
        await one.say({"type": "cancel"})
        await one.rest()
        await two.rest()
    assert one.logged[-1]["type"] == two.logged[-1]["type"] == "workflow_cancelled"
    assert (one.code, two.code) == (1000, 1000)
    assert (await client.info(run))["status"] == "cancelled"


async def test_watchers_hear_of_status_and_title(client: Client) -> None:
    run = await client.start("talk")
    async with client.v2(first(run)) as ws:
        await ws.until("text_input")
        await client.http.patch(f"/runs/{run['workflow_uuid']}", json={"title": "Mine"})
        while (await ws.until("run_status"))["content"]["title"] != "Mine":
            pass


async def test_an_idle_connection_is_kept_alive(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "HEARTBEAT_S", 0.02)
    run = await client.start("talk")
    async with client.v2(first(run)) as ws:
        await ws.until("text_input")
        for _ in range(3):
            beat = await ws.until("keep_alive")
            assert "seq" not in beat
    async with client.v1(run) as old:
        await old.until("text_input")
        await old.say("x")
        await old.until("multiple_choice")
    assert "keep_alive" not in old.types


async def test_a_slow_reader_slows_nobody_and_misses_nothing(client: Client) -> None:
    count, size = 3000, 2000
    run = await client.start("burst", count=count, size=size)
    async with client.v2(first(run), max_queue=1) as slow:
        await slow.hear()  # and then nothing, until the run is over and buffers were full long ago
        async with client.v2(first(run)) as quick:
            await quick.rest()
        await client.status(run, "completed")
        await slow.rest()
    expected = list(range(1, count + 3))
    assert [frame["seq"] for frame in quick.logged] == expected
    assert [frame["seq"] for frame in slow.logged] == expected


async def test_a_deleted_run_closes_its_sockets(client: Client) -> None:
    run = await client.start("talk")
    async with client.v2(first(run)) as ws:
        await ws.until("text_input")
        assert (await client.http.delete(f"/runs/{run['workflow_uuid']}")).status_code == 204
        await ws.rest()
    assert ws.code == 1000
    async with client.v2(first(run)) as ws:
        await ws.rest()
    assert ws.code == 4404


async def test_a_client_may_offer_other_subprotocols_too(client: Client) -> None:
    from websockets.asyncio.client import connect

    protocols: Any = ["something.else", "fastagency.v2"]
    async with connect(client.ws_url, subprotocols=protocols) as ws:
        assert ws.subprotocol == "fastagency.v2"


async def test_many_conversations_at_once(client: Client) -> None:
    async def one(number: int) -> str:
        async with client.v2(first(await client.start("blocking"))) as ws:
            question = await ws.until("multiple_choice")
            await ws.say(answer(question, ["yes", "no"][number % 2]))
            await ws.rest()
        return str(ws.logged[-1]["content"]["result"])

    results = await asyncio.gather(*(one(number) for number in range(60)))
    assert results == [["yes", "no"][number % 2] for number in range(60)]


@pytest.mark.parametrize("heard", [0, 1, 200], ids=lambda heard: f"after {heard}")
async def test_who_is_gone_in_the_middle_of_much_is_nobodys_trouble(
    client: Client, heard: int, caplog: pytest.LogCaptureFixture
) -> None:
    run = await client.start("burst", count=2000, size=200)

    async def leave() -> None:
        async with client.v2(first(run), max_queue=16) as ws:
            for _ in range(heard):
                assert await ws.hear() is not None
            ws.ws.transport.abort()

    async def stay() -> list[Frame]:
        async with client.v2(first(run)) as ws:
            await ws.rest()
        return ws.logged

    *_, logged = await asyncio.gather(*(leave() for _ in range(10)), stay())
    assert [frame["seq"] for frame in logged] == list(range(1, 2003))
    assert (await client.info(run))["status"] == "completed"
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR", "CRITICAL")] == []
