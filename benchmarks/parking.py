"""Runs that wait for people, parked and beside them the same kept live: memory, CPU, file, answer to next message."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.client import Http, attach, until
from benchmarks.server import Server, machine, percentile, running

SIZES = ((1_000, "questions"), (1_000, "questions_thread"))
AT_ONCE = 50
ANSWERS = 200
IDLE_S = 5.0


@dataclass(frozen=True)
class Waiting:
    """What so many waiting runs cost: the whole process, its share of a core while nothing happens, the file.

    `answers` are seconds from an answer to the next message, for some of the runs.
    """

    memory_mib: float
    each_kib: float
    cpu: float
    disk_mib: float
    answers: list[float]

    def __str__(self) -> str:
        return (
            f"{self.memory_mib:.0f} MiB ({self.each_kib:.1f} KiB each), {self.cpu:.2%} of a core, "
            f"{self.disk_mib:.0f} MiB on disk, answer to next message "
            f"p50 {percentile(self.answers, 0.5) * 1e3:.1f} ms, p99 {percentile(self.answers, 0.99) * 1e3:.1f} ms"
        )


async def measure(count: int, workflow: str, *, parked: bool) -> Waiting:
    settings = {"warm_s": "1" if parked else "3600", "database_synchronous": "FULL"}
    with running("benchmarks.workflows:app", "/live", **settings) as server:
        before = server.memory_mib()
        runs = await start(server, workflow, count)
        if parked:
            await until_live(server, 0)
        memory, cpu = server.memory_mib(), server.cpu_s()
        await asyncio.sleep(IDLE_S)
        busy = (server.cpu_s() - cpu) / IDLE_S
        return Waiting(memory, (memory - before) * 1024 / count, busy, server.disk_mib(), await answer(server, runs))


async def start(server: Server, workflow: str, count: int) -> list[dict[str, Any]]:
    """Start runs, a few at a time; returns when each has asked its question."""
    runs: list[dict[str, Any]] = []

    async def some(number: int) -> None:
        async with Http(server) as http:
            runs.extend([await http.initiate(workflow, questions=2) for _ in range(number)])

    await asyncio.gather(*(some(count // AT_ONCE) for _ in range(AT_ONCE)))
    async with Http(server) as http:
        for run in (runs[0], runs[-1]):
            while (await http.get(f"/fastagency/runs/{run['workflow_uuid']}"))["status"] != "waiting":
                await asyncio.sleep(0.05)
    return runs


async def until_live(server: Server, wanted: int) -> None:
    """Until no more runs than that are in memory."""
    while True:
        async with Http(server) as http:
            if (await http.get("/live"))["runs"] <= wanted:
                return
        await asyncio.sleep(0.2)


async def answer(server: Server, runs: list[dict[str, Any]]) -> list[float]:
    """Attach to runs all over the place, answer, and time the next message."""
    waits = []
    for run in runs[:: max(1, len(runs) // ANSWERS)][:ANSWERS]:
        async with await attach(server, run) as socket:
            await until(socket, "text_input")
            started = time.perf_counter()
            await socket.send("yes")
            await socket.recv()
            waits.append(time.perf_counter() - started)
    return waits


async def main() -> None:
    print(machine())
    for count, workflow in SIZES:
        for parked in (False, True):
            print(f"{count:,} x {workflow:17} {'parked' if parked else 'live':6}:", end=" ", flush=True)
            print(await measure(count, workflow, parked=parked))


if __name__ == "__main__":
    asyncio.run(main())
