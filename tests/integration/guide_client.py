"""A client as the guide describes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

TIMEOUT_S = 60.0


class GuideClient:
    """What the guide describes, and nothing more: three routes, plain text for an answer."""

    def __init__(self, url: str, workflow: str) -> None:
        self._url = url
        body: dict[str, Any] = {"workflow_name": workflow, "user_id": None, "params": {}}
        reply = httpx.post(f"{url}/fastagency/initiate_workflow", json=body, timeout=TIMEOUT_S)
        reply.raise_for_status()
        self.reply: dict[str, Any] = reply.json()
        self.closed: int | None = None

    @contextmanager
    def attach(self) -> Iterator[ClientConnection]:
        with connect(f"{self._url.replace('http', 'ws', 1)}/fastagency/ws") as websocket:
            websocket.send(json.dumps(self.reply))
            yield websocket

    def talk(self, *answers: str) -> list[dict[str, Any]]:
        """Every message until the server closes; the questions are answered in turn."""
        left, messages = list(answers), []
        with self.attach() as websocket:
            for frame in websocket:  # ends when the server closes
                message = json.loads(frame)
                messages.append(message)
                if message["type"] in ("text_input", "multiple_choice"):
                    websocket.send(left.pop(0))
            self.closed = websocket.close_code
        return messages
