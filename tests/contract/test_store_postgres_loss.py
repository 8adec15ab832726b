"""The store on PostgreSQL when connections break: nothing is written twice, nothing that was confirmed is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import psycopg
import pytest
from fastagency_backend.store.base import Lease, Start, StoreBroken, StoreError
from fastagency_backend.store.postgres import Options, PostgresStore, writer
from fastagency_backend.store.signals import Deaf
from fastagency_shared.run import RunStatus

from tests.contract.postgres_server import PostgresServer, server
from tests.contract.store_contract import (
    LONG_S,
    answer,
    answer_here,
    append,
    ask,
    body,
    claim,
    everything,
    new,
    note,
    owned,
    place,
    record,
    run_id,
    seqs,
)
from tests.contract.wire import Lose, Wire
from tests.fakes.bus import Bus, fences

Write = Callable[[PostgresStore, Lease], Awaitable[object]]

WRITES: dict[str, Write] = {
    "event": lambda store, lease: append(store, lease, "new"),
    "result": lambda store, lease: record(store, lease, "new", 2),
    "event and result": lambda store, lease: asyncio.gather(append(store, lease, "n"), record(store, lease, "n", 2)),
    "place of an answer": lambda store, lease: note(store, lease, "answered", 3),
    "question": lambda store, lease: ask(store, lease, "new"),
    "deadline": lambda store, lease: store.expire_question(lease, "open", "null", body("expired"), 3.0),
    "rest": lambda store, lease: store.rest(lease, 5e9),
    "end": lambda store, lease: store.finish_run(lease, RunStatus.COMPLETED, "r", body("end"), 3.0),
    "answer": lambda store, _: answer(store, run_id(), "open"),
    "answer that has its place": lambda store, lease: answer_here(store, "open", place(lease, 4)),
    "cancel": lambda store, _: store.cancel_run(run_id(), body("end"), 3.0),
    "rename": lambda store, _: store.rename_run(run_id(), "new", 3.0),
    "delete": lambda store, _: store.delete_run(run_id()),
    "create": lambda store, _: store.create_run(new(9)),
    "create and begin": lambda store, _: store.create_run(new(9), Start("a", "first", body("first"))),
    "park": lambda store, lease: store.park_run(lease),
    "retry": lambda store, _: store.retry_run(run_id(8), body("resumed"), 4.0),
}


@pytest.fixture
def wire(postgres: PostgresServer) -> Iterator[Wire]:
    wire = Wire(postgres.port)
    yield wire
    wire.close()


@pytest.fixture
async def store(postgres_url: str, wire: Wire) -> AsyncIterator[PostgresStore]:
    """Whose signals do not go over the wire: nothing does but what a test has it do."""
    url = postgres_url.replace(f":{urlsplit(postgres_url).port}/", f":{wire.port}/")
    store = PostgresStore(url, Options(lanes=1), Bus().signals())
    await store.open(Deaf())
    yield store
    await store.close()


async def prepared(store: PostgresStore, write: str) -> Lease:
    """A run in whose log there is something already, and one that has failed."""
    failed = await owned(store, 8)
    await store.finish_run(failed, RunStatus.FAILED, None, body("end"), 3.0)
    lease = await owned(store)
    await append(store, lease, "old")
    await record(store, lease, "old", 1)
    await ask(store, lease, "answered")
    await answer(store, run_id(), "answered")
    if write == "park":
        await note(store, lease, "answered", 2)
    await ask(store, lease, "open")
    return lease


@pytest.mark.parametrize("lost", [Lose.REQUEST, Lose.REPLY])
@pytest.mark.parametrize("write", WRITES)
async def test_a_write_whose_outcome_is_unknown_is_made_once(
    store: PostgresStore, wire: Wire, postgres_url: str, write: str, lost: Lose
) -> None:
    lease = await prepared(store, write)
    wire.lose(lost)
    outcome = await WRITES[write](store, lease)
    assert wire.has_lost
    after = [await everything(store, number) for number in (1, 8, 9)]
    assert outcome == await _undisturbed(write, postgres_url, after)


async def _undisturbed(write: str, url: str, after: object) -> object:
    """What the same write returns, and leaves behind, where nothing is lost."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    store = PostgresStore(url, Options(lanes=1), Bus().signals())
    await store.open(Deaf())
    try:
        lease = await prepared(store, write)
        outcome = await WRITES[write](store, lease)
        found = [await everything(store, number) for number in (1, 8, 9)]
        assert found == after
        return outcome
    finally:
        await store.close()


async def test_where_nothing_tells_whether_a_write_was_made_it_fails(
    store: PostgresStore, wire: Wire, postgres_url: str
) -> None:
    lease = await owned(store)
    await append(store, lease, "old")
    connect = store._connections.connect

    def forgotten() -> psycopg.Connection[object]:
        with psycopg.connect(postgres_url) as db:
            db.execute("DELETE FROM writer")
        return connect()

    store._lanes._lanes[0]._writer._connect = forgotten
    wire.lose(Lose.REPLY)
    with pytest.raises(StoreError, match="does not tell"):
        await append(store, lease, "new")
    assert lease.void
    assert await append(store, Lease(lease.run_id, lease.fence), "newer") == 3


async def test_a_request_that_is_carried_out_late_is_waited_for(
    store: PostgresStore, wire: Wire, postgres_url: str
) -> None:
    """The connection is gone, and the server still works at what it was asked."""
    lease = await owned(store)
    await append(store, lease, "old")
    with psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT 1 FROM run FOR UPDATE")
        wire.lose(Lose.CLIENT)
        writing = asyncio.create_task(append(store, lease, "new"))
        while not wire.has_lost:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        assert not writing.done()
    assert await writing == 2
    assert await seqs(store) == [1, 2]


async def test_what_a_claim_took_whose_reply_was_lost_is_found_by_the_next_one(
    store: PostgresStore, wire: Wire
) -> None:
    await store.dispatcher.register_worker("a", LONG_S)
    for number in (1, 2):
        await store.create_run(new(number))
    assert await claim(store, "a", limit=0) == {}
    wire.lose(Lose.REPLY, b"COMMIT")
    with pytest.raises(StoreError):
        await claim(store, "a", limit=1)
    assert wire.has_lost
    assert fences(await store.dispatcher.owned_runs("a")) == {run_id(1): 1}
    assert list(await claim(store, "a", limit=1)) == [run_id(1)]
    assert list(await claim(store, "a")) == [run_id(2)]
    assert await claim(store, "a") == {}


async def test_reads_go_on_after_their_connection_was_lost(store: PostgresStore, wire: Wire) -> None:
    await store.create_run(new())
    for what in (Lose.REQUEST, Lose.REPLY):
        wire.lose(what)
        assert await store.get_run(run_id()) is not None
        assert wire.has_lost


async def test_a_server_that_is_started_again_is_found_again_and_nobody_takes_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "RECONNECT_S", 0.2)
    lease_s = 1.5
    with server() as own:
        url = own.new_database()
        here, there = PostgresStore(url), PostgresStore(url)
        for store, worker in ((here, "a"), (there, "b")):
            await store.open(Deaf())
            await store.dispatcher.register_worker(worker, lease_s)
        await here.create_run(new())
        lease = (await claim(here, "a"))[run_id()]
        await append(here, lease, "before")
        await asyncio.to_thread(own.stop, "fast")
        with pytest.raises(StoreError):
            await append(here, lease, "during")
        with pytest.raises(StoreError):
            await here.get_run(run_id())
        await asyncio.sleep(1.5 * lease_s)
        await asyncio.to_thread(own.start)
        async with asyncio.timeout(30):
            while True:
                with suppress(StoreError):
                    assert await claim(there, "b") == {}
                    break
        again = Lease(lease.run_id, lease.fence)
        assert await append(here, again, "after") == 2
        assert await claim(there, "b") == {}
        await here.close()
        await there.close()


async def test_a_database_that_is_away_for_a_while_is_waited_for(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby that was promoted before it had the database, say, and is put right: nobody calls the store broken."""
    monkeypatch.setattr(writer, "RECONNECT_S", 0.2)
    url, told = postgres.new_database(), list[StoreBroken]()
    name = url.rpartition("/")[2]
    store = PostgresStore(url, Options(lanes=1), Bus().signals())
    await store.open(Deaf(), told.append)
    try:
        lease = await owned(store)
        await asyncio.to_thread(_rename, postgres, name, f"{name}_away")
        for use in (append(store, lease, "lost"), store.get_run(run_id())):
            with pytest.raises(StoreError, match=r"does not exist|has not answered|terminating"):
                await use
        await asyncio.to_thread(_rename, postgres, f"{name}_away", name)
        async with asyncio.timeout(30):
            while True:
                with suppress(StoreError):
                    assert await append(store, Lease(lease.run_id, lease.fence), "after") == 1
                    break
        assert not told
    finally:
        await store.close()


def _rename(postgres: PostgresServer, name: str, to: str) -> None:
    """Everybody is thrown out first."""
    postgres.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    postgres.execute(f"ALTER DATABASE {name} RENAME TO {to}")
    postgres.execute(f"ALTER DATABASE {to} CONNECTION LIMIT -1")
