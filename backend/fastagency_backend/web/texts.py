"""Several texts in one go over a WebSocket, where the server offers that."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import WebSocket

TEXTS = "fastagency.texts"
"""An extension of ASGI: a `websocket.send` with this key, a list, sends several texts (`frames.py`)."""


async def send_texts(websocket: WebSocket, texts: Sequence[str]) -> None:
    if texts and TEXTS in websocket.scope.get("extensions", ()):
        await websocket.send({"type": "websocket.send", TEXTS: texts})
        return
    for text in texts:
        await websocket.send_text(text)
