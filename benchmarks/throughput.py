"""Messages per second to one client, beside a bare FastAPI WebSocket that sends the same payload."""

from __future__ import annotations

import asyncio
import json
import statistics
import time

from websockets.asyncio.client import connect

from benchmarks.client import attach, client, drain, initiate
from benchmarks.server import Server, machine, running

MESSAGES = 20_000
ROUNDS = 5


async def ours(server: Server, workflow: str) -> float:
    started = time.perf_counter()
    async with client(server) as http:
        run = await initiate(http, workflow, messages=MESSAGES)
    async with await attach(server, run) as socket:
        count = await drain(socket)
    assert count == MESSAGES + 2, count
    return count / (time.perf_counter() - started)


async def bare(server: Server) -> float:
    started = time.perf_counter()
    async with connect(f"{server.ws}/flood", compression=None, max_queue=None) as socket:
        await socket.send(json.dumps({"messages": MESSAGES}))
        count = await drain(socket)
    assert count == MESSAGES, count
    return count / (time.perf_counter() - started)


async def main() -> None:
    print(machine())
    with running("benchmarks.workflows:app", "/live") as system, running("benchmarks.bare:app", "/ready") as plain:
        results: dict[str, list[float]] = {"bare FastAPI": [], "async def": [], "def (a thread)": []}
        for _ in range(ROUNDS):
            results["bare FastAPI"].append(await bare(plain))
            results["async def"].append(await ours(system, "flood"))
            results["def (a thread)"].append(await ours(system, "flood_thread"))
    base = statistics.median(results["bare FastAPI"])
    for name, rates in results.items():
        rate = statistics.median(rates)
        spread = f"(min {min(rates):,.0f}, max {max(rates):,.0f})"
        print(f"{name:16} {rate:9,.0f} messages/s   1/{base / rate:.2f} of bare   {spread}")


if __name__ == "__main__":
    asyncio.run(main())
