"""The measure of all things: a FastAPI application of a few lines that has the same exchange and keeps nothing.

It speaks the guide's protocol on the same routes, so that one client talks to both. The reply to `initiate_workflow`
comes back as the first frame, with the name and the params in it: there is nothing to remember in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

from benchmarks.text import BODY, CHUNK

app = FastAPI()


class Initiate(BaseModel):
    workflow_name: str
    params: dict[str, Any] = {}


@app.get("/live")
async def live() -> dict[str, int]:
    return {"runs": 0}


@app.post("/fastagency/initiate_workflow")
async def initiate(request: Initiate) -> dict[str, Any]:
    return {
        "name": request.workflow_name,
        "workflow_uuid": uuid4().hex,
        "user_id": None,
        "params": request.params,
    }


@app.websocket("/fastagency/ws")
async def converse(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol=next(iter(websocket.scope["subprotocols"]), None))
    with suppress(WebSocketDisconnect):
        run = await websocket.receive_json()
        async for kind, content in WORKFLOWS[run["name"]](websocket, run["params"]):
            await websocket.send_json(
                {
                    "type": kind,
                    "uuid": uuid4().hex,
                    "workflow_uuid": run["workflow_uuid"],
                    "sender": "a",
                    "recipient": "b",
                    "auto_reply": False,
                    "content": content,
                }
            )
        await websocket.close()


Messages = AsyncIterator[tuple[str, dict[str, Any]]]


async def echo(websocket: WebSocket, params: dict[str, Any]) -> Messages:
    yield "workflow_started", {"name": "echo", "description": "", "params": params}
    yield "text_input", {"prompt": "What?", "suggestions": [], "password": False}
    yield "text_message", {"body": await websocket.receive_text()}
    yield "workflow_completed", {"result": "done"}


async def questions(websocket: WebSocket, params: dict[str, Any]) -> Messages:
    yield "workflow_started", {"name": "questions", "description": "", "params": params}
    for number in range(params["questions"]):
        yield "text_input", {"prompt": f"Question {number}?", "suggestions": [], "password": False}
        await websocket.receive_text()
    yield "workflow_completed", {"result": "done"}


async def flood(websocket: WebSocket, params: dict[str, Any]) -> Messages:
    yield "workflow_started", {"name": "flood", "description": "", "params": params}
    for _ in range(params["messages"]):
        yield "text_message", {"body": BODY}
    yield "workflow_completed", {"result": "done"}


async def chunks(websocket: WebSocket, params: dict[str, Any]) -> Messages:
    yield "workflow_started", {"name": "chunks", "description": "", "params": params}
    for number in range(params["chunks"]):
        yield "text_chunk", {"stream": "s", "delta": CHUNK, "offset": number * len(CHUNK)}
        await asyncio.sleep(0)
    yield "text_message", {"body": "written"}
    yield "workflow_completed", {"result": "done"}


WORKFLOWS = {
    "echo": echo,
    "questions": questions,
    "questions_thread": questions,
    "flood": flood,
    "chunks": chunks,
}
