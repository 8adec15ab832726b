"""The adapter in applications of all shapes: other paths, prefixes, mounts, lifespans; a shutdown with clients."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.web import FastAPIAdapter
from fastapi import APIRouter, FastAPI

from tests.integration.server import DEADLINE_S, Client, app_with, serve, settings_in, workflows

ROOT = Path(__file__).parents[2]


async def converse(client: Client) -> None:
    run = await client.start("blocking")
    async with client.v2(run) as ws:
        question = await ws.until("multiple_choice")
        await ws.say({"type": "answer", "question": question["uuid"], "value": "no"})
        await ws.rest()
    assert ws.logged[-1]["content"]["result"] == "no"
    assert (await client.info(run))["status"] == "completed"
    document = (await client.http.get("/asyncapi.json")).json()
    assert document["channels"]["v2"]["address"] == "/" + client.ws_url.split("/", 3)[3]


async def test_paths_may_be_others(tmp_path: Path) -> None:
    adapter = FastAPIAdapter(
        workflows(),
        discovery_path="/api/what",
        initiate_workflow_path="/api/go",
        ws_path="/api/live",
        settings=settings_in(tmp_path),
    )
    app = FastAPI()
    app.include_router(adapter.router)
    with serve(app) as url:
        async with Client(url, "/api") as client:
            client.ws_url = client.ws_url.replace("/ws", "/live")
            assert len((await client.http.get("/what")).json()) == len(workflows().names)
            run = (await client.http.post("/go", json={"workflow_name": "params"})).json()
            async with client.v1(run) as ws:
                await ws.rest()
            assert ws.code == 1000
            assert (await client.info(run))["name"] == "params"
            assert (await client.http.get("/asyncapi.json")).json()["channels"]["v1"]["address"] == "/api/live"


@pytest.mark.parametrize("path", ["fastagency/discovery", "", "ws"])
def test_a_path_begins_with_a_slash(path: str) -> None:
    with pytest.raises(ValueError, match="must begin with a slash"):
        FastAPIAdapter(workflows(), discovery_path=path)


def test_a_provider_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="takes the Workflow object with your workflows, not dict"):
        FastAPIAdapter({})  # type: ignore[arg-type]


async def test_an_included_router_may_have_a_prefix(tmp_path: Path) -> None:
    outer = APIRouter(prefix="/outer")
    outer.include_router(FastAPIAdapter(workflows(), settings=settings_in(tmp_path)).router)
    app = FastAPI()
    app.include_router(outer, prefix="/very")
    with serve(app) as url:
        async with Client(url, "/very/outer/fastagency") as client:
            await converse(client)


async def test_a_mounted_application_works_without_a_lifespan(tmp_path: Path) -> None:
    app = FastAPI()
    app.mount("/sub", app_with(tmp_path))
    with serve(app) as url:
        async with Client(url, "/sub/fastagency") as client:
            await converse(client)


async def test_an_application_keeps_its_own_lifespan(tmp_path: Path) -> None:
    told: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        told.append("start")
        yield {"state": 1}
        told.append("stop")

    app = FastAPI(lifespan=lifespan)
    app.include_router(FastAPIAdapter(workflows(), settings=settings_in(tmp_path)).router)
    with serve(app) as url:
        async with Client(url) as client:
            await converse(client)
    assert told == ["start", "stop"]


async def test_an_application_may_be_started_again(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    with serve(app) as url:
        async with Client(url) as client:
            run = await client.start("blocking")
            await client.status(run, "waiting")
    with serve(app) as url:
        async with Client(url) as client, client.v2(run) as ws:
            question = await ws.until("multiple_choice")
            await ws.say({"type": "answer", "question": question["uuid"], "value": "yes"})
            await ws.rest()
    assert ws.logged[-1]["content"]["result"] == "yes"


PROGRAM = """
import sys, uvicorn
from pathlib import Path
from tests.integration.server import app_with
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app_with(Path(sys.argv[1])), log_level="warning")).run(sockets=[listener])
"""


@pytest.mark.fault
async def test_a_stop_sends_streams_home_at_once_and_the_runs_go_on(tmp_path: Path) -> None:
    """Nothing is said for 15 s between heartbeats; a server that waited for the next one would still be there."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        async with Client(url) as client:
            run = await client.start("blocking")
            await client.status(run, "waiting")
            stream = f"/runs/{run['workflow_uuid']}/events"
            async with client.v2(run) as ws, client.http.stream("GET", stream) as events:
                await ws.until("multiple_choice")
                lines = events.aiter_lines()
                async for line in lines:
                    if line == "event: multiple_choice":
                        break
                os.kill(process.pid, signal.SIGTERM)
                await ws.rest()
                assert ws.code == 1012
                rest = [line async for line in lines]
                assert ": still here" not in rest
        process.wait(DEADLINE_S)
    with serve(app_with(tmp_path)) as url:
        async with Client(url) as client:
            question = (await client.status(run, "waiting"))["questions"][0]["uuid"]
            answer = {"question": question, "value": "yes"}
            await client.http.post(f"/runs/{run['workflow_uuid']}/answers", json=answer)
            assert (await client.status(run, "completed"))["result"] == "yes"
            seqs = [message["seq"] for message in await client.log(run)]
    assert seqs == list(range(1, 5))
