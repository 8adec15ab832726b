"""A thousand people who answer at once, each in a conversation whose workflow waits in a thread of its own."""

from __future__ import annotations

import asyncio
import resource
import time

from websockets.asyncio.client import ClientConnection

from benchmarks.client import Http, attach, receive, until
from benchmarks.costs.figure import Figure, Row
from benchmarks.costs.peers import Extent, in_turn, peers
from benchmarks.server import Server, percentile

CROWD = Row("crowd", "1,000 `def` conversations answered at once, p99", "ms", least=7.0, aim=4.0)
BETWEEN_S = 0.5


async def crowd(extent: Extent) -> list[Figure]:
    count = extent.of(1000, 20)
    allow_sockets(2 * count + 200)
    sockets: dict[Server, list[ClientConnection]] = {}

    async def measure(server: Server) -> float:
        await asyncio.sleep(BETWEEN_S)
        return percentile(await asyncio.gather(*(answer(socket) for socket in sockets[server])), 0.99) * 1e3

    with peers(warm_s="3600") as both:
        for server in (both.bare, both.ours):
            sockets[server] = await opened(server, count, questions=extent.rounds + 2)
            await measure(server)  # the first time, which nobody counts
        ours, bare = await in_turn(both, extent.rounds, measure)
        await asyncio.gather(*(socket.close() for each in sockets.values() for socket in each))
    return [Figure(CROWD, ours, bare)]


async def opened(server: Server, count: int, questions: int) -> list[ClientConnection]:
    """So many conversations, each at its first question."""
    found = []
    async with Http(server) as http:
        for _ in range(count):
            socket = await attach(server, await http.initiate("questions_thread", questions=questions))
            await until(socket, "text_input")
            found.append(socket)
    return found


async def answer(socket: ClientConnection) -> float:
    started = time.perf_counter()
    await socket.send("yes")
    await receive(socket)
    return time.perf_counter() - started


def allow_sockets(wanted: int) -> None:
    """Raise the soft limit on open files, for this process and the servers that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
