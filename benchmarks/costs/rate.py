"""Messages per second, from the request that starts the run to the end of what comes."""

from __future__ import annotations

import asyncio
import time

from benchmarks.client import V2, Http, attach, drain, receive
from benchmarks.costs.figure import Figure, Row
from benchmarks.costs.peers import Extent, in_turn, peers
from benchmarks.server import Server
from benchmarks.text import CHUNK

ONE = Row("one", "one client, messages/s", "/s", least=0.7, aim=1.0, higher=True)
TWENTY = Row("twenty", "twenty clients of one run, messages/s in all", "/s", least=2.0, aim=3.0, higher=True)
CHUNKS = Row("chunks", "a stream of 10,000 token chunks to one client, chunks/s", "/s", least=0.5, aim=0.8, higher=True)
CLIENTS = 20


async def one(extent: Extent) -> list[Figure]:
    count = extent.of(20_000, 200)

    async def measure(server: Server) -> float:
        return await flood(server, count, 1)

    with peers() as both:
        await in_turn(both, 1, measure)
        return [Figure(ONE, *await in_turn(both, extent.rounds, measure))]


async def twenty(extent: Extent) -> list[Figure]:
    """All watch the same run; the bare application, which keeps nothing, makes the messages anew for each."""
    count = extent.of(2_000, 50)

    async def measure(server: Server) -> float:
        return await flood(server, count, CLIENTS)

    with peers() as both:
        await in_turn(both, 1, measure)
        return [Figure(TWENTY, *await in_turn(both, extent.rounds, measure))]


async def flood(server: Server, count: int, clients: int) -> float:
    started = time.perf_counter()
    async with Http(server) as http:
        run = await http.initiate("flood", messages=count)
    sockets = [await attach(server, run) for _ in range(clients)]
    received = await asyncio.gather(*(drain(socket) for socket in sockets))
    took_s = time.perf_counter() - started
    if received != [count + 2] * clients:  # with the first and the last message of the run
        raise RuntimeError(f"{count + 2} messages were sent to each client, and these came: {received}.")
    return count * clients / took_s


async def chunks(extent: Extent) -> list[Figure]:
    """Chunks that a reader has not taken yet are joined: so what is counted is the text, not the frames."""
    count = extent.of(10_000, 200)

    async def measure(server: Server) -> float:
        started = time.perf_counter()
        async with Http(server) as http:
            run = await http.initiate("chunks", chunks=count)
        written = 0
        async with await attach(server, run, V2) as socket:
            while (message := await receive(socket))["type"] != "text_message":
                if message["type"] == "text_chunk":
                    content = message["content"]
                    written = content["offset"] + len(content["delta"])
            took_s = time.perf_counter() - started
            await drain(socket)
        if written != count * len(CHUNK):
            raise RuntimeError(f"{count} chunks have {count * len(CHUNK)} characters, and {written} came.")
        return count / took_s

    with peers() as both:
        await in_turn(both, 1, measure)
        return [Figure(CHUNKS, *await in_turn(both, extent.rounds, measure))]
