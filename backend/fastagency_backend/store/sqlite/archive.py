"""The embedded store's file as an `archive.Archive`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from fastagency_backend.store.archive import EVENT, QUESTION, RELEASED, RUN, STEP, WORKFLOW, Row, Table
from fastagency_backend.store.base import StoreError
from fastagency_backend.store.sqlite.backup import refuse_in_use
from fastagency_backend.store.sqlite.batch import store_error
from fastagency_backend.store.sqlite.examine import examine_file
from fastagency_backend.store.sqlite.lane import connect
from fastagency_backend.store.sqlite.private import create_file, create_folder
from fastagency_backend.store.sqlite.schema import MIGRATIONS, migrate, missing
from fastagency_backend.store.sqlite.sql import LIVE
from fastagency_backend.store.sqlite.sweep import clear

_EXPRESSIONS = {
    "status": RELEASED,
    "last_seq": "(SELECT COALESCE(MAX(seq), 0) FROM event WHERE run_id = run.id)",
}
_RUNS = f"SELECT {', '.join(_EXPRESSIONS.get(column, column) for column in RUN)} FROM run"
_ROWS = {
    EVENT: "SELECT run_id, seq, key, at, body FROM event WHERE run_id = ? ORDER BY seq",
    STEP: "SELECT run_id, key, ord, value, asked FROM step WHERE run_id = ? ORDER BY key",
    QUESTION: "SELECT q.run_id, q.uuid, q.key, q.asked, (SELECT at FROM event WHERE run_id = q.run_id "
    "AND seq = q.asked), q.body, q.value, q.ord, q.due, q.expired FROM question q WHERE q.run_id = ? ORDER BY q.uuid",
}
_DERIVED = {"run": {"last_seq"}, "question": {"at"}}
"""Columns that this store has not: what they say stands in the events."""


class SqliteArchive:
    """See the module's docstring. To be alone with a file means that no other process has it open."""

    keeps_nul = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: sqlite3.Connection | None = None

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._opened is not None, "it is opened to read or to write before"
        return self._opened

    @property
    def identity(self) -> object:
        return self._path.resolve()

    @contextmanager
    def to_read(self, *, alone: bool) -> Iterator[None]:
        if not self._path.is_file():
            raise StoreError(f"There is no database {self._path}.")
        if alone:
            refuse_in_use(self._path)
        uri = f"{self._path.resolve().as_uri()}?mode=rw"
        with _in_words(), closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
            db.execute("BEGIN")  # from its first read on, nobody else can write, nor use a log beside the file
            _refuse_other_versions(db, self._path)
            if alone and db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                raise StoreError(f"{self._path} is in use. Stop the backend, and repeat the command.")
            self._opened = db
            yield

    @contextmanager
    def to_write(self) -> Iterator[None]:
        if self._path.exists() and self._path.stat().st_size:
            examine_file(self._path)
            refuse_in_use(self._path)
        try:
            create_folder(self._path.absolute().parent)
            create_file(self._path)
        except OSError as error:
            raise StoreError(f"The database {self._path} cannot be made: {error.strerror}.") from error
        with _in_words(), closing(connect(str(self._path), synchronous="FULL")) as db:
            migrate(db)
            self._opened = db
            yield

    def count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM run").fetchone()[0])

    def runs(self, after: str, limit: int, *, ended: bool = True) -> list[Row]:
        where = "id > ?" if ended else f"id > ? AND {LIVE}"
        return self._db.execute(f"{_RUNS} WHERE {where} ORDER BY id LIMIT ?", (after, limit)).fetchall()

    def runs_of(self, ids: Sequence[str]) -> list[Row]:
        sql = f"{_RUNS} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
        return self._db.execute(sql, (json.dumps(list(ids)),)).fetchall()

    def rows(self, table: Table, ids: Sequence[str]) -> Iterator[Row]:
        for run_id in ids:
            yield from self._db.execute(_ROWS[table], (run_id,))

    def workflows(self) -> list[Row]:
        return self._db.execute(f"SELECT {', '.join(WORKFLOW)} FROM workflow ORDER BY name").fetchall()

    def people(self, table: Table) -> list[Row]:
        return self._db.execute(f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY 1").fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def add_runs(self, runs: Sequence[Row]) -> None:
        for run in runs:
            clear(self._db, run[0])
        self._db.executemany(_insert("run", RUN), runs)

    def add(self, table: Table, rows: Iterable[Row]) -> None:
        self._db.executemany(_insert(table.name, ["run_id", *table.columns]), rows)

    def add_workflows(self, rows: Sequence[Row]) -> None:
        newer = ", ".join(f"{column} = excluded.{column}" for column in WORKFLOW[1:])
        update = f"ON CONFLICT(name) DO UPDATE SET {newer} WHERE excluded.offered > offered"
        self._db.executemany(f"{_insert('workflow', WORKFLOW)} {update}", rows)

    def add_people(self, table: Table, rows: Sequence[Row]) -> None:
        self._db.executemany(f"{_insert(table.name, table.columns)} ON CONFLICT DO NOTHING", rows)


def _insert(table: str, columns: Sequence[str]) -> str:
    derived = _DERIVED.get(table, set())
    kept = {column: f"?{place}" for place, column in enumerate(columns, 1) if column not in derived}
    return f"INSERT INTO {table}({', '.join(kept)}) VALUES ({', '.join(kept.values())})"


def _refuse_other_versions(db: sqlite3.Connection, path: Path) -> None:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if not version:
        raise StoreError(f"{path} has no conversations of FastAgency in it.")
    if version > len(MIGRATIONS):  # one that we can work with may still have what we would not copy
        raise StoreError(f"{path} has version {version}, made by a newer FastAgency. Copy it with that one.")
    if missing(db):
        raise StoreError(
            f"{path} has version {version}, and this FastAgency needs {len(MIGRATIONS)}. Make a backup of it, and run "
            f"`FASTAGENCY_DATABASE={path} fastagency migrate` first."
        )


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error) from error
