"""What a worker says of itself over HTTP, its loop standing still included."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastagency_backend import probe as module
from fastagency_backend.engine.health import Health
from fastagency_backend.engine.line import Waiting
from fastagency_backend.engine.observer import NOBODY

from tests.integration.guide_process import free_port


class Process:
    """Is as it is told to be."""

    observer = NOBODY
    found = Health()

    async def health(self) -> Health:
        return self.found


async def asked(port: int, path: str = module.HEALTH_PATH) -> httpx.Response:
    return await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{port}{path}", timeout=30)


async def test_it_says_what_the_engine_says() -> None:
    process, port = Process(), free_port()
    with module.probe("127.0.0.1", port, process, None):
        answer = await asked(port)
        assert (answer.status_code, answer.json()) == (200, {"alive": True, "ready": True})
        process.found = Health(alive=False, unwell=("database",), waiting=Waiting(for_build=2))
        answer = await asked(port, module.HEALTH_PATH + "?now")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/json")
        assert answer.json() == {"alive": False, "ready": False, "unwell": ["database"], "waiting_for_build": 2}
        assert (await asked(port, "/metrics")).status_code == 404
    with pytest.raises(httpx.ConnectError):
        await asked(port)


async def test_a_loop_that_stands_still_is_said_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_TIMEOUT_S", 0.2)
    port = free_port()
    with module.probe("127.0.0.1", port, Process(), None), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.get, f"http://127.0.0.1:{port}{module.HEALTH_PATH}", timeout=30).result()
    assert (answer.status_code, answer.json()) == (503, {"alive": True, "ready": False, "unwell": ["loop"]})
