"""Roles: who sees and starts a workflow; and auditors and admins, each of whose accesses is in the audit log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastagency_backend.assembly import opened
from fastagency_backend.store.audit import check
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.web.api import ApiRoutes
from fastagency_backend.workflow import AsyncUI, Workflow
from fastagency_shared.user import User
from fastapi import FastAPI, Header, HTTPException

from tests.integration.server import Client, Frame, app_with, serve, settings_in

ROLES = {"anna": ["manager"], "ben": [], "audra": ["auditor"], "adam": ["admin", "clerk"]}


def by_name(user: Annotated[str | None, Header()] = None) -> User | None:
    if user == "banned":
        raise HTTPException(401)
    return None if user is None else User(user, user.title(), frozenset(ROLES[user]))


def workflows() -> Workflow:
    wf = Workflow()

    @wf.register(name="open", description="For everybody")
    async def open_(ui: AsyncUI, params: Frame) -> str:
        return await ui.text_input(prompt="what?")

    @wf.register(name="closed", description="For managers and clerks", roles=["manager", "clerk"])
    async def closed(ui: AsyncUI, params: Frame) -> str:
        await ui.text_input(prompt="what?")
        raise ValueError("broken")

    return wf


def as_(user: str | None) -> dict[str, str]:
    return {} if user is None else {"user": user}


async def names(client: Client) -> list[str]:
    return [each["name"] for each in (await client.http.get("/discovery")).json()]


@pytest.fixture(params=["backend", "api"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A backend; or an API beside it, which has none of the code."""
    with ExitStack() as stack:
        found = stack.enter_context(serve(app_with(tmp_path, workflows(), get_user_id=by_name)))
        if request.param == "api":
            app = FastAPI()
            app.include_router(ApiRoutes(settings_in(tmp_path), get_user_id=by_name).router)
            found = stack.enter_context(serve(app))
            while len(httpx.get(f"{found}/fastagency/discovery", headers=as_("adam")).json()) < 2:
                time.sleep(0.05)  # until it has read what the backend offers
        yield found


async def test_a_workflow_is_seen_and_started_by_who_has_its_role(url: str) -> None:
    for user in ("anna", "adam", "ben", None):
        async with Client(url, headers=as_(user)) as client:
            seen = await names(client)
            reply = await client.http.post("/initiate_workflow", json={"workflow_name": "closed"})
            if user in ("anna", "adam"):
                assert (set(seen), reply.status_code) == ({"open", "closed"}, 200)
                continue
            assert (seen, reply.status_code, reply.json()["code"]) == (["open"], 404, "UnknownWorkflow")
            assert reply.json()["detail"] == "There is no workflow 'closed'. There are: 'open'."
            made_up = await client.http.post("/initiate_workflow", json={"workflow_name": "made up"})
            assert reply.json()["detail"] == made_up.json()["detail"].replace("made up", "closed")
            assert (await client.http.post("/initiate_workflow", json={"workflow_name": "open"})).status_code == 200


async def test_who_loses_a_role_cannot_begin_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Client(url, headers=as_("anna")) as anna:
        run = await anna.start("closed")
        [asked] = (await anna.status(run, "waiting"))["questions"]
        monkeypatch.setitem(ROLES, "anna", [])
        path = f"/runs/{run['workflow_uuid']}"
        answer = {"question": asked["uuid"], "value": "x"}
        assert (await anna.http.post(f"{path}/answers", json=answer)).status_code == 204, "what is open goes on"
        await anna.status(run, "failed")
        for what, body in (("retry", None), ("fork", {"before": asked["uuid"]})):
            reply = await anna.http.post(f"{path}/{what}", json=body)
            assert (reply.status_code, reply.json()["code"]) == (403, "NotAllowed")
            assert reply.json()["detail"].startswith("You may not start 'closed' any more")
        monkeypatch.setitem(ROLES, "anna", ["manager"])
        assert (await anna.http.post(f"{path}/retry")).status_code == 200


async def test_where_nobody_signs_in_nobody_has_a_role(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serve(app_with(tmp_path, workflows())) as url:
        async with Client(url) as client:
            assert await names(client) == ["open"]
            request = {"workflow_name": "closed", "user_id": "anna"}
            assert (await client.http.post("/initiate_workflow", json=request)).status_code == 404
    assert "Nobody signs in here, so nobody has the roles to start 'closed'" in caplog.text


def test_roles_that_nobody_can_have_are_refused() -> None:
    wf = Workflow()
    with pytest.raises(ValueError, match="The workflow 'x' is for nobody"):
        wf.register(name="x", description="", roles=[])
    with pytest.raises(TypeError, match="a collection of texts"):
        wf.register(name="x", description="", roles="manager")


# --- auditors and admins ----------------------------------------------------------------------------------------------


async def some_run(url: str) -> tuple[Frame, Frame]:
    async with Client(url, headers=as_("anna")) as anna:
        run = await anna.start("open", amount=120)
        return run, await anna.status(run, "waiting")


READING = ("", "/messages")


async def test_an_auditor_reads_and_an_admin_stops_and_deletes(url: str, tmp_path: Path) -> None:
    run, _ = await some_run(url)
    path = f"/admin/runs/{run['workflow_uuid']}"
    async with Client(url, headers=as_("audra")) as audra, Client(url, headers=as_("adam")) as adam:
        assert [each["user_id"] for each in (await audra.http.get("/admin/runs")).json()] == ["anna"]
        assert len((await audra.http.get("/admin/runs?owner=anna&status=waiting&workflow=open")).json()) == 1
        assert (await audra.http.get("/admin/runs?owner=ben")).json() == []
        assert (await audra.http.get("/admin/runs?user_id=ben")).status_code == 422
        assert (await audra.http.get(path)).json()["params"] == {"amount": 120}
        messages = (await audra.http.get(f"{path}/messages")).json()["messages"]
        assert [each["type"] for each in messages] == ["workflow_started", "text_input"]
        assert (await audra.http.get(f"/runs/{run['workflow_uuid']}")).status_code == 404, "not on anna's own routes"
        for reply in (await audra.http.post(f"{path}/cancel"), await audra.http.delete(path)):
            assert (reply.status_code, reply.json()["code"]) == (403, "NotAllowed")
        assert (await adam.http.post(f"{path}/cancel")).json()["status"] == "cancelled"
        assert (await adam.http.delete(path)).status_code == 204
        assert (await adam.http.get(path)).status_code == 404
        log = (await adam.http.get("/admin/audit?limit=1000")).json()
    assert [(each["by"], each["action"], each["whose"]) for each in log] == [
        ("audra", "list runs", None),
        ("audra", "list runs", "anna"),
        ("audra", "list runs", "ben"),
        ("audra", "read a run", "anna"),
        ("audra", "read messages", "anna"),
        ("adam", "stop a run", "anna"),
        ("adam", "delete a run", "anna"),
        ("adam", "read a run", None),
        ("adam", "read the audit log", None),
    ]
    assert {each["run"] for each in log[3:8]} == {run["workflow_uuid"]}
    async with opened(settings_in(tmp_path)) as store:
        records = await store.people.audit(limit=1000)
    assert check(records) == records[-1]
    assert not any(name in record.body for record in records for name in ROLES)


async def test_nobody_else_gets_in(url: str) -> None:
    run, _ = await some_run(url)
    one = f"/admin/runs/{run['workflow_uuid']}"
    requests = [("GET", "/admin/runs"), ("GET", "/admin/audit"), *(("GET", one + what) for what in READING)]
    requests += [("POST", f"{one}/cancel"), ("DELETE", one)]
    for user, status, code in (("anna", 403, "NotAllowed"), ("ben", 403, "NotAllowed"), (None, 401, "NotSignedIn")):
        async with Client(url, headers=as_(user)) as client:
            for method, path in requests:
                reply = await client.http.request(method, path)
                assert (path, reply.status_code, reply.json()["code"]) == (path, status, code)
    async with Client(url, headers=as_("banned")) as client:
        for method, path in requests:
            assert (await client.http.request(method, path)).status_code == 401
    async with Client(url, headers=as_("adam")) as adam:
        [entry] = (await adam.http.get("/admin/audit")).json()
        assert entry["action"] == "read the audit log", "who is refused has looked at nothing"


async def test_a_claim_makes_nobody_an_admin(tmp_path: Path) -> None:
    with serve(app_with(tmp_path, workflows())) as url:
        for headers in ({}, {"X-FastAgency-User": "adam"}):
            assert httpx.get(f"{url}/fastagency/admin/runs", headers=headers).status_code == 401


async def test_what_cannot_be_written_down_does_not_happen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastagency_backend.store.base import StoreError
    from fastagency_backend.store.people_jobs import PeopleJobs

    async def full(self: Any, entry: Any) -> Any:
        raise StoreError("database or disk is full")

    with serve(app_with(tmp_path, workflows(), get_user_id=by_name)) as url:
        run, _ = await some_run(url)
        monkeypatch.setattr(PeopleJobs, "record", full)
        async with Client(url, headers=as_("adam")) as adam:
            path = f"/admin/runs/{run['workflow_uuid']}"
            for method, what in (("GET", "/admin/runs"), ("GET", path), ("POST", f"{path}/cancel"), ("DELETE", path)):
                reply = await adam.http.request(method, what)
                assert (reply.status_code, reply.json()["code"]) == (503, "StoreUnavailable")
                assert "full" not in reply.text
        async with Client(url, headers=as_("anna")) as anna:
            assert (await anna.info(run))["status"] == "waiting"


def test_an_adapter_may_have_its_routes_elsewhere(tmp_path: Path) -> None:
    app = FastAPI()
    paths = {"discovery_path": "/agents/list", "get_user_id": by_name}
    app.include_router(FastAPIAdapter(workflows(), settings=settings_in(tmp_path), **paths).router)
    with serve(app) as url:
        assert httpx.get(f"{url}/agents/admin/runs", headers=as_("audra")).status_code == 200
