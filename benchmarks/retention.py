"""Removing old runs: how long another run's writes take meanwhile, beside removing as much in one statement."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from fastagency_backend.engine.engine import REMOVED, SWEEP_PAUSE_S
from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import Lease, NewRun
from fastagency_backend.store.signals import Deaf

from benchmarks.server import machine, percentile

RUNS = 53
EVENTS = 1_000
EVENT_BYTES = 10_000
PAUSE_S = 0.002


def fill(path: Path) -> None:
    """Old runs of some 530 MB in all."""
    with sqlite3.connect(path) as db:
        for number in range(RUNS):
            run = f"{number:032x}"
            db.execute(
                "INSERT INTO run(id, workflow, params, status, title, durable, created, updated) "
                "VALUES (?, 'w', '{}', 'completed', 't', 1, 0, 0)",
                (run,),
            )
            db.executemany(
                "INSERT INTO event(run_id, seq, key, at, body) VALUES (?, ?, ?, 0, ?)",
                ((run, seq, f"k{seq}", "x" * EVENT_BYTES) for seq in range(1, EVENTS + 1)),
            )
    db.close()


async def opened(folder: Path) -> SqliteStore:
    path = folder / "runs.sqlite3"
    store = SqliteStore(path)
    await store.open(Deaf())
    await store.close()
    fill(path)
    store = SqliteStore(path)
    await store.open(Deaf())
    return store


async def in_slices(store: SqliteStore) -> None:
    """As the engine does it."""
    while await store.delete_ended_before(1.0, limit=REMOVED) == REMOVED:
        pass
    while await store.sweep():
        await asyncio.sleep(SWEEP_PAUSE_S)


async def at_once(store: SqliteStore) -> None:
    """As 1.0 did it: up to 500 runs in one job."""

    def job(db: sqlite3.Connection) -> None:
        for table in ("event", "step", "question"):
            db.execute(f"DELETE FROM {table} WHERE run_id IN (SELECT id FROM run WHERE status = 'completed')")
        db.execute("DELETE FROM run WHERE status = 'completed'")

    await store._writer.run(job)


async def nothing(_store: SqliteStore) -> None:
    await asyncio.sleep(3)


async def measured(remove: Callable[[SqliteStore], Coroutine[Any, Any, None]] | None) -> tuple[list[float], float, int]:
    """Latencies of another run's writes, seconds that the removal took, and bytes of the file afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        store = await opened(Path(folder))
        await store.dispatcher.register_worker("me", 60)
        await store.create_run(NewRun("f" * 32, "mine", "{}", None, "t", True, time.time()))
        (record,) = await store.dispatcher.claim_runs("me", ["mine"], limit=1)
        lease, taken = Lease(record.id, record.fence), list[float]()
        began = time.perf_counter()
        removal = asyncio.create_task((remove or nothing)(store))
        while not removal.done():
            written = asyncio.get_running_loop().create_future()
            start = time.perf_counter()
            store.append_event(lease, f"k{len(taken)}", "{}", 1.0, lambda *_, done=written: done.set_result(None))
            await written
            taken.append(time.perf_counter() - start)
            await asyncio.sleep(PAUSE_S)
        await removal
        took_s = time.perf_counter() - began
        await store.close()
        return taken, took_s, sum(path.stat().st_size for path in Path(folder).iterdir())


async def main() -> None:
    print(machine())
    print(f"\nremoving {RUNS * EVENTS * EVENT_BYTES / 1e6:.0f} MB while another run writes\n")
    print("| how | write p50 | p99 | longest | took | file afterwards |\n| --- | --- | --- | --- | --- | --- |")
    for name, remove in (("nothing removed", None), ("in slices", in_slices), ("at once, as in 1.0", at_once)):
        taken, took_s, size = await measured(remove)
        p50, p99 = percentile(taken, 0.5), percentile(taken, 0.99)
        print(
            f"| {name} | {p50 * 1e3:.1f} ms | {p99 * 1e3:.1f} ms | {max(taken) * 1e3:.0f} ms | {took_s:.1f} s "
            f"| {size / 1e6:.0f} MB |",
            flush=True,
        )


if __name__ == "__main__":
    asyncio.run(main())
