"""The price of durability: messages, recorded steps and answers per second, flushed at each commit and not."""

from __future__ import annotations

import asyncio
import time

from benchmarks.client import Http, answer_all, attach, drain
from benchmarks.server import Server, machine, percentile, running

MESSAGES = 20_000
STEPS = 3_000
QUESTIONS = 500


async def messages(server: Server) -> float:
    started = time.perf_counter()
    async with Http(server) as http, await attach(server, await http.initiate("flood", messages=MESSAGES)) as socket:
        await drain(socket)
    return MESSAGES / (time.perf_counter() - started)


async def steps(server: Server, runs: int, *, recorded: bool) -> float:
    """Calls and messages per second, each call recorded before the run goes on, or not at all."""
    started = time.perf_counter()

    async def one() -> None:
        async with Http(server) as http:
            run = await http.initiate("steps", steps=STEPS // runs, recorded=recorded)
        async with await attach(server, run) as socket:
            await drain(socket)

    await asyncio.gather(*(one() for _ in range(runs)))
    return STEPS / (time.perf_counter() - started)


async def answers(server: Server) -> list[float]:
    async with Http(server) as http:
        run = await http.initiate("questions", questions=QUESTIONS)
    async with await attach(server, run) as socket:
        return await answer_all(socket)


async def main() -> None:
    print(machine())
    for synchronous in ("FULL", "NORMAL"):
        with running("benchmarks.workflows:app", "/live", database_synchronous=synchronous) as server:
            waits = await answers(server)
            print(
                f"{synchronous:7} {await messages(server):8,.0f} messages/s, answer to next message "
                f"p50 {percentile(waits, 0.5) * 1e3:.2f} ms, p99 {percentile(waits, 0.99) * 1e3:.2f} ms"
            )
            for runs in (1, 20):
                with_it = await steps(server, runs, recorded=True)
                without = await steps(server, runs, recorded=False)
                print(
                    f"        {runs:2} runs: {with_it:7,.0f} calls/s recorded, {without:7,.0f} calls/s not, "
                    f"{(1 / with_it - 1 / without) * 1e3:.2f} ms a call"
                )


if __name__ == "__main__":
    asyncio.run(main())
