"""The client side of the benchmarks: the guide's protocol, and v2 where a measure needs it.

The same code talks to an application of ours and to the bare one beside it, so what it costs counts on both sides.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK
from websockets.typing import Subprotocol

from benchmarks.server import Server

V2 = [Subprotocol("fastagency.v2")]


class Http:
    """One connection, kept alive, and one request at a time on it: the least that a client can cost."""

    def __init__(self, server: Server) -> None:
        self._port = server.port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def get(self, path: str) -> Any:
        return await self._request("GET", path, b"")

    async def initiate(self, workflow: str, **params: Any) -> dict[str, Any]:
        body = json.dumps({"workflow_name": workflow, "params": params}).encode()
        run: dict[str, Any] = await self._request("POST", "/fastagency/initiate_workflow", body)
        return run

    async def _request(self, method: str, path: str, body: bytes) -> Any:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        status, *headers = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        (length,) = (line.partition(":")[2] for line in headers if line.lower().startswith("content-length:"))
        content = await self._reader.readexactly(int(length))
        if status.split()[1] != "200":
            raise RuntimeError(f"{method} {path} gave {status}: {content[:200]!r}")
        return json.loads(content)


async def attach(
    server: Server, run: dict[str, Any], subprotocols: list[Subprotocol] | None = None
) -> ClientConnection:
    """Connect to a run. Whatever else takes time is off: the look for a proxy, pings, compression."""
    socket = await connect(
        f"{server.ws}/fastagency/ws",
        compression=None,
        max_queue=None,
        ping_interval=None,
        proxy=None,
        subprotocols=subprotocols,
    )
    await socket.send(json.dumps(run))
    return socket


async def receive(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.recv())
    return message


async def until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of this type; others are passed over."""
    while (message := await receive(socket))["type"] != kind:
        pass
    return message


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
    """Answer every question at once; seconds from each answer to the next message."""
    waits: list[float] = []
    await until(socket, "text_input")
    try:
        while True:
            started = time.perf_counter()
            await socket.send("yes")
            message = await receive(socket)
            waits.append(time.perf_counter() - started)
            if message["type"] != "text_input":
                await drain(socket)
                return waits
    except ConnectionClosedOK:
        return waits


@dataclass
class Echo:
    """Seconds of echo runs: from the request to the first message, to the question, from the answer to the end."""

    first: list[float] = field(default_factory=list)
    question: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)


async def echo(server: Server, http: Http, times: Echo) -> None:
    """A whole run: start, one question, answer, end."""
    started = time.perf_counter()
    async with await attach(server, await http.initiate("echo")) as socket:
        message = await receive(socket)
        times.first.append(time.perf_counter() - started)
        if message["type"] != "text_input":
            await until(socket, "text_input")
        times.question.append(time.perf_counter() - started)
        answered = time.perf_counter()
        await socket.send("yes")
        await drain(socket)
        times.end.append(time.perf_counter() - answered)
