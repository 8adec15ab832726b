"""The store on PostgreSQL keeps the contract, and what is its own: partitions, builds, versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import psycopg
import pytest
from fastagency_backend.store.audit import Entry
from fastagency_backend.store.base import LeaseVoid, StepRecord, StoreBroken, StoreError
from fastagency_backend.store.dispatch import AtWork
from fastagency_backend.store.postgres import Options, PostgresStore, locks, partition
from fastagency_backend.store.postgres import claim as claims
from fastagency_backend.store.postgres import migrate as migrate_module
from fastagency_backend.store.postgres.migrate import Migration, known, migrate
from fastagency_backend.store.postgres.pool import Connection, Connections
from fastagency_backend.store.postgres.query import NEXT_DUE
from fastagency_backend.store.signals import Deaf

from tests.contract.postgres_server import PostgresServer
from tests.contract.store_contract import (
    LONG_S,
    MakeStore,
    Written,
    answer,
    append,
    ask,
    body,
    claim,
    new,
    owned,
    record,
    run_id,
    seqs,
)
from tests.contract.store_contract_attempts import AttemptsContract
from tests.contract.store_contract_catalogue import CatalogueContract
from tests.contract.store_contract_clients import ClientStoreContract
from tests.contract.store_contract_people import PeopleContract
from tests.contract.store_contract_starts import StartsContract
from tests.contract.store_contract_turns import TurnStoreContract

OpenOne = Callable[..., Awaitable[PostgresStore]]


@pytest.fixture
def make_store(postgres_url: str) -> MakeStore:
    return lambda: PostgresStore(postgres_url)


class TestPostgresStore(
    ClientStoreContract, TurnStoreContract, AttemptsContract, StartsContract, CatalogueContract, PeopleContract
):
    """Every test of the contract."""


@pytest.fixture
async def open_one(postgres_url: str, no_blocking: None) -> AsyncIterator[OpenOne]:
    opened: list[PostgresStore] = []

    async def open_(**options: object) -> PostgresStore:
        store = PostgresStore(postgres_url, replace(Options(), **options))  # type: ignore[arg-type]
        await store.open(Deaf())
        opened.append(store)
        return store

    yield open_
    for store in opened:
        await store.close()


# --- what cannot be written -------------------------------------------------------------------------------------------


async def test_a_character_that_postgresql_cannot_keep_is_refused_alone(open_one: OpenOne) -> None:
    store = await open_one(lanes=1)
    lease, other = await owned(store), await owned(store, 2)
    outcomes = await asyncio.gather(
        append(store, other, "before"),
        append(store, lease, "a\0b"),
        append(store, lease, "behind"),
        append(store, other, "after"),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [int, StoreError, LeaseVoid, int]
    assert "NUL character" in str(outcomes[1])
    assert (await seqs(store), await seqs(store, 2)) == ([], [1, 2])


@pytest.mark.parametrize(
    "text", ['{"a": "\\"}', '{"a": "\\u0000"}', "{NULL,\\N}", "\\", "\n\t'%(x)s %s $1", "\N{GRINNING FACE}", "NULL", ""]
)
async def test_every_other_text_is_kept_as_it_is(open_one: OpenOne, text: str) -> None:
    store = await open_one()
    lease = await owned(store)
    written = [Written.now() for _ in range(3)]
    store.append_step(lease, "alone", StepRecord(1, text, text), written[0])
    await written[0].future
    for number in (1, 2):  # together
        store.append_step(lease, f"{number}{text}", StepRecord(number, text, text), written[number])
    await asyncio.gather(*(each.future for each in written[1:]))
    log, past = await store.load_log(run_id()), await store.load_past(run_id())
    assert {key: step.value for key, step in log.steps.items()} == {"alone": text, f"1{text}": text, f"2{text}": text}
    assert set(past.asked.values()) == {text}


async def test_the_same_result_twice_spoils_only_itself(open_one: OpenOne) -> None:
    store = await open_one(lanes=1)
    lease, other = await owned(store), await owned(store, 2)
    await record(store, lease, "s", 1)
    outcomes = await asyncio.gather(
        record(store, other, "s", 1), record(store, lease, "s", 2), append(store, other, "e"), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), StoreError, int]
    assert lease.void


# --- who takes what up ------------------------------------------------------------------------------------------------


async def test_with_more_ready_than_a_claim_looks_at_everybody_has_a_turn(
    open_one: OpenOne, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_one()
    await store.dispatcher.register_worker("a", LONG_S)
    for number in range(12):
        await store.create_run(new(number, user=f"user{number:02}"))
    monkeypatch.setattr(claims, "READY", claims.READY.replace(f"LIMIT {claims.LOOKED_AT}", "LIMIT 5"))
    monkeypatch.setattr(claims, "LOOKED_AT", 5)
    taken: set[str] = set()
    for _ in range(4):
        taken |= set(await claim(store, "a", limit=5))
    assert taken == {run_id(number) for number in range(12)}


async def test_a_claim_looks_only_at_what_is_ready_at_work_or_due(open_one: OpenOne, postgres_url: str) -> None:
    """A scan of the table would make every claim slower with each conversation that waits."""
    await open_one()
    parked = (
        "INSERT INTO run(id, workflow, params, status, title, durable, created, updated, key_version) "
        "SELECT 'parked' || n, 'w', '{}', 'waiting', 't', true, n, n, 2 FROM generate_series(1, 20000) n"
    )
    arguments = {"workflows": ["w"], "first": "", "limit": 100, "builds": None, "build": None, "ids": ["parked1"]}
    with psycopg.connect(postgres_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as db:
        db.execute(parked)
        db.execute("ANALYZE run")
        for sql in (claims.COME_DUE, claims.OWNERS, claims.READY, claims.ON_TRIAL_NEXT, NEXT_DUE):
            plan = [row[0] for row in db.execute(f"EXPLAIN {sql}", arguments)]
            assert not [step for step in plan if "Seq Scan on run" in step], sql


# --- partitions -------------------------------------------------------------------------------------------------------


async def test_partitions_are_made_ahead_and_dropped_when_their_runs_are_gone(
    open_one: OpenOne, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "SIZE", 4)
    store = await open_one()
    for number in range(1, 21):
        lease = await owned(store, number)
        await append(store, lease, "e")
        await record(store, lease, "s", 1)
        await ask(store, lease, "q")
        if number != 6:
            await store.cancel_run(run_id(number), body("end"), 5.0)
    assert {f"event_{index}" for index in range(6)} <= _partitions(postgres_url)
    assert await store.delete_ended_before(10.0, limit=100) == 19
    while await store.sweep():
        pass
    assert {f"{table}_{index}" for table in partition.TABLES for index in (0, 2, 3)}.isdisjoint(
        _partitions(postgres_url)
    )
    assert await seqs(store, 6) == [1, 2]
    with psycopg.connect(postgres_url) as db:
        for table in partition.TABLES:
            left = db.execute(f"SELECT DISTINCT run FROM {table}").fetchall()  # type: ignore[call-overload]
            assert left == [(6,)]


async def test_a_partition_that_is_missing_is_made_by_who_needs_it(
    open_one: OpenOne, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_one()
    lease = await owned(store)
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("DROP TABLE event_0, step_0, question_0")
    assert await append(store, lease, "e") == 1
    assert (await ask(store, lease, "q")).seq == 2
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("ALTER SEQUENCE run_number_seq RESTART WITH 700001")
    forked = await store.fork_run(run_id(), "q", run_id(2), 9.0)
    assert forked is not None
    assert await seqs(store, 2) == [1, 2]


async def test_claims_and_the_audit_log_do_not_wait_for_each_other(open_one: OpenOne, postgres_url: str) -> None:
    store = await open_one()
    await store.dispatcher.register_worker("a", LONG_S)
    await store.create_run(new())
    with psycopg.connect(postgres_url) as db:
        db.execute("SELECT pg_advisory_xact_lock(%s)", (locks.AUDIT,))
        async with asyncio.timeout(20):
            assert list(await claim(store, "a", at_work=AtWork(per_user=5))) == [run_id()]
    with psycopg.connect(postgres_url) as db:
        db.execute("SELECT pg_advisory_xact_lock(%s)", (locks.CLAIM,))
        async with asyncio.timeout(20):
            assert (await store.people.record(Entry("something", 1.0))).seq == 1


async def test_one_process_at_a_time_sweeps(open_one: OpenOne, postgres_url: str) -> None:
    store = await open_one()
    await append(store, await owned(store), "e")
    await store.delete_run(run_id())
    with psycopg.connect(postgres_url) as db:
        db.execute("SELECT pg_advisory_lock(%s)", (locks.SWEEP,))
        assert not await store.sweep()
        assert db.execute("SELECT count(*) FROM event").fetchone() == (1,)
        db.execute("SELECT pg_advisory_unlock(%s)", (locks.SWEEP,))
    while await store.sweep():
        pass
    with psycopg.connect(postgres_url) as db:
        assert db.execute("SELECT count(*) FROM event").fetchone() == (0,)


def _partitions(url: str) -> set[str]:
    with psycopg.connect(url) as db:
        return {row[0] for row in db.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")}


# --- versions ---------------------------------------------------------------------------------------------------------


async def test_many_stores_may_open_an_empty_database_at_once(open_one: OpenOne) -> None:
    stores = await asyncio.gather(*(open_one(lanes=1, readers=1) for _ in range(6)))
    outcomes = await asyncio.gather(*(store.create_run(new()) for store in stores))
    assert [created for _, created in outcomes].count(True) == 1


async def test_a_database_that_needs_newer_code_is_refused_and_left_alone(open_one: OpenOne, postgres_url: str) -> None:
    newest = known()[-1].version
    with psycopg.connect(postgres_url, autocommit=True) as db:
        migrate(db, [*known(), Migration(newest + 1, newest + 1, "ALTER TABLE run DROP COLUMN title")])
    with pytest.raises(StoreError, match=f"version {newest + 1} or newer can use; this one knows {newest}"):
        await open_one()


async def test_older_code_works_beside_newer_where_the_migration_says_so(open_one: OpenOne, postgres_url: str) -> None:
    before = await open_one()
    lease = await owned(before)
    await ask(before, lease, "q")
    newest = known()[-1].version
    with psycopg.connect(postgres_url, autocommit=True) as db:
        assert migrate(db, [*known(), Migration(newest + 1, newest, "ALTER TABLE run ADD COLUMN colour text")]) == [
            newest + 1
        ]
    after = await open_one()
    assert await answer(after, run_id(), "q")
    assert await append(before, lease, "e") == 3


async def test_a_migration_waits_for_a_backup_and_nobody_waits_for_the_migration(
    open_one: OpenOne, postgres_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(migrate_module, "PATIENCE_MS", 50)
    monkeypatch.setattr(migrate_module, "PAUSE_S", 0.01)
    caplog.set_level("INFO", migrate_module.__name__)
    store = await open_one()
    lease = await owned(store)
    newest = known()[-1].version
    later = [*known(), Migration(newest + 1, newest, "ALTER TABLE run ADD COLUMN colour text")]

    def bring_up_to_date() -> list[int]:
        with psycopg.connect(postgres_url, autocommit=True) as db:
            return migrate(db, later)

    with psycopg.connect(postgres_url) as backup:
        backup.execute("LOCK TABLE run IN ACCESS SHARE MODE")  # as pg_dump does
        migrating = asyncio.create_task(asyncio.to_thread(bring_up_to_date))
        for number in range(1, 6):
            async with asyncio.timeout(30):
                assert await append(store, lease, str(number)) == number
                while caplog.text.count("is in use") < number:
                    await asyncio.sleep(0.01)
        assert not migrating.done()
    assert await migrating == [newest + 1]


async def test_without_leave_to_migrate_an_empty_database_is_refused(open_one: OpenOne, postgres_url: str) -> None:
    with pytest.raises(StoreError, match="Run `fastagency migrate`"):
        await open_one(migrate=False)
    with psycopg.connect(postgres_url, autocommit=True) as db:
        migrate(db)
    await open_one(migrate=False)


async def test_a_database_whose_tables_are_gone_breaks_the_store(postgres_url: str) -> None:
    told = asyncio.Event()
    store = PostgresStore(postgres_url)
    await store.open(Deaf(), lambda _error: told.set())
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("DROP TABLE run CASCADE")
    with pytest.raises(StoreBroken, match="Restore it"):
        await store.create_run(new())
    async with asyncio.timeout(30):
        await told.wait()
    await store.close()


# --- behind PgBouncer -------------------------------------------------------------------------------------------------


async def test_nothing_is_kept_in_a_session_where_connections_are_pooled(open_one: OpenOne, postgres_url: str) -> None:
    store = await open_one(pooled=True, lanes=1)
    lease = await owned(store)
    for number in range(10):
        await append(store, lease, str(number))
        await store.get_run(run_id())
    assert store._connections._prepare is None
    assert "options" not in store._connections._conninfo
    assert await seqs(store) == list(range(1, 11))


async def test_a_connection_may_be_new_to_us_and_at_its_servers_end(
    open_one: OpenOne, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a PgBouncer, while the server is restarted: every other one is dead when it is first used."""
    connect, made = Connections.connect, 0

    def dead_at_first(connections: Connections) -> Connection:
        nonlocal made
        db = connect(connections)
        made += 1
        if made % 2:
            postgres.execute(f"SELECT pg_terminate_backend({db.info.backend_pid}, 10000)")
        return db

    monkeypatch.setattr(Connections, "connect", dead_at_first)
    store = await open_one(lanes=1)
    lease = await owned(store)
    assert await append(store, lease, "e") == 1
    assert made == 6  # to migrate, to write, and for the worker's lease
