"""What is too large is refused the same way by HTTP and by both versions of the socket, with a sentence."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from fastagency_backend.web import FastAPIAdapter
from fastapi import FastAPI

from tests.integration.server import Client, serve, settings_in, workflows

REFUSED = "The answer has 51 bytes; the most is 50 (FASTAGENCY_MAX_ANSWER_BYTES)."


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    limits = {"max_params_bytes": 100, "max_answer_bytes": 50, "max_message_bytes": 5000}
    settings = settings_in(tmp_path_factory.mktemp("limits")).model_copy(update=limits)
    app = FastAPI()
    app.include_router(FastAPIAdapter(provider=workflows(), settings=settings).router)
    with serve(app) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with Client(url) as client:
        yield client


async def test_params_and_answers_are_refused_over_http(client: Client) -> None:
    request = {"workflow_name": "params", "params": {"text": "x" * 100}}
    reply = await client.http.post("/initiate_workflow", json=request)
    assert (reply.status_code, reply.json()["code"]) == (413, "TooLarge")
    assert reply.json()["detail"].endswith("the most is 100 (FASTAGENCY_MAX_PARAMS_BYTES).")
    run = await client.start("talk")
    question = (await client.status(run, "waiting"))["questions"][0]["uuid"]
    url = f"/runs/{run['workflow_uuid']}/answers"
    reply = await client.http.post(url, json={"question": question, "value": "x" * 51})
    assert (reply.status_code, reply.json()) == (413, {"code": "TooLarge", "detail": REFUSED})
    assert (await client.http.post(url, json={"question": question, "value": "x" * 50})).status_code == 204


async def test_v2_says_that_the_answer_was_not_taken(client: Client) -> None:
    run = await client.start("talk")
    async with client.v2(run) as ws:
        question = (await ws.until("text_input"))["uuid"]
        await ws.say({"type": "answer", "question": question, "value": "x" * 51})
        result = (await ws.until("answer_result"))["content"]
        assert (result["accepted"], result["reason"]) == (False, REFUSED)
        await ws.say({"type": "answer", "question": question, "value": "x"})
        assert (await ws.until("answer_result"))["content"]["accepted"] is True


async def test_v1_is_told_and_asked_once_more(client: Client) -> None:
    run = await client.start("talk")
    async with client.v1(run) as ws:
        question = await ws.until("text_input")
        await ws.say("x" * 51)
        assert (await ws.until("error"))["content"]["short"] == REFUSED
        assert await ws.until("text_input") == question
        await ws.say("x")
        assert (await ws.until("text_message"))["content"]["body"] == "so x"


async def test_a_message_to_show_is_cut(client: Client) -> None:
    run = await client.start("burst", count=1, size=8000)
    async with client.v1(run) as ws:
        body = (await ws.until("text_message"))["content"]["body"]
        note = r"\n\n… \(cut: 8,\d\d\d bytes; the limit is FASTAGENCY_MAX_MESSAGE_BYTES\)"
        assert re.fullmatch(r"0 x{1000,}" + note, body)
        await ws.until("workflow_completed")
