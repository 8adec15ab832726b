"""What `get_user_id` may return, and what workflows know of who started them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastagency_backend.workflow import UI, AsyncUI, Workflow
from fastagency_shared.user import User
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.integration.server import Client, Frame, app_with, serve

ANNA = User("anna", "Anna", frozenset({"manager"}), "anna@example.org")


def returning(what: Any) -> Any:
    def get_user_id() -> Any:
        return what

    return get_user_id


def telling() -> Workflow:
    """Workflows that say who started them, before and after an answer."""
    wf = Workflow()

    @wf.register(name="awaited", description="Says who you are")
    async def awaited(ui: AsyncUI, params: Frame) -> str:
        await ui.text_input(prompt=f"{ui.user}?")
        return repr(ui.user)

    @wf.register(name="blocking", description="The same in a thread")
    def blocking(ui: UI, params: Frame) -> str:
        ui.text_input(prompt=f"{ui.user}?")
        return repr(ui.user)

    return wf


async def told(client: Client, workflow: str) -> str:
    run = await client.start(workflow)
    async with client.v2({"workflow_uuid": run["workflow_uuid"], "user_id": run["user_id"]}) as ws:
        question = await ws.until("text_input")
        await ws.say({"type": "answer", "question": question["uuid"], "value": "x"})
        result: str = (await ws.until("workflow_completed"))["content"]["result"]
    return result


@pytest.mark.parametrize("workflow", ["awaited", "blocking"])
@pytest.mark.parametrize(
    ("returned", "user"),
    [
        ("anna", User("anna")),
        (7, User("7")),
        (UUID(int=7), User("00000000-0000-0000-0000-000000000007")),
        (None, None),
        (ANNA, ANNA),
    ],
    ids=["text", "number", "uuid", "nobody", "user"],
)
async def test_a_workflow_knows_who_started_it(tmp_path: Path, returned: Any, user: User | None, workflow: str) -> None:
    with serve(app_with(tmp_path, telling(), get_user_id=returning(returned))) as url:
        async with Client(url) as client:
            assert await told(client, workflow) == repr(user)


async def test_it_is_the_user_of_the_start_in_a_replay_too(tmp_path: Path) -> None:
    """Name and roles change; a workflow that goes on must not take another way than it took."""
    users = [ANNA]

    def get_user_id() -> User:
        return users[-1]

    for app in (app_with(tmp_path, telling(), get_user_id=get_user_id) for _ in range(2)):
        with serve(app) as url:
            async with Client(url) as client:
                if len(users) == 1:
                    run = await client.start("awaited")
                    asked = (await client.status(run, "waiting"))["questions"]
                else:
                    answer = {"question": asked[0]["uuid"], "value": "x"}
                    assert (await client.http.post(f"/runs/{run['workflow_uuid']}/answers", json=answer)).is_success
                    assert (await client.status(run, "completed", "failed"))["result"] == repr(ANNA)
        users.append(User("anna", "Anna Brown"))


async def test_a_run_that_goes_on_from_the_middle_has_the_same_user(tmp_path: Path) -> None:
    with serve(app_with(tmp_path, telling(), get_user_id=returning(ANNA))) as url:
        async with Client(url) as client:
            run = await client.start("awaited")
            [asked] = (await client.status(run, "waiting"))["questions"]
            path = f"/runs/{run['workflow_uuid']}"
            forked = (await client.http.post(f"{path}/fork", json={"before": asked["uuid"]})).json()
            [asked] = forked["questions"]
            answer = {"question": asked["uuid"], "value": "x"}
            assert (await client.http.post(f"/runs/{forked['workflow_uuid']}/answers", json=answer)).is_success
            assert (await client.status(forked, "completed"))["result"] == repr(ANNA)


async def test_without_a_sign_in_it_is_who_is_claimed(tmp_path: Path) -> None:
    with serve(app_with(tmp_path, telling())) as url:
        async with Client(url, headers={"X-FastAgency-User": "ben"}) as client:
            request = {"workflow_name": "awaited", "user_id": "ben"}
            run = (await client.http.post("/initiate_workflow", json=request)).json()
            [asked] = (await client.status(run, "waiting"))["questions"]
            answer = {"question": asked["uuid"], "value": "x"}
            assert (await client.http.post(f"/runs/{run['workflow_uuid']}/answers", json=answer)).is_success
            assert (await client.status(run, "completed"))["result"] == repr(User("ben"))


class Account:
    """A row of an application's own: its text is its address, and addresses are used again."""


async def test_anything_else_is_an_error_at_the_first_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One user could list another's runs, for an object's text is its address, and addresses are used again."""
    with serve(app_with(tmp_path, telling(), get_user_id=returning(Account()))) as url:
        async with Client(url, headers={"Connection": "close"}) as client:  # the server does, after such an error
            for reply in (
                await client.http.get("/discovery"),
                await client.http.post("/initiate_workflow", json={"workflow_name": "awaited"}),
                await client.http.get("/runs"),
                await client.http.get(f"/runs/{'0' * 32}"),
            ):
                assert reply.status_code == 500
                assert "returned" not in reply.text, "the person on call is told, not the client"
            with pytest.raises(InvalidStatus) as refused:
                async with connect(client.ws_url):
                    pass
            assert refused.value.response.status_code == 500
    assert "get_user_id returned tests.integration.test_user.Account. It must return a str" in caplog.text


async def test_nobody_is_in_no_list(tmp_path: Path) -> None:
    """Whoever has the id of a run that is nobody's can read and answer it, so no list may give that away."""
    with serve(app_with(tmp_path, telling(), get_user_id=returning(None))) as url:
        async with Client(url) as client:
            run = await client.start("awaited")
            [asked] = (await client.status(run, "waiting"))["questions"]
            assert (await client.http.get("/runs")).json() == []
            answer = {"question": asked["uuid"], "value": "x"}
            assert (await client.http.post(f"/runs/{run['workflow_uuid']}/answers", json=answer)).is_success
            await client.status(run, "completed")


async def test_nor_is_who_claims_to_be_nobody(tmp_path: Path) -> None:
    with serve(app_with(tmp_path, telling())) as url:
        async with Client(url) as client:
            await client.start("awaited")
            for claim in ({}, {"X-FastAgency-User": ""}, {"X-FastAgency-User": "None"}):
                assert (await client.http.get("/runs", headers=claim)).json() == []
