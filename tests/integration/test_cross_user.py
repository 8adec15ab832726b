"""Over every route and method: somebody else's conversation is none, and nobody is told that it is there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from fastagency_shared.connection import CloseCode
from fastapi import Header, HTTPException

from tests.integration.server import Client, Frame, app_with, serve

UNKNOWN = "f" * 32
BODIES: dict[str, Any] = {
    "POST /runs/{run_id}/answers": {"question": "QUESTION", "value": "mine"},
    "POST /runs/{run_id}/fork": {"before": "QUESTION"},
    "PATCH /runs/{run_id}": {"title": "mine"},
}
ONE_RUN = {
    "GET /runs/{run_id}",
    "GET /runs/{run_id}/messages",
    "GET /runs/{run_id}/events",
    "POST /runs/{run_id}/cancel",
    "POST /runs/{run_id}/retry",
    "DELETE /runs/{run_id}",
    *BODIES,
}
ADMIN = {
    "GET /admin/runs",
    "GET /admin/runs/{run_id}",
    "GET /admin/runs/{run_id}/messages",
    "POST /admin/runs/{run_id}/cancel",
    "DELETE /admin/runs/{run_id}",
    "GET /admin/audit",
}
OTHERS = {"GET /discovery", "POST /initiate_workflow", "GET /runs", "GET /health"}
"""Those that name no conversation in their path; each has a test of its own below, or nothing of anybody's in it."""


def by_token(token: Annotated[str | None, Header()] = None) -> str:
    if token is None:
        raise HTTPException(401, "Please sign in.")
    return token


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(app_with(tmp_path_factory.mktemp("cross"), get_user_id=by_token)) as url:
        yield url


@pytest.fixture
async def ann(url: str) -> AsyncIterator[Client]:
    async with Client(url, headers={"token": "ann"}) as client:
        yield client


@pytest.fixture
async def bob(url: str) -> AsyncIterator[Client]:
    async with Client(url, headers={"token": "bob"}) as client:
        yield client


@pytest.fixture
async def hers(ann: Client) -> Frame:
    """A conversation of Ann's that waits for her."""
    return await ann.status(await ann.start("talk"), "waiting")


async def test_every_route_is_looked_at_here(url: str, ann: Client) -> None:
    paths = (await ann.http.get(f"{url}/openapi.json")).json()["paths"]
    found = {
        f"{method.upper()} {path.removeprefix('/fastagency')}" for path, methods in paths.items() for method in methods
    }
    assert found == ONE_RUN | ADMIN | OTHERS


async def everything(client: Client, run: Frame) -> Any:
    return await client.info(run), await client.log(run)


def filled(route: str, run_id: str, question: str) -> tuple[str, str, Any]:
    method, path = route.split()
    body = json.loads(json.dumps(BODIES.get(route)).replace("QUESTION", question))
    return method, path.format(run_id=run_id), body


@pytest.mark.parametrize("route", sorted(ONE_RUN))
async def test_somebody_elses_is_as_one_that_never_was(ann: Client, bob: Client, hers: Frame, route: str) -> None:
    before = await everything(ann, hers)
    question = hers["questions"][0]["uuid"]
    replies = []
    for run_id in (hers["workflow_uuid"], UNKNOWN):
        method, path, body = filled(route, run_id, question)
        reply = await bob.http.request(method, path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (404, "UnknownRun")
        replies.append((dict(reply.headers) | {"date": ""}, reply.text.replace(run_id, "ID")))
    assert replies[0] == replies[1]
    assert await everything(ann, hers) == before


@pytest.mark.parametrize("route", sorted(ADMIN))
async def test_without_a_role_nothing_is_administered(ann: Client, bob: Client, hers: Frame, route: str) -> None:
    before = await everything(ann, hers)
    said = set()
    for run_id in (hers["workflow_uuid"], UNKNOWN):
        method, path, body = filled(route, run_id, "")
        reply = await bob.http.request(method, path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (403, "NotAllowed")
        said.add(reply.text)
    assert len(said) == 1
    assert await everything(ann, hers) == before


@pytest.mark.parametrize("route", sorted(ONE_RUN | ADMIN | (OTHERS - {"GET /health"})))
async def test_nobody_is_let_in_without_a_token(url: str, ann: Client, hers: Frame, route: str) -> None:
    before = await everything(ann, hers)
    async with Client(url) as nobody:
        method, path, body = filled(route, hers["workflow_uuid"], hers["questions"][0]["uuid"])
        for claim in ({}, {"X-FastAgency-User": "ann"}):
            reply = await nobody.http.request(method, path, json=body or {"workflow_name": "talk"}, headers=claim)
            assert reply.status_code == 401
    assert await everything(ann, hers) == before


async def test_a_claim_makes_nobody_somebody_else(ann: Client, bob: Client, hers: Frame) -> None:
    path = f"/runs/{hers['workflow_uuid']}"
    reply = await bob.http.get(path, params={"user_id": "ann"}, headers={"X-FastAgency-User": "ann"})
    assert reply.status_code == 404
    mine = (await bob.http.post("/initiate_workflow", json={"workflow_name": "talk", "user_id": "ann"})).json()
    assert mine["user_id"] == "bob"
    assert (await ann.http.get(f"/runs/{mine['workflow_uuid']}")).status_code == 404


async def test_lists_are_ones_own_whatever_they_are_asked(ann: Client, bob: Client, hers: Frame) -> None:
    own = await bob.start("talk")
    for query in ({}, {"user_id": "ann"}, {"workflow": "talk"}, {"status": "waiting"}):
        listed = (await bob.http.get("/runs", params=query)).json()
        assert {run["user_id"] for run in listed} <= {"bob"}
    for before in (hers["workflow_uuid"], UNKNOWN):
        assert (await bob.http.get("/runs", params={"before": before})).json() == []
    assert all("params" not in run for run in (await bob.http.get("/runs")).json())
    await bob.http.delete(f"/runs/{own['workflow_uuid']}")


async def test_that_an_id_is_taken_is_all_that_is_said(ann: Client, bob: Client, hers: Frame) -> None:
    """That it is taken cannot be kept secret, but ids are 128 random bits: nobody comes upon one by chance."""
    before = await everything(ann, hers)
    request = {"workflow_name": "talk", "workflow_uuid": hers["workflow_uuid"], "params": {}}
    reply = await bob.http.post("/initiate_workflow", json=request)
    assert (reply.status_code, reply.json()["code"]) == (409, "Conflict")
    assert "ann" not in reply.text
    assert await everything(ann, hers) == before


@pytest.mark.parametrize("protocol", ["v1", "v2"])
async def test_no_socket_follows_somebody_elses(ann: Client, bob: Client, hers: Frame, protocol: str) -> None:
    before = await everything(ann, hers)
    heard = []
    for run_id in (hers["workflow_uuid"], UNKNOWN):
        first = {"name": "talk", "workflow_uuid": run_id, "user_id": "ann", "params": {}}
        async with (bob.v2 if protocol == "v2" else bob.v1)(first) as ws:
            (error,) = await ws.rest()
            assert ws.code == CloseCode.NOT_FOUND
            heard.append(error["content"]["short"].replace(run_id, "ID"))
    assert heard[0] == heard[1]
    assert await everything(ann, hers) == before
