"""One person's conversation: the start, an answer, and what a whole run takes of the processor.

Before each start and each answer there is a pause, as people make one: both servers have gone to sleep by then, and the
time in which they wake is in the figures of both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks.client import Echo, Http, attach, echo, receive, until
from benchmarks.costs.figure import Figure, Row
from benchmarks.costs.peers import Extent, Peers, in_turn, peers
from benchmarks.server import Server, percentile

PAUSE_S = 0.02
SETTLED_S = 0.2

START = Row("start", "initiate + connect + first message, p50", "ms", least=2.3, aim=2.0)
QUESTION = Row("question", "initiate + connect + first question, p50", "ms")
ANSWER = Row("answer", "answer to next message, one client, p50", "ms", least=6.0, aim=4.0)
TAIL = Row("tail", "the same, p99 against its own p50", "x", judged="ours", least=4.0, aim=3.0)
CPU = Row("cpu", "server CPU of a whole echo run", "ms", least=3.5, aim=2.5)


async def whole_runs(extent: Extent) -> list[Figure]:
    """START, QUESTION and CPU, from the same echo runs."""
    count = extent.of(150, 5)

    async def measure(server: Server) -> tuple[Echo, float]:
        times = Echo()
        async with Http(server) as http:
            await echo(server, http, Echo())
            await asyncio.sleep(SETTLED_S)
            cpu = server.cpu_s()
            for _ in range(count):
                await asyncio.sleep(PAUSE_S)
                await echo(server, http, times)
            await asyncio.sleep(SETTLED_S)
            return times, (server.cpu_s() - cpu) / count

    with peers() as both:
        await warm(both)
        ours, bare = await in_turn(both, extent.rounds, measure)
    return [
        Figure(START, [ms(times.first) for times, _ in ours], [ms(times.first) for times, _ in bare]),
        Figure(QUESTION, [ms(times.question) for times, _ in ours], [ms(times.question) for times, _ in bare]),
        Figure(CPU, [cpu * 1e3 for _, cpu in ours], [cpu * 1e3 for _, cpu in bare]),
    ]


async def answers(extent: Extent) -> list[Figure]:
    """ANSWER and TAIL, from the same answers."""
    count = extent.of(200, 5)

    async def measure(server: Server) -> list[float]:
        waits = []
        async with Http(server) as http:
            run = await http.initiate("questions", questions=count + 1)
        async with await attach(server, run) as socket:
            await until(socket, "text_input")
            for _ in range(count):
                await asyncio.sleep(PAUSE_S)
                started = time.perf_counter()
                await socket.send("yes")
                await receive(socket)
                waits.append(time.perf_counter() - started)
        return waits

    with peers() as both:
        await warm(both)
        ours, bare = await in_turn(both, extent.rounds, measure)
    tails = [percentile(waits, 0.99) / percentile(waits, 0.5) for waits in ours]
    of_bare = [percentile(waits, 0.99) / percentile(waits, 0.5) for waits in bare]
    return [Figure(ANSWER, [ms(waits) for waits in ours], [ms(waits) for waits in bare]), Figure(TAIL, tails, of_bare)]


async def warm(both: Peers) -> None:
    """A few runs that nobody counts: what is imported or compiled at the first one."""
    for server in (both.bare, both.ours):
        async with Http(server) as http:
            for _ in range(10):
                await echo(server, http, Echo())


def ms(waits: Sequence[float]) -> float:
    return percentile(waits, 0.5) * 1e3
