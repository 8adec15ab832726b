"""Copies between all kinds of stores, and what is special to one."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from fastagency_backend.store import SqliteArchive, SqliteStore, StoreError
from fastagency_backend.store.archive import PEOPLE, RUN, TABLES, WORKFLOW
from fastagency_backend.store.postgres import PostgresArchive, PostgresStore
from fastagency_backend.store.signals import Deaf
from fastagency_backend.store.sqlite.schema import MIGRATIONS, migrate
from fastagency_frontend.command.main import main

from tests.contract.archive_contract import ArchiveContract, Side, copied, fill, opened
from tests.contract.postgres_server import PostgresServer
from tests.contract.store_contract import append, owned, run_id


def sqlite(path: Path) -> Side:
    return Side(lambda: SqliteStore(path, synchronous="OFF"), lambda: SqliteArchive(path))


@pytest.fixture
def file(tmp_path: Path) -> Side:
    return sqlite(tmp_path / "runs.sqlite3")


@pytest.fixture
def server(postgres_url: str) -> Side:
    return Side(lambda: PostgresStore(postgres_url), lambda: PostgresArchive(postgres_url))


class TestSqliteToSqlite(ArchiveContract):
    """Every test of the contract."""

    @pytest.fixture
    def source(self, file: Side) -> Side:
        return file

    @pytest.fixture
    def target(self, tmp_path: Path) -> Side:
        return sqlite(tmp_path / "new" / "runs.sqlite3")


class TestSqliteToPostgres(ArchiveContract):
    """Every test of the contract."""

    @pytest.fixture
    def source(self, file: Side) -> Side:
        return file

    @pytest.fixture
    def target(self, server: Side) -> Side:
        return server


class TestPostgresToSqlite(ArchiveContract):
    """Every test of the contract."""

    @pytest.fixture
    def source(self, server: Side) -> Side:
        return server

    @pytest.fixture
    def target(self, file: Side) -> Side:
        return file


class TestPostgresToPostgres(ArchiveContract):
    """Every test of the contract."""

    @pytest.fixture
    def source(self, server: Side) -> Side:
        return server

    @pytest.fixture
    def target(self, postgres: PostgresServer) -> Side:
        url = postgres.new_database()
        return Side(lambda: PostgresStore(url), lambda: PostgresArchive(url))


# --- nothing is forgotten ---------------------------------------------------------------------------------------------

OF_THE_DATABASE = {
    *("worker", "garbage", "probe"),  # who works, what is to be swept, what was written to see whether it can be
    *("writer", "service", "schema_version"),  # PostgreSQL's: who writes, what the service is called, the version
}
OF_ITS_OWN = {
    "run": {"worker", "suspect", "number", "claim"},  # who has it: nobody; the number is PostgreSQL's
    **{table.name: {"run_id", "run"} for table in TABLES},
}
ONLY_ONE_HAS = {"run": {"last_seq"}, "question": {"at"}}
COPIED = {"run": {*RUN}, "workflow": {*WORKFLOW}} | {table.name: {*table.columns} for table in (*TABLES, *PEOPLE)}


def test_every_column_of_a_file_is_copied_or_named_here(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "runs.sqlite3", isolation_level=None)) as db:
        migrate(db)
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {table: {row[1] for row in db.execute(f"PRAGMA table_info({table})")} for table in tables}
    assert found.keys() - OF_THE_DATABASE == COPIED.keys()
    for table, columns in COPIED.items():
        assert found[table] - OF_ITS_OWN.get(table, set()) == columns - ONLY_ONE_HAS.get(table, set()), table


async def test_every_column_of_postgresql_is_copied_or_named_here(postgres_url: str) -> None:
    store = PostgresStore(postgres_url)
    await store.open(Deaf())
    await store.close()
    found: dict[str, set[str]] = {}
    with psycopg.connect(postgres_url) as db:
        sql = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        for table, column in db.execute(sql):
            found.setdefault(table.rpartition("_")[0] if table[-1].isdigit() else table, set()).add(column)
    assert found.keys() - OF_THE_DATABASE == COPIED.keys()
    for table, columns in COPIED.items():
        assert found[table] - OF_ITS_OWN.get(table, set()) == columns, table


# --- what one has and the other cannot keep ---------------------------------------------------------------------------


async def test_a_nul_in_a_text_of_an_old_file_is_replaced_and_said(file: Side, server: Side, tmp_path: Path) -> None:
    """As of every NUL in a new run; inside JSON it is escaped, and stays."""
    await fill(await opened(file))
    with closing(sqlite3.connect(tmp_path / "runs.sqlite3")) as db, db:
        db.execute("UPDATE run SET title = ?, result = ? WHERE id IN (?, ?)", ("a\0b", "\0", run_id(6), run_id(8)))
        db.execute("UPDATE run SET params = ? WHERE id = ?", (json.dumps("a\0b"), run_id(2)))
    first, again = await copied(file, server), await copied(file, server)
    assert first.mended == again.mended == {run_id(6), run_id(8)}
    assert first.digest == again.digest
    there = await opened(server)
    changed, kept = await there.get_run(run_id(6)), await there.get_run(run_id(2))
    await there.close()
    assert changed is not None
    assert kept is not None
    assert (changed.title, changed.result) == ("a\N{REPLACEMENT CHARACTER}b", "\N{REPLACEMENT CHARACTER}")
    assert json.loads(kept.params) == "a\0b"


async def test_a_run_that_is_larger_than_a_batch_is_copied_in_little_memory(file: Side, server: Side) -> None:
    store = await opened(file)
    lease = await owned(store)
    for number in range(300):
        await append(store, lease, str(number), "x" * 100_000)
    await store.dispatcher.release_worker("a")
    await store.close()
    tracemalloc.start()
    try:
        tally = await copied(file, server)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert tally.rows["event"] == 300
    assert peak < 10_000_000, "of 30 MB"


async def test_a_file_of_an_older_version_is_to_be_migrated_first(file: Side, server: Side, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "runs.sqlite3", isolation_level=None)) as db:
        for statement in MIGRATIONS[0]:
            db.execute(statement)
        db.execute("PRAGMA user_version = 1")
    with pytest.raises(StoreError, match="fastagency migrate"):
        await copied(file, server)


@pytest.mark.parametrize(("content", "sentence"), [(None, "There is no database"), (b"", "no conversations")])
async def test_a_file_that_is_none(content: bytes | None, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "other"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=sentence):
        await copied(sqlite(path), sqlite(tmp_path / "target"))
    assert not (tmp_path / "target").exists()


def test_no_password_is_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for source, target in (
        ("postgresql://me:secret@127.0.0.1:1/runs", str(tmp_path / "runs.sqlite3")),
        ("mysql://me:secret@127.0.0.1:1/runs", str(tmp_path / "runs.sqlite3")),
        ("postgresql://me:secret@127.0.0.1:port/runs", str(tmp_path / "runs.sqlite3")),
    ):
        assert main(["copy", source, target]) == 1
        said = capsys.readouterr()
        assert said.err.startswith("fastagency: "), said.err
        assert "secret" not in said.err + said.out


async def test_the_command_says_what_it_did(
    file: Side, server: Side, tmp_path: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await fill(await opened(file))
    for known in (0, 11):
        assert await asyncio.to_thread(main, ["copy", f"sqlite:///{tmp_path}/runs.sqlite3", postgres_url]) == 0
        said = capsys.readouterr().out
        assert said.startswith("The 11 conversations of ")
        assert f"({known} were before), read back and equal: 28 messages" in said, said
