"""A lane is idle when it says so: as seldom as it was asked to, but soon after a batch."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from fastagency_backend.store import SqliteStore
from fastagency_backend.store.signals import Deaf
from fastagency_backend.store.sqlite.lane import Lane


async def test_a_lane_is_idle_once_and_again_after_a_batch() -> None:
    calls: list[None] = []

    def idle(_db: sqlite3.Connection) -> float:
        calls.append(None)
        return 3600.0

    lane = Lane("test", lambda: sqlite3.connect(":memory:", isolation_level=None), writes=True)
    await lane.start(lambda _error: None, idle)
    for number in range(1, 4):
        async with asyncio.timeout(30):
            while len(calls) < number:
                await asyncio.sleep(0.01)
        assert len(calls) == number
        await lane.run(lambda _db: None)
    await lane.stop()


async def test_a_store_that_opens_a_file_does_not_write_to_it(tmp_path: Path) -> None:
    """Other processes would take it for news, and so would this one."""
    path = tmp_path / "runs.sqlite3"
    first = SqliteStore(path)
    await first.open(Deaf())
    told: list[None] = []
    before = await first._writer.run(_version)
    second = SqliteStore(path)
    await second.open(lambda: told.append(None))
    await second.close()
    assert await first._writer.run(_version) == before
    assert told == []
    await first.close()


def _version(db: sqlite3.Connection) -> int:
    version: int = db.execute("PRAGMA data_version").fetchone()[0]
    return version
