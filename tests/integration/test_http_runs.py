"""Runs over HTTP: lists, pages, answers, server-sent events, and the documents that describe it all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastagency_backend.web import runs as runs_module
from fastagency_shared.connection import SUBPROTOCOL_V2
from fastagency_shared.messages import message_classes

from tests.databases import NewDatabase
from tests.integration.server import Client, Frame, app_on, serve


@pytest.fixture(scope="module")
def url(new_database: NewDatabase) -> Iterator[str]:
    with new_database() as database, serve(app_on(database)) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with Client(url) as client:
        yield client


@pytest.fixture
async def ann(url: str) -> AsyncIterator[Client]:
    """Somebody: nobody has a list."""
    async with Client(url, user="ann") as client:
        yield client


def path(run: Frame, rest: str = "") -> str:
    return f"/runs/{run['workflow_uuid']}{rest}"


async def events(client: Client, run: Frame, *, after: int = 0, last: str | None = None) -> AsyncIterator[Frame]:
    """The server-sent events: id, type and message of each."""
    headers = {} if last is None else {"Last-Event-ID": last}
    async with client.http.stream("GET", path(run, "/events"), params={"after": after}, headers=headers) as reply:
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        event: Frame = {}
        async for line in reply.aiter_lines():
            name, _, value = line.partition(": ")
            if name in ("id", "event", "data"):
                event[name] = value
            elif name == "":
                if event:
                    yield event
                event = {}


# --- runs -------------------------------------------------------------------------------------------------------------


async def test_the_list_is_newest_first_page_by_page(ann: Client) -> None:
    started = [(await ann.start("params", number=number))["workflow_uuid"] for number in range(5)]
    listed: list[str] = []
    page = (await ann.http.get("/runs", params={"limit": 2})).json()
    while page and len(listed) < 5:
        listed += [run["workflow_uuid"] for run in page]
        page = (await ann.http.get("/runs", params={"limit": 2, "before": listed[-1]})).json()
    assert listed[:5] == started[::-1]


async def test_a_run_tells_its_state_and_its_questions(client: Client) -> None:
    run = await client.start("blocking")
    info = await client.status(run, "waiting")
    assert info["name"] == "blocking"
    assert info["title"] == "The same in a thread"
    assert [question["type"] for question in info["questions"]] == ["multiple_choice"]
    assert info["last_seq"] == 2
    dashed = f"{run['workflow_uuid'][:8]}-{run['workflow_uuid'][8:]}"
    assert (await client.http.get(f"/runs/{dashed.upper()}")).json() == info


async def test_messages_are_paged_in_both_directions(client: Client) -> None:
    run = await client.start("burst", count=10)
    await client.status(run, "completed")

    async def page(**params: int) -> tuple[list[int], bool]:
        body = (await client.http.get(path(run, "/messages"), params=params)).json()
        assert body["run"]["last_seq"] == 12
        return [message["seq"] for message in body["messages"]], body["more"]

    assert await page(limit=5) == ([1, 2, 3, 4, 5], True)
    assert await page(after=5, limit=7) == ([6, 7, 8, 9, 10, 11, 12], False)
    assert await page(before=6, limit=3) == ([3, 4, 5], True)
    assert await page(before=4, limit=3) == ([1, 2, 3], False)
    assert await page(after=12) == ([], False)


async def test_an_answer_is_taken_once(client: Client) -> None:
    run = await client.start("talk")
    question = (await client.status(run, "waiting"))["questions"][0]["uuid"]
    answer = {"question": question, "value": "biology"}
    assert (await client.http.post(path(run, "/answers"), json={"question": "x", "value": "y"})).status_code == 404
    bad = await client.http.post(path(run, "/answers"), json={"question": question, "value": ["a"]})
    assert (bad.status_code, bad.json()["code"]) == (422, "InvalidRequest")
    assert (await client.http.post(path(run, "/answers"), json=answer)).status_code == 204
    again = await client.http.post(path(run, "/answers"), json=answer)
    assert (again.status_code, again.json()["code"]) == (409, "AlreadyAnswered")
    assert (await client.info(run))["title"] == "biology"


async def test_cancel_rename_delete(client: Client) -> None:
    run = await client.start("long")
    renamed = await client.http.patch(path(run), json={"title": "  My \n run "})
    assert renamed.json()["title"] == "My run"
    assert (await client.http.patch(path(run), json={"title": "  "})).status_code == 422
    for _ in range(2):
        assert (await client.http.post(path(run, "/cancel"))).json()["status"] == "cancelled"
    late = await client.http.post(path(run, "/answers"), json={"question": "q", "value": "x"})
    assert (late.status_code, late.json()["code"]) == (409, "Conflict")
    assert (await client.http.delete(path(run))).status_code == 204
    assert (await client.http.delete(path(run))).status_code == 404
    assert (await client.http.get(path(run))).status_code == 404


async def test_params_may_have_any_name(client: Client) -> None:
    params = {"name": 1, "ui": 2, "user_id": 3, "self": 4, "params": {"a": [None]}, "workflow_name": "x"}
    reply = await client.http.post("/initiate_workflow", json={"workflow_name": "params", "params": params})
    info = await client.status(reply.json(), "completed")
    assert json.loads(info["result"]) == params


# --- server-sent events -----------------------------------------------------------------------------------------------


async def test_events_are_the_log_and_then_live(client: Client) -> None:
    run = await client.start("blocking")
    seen: list[Frame] = []
    async for event in events(client, run):
        message = json.loads(event["data"])
        assert event["event"] == message["type"]
        assert ("id" in event) == ("seq" in message)
        if "id" in event:
            assert event["id"] == str(message["seq"])
            seen.append(message)
        if message["type"] == "multiple_choice":
            answer = {"question": message["uuid"], "value": "yes"}
            assert (await client.http.post(path(run, "/answers"), json=answer)).status_code == 204
    assert seen == await client.log(run)
    assert seen[-1]["type"] == "workflow_completed"


async def test_a_client_that_comes_back_goes_on_after_its_last_event(client: Client) -> None:
    run = await client.start("burst", count=8)
    await client.status(run, "completed")
    assert [event["id"] async for event in events(client, run, last="7")] == ["8", "9", "10"]
    assert [event["id"] async for event in events(client, run, after=8)] == ["9", "10"]
    assert [event["id"] async for event in events(client, run, after=1, last="9")] == ["10"]
    assert len([event async for event in events(client, run, last="")]) == 10


async def test_a_failed_run_is_tried_again_and_its_watchers_see_both_ends(client: Client) -> None:
    run = await client.start("fail")
    last = (await client.status(run, "failed"))["last_seq"]
    reply = await client.http.post(path(run, "/retry"))
    assert (reply.status_code, reply.json()["workflow_uuid"]) == (200, run["workflow_uuid"])
    await client.status(run, "failed")
    kinds = [event["event"] async for event in events(client, run, after=last - 1)]
    assert [kind for kind in kinds if kind != "run_status"] == [
        "workflow_failed",
        "workflow_resumed",
        "workflow_failed",
    ]
    async with client.v1(run) as ws:
        await ws.rest()
    assert ws.types == ["workflow_started", "error", "error"]
    done = await client.start("params")
    await client.status(done, "completed")
    refused = await client.http.post(path(done, "/retry"))
    assert (refused.status_code, refused.json()["code"]) == (409, "Conflict")


async def test_a_fork_over_http(client: Client) -> None:
    run = await client.start("talk")
    question = (await client.status(run, "waiting"))["questions"][0]["uuid"]
    reply = await client.http.post(path(run, "/fork"), json={"before": question})
    assert reply.status_code == 201
    fork = reply.json()
    assert (fork["parent"], fork["status"], fork["questions"][0]["uuid"]) == (run["workflow_uuid"], "waiting", question)
    await client.http.post(path(fork, "/answers"), json={"question": question, "value": "another way"})
    async with client.v2({"workflow_uuid": fork["workflow_uuid"]}) as ws:
        assert (await ws.until("input_answered"))["content"]["value"] == "another way"
        assert [frame["seq"] for frame in ws.logged] == list(range(1, len(ws.logged) + 1))
    assert (await client.info(run))["questions"][0]["uuid"] == question
    missing = await client.http.post(path(run, "/fork"), json={"before": "nothing"})
    assert (missing.status_code, missing.json()["code"]) == (404, "UnknownQuestion")


async def test_nothing_follows_the_end(client: Client) -> None:
    run = await client.start("params")
    info = await client.status(run, "completed")
    reply = await client.http.get(path(run, "/events"), params={"after": info["last_seq"]})
    assert (reply.status_code, reply.content) == (204, b"")


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 30, "9" * 5000, "٣"])
async def test_an_id_that_is_no_number_is_refused(client: Client, last: str) -> None:
    run = await client.start("params")
    reply = await client.http.get(path(run, "/events"), headers=[(b"Last-Event-ID", last.encode())])
    assert reply.status_code == 422
    assert "Last-Event-ID" in reply.json()["detail"]


async def test_an_idle_stream_says_that_it_is_there(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "HEARTBEAT_S", 0.02)
    run = await client.start("talk")
    async with client.http.stream("GET", path(run, "/events")) as reply:
        beats = 0
        async for line in reply.aiter_lines():
            beats += line == ": still here"
            if beats == 3:
                break


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "rest", "body", "status", "code"),
    [
        ("GET", "", None, 404, "UnknownRun"),
        ("GET", "/messages", None, 404, "UnknownRun"),
        ("GET", "/events", None, 404, "UnknownRun"),
        ("POST", "/answers", {"question": "q", "value": "x"}, 404, "UnknownRun"),
        ("POST", "/cancel", None, 404, "UnknownRun"),
        ("POST", "/retry", None, 404, "UnknownRun"),
        ("POST", "/fork", {"before": "q"}, 404, "UnknownRun"),
        ("POST", "/fork", {}, 422, "InvalidRequest"),
        ("PATCH", "", {"title": "x"}, 404, "UnknownRun"),
        ("DELETE", "", None, 404, "UnknownRun"),
        ("POST", "/answers", {"question": "q"}, 422, "InvalidRequest"),
        ("PATCH", "", {"title": ""}, 422, "InvalidRequest"),
        ("GET", "/messages?after=-1", None, 422, "InvalidRequest"),
        ("GET", f"/messages?after={2**63}", None, 422, "InvalidRequest"),
        ("GET", f"/messages?before={2**63}", None, 422, "InvalidRequest"),
        ("GET", "/messages?limit=501", None, 422, "InvalidRequest"),
        ("GET", f"/events?after={10**40}", None, 422, "InvalidRequest"),
    ],
)
async def test_refusals_have_one_body(
    client: Client, method: str, rest: str, body: Any, status: int, code: str
) -> None:
    reply = await client.http.request(method, f"/runs/{'0' * 32}{rest}", json=body)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert reply.json()["detail"].endswith(".")


async def test_the_list_can_be_filtered(ann: Client) -> None:
    talks = [(await ann.start("talk"))["workflow_uuid"] for _ in range(2)]
    waits, failed = await ann.start("blocking"), await ann.start("fail")
    for talk in talks:
        await ann.status({"workflow_uuid": talk}, "waiting")
    await ann.status(waits, "waiting")
    await ann.status(failed, "failed")

    async def listed(*query: tuple[str, str]) -> list[str]:
        reply = await ann.http.get("/runs", params=[("limit", "200"), *query])
        assert reply.status_code == 200, reply.text
        return [run["workflow_uuid"] for run in reply.json()]

    assert (await listed(("workflow", "talk")))[:2] == talks[::-1]
    assert (await listed(("status", "failed")))[0] == failed["workflow_uuid"]
    both = await listed(("status", "failed"), ("status", "waiting"))
    assert both[:4] == [failed["workflow_uuid"], waits["workflow_uuid"], *talks[::-1]]
    assert await listed(("status", "waiting"), ("workflow", "fail")) == []
    assert (await listed(("workflow", "talk"), ("before", talks[1])))[0] == talks[0]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("state=waiting", "no query parameter 'state' here. There are: limit, before, status, workflow, user_id."),
        ("status=asleep", "'ready', 'running', 'waiting'"),
    ],
)
async def test_a_filter_that_does_not_exist_is_refused(client: Client, query: str, says: str) -> None:
    reply = await client.http.get(f"/runs?{query}")
    assert (reply.status_code, reply.json()["code"]) == (422, "InvalidRequest")
    assert says in reply.json()["detail"]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", None])
async def test_json_that_is_not_called_json_is_told_what_to_do(client: Client, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    reply = await client.http.post("/initiate_workflow", content=b'{"workflow_name": "params"}', headers=headers)
    assert reply.status_code == 422
    assert reply.json()["detail"].endswith("(curl: -H 'Content-Type: application/json').")
    assert (kind or "no content type") in reply.json()["detail"]


async def test_an_id_that_is_none_is_refused(client: Client) -> None:
    reply = await client.http.get("/runs/mine")
    assert (reply.status_code, reply.json()["code"]) == (422, "InvalidRequest")
    assert "should be a UUID" in reply.json()["detail"]


async def test_an_unknown_workflow_is_refused_and_the_known_are_named(client: Client) -> None:
    reply = await client.http.post("/initiate_workflow", json={"workflow_name": "nope"})
    assert (reply.status_code, reply.json()["code"]) == (404, "UnknownWorkflow")
    assert "'talk', 'blocking'" in reply.json()["detail"]


# --- documents --------------------------------------------------------------------------------------------------------


async def test_openapi_has_every_message_with_its_description(client: Client, url: str) -> None:
    document = (await client.http.get(f"{url}/openapi.json")).json()
    for cls in message_classes():
        schema = document["components"]["schemas"][cls.__name__]
        assert schema["description"]
        assert set(schema["properties"]["content"]["properties"]) == set(cls.content_fields())
        assert schema["properties"]["type"]["const"] == cls.model_fields["type"].default


async def test_every_reference_in_openapi_leads_somewhere(client: Client, url: str) -> None:
    document = (await client.http.get(f"{url}/openapi.json")).json()
    schemas = document["components"]["schemas"]
    names = [part.partition('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]]
    assert names
    assert set(names) <= set(schemas)
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["description"] for operation in operations)


async def test_asyncapi_describes_the_websocket(client: Client, url: str) -> None:
    document = (await client.http.get("/asyncapi.json")).json()
    assert document["asyncapi"] == "3.0.0"
    assert {channel["address"] for channel in document["channels"].values()} == {"/fastagency/ws"}
    assert SUBPROTOCOL_V2 in json.dumps(document)
    types = {cls.model_fields["type"].default for cls in message_classes()}
    assert types <= set(document["components"]["messages"])
    assert "/fastagency/asyncapi.json" not in (await client.http.get(f"{url}/openapi.json")).json()["paths"]
