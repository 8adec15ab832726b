"""A real server for the tests of the protocol: uvicorn on a loopback port, real HTTP and WebSocket clients."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastagency_backend.settings import BackendSettings
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import UI, AsyncUI, Workflow
from fastagency_shared.connection import SUBPROTOCOL_V2
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.databases import Database

DEADLINE_S = 60.0
Frame = dict[str, Any]


def settings_in(folder: Path) -> BackendSettings:
    return settings_on(folder / "runs.sqlite3")


def settings_on(database: Database) -> BackendSettings:
    return BackendSettings(database=database, database_synchronous="NORMAL", warm_s=600)


def app_with(folder: Path, wf: Workflow | None = None, **adapter: Any) -> FastAPI:
    """An application as the guide writes it."""
    return app_on(folder / "runs.sqlite3", wf, **adapter)


def app_on(database: Database, wf: Workflow | None = None, **adapter: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(FastAPIAdapter(provider=wf or workflows(), settings=settings_on(database), **adapter).router)
    return app


@contextmanager
def serve(app: FastAPI, **options: Any) -> Iterator[str]:
    """The application on a free loopback port, in a thread; the URL. `options` are uvicorn's."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on", **options))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="uvicorn")
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Client:
    """Speaks to a server as a custom client does."""

    def __init__(
        self, url: str, prefix: str = "/fastagency", headers: dict[str, str] | None = None, user: str | None = None
    ) -> None:
        """`user`: who it claims to be."""
        self.prefix, self.user = prefix, user
        self.headers = (headers or {}) | ({} if user is None else {"X-FastAgency-User": user})
        self.ws_url = "ws" + url.removeprefix("http") + prefix + "/ws"
        self.http = httpx.AsyncClient(base_url=url + prefix, timeout=DEADLINE_S, headers=self.headers)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def start(self, workflow: str, **params: Any) -> Frame:
        """Initiate; the reply."""
        request = {"workflow_name": workflow, "params": params, "user_id": self.user}
        reply = await self.http.post("/initiate_workflow", json=request)
        assert reply.status_code == 200, reply.text
        body: Frame = reply.json()
        return body

    @asynccontextmanager
    async def v1(self, first: Any = None) -> AsyncIterator[Socket]:
        async with connect(self.ws_url, additional_headers=self.headers, max_size=None, max_queue=None) as ws:
            yield await Socket(ws).say(first)

    @asynccontextmanager
    async def v2(self, first: Any = None, *, max_queue: int | None = None) -> AsyncIterator[Socket]:
        """`max_queue`: frames that are read ahead of `hear`; by default all, which leaves a socket at once."""
        options: Any = {"max_size": None, "max_queue": max_queue, "subprotocols": [SUBPROTOCOL_V2]}
        async with connect(self.ws_url, additional_headers=self.headers, **options) as ws:
            assert ws.subprotocol == SUBPROTOCOL_V2
            yield await Socket(ws).say(first)

    async def log(self, run: Frame) -> list[Frame]:
        reply = await self.http.get(f"/runs/{run['workflow_uuid']}/messages", params={"limit": 500})
        messages: list[Frame] = reply.json()["messages"]
        return messages

    async def info(self, run: Frame) -> Frame:
        body: Frame = (await self.http.get(f"/runs/{run['workflow_uuid']}")).json()
        return body

    async def status(self, run: Frame, *wanted: str) -> Frame:
        """Wait until the run has one of the statuses."""
        async with asyncio.timeout(DEADLINE_S):
            while (info := await self.info(run))["status"] not in wanted:
                await asyncio.sleep(0.01)
        return info


class Socket:
    """One WebSocket with what it has heard so far."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.heard: list[Frame] = []
        self.code: int | None = None

    async def say(self, frame: Any) -> Socket:
        if frame is not None:
            await self.ws.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))
        return self

    async def hear(self) -> Frame | None:
        """The next frame; None when the server has closed, with `code` saying why."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                frame: Frame = json.loads(await self.ws.recv())
            except ConnectionClosed:
                self.code = self.ws.close_code
                return None
        self.heard.append(frame)
        return frame

    async def until(self, kind: str) -> Frame:
        """The next frame of a type."""
        while True:
            frame = await self.hear()
            assert frame is not None, f"closed with {self.code} before a {kind} came, after {self.types}"
            if frame["type"] == kind:
                return frame

    async def rest(self) -> list[Frame]:
        """Everything up to the close; all that was heard."""
        while await self.hear() is not None:
            pass
        return self.heard

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.heard]

    @property
    def logged(self) -> list[Frame]:
        return [frame for frame in self.heard if "seq" in frame]


def workflows() -> Workflow:
    """What the tests need a workflow to do."""
    wf = Workflow()

    @wf.register(name="talk", description="Asks for a subject, then for toppings")
    async def talk(ui: AsyncUI, params: Frame) -> str:
        await ui.text_message(sender="teacher", recipient="student", body="hello")
        subject = await ui.text_input(sender="teacher", recipient="User", prompt="subject?", suggestions=["maths"])
        await ui.text_message(sender="teacher", recipient="student", body=f"so {subject}")
        chosen: Any = await ui.multiple_choice(prompt="which?", choices=["a", "b", "c, d"], single=False)
        return f"{subject}: {chosen.chosen}"

    @wf.register(name="blocking", description="The same in a thread")
    def blocking(ui: UI, params: Frame) -> str:
        return ui.multiple_choice(prompt="tea?", choices=["yes", "no"], default="yes")

    @wf.register(name="secret", description="Asks for a password")
    async def secret(ui: AsyncUI, params: Frame) -> str:
        return str(len(await ui.text_input(prompt="password?", password=True)))

    @wf.register(name="burst", description="Says much at once")
    async def burst(ui: AsyncUI, params: Frame) -> None:
        for number in range(params["count"]):
            await ui.text_message(body=f"{number} " + "x" * params.get("size", 0))

    @wf.register(name="fail", description="Raises")
    async def fail(ui: AsyncUI, params: Frame) -> None:
        raise ValueError("the database password is hunter2")

    @wf.register(name="long", description="Makes a call that takes an hour")
    async def long(ui: AsyncUI, params: Frame) -> None:
        await ui.text_message(body="working")
        await ui.step(asyncio.sleep, 3600)

    @wf.register(name="params", description="Returns its params")
    async def params(ui: AsyncUI, params: Frame) -> str:
        return json.dumps(params, sort_keys=True)

    @wf.register(name="both", description="Asks two people at once")
    async def both(ui: AsyncUI, params: Frame) -> str:
        questions = (ui.text_input(prompt="left?"), ui.text_input(prompt="right?"))
        return " ".join(await asyncio.gather(*questions))

    return wf
