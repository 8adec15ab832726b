"""The write-ahead log is copied back beside the writer, and stays bounded where that does not get through."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from fastagency_backend.store.handover import Deliver
from fastagency_backend.store.signals import Deaf
from fastagency_backend.store.sqlite import SqliteStore, checkpoint
from fastagency_backend.store.sqlite.batch import Job
from fastagency_backend.store.sqlite.checkpoint import Checkpoints
from fastagency_backend.store.sqlite.lane import Lane

from tests.contract.store_contract import append, owned, run_id

PAGE_BYTES = 4096 + 24
READER = "fastagency-store-reader"


class FakeReader:
    def __init__(self) -> None:
        self.submitted: list[tuple[Job, Deliver]] = []

    def submit(self, job: Job, deliver: Deliver) -> None:
        self.submitted.append((job, deliver))


def change(db: sqlite3.Connection, rows: int) -> None:
    db.executemany("INSERT INTO number(n) VALUES (?)", [(1,)] * rows)


async def test_the_log_is_copied_back_in_the_readers_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "CHANGES", 20)
    threads: list[str] = []
    original = checkpoint.copy_back

    def note(db: sqlite3.Connection) -> None:
        original(db)
        threads.append(threading.current_thread().name)

    monkeypatch.setattr(checkpoint, "copy_back", note)
    told: list[None] = []
    store = SqliteStore(tmp_path / "runs.sqlite3", synchronous="OFF")
    await store.open(lambda: told.append(None))
    lease = await owned(store)
    for number in range(20):
        await append(store, lease, str(number))
    async with asyncio.timeout(30):
        while not threads:
            await asyncio.sleep(0.01)
    assert set(threads) == {READER}
    with closing(sqlite3.connect(f"file:{store.path}?immutable=1", uri=True)) as file_alone:
        found = file_alone.execute("SELECT count(*) FROM event WHERE run_id = ?", (run_id(),)).fetchone()[0]
    assert found > 10
    await store.close()
    assert told == [], "it is no commit of another process"


async def test_a_log_that_is_never_copied_beside_the_writer_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "BOUND_PAGES", 50)
    monkeypatch.setattr(checkpoint, "copy_back", lambda _db: None)
    store = SqliteStore(tmp_path / "runs.sqlite3", synchronous="OFF")
    await store.open(Deaf())
    lease = await owned(store)
    for number in range(300):
        await append(store, lease, str(number))
    assert Path(f"{store.path}-wal").stat().st_size < 80 * PAGE_BYTES
    await store.close()


def test_one_copy_at_a_time_and_none_for_little() -> None:
    reader = FakeReader()
    checkpoints = Checkpoints(cast("Lane", reader))
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("CREATE TABLE number(n)")
        change(db, checkpoint.CHANGES - 1)
        checkpoints.look(db)
        assert reader.submitted == []
        change(db, 1)
        checkpoints.look(db)
        change(db, checkpoint.CHANGES)
        checkpoints.look(db)
        assert len(reader.submitted) == 1, "the first is under way"
        reader.submitted[0][1](None, None)
        checkpoints.look(db)
        checkpoints.look(db)
        assert len(reader.submitted) == 2


def test_a_copy_that_failed_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    reader = FakeReader()
    checkpoints = Checkpoints(cast("Lane", reader))
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("CREATE TABLE number(n)")
        for _ in range(2):
            change(db, checkpoint.CHANGES)
            checkpoints.look(db)
            reader.submitted[-1][1](None, OSError("the disk is full"))
    assert len(reader.submitted) == 2
    assert "could not be copied back: the disk is full" in caplog.text


def test_a_copy_goes_on_while_little_is_left(tmp_path: Path) -> None:
    """What was committed during the first round, the second one takes."""
    path = tmp_path / "numbers.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as db, closing(sqlite3.connect(path)) as reading:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE number(n)")
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM number").fetchall()
        change(db, 1)
        rounds: list[str] = []

        def note(statement: str) -> None:
            rounds.append(statement)
            if len(rounds) == 2:
                reading.execute("ROLLBACK")

        db.set_trace_callback(note)
        checkpoint.copy_back(db)
        db.set_trace_callback(None)
        assert len(rounds) == 2
        assert _left(db) == 0


def _left(db: sqlite3.Connection) -> Any:
    _, pages, copied = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return pages - copied
