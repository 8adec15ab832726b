"""Who is calling: any FastAPI dependency, on every route; a run belongs to its user, for others it does not exist."""

from __future__ import annotations

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastagency_backend.web import FastAPIAdapter
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.integration.server import Client, Frame, app_with, serve, settings_in, workflows

RUN = "0" * 31 + "b"
EXAMPLES = Path(__file__).parents[2] / "examples" / "custom_clients"


def by_header(token: Annotated[str | None, Header()] = None) -> str:
    if token is None:
        raise HTTPException(401, "Please sign in.", headers={"WWW-Authenticate": "Token"})
    if token == "banned":
        raise HTTPException(403, "Not you.")
    return f"user-{token}"


def by_basic(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
    if credentials.password != "right":
        raise HTTPException(401, "Wrong password.")
    return credentials.username


opened: list[str] = []


async def by_yield(request: Request) -> AsyncIterator[str]:
    opened.append("in")
    yield request.headers["token"]
    opened.append("out")


class ByInstance:
    """A callable object, with a dependency of its own."""

    async def __call__(self, user: Annotated[str, Depends(by_header)]) -> str:
        return user.upper()


def basic(user: str, password: str = "right") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def token(user: str) -> dict[str, str]:
    return {"token": user}


KINDS = pytest.mark.parametrize(
    ("get_user_id", "headers"),
    [(by_header, token), (by_basic, basic), (by_yield, token), (ByInstance(), token)],
    ids=["header", "basic", "yield", "instance"],
)


async def refusals(client: Client, run: Frame) -> list[tuple[int, Any]]:
    """What each route says of a run."""
    uuid = run["workflow_uuid"]
    requests: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("GET", "/messages", None),
        ("GET", "/events", None),
        ("POST", "/answers", {"question": "q", "value": "x"}),
        ("POST", "/cancel", None),
        ("PATCH", "", {"title": "mine"}),
        ("DELETE", "", None),
    ]
    said = []
    for method, rest, body in requests:
        reply = await client.http.request(method, f"/runs/{uuid}{rest}", json=body)
        said.append((reply.status_code, str(reply.json()).replace(uuid, "ID")))
    for open_socket in (client.v1, client.v2):
        async with open_socket({"workflow_uuid": uuid, "user_id": "ann"}) as ws:
            await ws.rest()
        assert ws.types == ["error"]
        said.append((ws.code or 0, ws.heard[0]["content"]["short"].replace(uuid, "ID")))
    return said


@KINDS
async def test_any_dependency_holds_on_every_route(tmp_path: Path, get_user_id: Any, headers: Any) -> None:
    opened.clear()
    with serve(app_with(tmp_path, get_user_id=get_user_id)) as url:
        async with Client(url, headers=headers("ann")) as ann, Client(url, headers=headers("bob")) as bob:
            run = await ann.start("blocking")
            assert run["user_id"].lower().endswith("ann")
            async with ann.v2({"workflow_uuid": run["workflow_uuid"]}) as ws:
                await ws.until("multiple_choice")
            never = {"workflow_uuid": RUN}
            assert await refusals(bob, run) == await refusals(bob, never)
            assert {status for status, _ in await refusals(bob, run)} == {404, 4404}
            assert (await bob.http.get("/runs")).json() == []
            assert [each["workflow_uuid"] for each in (await ann.http.get("/runs")).json()] == [run["workflow_uuid"]]
            assert (await ann.info(run))["status"] == "waiting", "what bob tried has changed nothing"
    assert opened.count("in") == opened.count("out")


async def test_a_claim_counts_for_nothing_where_the_backend_authenticates(tmp_path: Path) -> None:
    with serve(app_with(tmp_path, get_user_id=by_header)) as url:
        async with Client(url, headers=token("ann")) as ann, Client(url, headers=token("bob")) as bob:
            request = {"workflow_name": "blocking", "user_id": "user-bob"}
            run = (await ann.http.post("/initiate_workflow", json=request)).json()
            assert run["user_id"] == "user-ann"
            claims: list[dict[str, Any]] = [
                {"params": {"user_id": "user-ann"}},
                {"headers": {"X-FastAgency-User": "user-ann"}},
            ]
            for claim in claims:
                reply = await bob.http.get(f"/runs/{run['workflow_uuid']}", **claim)
                assert reply.status_code == 404


async def test_where_nobody_authenticates_a_run_belongs_to_who_is_claimed(tmp_path: Path) -> None:
    with serve(app_with(tmp_path)) as url:
        async with Client(url) as client:
            request = {"workflow_name": "blocking", "user_id": "ann"}
            run = (await client.http.post("/initiate_workflow", json=request)).json()
            for claim, status in (("ann", 200), ("bob", 404), ("", 404)):
                reply = await client.http.get(f"/runs/{run['workflow_uuid']}", params={"user_id": claim})
                assert reply.status_code == status
                reply = await client.http.get(f"/runs/{run['workflow_uuid']}", headers={"X-FastAgency-User": claim})
                assert reply.status_code == status
            async with client.v1(run) as ws:
                await ws.until("multiple_choice")
            async with client.v1({**run, "user_id": "bob"}) as ws:
                await ws.rest()
            assert ws.code == 4404


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (token("banned"), 403)])
async def test_who_is_refused_is_refused_everywhere(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    with serve(app_with(tmp_path, get_user_id=by_header)) as url:
        async with Client(url, headers=headers) as client:
            requests = [
                client.http.get("/discovery"),
                client.http.post("/initiate_workflow", json={"workflow_name": "blocking"}),
                client.http.get("/runs"),
                client.http.get(f"/runs/{RUN}"),
                client.http.get(f"/runs/{RUN}/messages"),
                client.http.get(f"/runs/{RUN}/events"),
                client.http.post(f"/runs/{RUN}/answers", json={"question": "q", "value": "x"}),
                client.http.post(f"/runs/{RUN}/cancel"),
                client.http.patch(f"/runs/{RUN}", json={"title": "x"}),
                client.http.delete(f"/runs/{RUN}"),
            ]
            for request in requests:
                reply = await request
                assert reply.status_code == status
                assert reply.json() == {"detail": "Please sign in." if status == 401 else "Not you."}
            with pytest.raises(InvalidStatus) as refused:
                async with connect(client.ws_url, additional_headers=headers):
                    pass
            assert refused.value.response.status_code == status
            assert refused.value.response.headers.get("WWW-Authenticate") == ("Token" if status == 401 else None)


async def test_a_dependency_that_lacks_what_it_needs_refuses_the_handshake(tmp_path: Path) -> None:
    with serve(app_with(tmp_path, get_user_id=by_basic)) as url:
        async with Client(url) as client:
            for headers, status in (({}, 401), (basic("ann", "wrong"), 401)):
                with pytest.raises(InvalidStatus) as refused:
                    async with connect(client.ws_url, additional_headers=headers):
                        pass
                assert refused.value.response.status_code == status


async def test_overrides_of_a_test_hold_on_the_websocket_too(tmp_path: Path) -> None:
    app = app_with(tmp_path, get_user_id=by_header)
    app.dependency_overrides[by_header] = lambda: "tester"
    with serve(app) as url:
        async with Client(url) as client:
            run = await client.start("blocking")
            assert run["user_id"] == "tester"
            async with client.v1(run) as ws:
                await ws.until("multiple_choice")


async def test_a_user_may_be_a_number_or_nobody(tmp_path: Path) -> None:
    def numbered(token: Annotated[int, Header()] = 0) -> int | None:
        return token or None

    with serve(app_with(tmp_path, get_user_id=numbered)) as url:
        async with Client(url, headers=token("7")) as seven, Client(url) as nobody:
            run = await seven.start("blocking")
            assert run["user_id"] == "7"
            assert (await nobody.http.get(f"/runs/{run['workflow_uuid']}")).status_code == 404
            anonymous = await nobody.start("blocking")
            assert anonymous["user_id"] is None
            async with nobody.v1(anonymous) as ws:
                await ws.until("multiple_choice")


async def test_handlers_of_the_application_see_its_own_exceptions(tmp_path: Path) -> None:
    class SignedOut(Exception):
        pass

    def raises() -> str:
        raise SignedOut

    app = FastAPI()

    @app.exception_handler(SignedOut)
    async def handle(request: Request, error: SignedOut) -> Any:
        from fastapi.responses import JSONResponse

        return JSONResponse({"detail": "bye"}, status_code=418)

    app.include_router(FastAPIAdapter(workflows(), get_user_id=raises, settings=settings_in(tmp_path)).router)
    with serve(app) as url:
        async with Client(url) as client:
            assert (await client.http.get("/discovery")).status_code == 418
            with pytest.raises(InvalidStatus) as refused:
                async with connect(client.ws_url):
                    pass
            assert refused.value.response.status_code == 418


async def test_the_example_client_for_node_sends_headers(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Install Node.js 20 or newer to run the client that is written in JavaScript.")
    command = [node, str(EXAMPLES / "node_client.mjs"), "--workflow", "blocking", "--header", "Token: ann"]
    with serve(app_with(tmp_path, get_user_id=by_header)) as url:
        process = await asyncio.create_subprocess_exec(
            *command, "--url", url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate(b"yes\n")
        async with Client(url, headers={"Token": "ann"}) as client:
            runs = (await client.http.get("/runs")).json()
    assert "[workflow_completed] Workflow: yes" in said.decode()
    assert [run["user_id"] for run in runs] == ["user-ann"]
