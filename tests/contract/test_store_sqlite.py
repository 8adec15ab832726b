"""The embedded store keeps the contract, and what is its own: files, versions, kills."""

from __future__ import annotations

import asyncio
import itertools
import re
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from fastagency_backend.store import SqliteStore, StoreError
from fastagency_backend.store.base import Lease, LeaseVoid, Store, StoreBroken
from fastagency_backend.store.signals import Deaf
from fastagency_backend.store.sqlite import schema
from fastagency_backend.store.sqlite.archive import SqliteArchive
from fastagency_backend.store.sqlite.claim import STATEMENTS
from fastagency_backend.store.sqlite.schema import MIGRATIONS
from fastagency_backend.store.sqlite.sweep import Sweeper

from tests.contract.store_contract import MakeStore, answer, append, ask, new, owned, record, run_id, seqs
from tests.contract.store_contract_attempts import AttemptsContract
from tests.contract.store_contract_catalogue import CatalogueContract
from tests.contract.store_contract_clients import ClientStoreContract
from tests.contract.store_contract_people import PeopleContract
from tests.contract.store_contract_starts import StartsContract
from tests.contract.store_contract_turns import TurnStoreContract

ROOT = Path(__file__).parents[2]


@pytest.fixture
def make_store(tmp_path: Path) -> MakeStore:
    return lambda: SqliteStore(tmp_path / "runs.sqlite3", synchronous="OFF")


class TestSqliteStore(
    ClientStoreContract, TurnStoreContract, AttemptsContract, StartsContract, CatalogueContract, PeopleContract
):
    """Every test of the contract."""


async def _open(path: Path) -> SqliteStore:
    store = SqliteStore(path)
    await store.open(Deaf())
    return store


async def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "newer.sqlite3"
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match=f"version {len(MIGRATIONS) + 1}, made by a newer FastAgency"):
        await _open(path)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    db.close()


async def test_a_claim_looks_only_at_what_is_ready_at_work_or_due(tmp_path: Path) -> None:
    """A scan of the table would make every claim slower with each conversation that waits."""
    store = await _open(tmp_path / "runs.sqlite3")
    plans = {
        sql: await store._reader.run(
            lambda db, sql=sql: [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", _arguments(sql))]  # type: ignore[misc]
        )
        for sql in STATEMENTS
    }
    await store.close()
    steps = [step for plan in plans.values() for step in plan if " run" in step]
    assert len(steps) >= len(STATEMENTS)
    for step in steps:
        assert re.search(r"INDEX (run_(ready|at_work|due|by_worker|on_trial)|sqlite_autoindex_run_1) ?", step), step


def _arguments(sql: str) -> object:
    return {"workflow": "w"} if ":workflow" in sql else ("x",) * sql.count("?")


async def test_older_code_works_beside_newer_where_the_migration_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, now = tmp_path / "runs.sqlite3", MIGRATIONS
    before = await _open(path)
    lease = await owned(before)
    await ask(before, lease, "q")
    expand = (f"-- oldest: {len(now)}", "ALTER TABLE run ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'")
    monkeypatch.setattr(schema, "MIGRATIONS", (*now, expand))
    newer = await _open(path)
    monkeypatch.setattr(schema, "MIGRATIONS", now)
    after = await _open(path)
    assert await answer(after, run_id(), "q")
    assert await append(before, lease, "e") == 3
    assert await seqs(newer) == [1, 2, 3]
    with pytest.raises(StoreError, match="Copy it with that one"), SqliteArchive(path).to_read(alone=False):
        pass
    contract = (f"-- oldest: {len(now) + 2}", "ALTER TABLE run DROP COLUMN title")
    monkeypatch.setattr(schema, "MIGRATIONS", (*now, expand, contract))
    await (await _open(path)).close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*now, expand))
    refused = f"has version {len(now) + 2}, made by a newer FastAgency for what knows version {len(now) + 2}; this one "
    with pytest.raises(StoreError, match=f"{refused}knows {len(now) + 1}"):
        await _open(path)
    for store in (before, newer, after):
        await store.close()


async def test_only_migrate_changes_the_schema_where_it_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    with pytest.raises(StoreError, match=r"no database .*Run `fastagency migrate` first"):
        await SqliteStore(path, may_migrate=False).open(Deaf())
    assert not path.exists()
    await (await _open(path)).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) - 1}")
    db.close()
    refused = (
        rf"has version {len(MIGRATIONS) - 1}, and this FastAgency needs {len(MIGRATIONS)}\. Run `fastagency migrate`"
    )
    with pytest.raises(StoreError, match=refused):
        await SqliteStore(path, may_migrate=False).open(Deaf())
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    db.close()
    store = SqliteStore(path, may_migrate=False)
    await store.open(Deaf())
    await store.create_run(new())
    await store.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, " * 100)
    with pytest.raises(StoreError, match=r"notes\.txt cannot be opened"):
        await _open(path)
    assert path.read_text().startswith("dear diary")


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        await _open(tmp_path / "file" / "runs.sqlite3")


@pytest.mark.parametrize("attempt", range(20))
async def test_many_stores_may_open_a_new_file_at_once(tmp_path: Path, attempt: int) -> None:
    """As `uvicorn --workers 8` does at its first start; it went wrong about once in ten times."""
    stores = await asyncio.gather(*(_open(tmp_path / "deep" / "runs.sqlite3") for _ in range(8)))
    outcomes = await asyncio.gather(*(store.create_run(new()) for store in stores))
    assert [created for _, created in outcomes].count(True) == 1
    for store in stores:
        await store.close()


async def test_after_a_failed_batch_the_writes_behind_it_are_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full for a moment must not put what a run says in another order."""
    monkeypatch.setattr("fastagency_backend.store.sqlite.batch.TRIES", 1)
    store = await _open(tmp_path / "runs.sqlite3")
    lease, other = await owned(store), await owned(store, 2)
    await store._writer.run(lambda db: db.execute("PRAGMA max_page_count = 1"))  # SQLite takes what the file has
    with pytest.raises(StoreError, match="full"):
        await append(store, lease, "first", "x" * 100_000)
    await store._writer.run(lambda db: db.execute("PRAGMA max_page_count = 1000000"))
    behind = [append(store, lease, "second"), record(store, lease, "step", 1), ask(store, lease, "q")]
    outcomes = await asyncio.gather(*behind, append(store, other, "another run"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LeaseVoid, LeaseVoid, LeaseVoid, int]
    assert not await seqs(store)
    again = Lease(lease.run_id, lease.fence)  # as whoever takes the run up again has it
    assert await append(store, again, "first") == 1
    await store.close()


async def test_what_a_deleted_run_leaves_is_swept_in_slices_and_the_space_given_back(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    store = await _open(path)
    store._sweeper = Sweeper(partial(next, itertools.count(step=0.001)))  # the machine may be quick
    lease, other = await owned(store), await owned(store, 2)
    await asyncio.gather(*(append(store, lease, str(n), "x" * 20_000) for n in range(500)))
    for number in range(500):
        await record(store, lease, str(number), number)
    await ask(store, lease, "q")
    assert await store.delete_run(run_id())
    page = await store.read_events(run_id(), after=0, limit=10)
    assert (page.run, page.events) == (None, ())
    slices = 0
    while await store.sweep():
        slices += 1
        await append(store, other, str(slices))
    assert slices > 1
    assert await seqs(store, 2) == list(range(1, slices + 1))
    await store.close()
    with sqlite3.connect(path) as db:
        for table in ("event", "step", "question"):
            assert db.execute(f"SELECT count(*) FROM {table} WHERE run_id = ?", (run_id(),)).fetchone() == (0,)
        pages, page_size = db.execute("PRAGMA page_count").fetchone()[0], db.execute("PRAGMA page_size").fetchone()[0]
    db.close()
    assert pages * page_size < 3_000_000, "ten megabytes were deleted"


@pytest.mark.parametrize("harm", ["deleted", "replaced"])
async def test_a_file_that_is_not_there_any_more_breaks_the_store(tmp_path: Path, harm: str) -> None:
    """SQLite would go on writing into nowhere."""
    path, told = tmp_path / "runs.sqlite3", asyncio.Event()
    store = SqliteStore(path)
    await store.open(Deaf(), lambda _error: told.set())
    await store.create_run(new())
    if harm == "replaced":
        path.rename(tmp_path / "away")
        path.touch()
    else:
        path.unlink()
    async with asyncio.timeout(30):
        await told.wait()
    with pytest.raises(StoreBroken, match=r"runs\.sqlite3"):
        await store.create_run(new(2))
    await store.close()


async def test_a_damaged_file_breaks_the_store_and_every_job_is_answered(tmp_path: Path) -> None:
    path, told = tmp_path / "runs.sqlite3", []
    store = await _open(path)
    lease = await owned(store)
    await asyncio.gather(*(append(store, lease, str(n), "x" * 5000) for n in range(200)))
    await store.close()
    with path.open("r+b") as file:  # everything but the header and the schema
        file.seek(64 * 4096)
        file.write(b"\xff" * (path.stat().st_size - 64 * 4096))
    store = SqliteStore(path)
    await store.open(Deaf(), told.append)
    work = [store.create_run(new(2)), *(store.read_events(run_id(), after=n, limit=50) for n in range(0, 200, 10))]
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert any(isinstance(outcome, StoreBroken) and "damaged" in str(outcome) for outcome in outcomes)
    with pytest.raises(StoreError):
        await asyncio.gather(store.create_run(new(60)), store.get_run(run_id()))
    await store.close()
    assert told


async def test_a_full_disk_is_noticed_before_anything_is_paid_for(tmp_path: Path) -> None:
    store = await _open(tmp_path / "runs.sqlite3")
    await store._writer.run(lambda db: db.execute("PRAGMA max_page_count = 1"))  # SQLite takes what the file has
    with pytest.raises(StoreError, match="full"):
        await store.ensure_writable()
    await store._writer.run(lambda db: db.execute("PRAGMA max_page_count = 1000000"))
    await store.ensure_writable()
    await store.close()


async def test_a_run_survives_its_process(tmp_path: Path) -> None:
    store = await _open(tmp_path / "runs.sqlite3")
    lease = await owned(store)
    await append(store, lease, "k")
    await store.close()
    again = await _open(tmp_path / "runs.sqlite3")
    assert await seqs(again) == [1]
    await again.close()


@pytest.mark.fault
async def test_a_process_killed_while_it_writes_leaves_all_it_had_confirmed(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    confirmed_events, confirmed_steps = 0, set()
    for _ in range(3):
        lines = await asyncio.to_thread(_write_and_kill, path)
        confirmed_events = max(confirmed_events, *(int(number) for kind, number in lines if kind == "event"))
        confirmed_steps |= {key for kind, key in lines if kind == "step"}
        store: Store = await _open(path)
        found = await seqs(store)
        log = await store.load_log(run_id())
        await store.close()
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= confirmed_events
        assert confirmed_steps <= set(log.steps)
        assert log.event_keys >= set(log.steps), "a step is written after its event, and never without it"


def _write_and_kill(path: Path) -> list[tuple[str, str]]:
    command = [sys.executable, "-m", "tests.contract.store_crash", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(300)]
        process.kill()
        lines += process.stdout.readlines()
    pairs = [line.split() for line in lines if line.endswith("\n")]
    return [(kind, value) for kind, value in pairs]


async def test_a_claim_of_nothing_writes_nothing(tmp_path: Path) -> None:
    """Workers look again and again: no page, no flush, and nothing for other processes to look at."""
    path = tmp_path / "runs.sqlite3"
    store = await _open(path)
    await owned(store)
    await store.dispatcher.claim_runs("a", ["w"], limit=10)
    size = (tmp_path / "runs.sqlite3-wal").stat().st_size
    for on_trial in (False, True):
        assert await store.dispatcher.claim_runs("a", ["w"], limit=10, on_trial=on_trial) == []
    assert (tmp_path / "runs.sqlite3-wal").stat().st_size == size
    await store.close()
