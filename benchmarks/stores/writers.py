"""Sixteen connections that write at once, with hints and without: what it costs that everybody is told of commits.

They belong to eight stores, each with a connection that listens, as eight processes have them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable

from fastagency_backend.store.postgres import Options, PostgresStore
from fastagency_backend.store.signals import Deaf, Hears, SharedSignals

from benchmarks.costs.figure import Figure, Row
from benchmarks.stores.make import Bench, leases
from benchmarks.stores.speed import drive

STORES = 8
EACH = Options(lanes=2)
WRITERS = STORES * EACH.lanes
HINTS = Row("hints", f"steps/s of {WRITERS} writers with hints, beside without", "/s", least=0.7, higher=True)
ROWS = (HINTS,)


class NoHints:
    """Signals that carry nothing."""

    max_bytes = 0
    connected = True
    space = ""

    async def open(self, hears: Hears) -> None: ...

    async def close(self) -> None: ...

    def tell(self, run_ids: Iterable[str], *, ready: bool = False) -> None: ...

    def show(self, run_id: str, text: str) -> None: ...

    def want(self, run_id: str) -> None: ...

    def watch(self, run_id: str) -> None: ...

    def unwatch(self, run_id: str) -> None: ...


class Counts(Deaf):
    """How many runs it was told of."""

    heard = 0

    def changed(self, run_ids: Collection[str] | None, *, ready: bool) -> None:
        self.heard += len(run_ids or ())


async def measured(bench: Bench) -> list[Figure]:
    ours: list[float] = []
    beside: list[float] = []
    for _ in range(bench.rounds):
        beside.append(await rate(bench, NoHints()))
        ours.append(await rate(bench, None))
    return [Figure(HINTS, ours, beside)]


async def rate(bench: Bench, signals: SharedSignals | None) -> float:
    """Results per second, of all together: as many runs as writers, and each records one result after the other."""
    ears = [Counts() for _ in range(STORES)]
    stores = [PostgresStore(bench.url, EACH, signals) for _ in ears]
    for store, ear in zip(stores, ears, strict=True):
        await store.open(ear)
    taken = [(store, lease) for store in stores for lease in await leases(store, EACH.lanes)]
    began = time.perf_counter()
    done = await asyncio.gather(*(drive(store, lease, began + bench.of(2.0, 0.2)) for store, lease in taken))
    took = time.perf_counter() - began
    assert signals is not None or all(ear.heard for ear in ears)
    await asyncio.gather(*(store.close() for store in stores))
    return sum(done) / took
