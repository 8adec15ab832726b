"""What bad input gets: a sentence, the right code, and a run that is none the worse for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastagency_backend.web import socket as socket_module
from fastagency_shared.connection import MAX_FRAME_CHARS

from tests.integration.server import DEADLINE_S, Client, Frame, app_with, serve

both = pytest.mark.parametrize("version", ["v1", "v2"])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(app_with(tmp_path_factory.mktemp("faults"))) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with Client(url) as client:
        yield client


@both
@pytest.mark.parametrize(
    ("frame", "code", "says"),
    [
        ("", 4400, "not JSON"),
        ("hello", 4400, "not JSON"),
        ("[]", 4400, "JSON object, not a list"),
        ("{}", 4400, "workflow_uuid"),
        ('{"workflow_uuid": "mine"}', 4400, "should be a UUID"),
        ("[" * 50_000, 4400, "not JSON"),
        (json.dumps({"workflow_uuid": "0" * 32, "after": -1}), 4400, "after"),
        (json.dumps({"workflow_uuid": "0" * 32, "after": 10**30}), 4400, "after"),
        (json.dumps({"workflow_uuid": "0" * 32}), 4404, "or it is not yours. Start one with initiate_workflow"),
        (b"binary", 1003, "send text frames"),
        (b"\xff\xfe", 1003, "send text frames"),
        ("x" * (MAX_FRAME_CHARS + 1), 1009, str(MAX_FRAME_CHARS)),
    ],
)
async def test_a_bad_first_frame(client: Client, version: str, frame: Any, code: int, says: str) -> None:
    async with getattr(client, version)(frame) as ws:
        await ws.rest()
    assert ws.types == ["error"]
    assert says in ws.heard[0]["content"]["short"]
    assert ws.code == code


async def test_a_first_frame_that_does_not_come(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "FIRST_FRAME_TIMEOUT_S", 0.05)
    async with client.v2() as ws:
        await ws.rest()
    assert "did not come" in ws.heard[0]["content"]["short"]
    assert ws.code == 4408


@both
async def test_a_failure_of_ours_closes_with_1011_and_tells_nothing_of_it(
    client: Client, version: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(text: str) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(socket_module, "read_first_frame", fail)
    async with getattr(client, version)("{}") as ws:
        await ws.rest()
    assert (ws.heard, ws.code) == ([], 1011)
    assert "secret" in caplog.text


async def test_a_client_that_leaves_before_its_first_frame(client: Client) -> None:
    for _ in range(20):
        async with client.v2():
            pass
    assert (await client.http.get("/discovery")).status_code == 200


@both
@pytest.mark.parametrize(("frame", "code"), [(b"binary", 1003), ("x" * (MAX_FRAME_CHARS + 1), 1009)])
async def test_a_frame_that_cannot_be_read_ends_the_connection_not_the_run(
    client: Client, version: str, frame: Any, code: int
) -> None:
    run = await client.start("blocking")
    async with getattr(client, version)(run) as ws:
        await ws.until("multiple_choice")
        await ws.say(frame)
        await ws.rest()
    assert ws.types[-1] == "error"
    assert ws.code == code
    assert (await client.info(run))["status"] == "waiting"
    async with getattr(client, version)(run) as again:
        await again.until("multiple_choice")


@pytest.mark.parametrize(
    "frame",
    [
        "hello",
        "[]",
        "{}",
        '{"type": "shout"}',
        '{"type": "answer"}',
        '{"type": "answer", "question": "q", "value": {"a": 1}}',
        '{"type": "answer", "question": "' + "q" * 101 + '", "value": "x"}',
        '{"type": "answer", "question": "\\ud83d", "value": "x"}',
    ],
)
async def test_a_v2_frame_that_is_not_understood_is_refused_and_no_more(client: Client, frame: str) -> None:
    async with client.v2(await client.start("blocking")) as ws:
        question = await ws.until("multiple_choice")
        await ws.say(frame)
        assert (await ws.until("error"))["content"]["short"]
        await ws.say({"type": "answer", "question": question["uuid"], "value": "yes"})
        assert (await ws.until("workflow_completed"))["content"]["result"] == "yes"


async def test_half_a_character_in_an_answer_is_refused_everywhere(client: Client) -> None:
    run = await client.start("talk")
    half = '"half of an emoji: \\ud83d"'
    async with client.v2(run) as ws:
        question = (await ws.until("text_input"))["uuid"]
        body = f'{{"type": "answer", "question": "{question}", "value": {half}}}'
        await ws.say(body)
        assert (await ws.until("answer_result"))["content"]["accepted"] is False
        reply = await client.http.post(f"/runs/{run['workflow_uuid']}/answers", content=body)
        assert (reply.status_code, reply.json()["code"]) == (422, "InvalidRequest")
        await ws.say({"type": "answer", "question": question, "value": "😀"})
        assert (await ws.until("answer_result"))["content"]["accepted"] is True
        assert (await ws.until("text_message"))["content"]["body"] == "so 😀"


async def test_nul_is_refused_wherever_a_client_sends_text(client: Client) -> None:
    """Not every database can keep it."""
    run = await client.start("talk")
    at = f"/runs/{run['workflow_uuid']}"
    async with client.v2(run) as ws:
        question = (await ws.until("text_input"))["uuid"]
        await ws.say({"type": "answer", "question": question, "value": "a\x00"})
        refused = (await ws.until("answer_result"))["content"]
        assert (refused["accepted"], "NUL" in refused["reason"]) == (False, True)
        await ws.say({"type": "answer", "question": "a\x00", "value": "a"})
        assert (await ws.until("answer_result"))["content"]["accepted"] is False
        replies = {
            422: [
                await client.http.post(f"{at}/answers", json={"question": question, "value": "a\x00"}),
                await client.http.patch(at, json={"title": "a\x00"}),
                await client.http.post("/initiate_workflow", json={"workflow_name": "talk", "params": {"a": ["\x00"]}}),
                await client.http.post("/initiate_workflow", json={"workflow_name": "talk", "params": {"\x00": 1}}),
                await client.http.post("/initiate_workflow", json={"workflow_name": "talk", "user_id": "a\x00"}),
                await client.http.get("/runs", params={"user_id": "a\x00"}),
                await client.http.get("/runs", params={"workflow": "a\x00"}),
                await client.http.get("/runs", headers={"X-FastAgency-User": "a%00"}),
            ],
            404: [
                await client.http.post(f"{at}/answers", json={"question": "a\x00", "value": "a"}),
                await client.http.post("/initiate_workflow", json={"workflow_name": "a\x00"}),
            ],
        }
        for status, found in replies.items():
            assert [reply.status_code for reply in found] == [status] * len(found)
        assert all("NUL" in reply.json()["detail"] for reply in replies[422])
        params = {"workflow_name": "talk", "params": {"a": "\\u0000"}}
        assert (await client.http.post("/initiate_workflow", json=params)).status_code == 200, "it only looks like one"
        await ws.say({"type": "answer", "question": question, "value": "b"})
        assert (await ws.until("answer_result"))["content"]["accepted"] is True


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 422),
        ("{", 422),
        ("[]", 422),
        ("{}", 422),
        ('{"workflow_name": "params", "params": []}', 422),
        ('{"workflow_name": "params", "params": {"a": NaN}}', 422),
        ('{"workflow_name": "params", "params": {"a": "\\ud83d"}}', 422),
        ('{"workflow_name": "params", "workflow_uuid": {"id": 1}}', 422),
        ('{"workflow_name": "' + "x" * 300 + '"}', 422),
        ('{"workflow_name": "params", "user_id": "' + "x" * 600 + '"}', 422),
        ('{"workflow_name": "params", "params": {"a": "' + "x" * 1_000_001 + '"}}', 413),
        ('{"workflow_name": "params", "params": {"a": ' + "[" * 400 + "]" * 400 + "}}", 422),
    ],
)
async def test_a_bad_request_to_initiate(client: Client, body: str, status: int) -> None:
    before = (await client.http.get("/runs", params={"limit": 200})).json()
    reply = await client.http.post("/initiate_workflow", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == status
    assert set(reply.json()) == {"code", "detail"}
    assert (await client.http.get("/runs", params={"limit": 200})).json() == before


async def test_discovery_stays_quick_while_many_wait(client: Client) -> None:
    runs = [await client.start("blocking") for _ in range(150)]
    for run in runs:
        await client.status(run, "waiting")
    async with asyncio.timeout(DEADLINE_S):
        assert (await client.http.get("/discovery")).status_code == 200
        async with client.v2(runs[70]) as ws:
            question: Frame = await ws.until("multiple_choice")
            await ws.say({"type": "answer", "question": question["uuid"], "value": "yes"})
            await ws.rest()
    await asyncio.gather(*(client.http.delete(f"/runs/{run['workflow_uuid']}") for run in runs))
