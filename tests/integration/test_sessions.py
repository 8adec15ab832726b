"""Sessions: only the page may ask for them, and what somebody has open ends soon after their session does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastagency_backend.people import holding
from fastagency_backend.web import runs, socket
from fastagency_shared.page_key import PageKey
from fastagency_shared.user import User

from tests.integration.server import Client, Frame, app_with, serve
from tests.integration.test_bearer import ANNA, BEN, KEY, app_for, signed

BODY = {"id": "anna", "name": "Anna", "roles": ["manager"], "email": "anna@example.org"}
VISITOR = "0123456789abcdef0123456789abcdef"


def page(url: str, key: PageKey = KEY) -> httpx.Client:
    return httpx.Client(base_url=f"{url}/fastagency", headers={"Authorization": f"Bearer {key.for_sessions()}"})


def opened(http: httpx.Client, user: Any = BODY, visitor: str | None = None) -> dict[str, str]:
    reply = http.post("/sessions", json={"user": user, "visitor": visitor})
    assert reply.status_code == 201, reply.text
    found: dict[str, str] = reply.json()
    return found


def ended(http: httpx.Client, **what: str) -> int:
    return http.request("DELETE", "/sessions", json=what).status_code


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(holding, "TRUSTED_S", 0.0)
    for module in (runs, socket):
        monkeypatch.setattr(module, "HEARTBEAT_S", 0.05)


def test_the_page_begins_finds_rotates_and_ends_them(tmp_path: Path) -> None:
    with serve(app_for(tmp_path)) as url, page(url) as http:
        first = opened(http)
        assert len(first["session"]) >= 43, "256 bits"
        lasts = datetime.fromisoformat(first["expires"]) - datetime.now(UTC)
        assert timedelta(hours=11.9) < lasts < timedelta(hours=12.1)
        found = http.post("/sessions/find", json={"session": first["session"]}).json()
        assert (found["id"], found["user"]) == (first["id"], BODY)
        second = http.post("/sessions/rotate", json={"session": first["session"]}).json()
        assert second["id"] == first["id"]
        gone = http.post("/sessions/find", json={"session": first["session"]})
        assert (gone.status_code, gone.json()["code"]) == (404, "UnknownSession")
        third = opened(http)
        assert ended(http, session=second["session"]) == ended(http, session=second["session"]) == 204
        assert http.post("/sessions/find", json={"session": second["session"]}).status_code == 404
        assert http.post("/sessions/find", json={"session": third["session"]}).status_code == 200
        assert ended(http, user="anna") == 204
        assert http.post("/sessions/find", json={"session": third["session"]}).status_code == 404
        assert http.post("/sessions/rotate", json={"session": third["session"]}).status_code == 404


def test_nobody_else_may(tmp_path: Path) -> None:
    requests: list[tuple[str, str, Any]] = [
        ("POST", "/sessions", {"user": BODY}),
        ("POST", "/sessions/find", {"session": "x"}),
        ("POST", "/sessions/rotate", {"session": "x"}),
        ("DELETE", "/sessions", {"user": "anna"}),
    ]
    with serve(app_for(tmp_path)) as url, page(url, PageKey.generate()) as stranger, page(url) as http:
        http.headers["Authorization"] = signed(User("page", roles=frozenset({"admin"})))["Authorization"]
        for client in (stranger, http):
            for method, path, body in requests:
                reply = client.request(method, path, json=body)
                assert (reply.status_code, reply.json()["code"]) == (401, "NotSignedIn")
    with serve(app_with(tmp_path)) as url, page(url) as http:
        assert http.post("/sessions", json={"user": BODY}).status_code == 404, "nobody signs in here"


@pytest.mark.parametrize(
    "body",
    [
        {"user": BODY | {"id": ""}},
        {"user": BODY | {"id": "a\0b"}},
        {"user": BODY | {"roles": "admin"}},
        {"user": BODY, "visitor": "x" * 501},
        {},
    ],
)
def test_what_is_no_user_is_refused(tmp_path: Path, body: Any) -> None:
    with serve(app_for(tmp_path)) as url, page(url) as http:
        reply = http.post("/sessions", json=body)
        assert (reply.status_code, reply.json()["code"]) == (422, "InvalidRequest")
        assert ended(http) == ended(http, session="x", user="anna") == 422


async def test_signing_in_keeps_a_visitors_conversations(tmp_path: Path) -> None:
    with serve(app_with(tmp_path)) as url:
        async with Client(url) as visitor:
            for user_id in (VISITOR, "ben", "not-a-visitor"):
                request = {"workflow_name": "blocking", "user_id": user_id}
                run: Frame = (await visitor.http.post("/initiate_workflow", json=request)).json()
    with serve(app_for(tmp_path)) as url, page(url) as http:
        async with Client(url, headers=signed(ANNA)) as anna, Client(url, headers=signed(BEN)) as ben:
            assert len((await ben.http.get("/runs")).json()) == 1, "who is in the directory from now on"
            for stolen in ("ben", "not-a-visitor"):
                opened(http, visitor=stolen)
                assert (await anna.http.get("/runs")).json() == []
            opened(http, visitor=VISITOR)
            [run] = (await anna.http.get("/runs")).json()
            assert run["user_id"] == "anna"
            [asked] = (await anna.status(run, "waiting"))["questions"]
            answer = {"question": asked["uuid"], "value": "yes"}
            path = f"/runs/{run['workflow_uuid']}"
            assert (await ben.http.post(f"{path}/answers", json=answer)).status_code == 404
            assert (await anna.http.post(f"{path}/answers", json=answer)).status_code == 204
            await anna.status(run, "completed")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["here", "elsewhere"])
async def test_what_is_open_ends_with_the_session(tmp_path: Path, how: str) -> None:
    with serve(app_for(tmp_path)) as url, serve(app_for(tmp_path)) as other, page(url) as http, page(other) as there:
        session = opened(http)
        of_session = signed(ANNA, session=session["id"])
        async with Client(url, headers=of_session) as anna, Client(url, headers=signed(ANNA)) as without:
            run = await anna.start("blocking")
            first = {"workflow_uuid": run["workflow_uuid"]}
            async with anna.v1(run) as v1, anna.v2(first) as v2, without.v2(first) as stays:
                for ws in (v1, v2, stays):
                    await ws.until("multiple_choice")
                async with anna.http.stream("GET", f"/runs/{run['workflow_uuid']}/events") as events:
                    lines = events.aiter_lines()
                    await anext(lines)
                    assert ended(http if how == "here" else there, session=session["session"]) == 204
                    async with asyncio.timeout(20):
                        said = [line async for line in lines]
                    assert said[-2] == ": You have been signed out. Sign in again."
                for ws in (v1, v2):
                    await ws.rest()
                    assert ws.code == 4401
                    assert ws.heard[-1]["content"]["short"] == "You have been signed out. Sign in again."
                await stays.until("keep_alive")
            reply = await anna.http.get("/runs")
            assert (reply.status_code, reply.json()["detail"]) == (401, "You have been signed out. Sign in again.")
            assert (await without.http.get("/runs")).status_code == 200


async def test_a_session_that_never_was_lets_nobody_in(tmp_path: Path) -> None:
    with serve(app_for(tmp_path)) as url:
        async with Client(url, headers=signed(ANNA, session="x" * 32)) as anna:
            assert (await anna.http.get("/runs")).status_code == 401
