"""What no store of this kind can go below: a commit of one row that is flushed to the disk."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path

from benchmarks.costs.figure import Figure, Row
from benchmarks.costs.peers import Extent
from benchmarks.server import percentile

FLOOR = Row("floor", "for scale: a raw SQLite commit of one row, flushed, p50", "ms", judged="ours")


async def floor(extent: Extent) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="fastagency-bench-") as folder:
        db = sqlite3.connect(Path(folder) / "floor.sqlite3", isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE event(run_id TEXT, seq INTEGER, body TEXT, PRIMARY KEY (run_id, seq)) WITHOUT ROWID")
        rounds = [_commits(db, number, extent.of(500, 20)) for number in range(extent.rounds)]
        db.close()
    return [Figure(FLOOR, rounds)]


def _commits(db: sqlite3.Connection, number: int, count: int) -> float:
    waits = []
    for seq in range(count):
        started = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO event VALUES (?, ?, ?)", (str(number), seq, "x" * 300))
        db.execute("COMMIT")
        waits.append(time.perf_counter() - started)
    return percentile(waits, 0.5) * 1e3
