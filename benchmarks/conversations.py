"""Many open conversations at once: does everybody else notice? Discovery is timed with one open and with many."""

from __future__ import annotations

import asyncio
import time

from websockets.asyncio.client import ClientConnection

from benchmarks.client import Http, attach, until
from benchmarks.server import Server, machine, percentile, running

OPEN = 1000
PROBES = 300


async def open_conversation(server: Server, http: Http, workflow: str) -> ClientConnection:
    """A conversation that has come to its first question and stays there."""
    socket = await attach(server, await http.initiate(workflow, questions=1))
    await until(socket, "text_input")
    return socket


async def discovery(http: Http) -> list[float]:
    waits = []
    for _ in range(PROBES):
        started = time.perf_counter()
        await http.get("/fastagency/discovery")
        waits.append(time.perf_counter() - started)
    return waits


async def main() -> None:
    print(machine())
    for workflow in ("questions", "questions_thread"):
        with running("benchmarks.workflows:app", "/live", warm_s="600") as server:
            async with Http(server) as http:
                first = await open_conversation(server, http, workflow)
                one, memory = await discovery(http), server.memory_mib()
                started = time.perf_counter()
                others = [await open_conversation(server, http, workflow) for _ in range(OPEN - 1)]
                rate = (OPEN - 1) / (time.perf_counter() - started)
                many = await discovery(http)
                each = (server.memory_mib() - memory) * 1024 / (OPEN - 1)
                print(
                    f"{workflow:17} discovery p50 {percentile(one, 0.5) * 1e3:.2f} ms with 1 open, "
                    f"{percentile(many, 0.5) * 1e3:.2f} ms with {OPEN} (p99 {percentile(many, 0.99) * 1e3:.2f}); "
                    f"{each:.0f} KiB each; {rate:.0f} opened/s"
                )
                for socket in (first, *others):
                    await socket.close()


if __name__ == "__main__":
    asyncio.run(main())
