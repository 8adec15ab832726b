"""10,000 live runs over 40 workers that say something now and then: is all of it there, and how busy is the database?

A worker is a store with connections of its own, all in this process. Each tells all others what has changed, as
workers on many hosts do: over PostgreSQL, or over NATS.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

import psycopg
from fastagency_backend.store.base import Lease
from fastagency_backend.store.nats import NatsSignals
from fastagency_backend.store.postgres import Options, PostgresStore
from fastagency_backend.store.signals import Deaf, SharedSignals

from benchmarks.costs.figure import Figure, Row
from benchmarks.stores.make import LEASE_S, Bench, cpu_s, written
from benchmarks.stores.parked import WORKFLOW, load
from benchmarks.stores.speed import BODY
from tests.nats import NatsServer

WORKERS, RUNS, EVERY_S = 40, 10_000, 10.0
OVER_POSTGRES = Row("live", f"{RUNS:,} live runs over {WORKERS} workers: the database's CPU", "% of a core", "ours")
OVER_NATS = Row("live-nats", "the same, with signals over NATS", "% of a core", "ours")
ROWS = (OVER_POSTGRES, OVER_NATS)
EACH = Options(lanes=1, readers=1)
AT_ONCE = 8


@dataclass
class Said:
    """What was acknowledged: how many events of each run, and how long each took."""

    events: dict[str, int]
    took: list[float]


async def measured(bench: Bench) -> list[Figure]:
    nats = NatsServer()
    nats.start()
    try:
        over_nats = await _measure(bench, OVER_NATS, nats.url)
    finally:
        nats.stop()
    return [await _measure(bench, OVER_POSTGRES, None), over_nats]


async def _measure(bench: Bench, row: Row, nats: str | None) -> Figure:
    runs, seconds = bench.of(RUNS, 80), bench.of(60.0, 1.0)
    load(bench.url, runs)
    with psycopg.connect(bench.url, autocommit=True) as db:
        db.execute("UPDATE run SET status = 'ready', user_id = NULL")
        db.execute("VACUUM ANALYZE run")
    stores = [PostgresStore(bench.url, EACH, _signals(nats)) for _ in range(WORKERS)]
    for first in range(0, WORKERS, AT_ONCE):
        await asyncio.gather(*(store.open(Deaf()) for store in stores[first : first + AT_ONCE]))
    owned = [lease for number, store in enumerate(stores) for lease in await _own(store, number, runs // WORKERS)]
    said = Said({lease.run_id: 0 for _, lease in owned}, [])
    assert len(said.events) == runs
    busy, began = cpu_s(bench.server), time.perf_counter()
    await asyncio.gather(*(_live(store, lease, said, began + seconds) for store, lease in owned))
    took = time.perf_counter() - began
    share = (cpu_s(bench.server) - busy) / took * 100
    await asyncio.gather(*(store.close() for store in stores))
    return Figure(row, [share], note=f"{_all_is_there(bench.url, said)}, in {took:.0f} s")


def _signals(nats: str | None) -> SharedSignals | None:
    return None if nats is None else NatsSignals(nats)


async def _own(store: PostgresStore, number: int, count: int) -> list[tuple[PostgresStore, Lease]]:
    worker = f"worker-{number}"
    await store.dispatcher.register_worker(worker, LEASE_S)
    claimed = await store.dispatcher.claim_runs(worker, [WORKFLOW], limit=count)
    return [(store, Lease(run.id, run.fence, run.epoch)) for run in claimed]


async def _live(store: PostgresStore, lease: Lease, said: Said, until: float) -> None:
    """Say something about every ten seconds."""
    pause = random.uniform(0, EVERY_S)
    while time.perf_counter() + pause < until:
        await asyncio.sleep(pause)
        began = time.perf_counter()
        key = f"live-{said.events[lease.run_id]}"
        await written(lambda done, key=key: store.append_event(lease, key, BODY, time.time(), done))
        said.took.append(time.perf_counter() - began)
        said.events[lease.run_id] += 1
        pause = random.uniform(0.5, 1.5) * EVERY_S


def _all_is_there(url: str, said: Said) -> str:
    """Raises `AssertionError` if one event is missing, twice, or numbered with a gap. `load` gave each run three."""
    with psycopg.connect(url) as db:
        rows = db.execute(
            "SELECT run.id, run.last_seq, count(event.seq), max(event.seq), count(DISTINCT event.key) "
            "FROM run JOIN event ON event.run = run.number GROUP BY run.id"
        ).fetchall()
    for run_id, last_seq, count, highest, keys in rows:
        assert last_seq == count == highest == keys == 3 + said.events[run_id], run_id
    assert len(rows) == len(said.events)
    took = sorted(said.took)
    p50, p99 = (took[int(len(took) * share)] * 1000 for share in (0.5, 0.99))
    return (
        f"all of {len(took):,} acknowledged events are there, each once; a commit took p50 {p50:.1f}, p99 {p99:.1f} ms"
    )
