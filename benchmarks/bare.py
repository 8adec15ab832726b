"""The measure of all things: a FastAPI WebSocket that sends the same payload and does nothing else."""

from __future__ import annotations

import json

from fastagency_shared.messages import TextInput, TextMessage
from fastapi import FastAPI, WebSocket

from benchmarks.workflows import BODY

app = FastAPI()
MESSAGE = TextMessage(sender="a", recipient="b", body=BODY, workflow_uuid="0" * 32).model_dump_json()
QUESTION = TextInput(sender="a", recipient="User", prompt="Question 1?", workflow_uuid="0" * 32).model_dump_json()


@app.get("/ready")
async def ready() -> str:
    return "ready"


@app.websocket("/flood")
async def flood(websocket: WebSocket) -> None:
    await websocket.accept()
    for _ in range(json.loads(await websocket.receive_text())["messages"]):
        await websocket.send_text(MESSAGE)
    await websocket.close()


@app.websocket("/questions")
async def questions(websocket: WebSocket) -> None:
    await websocket.accept()
    for _ in range(json.loads(await websocket.receive_text())["questions"]):
        await websocket.send_text(QUESTION)
        await websocket.receive_text()
    await websocket.close()
