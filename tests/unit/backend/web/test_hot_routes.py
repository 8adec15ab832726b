"""The guide's two HTTP routes answer by themselves; nothing of what FastAPI does for a dependency is lost by that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastagency_backend.settings import BackendSettings
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import AsyncUI, Workflow
from fastapi import BackgroundTasks, Depends, FastAPI, Header, HTTPException, Response

wf = Workflow()
told: list[str] = []


@wf.register(name="chat", description="Talk, with ümlauts.")
async def chat(ui: AsyncUI, params: dict[str, Any]) -> str:
    return "done"


async def session() -> AsyncIterator[str]:
    told.append("opened")
    try:
        yield "ann"
    finally:
        told.append("closed")


def signed_in(
    name: Annotated[str, Depends(session)],
    response: Response,
    tasks: BackgroundTasks,
    token: Annotated[str | None, Header()] = None,
) -> str:
    if token == "banned":
        raise HTTPException(403, "Not you.")
    response.set_cookie("seen", "yes")
    response.set_cookie("twice", "yes")
    if token == "new":
        response.status_code = 201
    tasks.add_task(told.append, "afterwards")
    return name


@asynccontextmanager
async def client(folder: Path, *, on_router: bool = False, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    settings = BackendSettings(database=folder / "runs.sqlite3", database_synchronous="NORMAL")
    adapter = FastAPIAdapter(wf, settings=settings, **options)
    app.include_router(adapter.router, dependencies=[Depends(signed_in)] if on_router else [])
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://testserver/fastagency"
        ) as client:
            yield client
    finally:
        await (await adapter.engine()).stop()


async def both(client: httpx.AsyncClient, **request: Any) -> list[httpx.Response]:
    return [
        await client.get("/discovery", **request),
        await client.get("http://testserver//fastagency/discovery", **request),
        await client.post("/initiate_workflow", json={"workflow_name": "chat", "user_id": "bob"}, **request),
    ]


@pytest.mark.parametrize("how", ["get_user_id", "router"])
async def test_what_a_dependency_sets_reaches_the_client(tmp_path: Path, how: str) -> None:
    told.clear()
    kwargs: dict[str, Any] = {"get_user_id": signed_in} if how == "get_user_id" else {"on_router": True}
    async with client(tmp_path, **kwargs) as ours:
        for reply in await both(ours):
            assert reply.status_code == 200
            assert [*reply.cookies] == ["seen", "twice"]
            assert reply.headers.get_list("content-type") == ["application/json"]
            assert reply.headers.get_list("content-length") == [str(len(reply.content))]
        assert told == ["opened", "afterwards", "closed"] * 3
        assert {reply.status_code for reply in await both(ours, headers={"token": "new"})} == {201}
        for reply in await both(ours, headers={"token": "banned"}):
            assert (reply.status_code, reply.json()) == (403, {"detail": "Not you."})
        assert told.count("opened") == told.count("closed") == 9


@pytest.mark.parametrize(("adapter", "user"), [({}, "bob"), ({"get_user_id": signed_in}, "ann")])
async def test_the_reply_is_the_model_that_is_documented(tmp_path: Path, adapter: Any, user: str) -> None:
    params = {"deep": {"list": [1, 1.5, None, "ü"]}}
    async with client(tmp_path, **adapter) as ours:
        assert (await ours.get("/discovery")).json() == [{"name": "chat", "description": "Talk, with ümlauts."}]
        body = {"workflow_name": "chat", "workflow_uuid": "1" * 32, "user_id": "bob", "params": params}
        reply = (await ours.post("/initiate_workflow", json=body)).json()
    assert reply == {"name": "chat", "workflow_uuid": "1" * 32, "user_id": user, "params": params}


@pytest.mark.parametrize("adapter", [{}, {"get_user_id": signed_in}])
@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"json": {}}, "workflow_name"),
        ({"json": {"workflow_name": ""}}, "workflow_name"),
        ({"json": [1]}, ""),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, ""),
        ({"content": b'{"workflow_name": "chat"}'}, "no content type"),
        ({"data": {"workflow_name": "chat"}}, "x-www-form-urlencoded"),
    ],
)
async def test_a_request_that_is_malformed_is_explained(tmp_path: Path, adapter: Any, request_: Any, says: str) -> None:
    async with client(tmp_path, **adapter) as ours:
        reply = await ours.post("/initiate_workflow", **request_)
    assert reply.status_code == 422
    assert reply.json()["code"] == "InvalidRequest"
    assert says in reply.json()["detail"]
