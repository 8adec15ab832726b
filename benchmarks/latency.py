"""Milliseconds from a person's answer to the next message, beside a bare FastAPI WebSocket."""

from __future__ import annotations

import asyncio
import json

from websockets.asyncio.client import connect

from benchmarks.client import answer_all, attach, client, initiate
from benchmarks.server import Server, machine, percentile, running

QUESTIONS = 1000


async def ours(server: Server, workflow: str) -> list[float]:
    async with client(server) as http:
        run = await initiate(http, workflow, questions=QUESTIONS)
    async with await attach(server, run) as socket:
        return await answer_all(socket)


async def bare(server: Server) -> list[float]:
    async with connect(f"{server.ws}/questions", compression=None) as socket:
        await socket.send(json.dumps({"questions": QUESTIONS}))
        return await answer_all(socket)


async def main() -> None:
    print(machine())
    with running("benchmarks.workflows:app", "/live") as system, running("benchmarks.bare:app", "/ready") as plain:
        results = {
            "bare FastAPI": await bare(plain),
            "async def": await ours(system, "questions"),
            "def (a thread)": await ours(system, "questions_thread"),
        }
    base = percentile(results["bare FastAPI"], 0.5)
    for name, waits in results.items():
        p50, p99 = percentile(waits, 0.5), percentile(waits, 0.99)
        print(f"{name:16} p50 {p50 * 1e3:6.2f} ms   p99 {p99 * 1e3:6.2f} ms   {p50 / base:5.1f} x bare")


if __name__ == "__main__":
    asyncio.run(main())
