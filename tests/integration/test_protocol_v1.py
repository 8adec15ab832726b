"""The guide's protocol, as a custom client in any language speaks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest

from tests.integration.server import Client, app_with, serve
from tests.unit.shared.test_messages import V1_TYPES


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(app_with(tmp_path_factory.mktemp("v1"))) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with Client(url) as client:
        yield client


async def test_discovery_lists_the_workflows(client: Client) -> None:
    reply = await client.http.get("/discovery")
    assert reply.status_code == 200
    assert reply.json()[0] == {"name": "talk", "description": "Asks for a subject, then for toppings"}


async def test_initiating_replies_with_the_run(client: Client) -> None:
    request = {"workflow_name": "talk", "workflow_uuid": "0" * 31 + "a", "user_id": None, "params": {"a": 1}}
    reply = await client.http.post("/initiate_workflow", json=request)
    assert reply.json() == {"name": "talk", "workflow_uuid": "0" * 31 + "a", "user_id": None, "params": {"a": 1}}
    assert (await client.http.post("/initiate_workflow", json=request)).json() == reply.json()
    other = await client.http.post("/initiate_workflow", json={**request, "params": {"a": 2}})
    assert other.status_code == 409
    assert other.json()["code"] == "Conflict"


@pytest.mark.parametrize("proposed", ["1234", 1234, "", "mine"])
async def test_an_id_that_is_no_uuid_gets_one_of_the_servers_own(client: Client, proposed: object) -> None:
    request = {"workflow_name": "params", "workflow_uuid": proposed, "user_id": None, "params": {"a": 1}}
    first = await client.http.post("/initiate_workflow", json=request)
    again = await client.http.post("/initiate_workflow", json=request)
    assert first.status_code == 200
    assert UUID(first.json()["workflow_uuid"]).hex == first.json()["workflow_uuid"] != again.json()["workflow_uuid"]
    async with client.v1(first.json()) as ws:
        await ws.rest()
    assert ws.heard[-1]["content"] == {"result": '{"a": 1}'}


async def test_after_a_refused_answer_the_question_is_asked_once_more(client: Client) -> None:
    async with client.v1(await client.start("blocking")) as ws:
        question = await ws.until("multiple_choice")
        await ws.say("coffee")
        refusal = await ws.hear()
        assert refusal is not None
        assert refusal["type"] == "error"
        assert await ws.hear() == question
        await ws.say("yes")
        await ws.rest()
    assert ws.heard[-1]["content"] == {"result": "yes"}


async def test_a_conversation_from_start_to_end(client: Client) -> None:
    async with client.v1(run := await client.start("talk")) as ws:
        question = await ws.until("text_input")
        assert set(question) == {"type", "uuid", "workflow_uuid", "sender", "recipient", "auto_reply", "content"}
        assert question["content"] == {"prompt": "subject?", "suggestions": ["maths"], "password": False}
        await ws.say("biology")
        choice = await ws.until("multiple_choice")
        assert choice["content"]["single"] is False
        await ws.say("c, d,a")
        await ws.rest()
    assert ws.types == [
        "workflow_started",
        "text_message",
        "text_input",
        "text_message",
        "multiple_choice",
        "workflow_completed",
    ]
    assert ws.heard[-1]["content"] == {"result": "biology: ['a', 'c, d']"}
    assert {frame["workflow_uuid"] for frame in ws.heard} == {run["workflow_uuid"]}
    assert ws.code == 1000


async def test_a_v1_client_never_sees_what_is_not_in_the_guide(client: Client) -> None:
    async with client.v1(await client.start("talk")) as ws:
        await ws.until("text_input")
        await ws.say("x")
        await ws.until("multiple_choice")
        await ws.say("")
        await ws.rest()
    assert set(ws.types) <= V1_TYPES
    assert not [frame for frame in ws.heard if "seq" in frame or "at" in frame]


async def test_a_failure_is_one_error_without_internals(client: Client) -> None:
    async with client.v1(run := await client.start("fail")) as ws:
        await ws.rest()
    assert ws.types == ["workflow_started", "error"]
    assert "hunter2" not in str(ws.heard)
    assert run["workflow_uuid"] in ws.heard[-1]["content"]["long"]
    assert ws.code == 1000


@pytest.mark.parametrize("text", ["maybe", "", "yes,no", "YES"])
async def test_an_answer_outside_the_choices_leaves_the_question_open(client: Client, text: str) -> None:
    async with client.v1(await client.start("blocking")) as ws:
        await ws.until("multiple_choice")
        await ws.say(text)
        assert "Choose one of: 'yes', 'no'" in (await ws.until("error"))["content"]["short"]
        await ws.say("no")
        assert (await ws.until("workflow_completed"))["content"]["result"] == "no"
        await ws.rest()
    assert ws.code == 1000


async def test_text_that_answers_no_question_is_refused_and_harms_nothing(client: Client) -> None:
    async with client.v1(run := await client.start("long")) as ws:
        await ws.until("text_message")
        await ws.say("hello?")
        assert "Nothing is asked" in (await ws.until("error"))["content"]["short"]
    assert (await client.info(run))["status"] == "running"
    await client.http.post(f"/runs/{run['workflow_uuid']}/cancel")


async def test_two_open_questions_are_answered_in_the_order_they_were_asked(client: Client) -> None:
    async with client.v1(await client.start("both")) as ws:
        first = await ws.until("text_input")
        await ws.until("text_input")
        await ws.say("one")
        await ws.say("two")
        await ws.rest()
    expected = "one two" if first["content"]["prompt"] == "left?" else "two one"
    assert ws.heard[-1]["content"]["result"] == expected


async def test_a_client_that_comes_back_gets_everything_and_is_not_asked_again(client: Client) -> None:
    run = await client.start("talk")
    async with client.v1(run) as ws:
        await ws.until("text_input")
        await ws.say("biology")
        await ws.until("multiple_choice")
    async with client.v1(run) as again:
        await again.until("multiple_choice")
        assert again.types == ["workflow_started", *["text_message"] * 4, "multiple_choice"]
        assert [frame["content"].get("body") for frame in again.heard[1:5]] == [
            "hello",
            "subject?",
            "biology",
            "so biology",
        ]
        await again.say("b")
        await again.rest()
    assert again.heard[-1]["content"]["result"] == "biology: ['b']"
    async with client.v1(run) as late:
        await late.rest()
    assert late.types == ["workflow_started", *["text_message"] * 6, "workflow_completed"]
    assert late.code == 1000


async def test_an_answered_password_is_not_shown_to_who_comes_back(client: Client) -> None:
    run = await client.start("secret")
    async with client.v1(run) as ws:
        await ws.until("text_input")
        await ws.say("hunter2")
        await ws.rest()
    async with client.v1(run) as again:
        await again.rest()
    assert "hunter2" not in str(again.heard) + str(await client.log(run))
    assert again.heard[-1]["content"]["result"] == "7"


async def test_a_run_goes_on_when_its_client_leaves(client: Client) -> None:
    run = await client.start("burst", count=2000)
    async with client.v1(run) as ws:
        await ws.hear()
    await client.status(run, "completed")


async def test_two_watchers_and_one_answer(client: Client) -> None:
    run = await client.start("blocking")
    async with client.v1(run) as one, client.v1(run) as two:
        await one.until("multiple_choice")
        await two.until("multiple_choice")
        await one.say("yes")
        assert (await two.until("workflow_completed"))["content"]["result"] == "yes"


async def test_a_stopped_run_ends_with_an_error(client: Client) -> None:
    run = await client.start("long")
    async with client.v1(run) as ws:
        await ws.until("text_message")
        await client.http.post(f"/runs/{run['workflow_uuid']}/cancel")
        await ws.rest()
    assert ws.types == ["workflow_started", "text_message", "error"]
    assert ws.code == 1000
