"""Small reads on the event loop: they see what is committed, wait for nobody, and stay small."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.store.base import StoreBroken
from fastagency_backend.store.signals import Deaf
from fastagency_backend.store.sqlite import SqliteStore, query
from fastagency_backend.store.sqlite.near import STEPS

from tests.contract.store_contract import answer, append, ask, body, owned, run_id, seqs

LOOP = threading.main_thread().name
READER = "fastagency-store-reader"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT MAX(i) FROM n"


@pytest.fixture
async def store(tmp_path: Path, no_blocking: None) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "runs.sqlite3", synchronous="OFF")
    await store.open(Deaf())
    yield store
    await store.close()


@pytest.fixture
def other(store: SqliteStore) -> Iterator[sqlite3.Connection]:
    """Another process, as far as locks are concerned."""
    with closing(sqlite3.connect(store.path, isolation_level=None, timeout=0, check_same_thread=False)) as db:
        yield db


@pytest.fixture
def third(store: SqliteStore) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(store.path, isolation_level=None)) as db:
        yield db


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """The threads that read a page of events, and how many events each of them got."""
    read: list[tuple[str, int | None]] = []
    original = query.read_events

    def note(*args: Any, **kwargs: Any) -> Any:
        read.append((threading.current_thread().name, None))
        page = original(*args, **kwargs)
        read[-1] = (threading.current_thread().name, len(page.events))
        return page

    monkeypatch.setattr(query, "read_events", note)
    return read


async def small_reads(store: SqliteStore) -> list[object]:
    return [
        await store.get_run(run_id()),
        await store.heads([run_id()]),
        await store.read_answer(run_id(), "q"),
        await store.has_expired(run_id(), "q"),
        await store.dispatcher.next_due(),
        await store.read_events(run_id(), after=0, limit=500),
    ]


@pytest.fixture
def no_reader(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called, the reader's thread refuses everything."""

    async def refuse(*_: object) -> None:
        raise AssertionError("the read was left to the reader's thread")

    return lambda: monkeypatch.setattr(store._reader, "run", refuse)


async def test_small_reads_see_every_write_of_ours_without_the_reader(
    store: SqliteStore, no_reader: Callable[[], None]
) -> None:
    lease = await owned(store)
    no_reader()
    for number in range(30):
        assert await append(store, lease, str(number)) == number + 1
        assert (await store.heads([run_id()]))[run_id()][0] == number + 1
        assert await seqs(store) == list(range(1, number + 2))
    await ask(store, lease, "q")
    found = await store.get_run(run_id())
    assert found is not None
    assert (found.last_seq, len(found.questions)) == (31, 1)
    assert await answer(store, run_id(), "q")
    assert await store.read_answer(run_id(), "q") == '"yes"'
    assert abs(await store.now() - (await store.now())) < 60


async def test_small_reads_do_not_wait_while_another_process_writes(
    store: SqliteStore, other: sqlite3.Connection, no_reader: Callable[[], None]
) -> None:
    await owned(store)
    no_reader()
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE run SET title = 'half done'")
    assert "half done" not in str(await small_reads(store))
    other.execute("COMMIT")
    assert "half done" in str(await small_reads(store))


async def test_small_reads_do_not_wait_while_another_process_copies_the_log_back(
    store: SqliteStore, other: sqlite3.Connection, third: sqlite3.Connection, no_reader: Callable[[], None]
) -> None:
    lease = await owned(store)
    await append(store, lease, "before")
    third.execute("BEGIN")
    third.execute("SELECT * FROM run").fetchall()
    await append(store, lease, "meanwhile")  # the other process waits for whoever reads what was there before this
    no_reader()
    other.execute("PRAGMA busy_timeout = 60000")
    waiting = threading.Thread(target=other.execute, args=("PRAGMA wal_checkpoint(RESTART)",))
    waiting.start()
    for _ in range(20):
        assert await seqs(store) == [1, 2]
        await small_reads(store)
        await asyncio.sleep(0.005)
    third.execute("ROLLBACK")
    while waiting.is_alive():  # it waited for that reader, and for none of the loop's
        await asyncio.sleep(0.01)


async def test_what_the_loop_reads_is_not_held_on_to(
    store: SqliteStore, other: sqlite3.Connection, pages: list[tuple[str, int | None]]
) -> None:
    """A state of the file that somebody still reads cannot be copied back from the log, which then grows and grows."""
    lease = await owned(store)
    await asyncio.gather(*(append(store, lease, str(n)) for n in range(query.FEW_EVENTS + 1)))
    await small_reads(store)
    assert pages[0] == (LOOP, None), "the loop began, and gave up"
    assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)


@pytest.mark.parametrize(
    ("events", "chars", "on_loop"),
    [(query.FEW_EVENTS, 10, True), (query.FEW_EVENTS + 1, 10, False), (3, query.FEW_CHARS // 2, False)],
)
async def test_a_page_that_is_not_small_is_read_in_the_readers_thread(
    store: SqliteStore, pages: list[tuple[str, int | None]], events: int, chars: int, on_loop: bool
) -> None:
    lease = await owned(store)
    await asyncio.gather(*(append(store, lease, str(n), "x" * chars) for n in range(events)))
    page = await store.read_events(run_id(), after=0, limit=500)
    assert [event.body for event in page.events] == [body("x" * chars)] * events
    assert pages == ([(LOOP, events)] if on_loop else [(LOOP, None), (READER, events)])


async def test_the_end_of_a_long_log_is_a_small_page(store: SqliteStore, pages: list[tuple[str, int | None]]) -> None:
    lease = await owned(store)
    await asyncio.gather(*(append(store, lease, str(n)) for n in range(200)))
    page = await store.read_events(run_id(), after=0, limit=20, before=151)
    assert ([event.seq for event in page.events], page.more) == (list(range(131, 151)), True)
    assert pages == [(LOOP, 20)]


async def test_a_single_text_that_is_not_small_is_read_in_the_readers_thread(store: SqliteStore) -> None:
    lease = await owned(store)
    await ask(store, lease, "q")
    long = '"' + "x" * 1_000_000 + '"'
    assert await answer(store, run_id(), "q", long)
    threads: list[str] = []

    def read(db: sqlite3.Connection) -> str | None:
        value = query.read_answer(db, run_id(), "q")
        threads.append(threading.current_thread().name)
        return value

    assert await store._near.run(read) == await store.read_answer(run_id(), "q") == long
    assert threads == [READER]


async def test_a_read_that_takes_long_is_stopped_and_done_in_the_readers_thread(store: SqliteStore) -> None:
    threads: list[str] = []

    def read(db: sqlite3.Connection) -> int:
        threads.append(threading.current_thread().name)
        found: int = db.execute(ENDLESS).fetchone()[0]
        return found

    assert await store._near.run(read) == 200_000
    assert threads == [LOOP, READER]


async def test_many_small_reads_are_not_taken_for_a_long_one(store: SqliteStore, no_reader: Callable[[], None]) -> None:
    await owned(store)
    no_reader()
    for _ in range(2_000):
        assert await store.get_run(run_id())


async def test_a_read_that_is_stopped_at_its_end_does_not_hold_on_to_what_it_saw(store: SqliteStore) -> None:
    """Its `BEGIN` and its `ROLLBACK` are counted as any statement is, and come to the limit in the same read."""
    lease = await owned(store)
    for _ in range(STEPS):
        await store.read_events(lease.run_id, after=0, limit=10)
    await ask(store, lease, "q")
    record = await store.get_run(lease.run_id)
    assert record is not None
    assert len(record.questions) == 1


async def test_the_loop_never_writes(store: SqliteStore, other: sqlite3.Connection) -> None:
    await owned(store)
    threads: list[str] = []

    def write(db: sqlite3.Connection) -> None:
        threads.append(threading.current_thread().name)
        db.execute("UPDATE run SET title = 'x' WHERE 0")

    await store._near.run(write)
    assert threads == [LOOP, READER]


async def test_a_store_that_is_broken_answers_nothing_on_the_loop_either(tmp_path: Path, no_blocking: None) -> None:
    told: list[StoreBroken] = []
    store = SqliteStore(tmp_path / "runs.sqlite3")
    await store.open(Deaf(), told.append)
    await owned(store)

    def fail(_: sqlite3.Connection) -> None:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    with pytest.raises(StoreBroken):
        await store._near.run(fail)
    for read in (store.get_run(run_id()), store.read_events(run_id(), after=0, limit=1)):
        with pytest.raises(StoreBroken, match="damaged"):
            await read
    assert len(told) == 1
    await store.close()
