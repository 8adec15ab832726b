"""One connection from its first frame to its close: what is replied to, and how it ends, whoever is slow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.engine.engine import Engine
from fastagency_backend.settings import BackendSettings
from fastagency_backend.web import socket as socket_module
from fastagency_backend.web.identity import Identity
from fastagency_backend.web.quota import Quota
from fastagency_backend.web.socket import serve_socket
from fastagency_backend.workflow import UI
from fastagency_shared.connection import SUBPROTOCOL_V2
from fastapi import WebSocket

from tests.fakes.lab import Lab, run_id, until

ANSWER = "yes"


class Line:
    """The server's side of a connection, as an ASGI server has it."""

    def __init__(self, engine: Engine, *, v2: bool = True) -> None:
        self.sent: list[dict[str, Any]] = []
        self._frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._frames.put_nowait({"type": "websocket.connect"})
        scope = {"type": "websocket", "path": "/", "headers": [], "subprotocols": [SUBPROTOCOL_V2] if v2 else []}
        websocket = WebSocket(scope, self._frames.get, self._send)  # type: ignore[arg-type]
        self.served = asyncio.create_task(
            serve_socket(websocket, engine.service, Identity(None), Quota(BackendSettings()))
        )
        self.say({"workflow_uuid": run_id()})

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    def say(self, frame: Any) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self._frames.put_nowait({"type": "websocket.receive", "text": text})

    def say_bytes(self) -> None:
        self._frames.put_nowait({"type": "websocket.receive", "bytes": b""})

    def hang_up(self) -> None:
        self._frames.put_nowait({"type": "websocket.disconnect", "code": 1001})

    def heard(self, kind: str) -> list[Any]:
        texts = [json.loads(each["text"]) for each in self.sent if each["type"] == "websocket.send"]
        return [text for text in texts if text["type"] == kind]

    async def until(self, kind: str) -> Any:
        return (await until(lambda: self.heard(kind)))[0]

    async def code(self) -> int | None:
        """How the server has closed; None when it had no need to."""
        async with asyncio.timeout(60):
            await self.served
        codes = [each["code"] for each in self.sent if each["type"] == "websocket.close"]
        return codes[0] if codes else None


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    lab = Lab(tmp_path / "runs.sqlite3")

    @lab.wf.register("ask", "")
    def ask(ui: UI, params: dict[str, Any]) -> str:
        return ui.text_input(prompt="?")

    yield lab
    await lab.close()


async def asked(lab: Lab) -> Engine:
    engine = await lab.engine()
    await lab.start(engine, "ask")
    await lab.question(engine)
    return engine


def slowly_answered(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Answers are in, and the run has ended with them, long before whoever gave them hears of it: at the event."""
    answer, told = engine.service.answer, asyncio.Event()

    async def slow(*args: Any) -> None:
        await answer(*args)
        await told.wait()

    monkeypatch.setattr(engine.service, "answer", slow)
    return told


async def settled() -> None:
    """Until nothing more happens on the loop that nobody waits for."""
    for _ in range(100):
        await asyncio.sleep(0)


async def test_the_answer_that_a_run_ends_with_is_acknowledged_before_the_close(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await asked(lab)
    told = slowly_answered(engine, monkeypatch)
    line = Line(engine)
    question = await line.until("text_input")
    line.say({"type": "answer", "question": question["uuid"], "value": ANSWER})
    await line.until("workflow_completed")
    await settled()
    assert not line.heard("answer_result")
    told.set()
    assert await line.code() == 1000
    [result] = line.heard("answer_result")
    assert result["content"] == {"question": question["uuid"], "accepted": True, "reason": None}
    assert line.sent[-1]["type"] == "websocket.close"


async def test_a_reply_that_never_comes_does_not_keep_the_connection(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "LAST_REPLY_S", 0.01)
    engine = await asked(lab)
    slowly_answered(engine, monkeypatch)
    line = Line(engine)
    question = await line.until("text_input")
    line.say({"type": "answer", "question": question["uuid"], "value": ANSWER})
    assert await line.code() == 1000
    assert not line.heard("answer_result")


async def test_a_client_that_hangs_up_is_forgotten(lab: Lab) -> None:
    engine = await asked(lab)
    line = Line(engine)
    await line.until("text_input")
    assert len(engine.feeds) == 1
    line.hang_up()
    assert await line.code() is None
    assert len(engine.feeds) == 0


async def test_a_binary_frame_ends_the_connection_at_once(lab: Lab) -> None:
    line = Line(await asked(lab))
    await line.until("text_input")
    line.say_bytes()
    assert await line.code() == 1003


async def test_a_shutdown_ends_the_connection_at_once(lab: Lab) -> None:
    engine = await asked(lab)
    line = Line(engine)
    await line.until("text_input")
    engine.service.readers.send_home()
    assert await line.code() == 1012


async def test_a_server_that_gives_up_leaves_nothing_behind(lab: Lab) -> None:
    engine = await asked(lab)
    line = Line(engine)
    await line.until("text_input")
    line.served.cancel()
    with pytest.raises(asyncio.CancelledError):
        await line.code()
    assert len(engine.feeds) == 0
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("ws-")]


@pytest.mark.parametrize("v2", [True, False])
async def test_a_run_that_has_ended_is_sent_to_its_end(lab: Lab, v2: bool) -> None:
    engine = await asked(lab)
    await lab.answer(engine, ANSWER)
    await lab.ended(engine)
    line = Line(engine, v2=v2)
    assert await line.code() == 1000
    assert line.heard("workflow_completed")[0]["content"]["result"] == ANSWER
