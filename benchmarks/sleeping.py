"""Runs that sleep, parked: what they take, and what a claim beside them takes."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import Lease, NewRun
from fastagency_backend.store.signals import Deaf

from benchmarks.server import machine, percentile

RUNS = 100_000
CLAIMS = 200
BATCH = 500


async def sleep_all(store: SqliteStore, runs: int, due: float) -> None:
    """So many runs that began to sleep and left memory."""
    for first in range(0, runs, BATCH):
        numbers = range(first, min(first + BATCH, runs))
        await asyncio.gather(
            *(
                store.create_run(NewRun(f"{n:032x}", "w", "{}", f"user{n % 1000}", "t", True, time.time()))
                for n in numbers
            )
        )
        leases = [Lease(run.id, run.fence) for run in await store.dispatcher.claim_runs("a", ["w"], limit=BATCH)]
        await asyncio.gather(*(store.rest(lease, due + number) for number, lease in enumerate(leases)))
        await asyncio.gather(*(store.park_run(lease) for lease in leases))


async def claims(store: SqliteStore) -> list[float]:
    times = []
    for _ in range(CLAIMS):
        started = time.perf_counter()
        await store.dispatcher.claim_runs("a", ["w"], limit=BATCH)
        times.append(time.perf_counter() - started)
    return times


async def main() -> None:
    print(machine())
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.sqlite3"
        store = SqliteStore(path, synchronous="NORMAL")
        await store.open(Deaf())
        await store.dispatcher.register_worker("a", 3600.0)
        before = await claims(store)
        await sleep_all(store, runs, time.time() + 86_400)
        beside = await claims(store)
        await store.close()
        size = path.stat().st_size / 2**20
        print(
            f"{runs:,} runs sleep: {size:.0f} MiB on disk; a claim takes p50 {percentile(beside, 0.5) * 1e3:.2f} ms, "
            f"p99 {percentile(beside, 0.99) * 1e3:.2f} ms (none sleeping: {percentile(before, 0.5) * 1e3:.2f} ms, "
            f"{percentile(before, 0.99) * 1e3:.2f} ms)"
        )


if __name__ == "__main__":
    asyncio.run(main())
