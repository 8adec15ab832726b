"""The guide's classic application, killed with SIGKILL in the middle of model calls and started again."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastagency_shared.messages import parse_message
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.fakes.classic import plain, predictable
from tests.fakes.openai_server import OpenAIServer, fingerprint

EXAMPLE = Path(__file__).parents[2] / "examples" / "guide" / "classic"
ANSWERS = {"Workflow": "Triangles", "learner": "Why is that?"}
TURNS = 3


class Backend:
    """`uvicorn main_1_fastapi:app` on one port and one database, again and again."""

    def __init__(self, folder: Path, model: OpenAIServer) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._log = folder / "backend.log"
        self._environment = os.environ | {
            "FASTAGENCY_DATABASE": str(folder / "runs.db"),
            "FASTAGENCY_LEASE_S": "0.5",
            "FASTAGENCY_MODEL_NAME": "fake",
            "OPENAI_BASE_URL": model.base_url,
            "OPENAI_API_KEY": "sk-fake",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def start(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "main_1_fastapi:app", "--port", str(self._port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=EXAMPLE, env=self._environment, stdout=log, stderr=log)
        async with httpx.AsyncClient() as client, asyncio.timeout(60):
            while True:
                try:
                    await client.get(f"http://{self.address}/fastagency/discovery")
                except httpx.TransportError:
                    assert self._process.poll() is None, self._log.read_text()
                    await asyncio.sleep(0.05)
                else:
                    return

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def output(self) -> str:
        return self._log.read_text()


@contextmanager
def backend_of(folder: Path, model: OpenAIServer) -> Iterator[Backend]:
    backend = Backend(folder, model)
    try:
        yield backend
    finally:
        backend.kill()


async def initiated(backend: Backend, workflow: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        reply = await client.post(
            f"http://{backend.address}/fastagency/initiate_workflow", json={"workflow_name": workflow, "params": {}}
        )
    return reply.raise_for_status().json()  # type: ignore[no-any-return]


async def talked(backend: Backend, run: dict[str, Any]) -> None:
    """Follow a run as a v1 client does, answering questions, coming back whenever the connection is lost."""
    answered: Counter[str] = Counter()
    while True:
        try:
            async with connect(f"ws://{backend.address}/fastagency/ws") as socket:
                await socket.send(json.dumps(run))
                async for frame in socket:
                    message = json.loads(frame)
                    if message["type"] == "text_input" and message["uuid"] not in answered:
                        turns = sum(answered.values())
                        await socket.send("exit" if turns > TURNS else ANSWERS[message["sender"]])
                        answered[message["uuid"]] += 1
                    if message["type"] in ("workflow_completed", "error"):
                        assert message["type"] == "workflow_completed", message
                        return
        except (OSError, ConnectionClosed):
            await asyncio.sleep(0.05)


async def log_of(backend: Backend, run: dict[str, Any]) -> list[Any]:
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"http://{backend.address}/fastagency/runs/{run['workflow_uuid']}/messages")).json()
    messages = [parse_message(message) for message in page["messages"]]
    assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
    return plain(messages)


@pytest.mark.fault
@pytest.mark.timeout(300)
@pytest.mark.parametrize("workflow", ["learning_chat", "learning_run", "your_own_questions"])
async def test_killed_in_the_middle_of_calls(workflow: str, tmp_path: Path) -> None:
    with OpenAIServer() as model, backend_of(tmp_path, model) as backend:
        predictable(model)
        await backend.start()
        first = await initiated(backend, workflow)
        async with asyncio.timeout(60):
            await talked(backend, first)
        expected, calls = await log_of(backend, first), [fingerprint(call) for call in model.calls]
        model.calls.clear()
        model.behaviour.delay_s = 0.3

        second = await initiated(backend, workflow)
        client = asyncio.create_task(talked(backend, second))
        places = [2, 4]
        for place in places:
            while len(model.calls) < place:
                assert not client.done()
                await asyncio.sleep(0.01)
            backend.kill()
            await backend.start()
        async with asyncio.timeout(60):
            await client

        assert await log_of(backend, second) == expected
        assert len(model.calls) <= len(calls) + len(places), "only the calls in flight at a kill may be made again"
        assert {fingerprint(call) for call in model.calls} == set(calls)
        assert "Traceback" not in backend.output()
        assert "student" not in backend.output(), "the conversation is shown on the server's terminal"
