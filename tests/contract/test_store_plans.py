"""Every statement that either store carries out day by day finds its rows by an index, and no index is kept in vain.

A scan of a table would make it slower with each conversation that waits. What is carried out is taken down from the
store itself, and each engine says how it does it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from fastagency_backend.store import SqliteStore
from fastagency_backend.store.postgres import PostgresStore
from fastagency_backend.store.signals import Deaf

from tests.contract.postgres_server import PostgresServer
from tests.contract.store_plans import DUE, ENDED, NOBODYS, QUESTION, RUNS, a_day

GROWS = re.compile(r"(run|event|step|question)(_\d+)?")
"""The tables that have many rows, and their partitions."""
USER = f"CASE WHEN n NOT BETWEEN {NOBODYS[0]} AND {NOBODYS[-1]} THEN 'user-' || (n % 50) END"
STATUS = f"CASE WHEN n <= {ENDED[-1]} THEN 'completed' ELSE 'waiting' END"
MOMENT = f"CASE WHEN n BETWEEN {DUE[0]} AND {DUE[-1]} THEN 1e12 END"
"""Of the run number `n`."""

# --- SQLite -----------------------------------------------------------------------------------------------------------

SQLITE_ROWS = (
    f"CREATE TEMP TABLE g AS WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {RUNS}) "
    "SELECT n, printf('%032x', n) AS id FROM g",
    "INSERT INTO run(id, workflow, params, user_id, status, title, durable, created, updated, key_version, fence, due) "
    f"SELECT id, 'w', '{{}}', {USER}, {STATUS}, 't', 1, n, n, 2, 1, {MOMENT} FROM g",
    "INSERT INTO event SELECT id, k, 'key' || k, n, 'body' FROM g, (SELECT 1 AS k UNION SELECT 2 UNION SELECT 3)",
    "INSERT INTO step(run_id, key, ord, value) SELECT id, 'key', 1, '1' FROM g",
    f"INSERT INTO question(run_id, uuid, key, asked, body) SELECT id, '{QUESTION}', 'key', 3, '{{}}' FROM g",
)
SCANS = re.compile(
    r"SCAN (run|event|step|question|q|e)\b(?!.* INDEX run_(ready|at_work|due|by_worker|on_trial|ended)\b)"
)
"""An index of some runs only may be read from end to end: these are few."""


async def test_sqlite_scans_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.sqlite3"
    store = SqliteStore(path, synchronous="OFF")
    await store.open(Deaf())
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        for sql in SQLITE_ROWS:
            db.execute(sql)
        db.commit()
    carried_out: set[str] = set()
    _take_down(monkeypatch, carried_out)
    store = SqliteStore(path, synchronous="OFF")
    await store.open(Deaf())
    try:
        await a_day(store)
    finally:
        await store.close()
    steps: list[str] = []
    with closing(sqlite3.connect(path)) as db:
        for sql in carried_out:
            if re.match(r"(WITH|SELECT|UPDATE|INSERT|DELETE)\b", sql):
                for step in (row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")):
                    steps.append(step)
                    assert not SCANS.match(step), f"{step}: {sql}"
        indexes = {
            row[0]
            for row in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = 'run'"
            )
        }
    assert indexes == {index for index in indexes if any(re.search(rf"INDEX {index}\b", step) for step in steps)}


def _take_down(monkeypatch: pytest.MonkeyPatch, statements: set[str]) -> None:
    """Note what connections carry out that are made from now on."""
    connect = sqlite3.connect

    def connected(*args: Any, **options: Any) -> sqlite3.Connection:
        db = connect(*args, **options)
        db.set_trace_callback(statements.add)
        return db

    monkeypatch.setattr(sqlite3, "connect", connected)


# --- PostgreSQL -------------------------------------------------------------------------------------------------------

POSTGRES_ROWS = (
    "INSERT INTO run(id, workflow, params, user_id, status, title, durable, created, updated, key_version, fence, due, "
    f"last_seq) SELECT lpad(to_hex(n), 32, '0'), 'w', '{{}}', {USER}, {STATUS}, 't', true, n, n, 2, 1, {MOMENT}, 3 "
    f"FROM generate_series(1, {RUNS}) n",
    "INSERT INTO event SELECT number, k, created, 'key' || k, 'body' FROM run, generate_series(1, 3) k",
    "INSERT INTO step(run, key, ord, value) SELECT number, 'key', 1, '1' FROM run",
    "INSERT INTO question(run, uuid, key, asked, at, body) "
    f"SELECT number, '{QUESTION}', 'key', 3, created, '{{}}' FROM run",
)
EXPLAINS = (
    "-c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 "
    "-c auto_explain.log_format=json -c auto_explain.log_nested_statements=on"
)


async def test_postgres_scans_nothing(postgres: PostgresServer, postgres_url: str) -> None:
    store = PostgresStore(postgres_url)
    await store.open(Deaf())
    await store.close()
    with psycopg.connect(postgres_url, autocommit=True) as db:
        for sql in POSTGRES_ROWS:
            db.execute(sql.encode())
        db.execute("VACUUM (ANALYZE) run, event_0, step_0, question_0")
    log = postgres.folder / "log"
    before = log.stat().st_size
    store = PostgresStore(f"{postgres_url}?options={quote(EXPLAINS)}")
    await store.open(Deaf())
    try:
        await a_day(store)
    finally:
        await store.close()
    plans = list(_plans(log.read_bytes()[before:].decode()))
    assert len(plans) > 100
    for plan in plans:
        for node in _nodes(plan["Plan"]):
            scans = node["Node Type"] == "Seq Scan" and GROWS.fullmatch(node["Relation Name"])
            assert not scans, json.dumps(plan, indent=1)
    with psycopg.connect(postgres_url) as db:
        indexes = {row[0] for row in db.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'run'")}
    assert indexes == indexes & {node.get("Index Name") for plan in plans for node in _nodes(plan["Plan"])}


def _plans(log: str) -> Iterator[dict[str, Any]]:
    for found in re.finditer(r"plan:\n((?:\t.*\n)+)", log):
        yield json.loads(found[1])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)
