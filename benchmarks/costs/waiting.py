"""What it costs when nothing happens: a process that serves nobody yet, and one whose runs all wait for people."""

from __future__ import annotations

import asyncio

from benchmarks import parking
from benchmarks.costs.figure import Figure, Row
from benchmarks.costs.peers import Extent, peers

PARKED = Row("parked", "100,000 parked runs, whole process", "MiB", judged="ours", least=170, aim=120)
FULL = 100_000
IDLE_MEMORY = Row("idle", "idle process: memory before a framework is used", "MiB", judged="ours", least=90, aim=60)
IDLE_CPU = Row("idle-cpu", "idle process: CPU over 30 s, % of a core", "%", judged="ours", least=0.2, aim=0.05)


async def parked(extent: Extent) -> list[Figure]:
    """Once only: it takes minutes. Fewer runs make a row of their own, which has no targets."""
    count = extent.of(10_000 if extent.quick else FULL, 200)
    few = Row(f"parked-{count}", f"{count:,} parked runs, whole process", "MiB", judged="ours")
    found = await parking.measure(count, "questions", parked=True)
    return [Figure(PARKED if count == FULL else few, [found.memory_mib], note=f"measured once, {found}")]


async def idle(extent: Extent) -> list[Figure]:
    """Both processes in the same 30 seconds, which the rounds share."""
    window_s = extent.of(30, 1) / extent.rounds
    memory: tuple[list[float], list[float]] = ([], [])
    cpu: tuple[list[float], list[float]] = ([], [])
    with peers() as both:
        await asyncio.sleep(extent.of(3, 0))
        servers = (both.ours, both.bare)
        for _ in range(extent.rounds):
            before = [server.cpu_s() for server in servers]
            await asyncio.sleep(window_s)
            for number, server in enumerate(servers):
                cpu[number].append((server.cpu_s() - before[number]) / window_s * 100)
                memory[number].append(server.memory_mib())
    return [Figure(IDLE_MEMORY, *memory), Figure(IDLE_CPU, *cpu)]
