"""The client side of the benchmarks: the guide's protocol and v2."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK

from benchmarks.server import Server


async def initiate(http: httpx.AsyncClient, workflow: str, **params: Any) -> dict[str, Any]:
    reply = await http.post("/fastagency/initiate_workflow", json={"workflow_name": workflow, "params": params})
    reply.raise_for_status()
    run: dict[str, Any] = reply.json()
    return run


def client(server: Server) -> httpx.AsyncClient:
    """One client for all requests: making one takes longer than a request."""
    return httpx.AsyncClient(base_url=server.http, timeout=60)


async def attach(server: Server, run: dict[str, Any]) -> ClientConnection:
    socket = await connect(f"{server.ws}/fastagency/ws", compression=None, max_queue=None)
    await socket.send(json.dumps(run))
    return socket


async def drain(socket: ClientConnection) -> int:
    """Read to the end; how many messages there were."""
    count = 0
    try:
        while True:
            await socket.recv(decode=False)
            count += 1
    except ConnectionClosedOK:
        return count


async def answer_all(socket: ClientConnection) -> list[float]:
    """Answer every question at once; seconds from each answer to the next frame."""
    waits: list[float] = []
    try:
        text = await socket.recv()
        while True:
            if '"text_input"' not in str(text):
                text = await socket.recv()
                continue
            started = time.perf_counter()
            await socket.send("yes")
            text = await socket.recv()
            waits.append(time.perf_counter() - started)
    except ConnectionClosedOK:
        return waits
