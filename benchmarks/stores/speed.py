"""One process: the store on PostgreSQL and the embedded one in turn. Both flush what they confirm."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable

from fastagency_backend.store.base import Lease, StepRecord, Store

from benchmarks.costs.figure import Figure, Row
from benchmarks.stores.make import Bench, Make, leases, opened, written
from tests.fakes.bus import Ear

BODY = '{"type":"text_message","content":{"body":"%s"}}' % ("The quick brown fox jumps over the lazy dog. " * 4)

ONE = Row("one", "steps/s of one run, beside SQLite", "/s", least=0.35, higher=True)
TWENTY = Row("twenty", "steps/s of 20 runs, beside SQLite", "/s", least=0.6, higher=True)
MORE = Row("more", "steps/s of 20 runs, beside one run", "/s", least=4, higher=True)
CROWD = Row("crowd", "steps/s of 200 runs, beside SQLite", "/s", higher=True)
FLOOD = Row("flood", "messages/s of one run, beside SQLite", "/s", higher=True)
ANSWER = Row("answer", "answer to next message, p50, beside SQLite", "ms", least=4)
NOTICED = Row("noticed", "answer of another process noticed, p50, beside SQLite", "ms", least=0.3)

STEPS = (ONE, TWENTY, MORE, CROWD)
OTHERS = (FLOOD, ANSWER, NOTICED)


async def measured_steps(bench: Bench) -> list[Figure]:
    seconds = bench.of(2.0, 0.2)
    found = {runs: await _in_turn(bench, lambda make, runs=runs: steps(make, runs, seconds)) for runs in (1, 20, 200)}
    beside = [Figure(row, *found[runs]) for row, runs in ((ONE, 1), (TWENTY, 20), (CROWD, 200))]
    return [*beside, Figure(MORE, found[20][0], found[1][0])]


async def measured_others(bench: Bench) -> list[Figure]:
    return [
        Figure(FLOOD, *await _in_turn(bench, lambda make: flood(make, bench.of(20_000, 200)))),
        Figure(ANSWER, *await _in_turn(bench, lambda make: answers(make, bench.of(100, 3)))),
        Figure(NOTICED, *await _in_turn(bench, lambda make: noticed(make, bench.of(40, 3)))),
    ]


async def _in_turn(bench: Bench, measure: Callable[[Make], Awaitable[float]]) -> tuple[list[float], list[float]]:
    """Of PostgreSQL and of SQLite, round by round."""
    ours: list[float] = []
    beside: list[float] = []
    for _ in range(bench.rounds):
        beside.append(await measure(bench.sqlite))
        ours.append(await measure(bench.postgres))
    return ours, beside


async def steps(make: Make, runs: int, seconds: float) -> float:
    """Results per second: each run records one, waits for it, says something, and goes on."""
    store = await opened(make)
    began = time.perf_counter()
    done = sum(await asyncio.gather(*(drive(store, lease, began + seconds) for lease in await leases(store, runs))))
    rate = done / (time.perf_counter() - began)
    await store.close()
    return rate


async def drive(store: Store, lease: Lease, until: float) -> int:
    """What a run does that has much to do; returns how many results it has recorded."""
    for number in itertools.count(1):
        step = StepRecord(number, "1")
        await written(lambda done, key=f"s{number}", step=step: store.append_step(lease, key, step, done))
        store.append_event(lease, f"e{number}", BODY, time.time(), lambda *_: None)
        if time.perf_counter() > until:
            return number
    raise AssertionError


async def flood(make: Make, messages: int) -> float:
    """Messages per second of one run that does nothing else."""
    store = await opened(make)
    (lease,) = await leases(store, 1)
    room = asyncio.Semaphore(500)
    began = time.perf_counter()
    for number in range(messages):
        await room.acquire()
        store.append_event(lease, str(number), BODY, 1.0, lambda *_: room.release())
    await written(lambda done: store.append_event(lease, "end", BODY, 1.0, done))
    rate = messages / (time.perf_counter() - began)
    await store.close()
    return rate


async def answers(make: Make, count: int) -> float:
    """Milliseconds from an answer to the commit of what the run says next."""
    store = await opened(make)
    (lease,) = await leases(store, 1)
    took = []
    for number in range(count):
        uuid = f"q{number}"
        await store.open_question(lease, uuid, uuid, BODY, time.time())
        began = time.perf_counter()
        await store.answer_question(lease.run_id, uuid, '"yes"', BODY, time.time(), None)
        assert await store.read_answer(lease.run_id, uuid) is not None
        store.note_answer(lease, uuid, number + 1, lambda *_: None)
        await written(lambda done, key=f"a{number}": store.append_event(lease, key, BODY, 1.0, done))
        took.append(time.perf_counter() - began)
    await store.close()
    return statistics.median(took) * 1000


async def noticed(make: Make, count: int) -> float:
    """Milliseconds until an answer that another process took is noticed."""
    ear = Ear()
    here, there = make(), await opened(make)
    await here.open(ear)
    (lease,) = await leases(here, 1)
    took = []
    for number in range(count):
        uuid = f"q{number}"
        await here.open_question(lease, uuid, uuid, BODY, time.time())
        await asyncio.sleep(0.06 + number / 1000)
        ear.news.clear()
        began = time.perf_counter()
        await there.answer_question(lease.run_id, uuid, '"yes"', BODY, time.time(), None)
        await ear.news.wait()
        assert await here.read_answer(lease.run_id, uuid) is not None
        took.append(time.perf_counter() - began)
    await here.close()
    await there.close()
    return statistics.median(took) * 1000
