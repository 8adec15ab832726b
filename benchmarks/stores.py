"""The store on PostgreSQL beside the embedded one: results and messages, answers, and answers from another process.

Both flush what they confirm. They take turns, so that both meet the same machine; the server is Debian's, on this one.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import Done, Lease, NewRun, StepRecord, Store
from fastagency_backend.store.postgres import PostgresStore
from fastagency_backend.store.signals import Deaf

from benchmarks.server import machine
from tests.contract.postgres_server import server
from tests.fakes.bus import Ear

BODY = '{"type":"text_message","content":{"body":"%s"}}' % ("The quick brown fox jumps over the lazy dog. " * 4)
ANSWERS = 100
FLOOD = 20_000

Make = Callable[[], Store]
workers = itertools.count()


async def written(write: Callable[[Done], None]) -> None:
    future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    write(lambda seq, error: future.set_exception(error) if error is not None else future.set_result(seq))
    await future


async def leases(store: Store, count: int) -> list[Lease]:
    worker = f"bench-{next(workers)}"
    await store.dispatcher.register_worker(worker, 3600)
    for _ in range(count):
        await store.create_run(NewRun(uuid.uuid4().hex, worker, "{}", None, "t", True, time.time()))
    claimed = await store.dispatcher.claim_runs(worker, [worker], limit=count)
    return [Lease(run.id, run.fence) for run in claimed]


async def steps(make: Make, runs: int, seconds: float) -> float:
    """Results per second: each run records one, waits for it, says something, and goes on."""
    store = await opened(make)
    until = time.perf_counter() + seconds

    async def drive(lease: Lease) -> int:
        for number in itertools.count():
            step = StepRecord(number + 1, "1")
            await written(lambda done, key=f"s{number}", step=step: store.append_step(lease, key, step, done))  # type: ignore[misc]
            store.append_event(lease, f"e{number}", BODY, time.time(), lambda *_: None)
            if time.perf_counter() > until:
                return number
        raise AssertionError

    began = time.perf_counter()
    done = sum(await asyncio.gather(*(drive(lease) for lease in await leases(store, runs))))
    rate = done / (time.perf_counter() - began)
    await store.close()
    return rate


async def flood(make: Make) -> float:
    """Messages per second of one run that does nothing else."""
    store = await opened(make)
    (lease,) = await leases(store, 1)
    room = asyncio.Semaphore(500)
    began = time.perf_counter()
    for number in range(FLOOD):
        await room.acquire()
        store.append_event(lease, str(number), BODY, 1.0, lambda *_: room.release())
    await written(lambda done: store.append_event(lease, "end", BODY, 1.0, done))
    rate = FLOOD / (time.perf_counter() - began)
    await store.close()
    return rate


async def answers(make: Make) -> float:
    """Milliseconds from an answer to the commit of what the run says next."""
    store = await opened(make)
    (lease,) = await leases(store, 1)
    took = []
    for number in range(ANSWERS):
        uuid_ = f"q{number}"
        await store.open_question(lease, uuid_, uuid_, BODY, time.time())
        began = time.perf_counter()
        await store.answer_question(lease.run_id, uuid_, '"yes"', BODY, time.time(), None)
        assert await store.read_answer(lease.run_id, uuid_) is not None
        order = number + 1
        store.note_answer(lease, uuid_, order, lambda *_: None)
        await written(lambda done, key=f"a{number}": store.append_event(lease, key, BODY, 1.0, done))  # type: ignore[misc]
        took.append(time.perf_counter() - began)
    await store.close()
    return statistics.median(took) * 1000


async def noticed(make: Make) -> float:
    """Milliseconds until an answer that another process took is noticed."""
    ear = Ear()
    here, there = make(), await opened(make)
    await here.open(ear)
    (lease,) = await leases(here, 1)
    took = []
    for number in range(ANSWERS // 2):
        uuid_ = f"q{number}"
        await here.open_question(lease, uuid_, uuid_, BODY, time.time())
        await asyncio.sleep(0.06 + number / 1000)
        ear.news.clear()
        began = time.perf_counter()
        await there.answer_question(lease.run_id, uuid_, '"yes"', BODY, time.time(), None)
        await ear.news.wait()
        assert await here.read_answer(lease.run_id, uuid_) is not None
        took.append(time.perf_counter() - began)
    await here.close()
    await there.close()
    return statistics.median(took) * 1000


async def opened(make: Make) -> Store:
    store = make()
    await store.open(Deaf())
    return store


async def main(rounds: int, seconds: float) -> None:
    rows: dict[str, Callable[[Make], Awaitable[float]]] = {
        "steps/s, 1 run": lambda make: steps(make, 1, seconds),
        "steps/s, 20 runs": lambda make: steps(make, 20, seconds),
        "steps/s, 200 runs": lambda make: steps(make, 200, seconds),
        "messages/s, 1 run": flood,
        "answer to next message, ms": answers,
        "answer elsewhere noticed, ms": noticed,
    }
    print(machine())
    with server(durable=True) as postgres, tempfile.TemporaryDirectory() as folder:
        url = postgres.new_database()
        makes: dict[str, Make] = {
            "SQLite": lambda: SqliteStore(Path(folder) / "runs.sqlite3"),
            "PostgreSQL": lambda: PostgresStore(url),
        }
        for name, row in rows.items():
            found: dict[str, list[float]] = {store: [] for store in makes}
            for _ in range(rounds):
                for store, make in makes.items():
                    found[store].append(await row(make))
            embedded, server_ = (statistics.median(found[store]) for store in makes)
            print(f"{name:30} {embedded:10,.1f} {server_:10,.1f}   {server_ / embedded:.2f}x", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    asyncio.run(main(**vars(parser.parse_args())))
