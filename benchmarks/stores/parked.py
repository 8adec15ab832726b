"""Does it matter how many runs wait? 1,000 and 1,000,000 of them, each in a database of its own on one server."""

from __future__ import annotations

import hashlib
import random
import statistics
import time
from collections.abc import Awaitable, Callable

import psycopg
from fastagency_backend.store.base import Store
from fastagency_backend.store.postgres import PostgresStore
from fastagency_backend.store.postgres.partition import SIZE, make_for

from benchmarks.costs.figure import Figure, Row
from benchmarks.stores.make import LEASE_S, Bench, opened

FEW, MANY = 1_000, 1_000_000
OF_A_USER = 20
TIMES = 100
WORKFLOW = "waits"
BESIDE = f"with {MANY:,} parked runs, p50, beside {FEW:,}"
CLAIM = Row("parked-claim", f"a claim that finds nothing, {BESIDE}", "ms", least=2)
READ = Row("parked-read", f"a page of a run's events, {BESIDE}", "ms", least=2)
LIST = Row("parked-list", f"a user's conversations, {BESIDE}", "ms", least=2)
ANSWER = Row("parked-answer", f"an answer to a parked run, {BESIDE}", "ms", least=2)
ROWS = (CLAIM, READ, LIST, ANSWER)

_RUNS = (
    "INSERT INTO run(id, workflow, params, user_id, status, title, durable, fence, last_seq, created, updated, "
    f"key_version) SELECT md5(g::text), '{WORKFLOW}', '{{}}', 'user-' || g / {OF_A_USER}, 'waiting', 'A title', true, "
    "1, 3, g, g, 2 FROM generate_series(1, %s) g"
)
_EVENTS = (
    "INSERT INTO event(run, seq, at, key, body) SELECT g, k, g, 'k' || k, repeat('x', 240) "
    "FROM generate_series(1, %s) g, generate_series(1, 3) k"
)
_QUESTIONS = (
    "INSERT INTO question(run, asked, at, uuid, key, body) SELECT g, 3, g, 'question', 'ask', repeat('x', 240) "
    "FROM generate_series(1, %s) g"
)


async def measured(bench: Bench) -> list[Figure]:
    few, many = FEW, bench.of(MANY, 2 * FEW)
    urls = {few: bench.url, many: bench.server.url("parked")}
    bench.server.execute("CREATE DATABASE parked")
    stores: dict[int, Store] = {}
    for count, url in urls.items():
        stores[count] = await opened(lambda url=url: PostgresStore(url))
        load(url, count)
        await stores[count].dispatcher.register_worker("bench", LEASE_S)
    found: dict[Row, dict[int, list[float]]] = {row: {few: [], many: []} for row in ROWS}
    for number in range(bench.rounds):
        for count, store in stores.items():
            for row, measure in _MEASURES.items():
                found[row][count].append(await measure(store, count, random.Random(number)))
    for store in stores.values():
        await store.close()
    return [Figure(row, each[many], each[few]) for row, each in found.items()]


def load(url: str, count: int) -> None:
    """Runs that wait for an answer, with three events each, in seconds for a million. What was there is gone."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("TRUNCATE run, event, step, question RESTART IDENTITY")
        make_for(db, list(range(0, count + SIZE, SIZE)))
        for sql in (_RUNS, _EVENTS, _QUESTIONS):
            db.execute(sql.encode(), (count,))
        db.execute("VACUUM (ANALYZE)")
        db.execute("CHECKPOINT")


async def _claims(store: Store, _count: int, _random: random.Random) -> float:
    return await _median(lambda _id: store.dispatcher.claim_runs("bench", [WORKFLOW], limit=10), [""] * TIMES)


async def _reads(store: Store, count: int, choice: random.Random) -> float:
    return await _median(lambda id_: store.read_events(id_, after=0, limit=50), _some(count, choice))


async def _lists(store: Store, count: int, choice: random.Random) -> float:
    users = [f"user-{choice.randrange(count // OF_A_USER)}" for _ in range(TIMES)]
    return await _median(lambda user: store.list_runs(user, limit=50, before=None), users)


async def _answers(store: Store, count: int, choice: random.Random) -> float:
    """What they wake is taken up behind them, so that the next claims find nothing again."""
    took = await _median(
        lambda id_: store.answer_question(id_, "question", '"yes"', '{"type":"input_answered"}', time.time(), None),
        _some(count, choice),
    )
    while await store.dispatcher.claim_runs("bench", [WORKFLOW], limit=TIMES):
        pass
    return took


_MEASURES: dict[Row, Callable[[Store, int, random.Random], Awaitable[float]]] = {
    CLAIM: _claims,
    READ: _reads,
    LIST: _lists,
    ANSWER: _answers,
}


def _some(count: int, choice: random.Random) -> list[str]:
    """The ids of some runs, each once: `md5`, as they were loaded."""
    numbers = choice.sample(range(1, count + 1), TIMES)
    return [hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest() for number in numbers]


async def _median(do: Callable[[str], Awaitable[object]], given: list[str]) -> float:
    """Milliseconds."""
    took = []
    for each in given:
        began = time.perf_counter()
        await do(each)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000
