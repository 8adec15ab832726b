"""Signals over PostgreSQL itself: who hears of what, and that nobody misses the rest for long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psycopg
import pytest
from fastagency_backend.store.base import Lease, Start, Store
from fastagency_backend.store.nats import NatsSignals
from fastagency_backend.store.postgres import Options, PostgresStore
from fastagency_backend.store.postgres.signals import CHANNEL, EVERYTHING, MAX_BYTES, NOTIFY
from fastagency_shared.run import RunStatus

from tests.contract.store_contract import LONG_S, answer, append, ask, body, claim, new, owned, run_id
from tests.fakes.bus import Bus, Ear
from tests.fakes.lab import until
from tests.nats import NatsServer

Process = Callable[[], Awaitable[tuple[PostgresStore, Ear]]]


@pytest.fixture
async def process(postgres_url: str, no_blocking: None) -> AsyncIterator[Process]:
    opened: list[Store] = []

    async def open_one() -> tuple[PostgresStore, Ear]:
        store, ear = PostgresStore(postgres_url, Options(lanes=1)), Ear()
        await store.open(ear)
        opened.append(store)
        return store, ear

    yield open_one
    for store in opened:
        await store.close()


async def heard(store: PostgresStore, ear: Ear) -> None:
    """Wait until the ear has heard of all that the store has done."""
    await store._lanes.drain()
    marker = f"marker {len(ear.ids)}".replace(" ", "-")
    store.signals.tell([marker])
    await until(lambda: marker in ear.ids)
    ear.ids.remove(marker)


async def test_a_commit_is_told_of_to_the_others_by_the_run_that_it_changes(process: Process) -> None:
    (store, own), (_, ear) = await process(), await process()
    lease = await owned(store)
    await owned(store, 2)
    await heard(store, ear)
    assert set(ear.ids) == {run_id(1), run_id(2)}
    changes = (
        lambda: append(store, lease, "e"),
        lambda: ask(store, lease, "q"),
        lambda: answer(store, run_id(), "q"),
        lambda: store.cancel_run(run_id(), body("end"), 1.0),
        lambda: store.delete_run(run_id()),
    )
    for change in changes:
        ear.ids.clear()
        await change()
        await heard(store, ear)
        assert set(ear.ids) == {run_id()}
    ear.ids.clear()
    await store.cancel_run(run_id(), body("end"), 1.0)
    await store.delete_run(run_id())
    await store.create_run(new(2))
    await heard(store, ear)
    assert ear.ids == [], "nothing was changed"
    assert (own.ids, own.anything, own.ready, ear.anything) == ([], 0, 0, 0)


Change = Callable[[PostgresStore, Lease], Awaitable[object]]

READIES: dict[str, Change] = {
    "created": lambda store, _: store.create_run(new(9)),
    "created for a worker that is none": lambda store, _: store.create_run(new(9), Start("x", "k", body("first"))),
    "answered while parked": lambda store, _: answer(store, run_id(2), "q"),
    "retried": lambda store, _: store.retry_run(run_id(3), body("resumed"), 4.0),
    "released": lambda store, _: store.dispatcher.release_worker("a"),
    "parked until a moment": lambda store, lease: _sleep(store, lease),
}
OTHERS: dict[str, Change] = {
    "created and begun": lambda store, _: store.create_run(new(9), Start("a", "k", body("first"))),
    "answered while driven": lambda store, _: answer(store, run_id(), "q"),
    "cancelled": lambda store, _: store.cancel_run(run_id(), body("end"), 1.0),
    "parked": lambda store, lease: store.park_run(lease),
    "forked": lambda store, _: store.fork_run(run_id(), "q", run_id(9), 1.0),
}


async def _sleep(store: PostgresStore, lease: Lease) -> None:
    await store.rest(lease, 9e9)
    assert await store.park_run(lease)


@pytest.mark.parametrize("what", [*READIES, *OTHERS])
async def test_those_who_claim_are_told_that_a_run_may_be_ready_and_only_then(process: Process, what: str) -> None:
    (store, _), (_, ear) = await process(), await process()
    lease, parked, failed = await owned(store), await owned(store, 2), await owned(store, 3)
    await store.finish_run(failed, RunStatus.FAILED, None, body("end"), 3.0)
    await ask(store, lease, "q")
    await ask(store, parked, "q")
    assert await store.park_run(parked)
    await heard(store, ear)
    ear.ready = 0
    await (READIES | OTHERS)[what](store, lease)
    await heard(store, ear)
    assert (ear.ready > 0) == (what in READIES)


async def test_runs_that_come_due_and_are_not_taken_are_told_of(process: Process) -> None:
    (store, _), (_, ear) = await process(), await process()
    for lease in (await owned(store, 1), await owned(store, 2)):
        await store.rest(lease, 0.5)
        assert await store.park_run(lease)
    await heard(store, ear)
    for left in (1, 0):
        ear.ready = 0
        assert len(await claim(store, "a", limit=1)) == 1
        await heard(store, ear)
        assert ear.ready == left


async def test_runs_of_a_dead_worker_are_told_of(process: Process) -> None:
    (dying, _), (living, _), (_, ear) = await process(), await process(), await process()
    await owned(dying, worker="dying")
    await dying.dispatcher.register_worker("dying", 0.1)
    await dying.close()
    await living.dispatcher.register_worker("a", LONG_S)
    ear.ids.clear()
    ear.ready = 0

    async def taken_over() -> bool:
        return not await claim(living, "a", limit=0) and ear.ready > 0

    await until(taken_over)
    assert run_id() in ear.ids


async def test_very_many_changes_at_once_are_told_as_anything(process: Process) -> None:
    (store, _), (_, ear) = await process(), await process()
    store.signals.tell([run_id(n) for n in range(EVERYTHING)])
    await until(lambda: len(set(ear.ids)) == EVERYTHING)
    store.signals.tell([run_id(n) for n in range(EVERYTHING + 1)])
    await until(lambda: ear.anything)


async def test_what_is_shown_reaches_those_who_watch_in_its_order_and_a_wish_all(process: Process) -> None:
    (here, ear_here), (there, ear_there), (_, ear_else) = await process(), await process(), await process()
    there.signals.watch(run_id(1))
    texts = [str(n) for n in range(200)] + ["ü" * (MAX_BYTES // 2), "\\ \"'{NULL}%s\n\t", "last"]
    for text in texts:
        here.signals.show(run_id(1), text)
    here.signals.want(run_id(2))
    await until(lambda: ear_there.wanting and ear_else.wanting and len(ear_there.texts) == len(texts))
    assert ear_there.texts == [(run_id(1), text) for text in texts]
    assert ear_there.wanting == [run_id(2)]
    assert (ear_else.texts, ear_here.texts, ear_here.wanting) == ([], [], [])
    there.signals.unwatch(run_id(1))
    here.signals.show(run_id(1), "nobody watches")
    here.signals.want(run_id(3))
    await until(lambda: len(ear_there.wanting) == 2)
    assert len(ear_there.texts) == len(texts)


async def test_who_lost_the_connection_that_listens_looks_at_everything(process: Process, postgres_url: str) -> None:
    (store, _), (other, ear) = await process(), await process()
    assert other.signals.connected
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    await until(lambda: ear.anything == 1 and ear.ready == 1)
    await until(lambda: store.signals.connected and other.signals.connected)
    await store.create_run(new(7))
    await until(lambda: run_id(7) in ear.ids)


async def test_where_nobody_can_listen_the_store_works_and_it_is_tried_again(
    postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        store, ear = PostgresStore(postgres_url, Options(listen_url=f"{postgres_url}?host={tmp_path}")), Ear()
        await store.open(ear)
        assert not store.signals.connected
        await store.create_run(new())
        store._connections._listen_conninfo = store._connections._conninfo
        await until(lambda: ear.anything == 1 and ear.ready == 1)
        assert store.signals.connected
        await store.close()
    assert "There are no signals" in caplog.text


async def test_other_signals_take_the_place_of_its_own_and_have_the_databases_name_for_its_service(
    postgres_url: str,
) -> None:
    bus = Bus()
    ends = [bus.signals(), bus.signals()]
    ear = Ear()
    here, there = (PostgresStore(postgres_url, signals=end) for end in ends)
    await here.open(Ear())
    await there.open(ear)
    await here.create_run(new())
    await until(lambda: ear.ids == [run_id()] and ear.ready)
    assert ends[0].space == ends[1].space != ""
    with psycopg.connect(postgres_url) as db:
        assert db.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'").fetchone() == (0,)
    for store in (here, there):
        await store.close()


async def test_two_services_on_one_nats_server_do_not_hear_each_other(
    postgres_url: str, request: pytest.FixtureRequest
) -> None:
    server = NatsServer()
    server.start()
    request.addfinalizer(server.stop)
    other_url = request.getfixturevalue("postgres").new_database()
    ears = [Ear(), Ear(), Ear()]
    stores = [PostgresStore(url, signals=NatsSignals(server.url)) for url in (postgres_url, postgres_url, other_url)]
    for store, ear in zip(stores, ears, strict=True):
        await store.open(ear)
    await until(lambda: all(ear.anything for ear in ears))
    await asyncio.sleep(0.1)  # until the server knows of the subscriptions
    await stores[0].create_run(new())
    stores[2].signals.want(run_id(3))
    await until(lambda: run_id() in ears[1].ids)
    assert (ears[2].ids, ears[0].wanting, ears[1].wanting) == ([], [], [])
    for store in stores:
        await store.close()


async def test_a_hint_that_comes_behind_the_end_does_not_break_a_second_one(process: Process) -> None:
    store, _ = await process()
    await store.close()
    store.signals.tell([run_id()])
    await asyncio.sleep(0.1)  # until it has been gathered
    await store.close()


async def test_a_note_does_not_wait_for_the_disk(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as db, psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(f"LISTEN {CHANNEL}")
        db.execute(NOTIFY, (CHANNEL, ["one", "two"]))
        assert db.execute("SHOW synchronous_commit").fetchone() == ("off",)
        db.commit()
        assert db.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert [note.payload for note in other.notifies(timeout=5, stop_after=2)] == ["one", "two"]
