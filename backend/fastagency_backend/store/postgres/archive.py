"""A database of PostgreSQL as an `archive.Archive`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager

import psycopg

from fastagency_backend.store.archive import RELEASED, RUN, WORKFLOW, Row, Table
from fastagency_backend.store.base import StoreError
from fastagency_backend.store.postgres.failure import store_error
from fastagency_backend.store.postgres.migrate import check, migrate
from fastagency_backend.store.postgres.partition import Room
from fastagency_backend.store.postgres.pool import Connection, conninfo
from fastagency_backend.store.postgres.sql import LIVE, NOW

PATIENCE = "5s"
"""How long a lock is waited for that somebody else holds: who works with the database, or another copy."""
_FLAGS = {"titled", "durable", "blamed", "expired"}
_WORKERS = f"SELECT count(*) FROM worker WHERE expires > {NOW}"
_IDENTITY = (
    "SELECT pg_postmaster_start_time(), (SELECT oid FROM pg_database WHERE datname = current_database()), "
    "inet_server_port()"
)


_EXPRESSIONS = {"status": RELEASED} | {flag: f"{flag}::integer" for flag in _FLAGS}


def _columns(names: Iterable[str]) -> str:
    return ", ".join(_EXPRESSIONS.get(name, name) for name in names)


_RUNS = f"SELECT {_columns(RUN)} FROM run"


class PostgresArchive:
    """See the module's docstring. To be alone means that no worker is there, and no API can write either."""

    keeps_nul = False

    def __init__(self, url: str) -> None:
        self._conninfo = conninfo(url, settings=False)
        self._opened: Connection | None = None
        self._room = Room()
        self._added: dict[str, int] = {}

    @property
    def _db(self) -> Connection:
        assert self._opened is not None, "it is opened to read or to write before"
        return self._opened

    @property
    def identity(self) -> object:
        with self._connected() as db:
            return db.execute(_IDENTITY).fetchone()

    @contextmanager
    def to_read(self, *, alone: bool) -> Iterator[None]:
        with self._connected() as db:
            check(db)
            with db.transaction():
                db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                db.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
                db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                if alone:
                    db.execute("LOCK TABLE run, workflow IN SHARE MODE")  # before anything is read
                    _refuse_workers(db)
                self._opened = db
                yield

    @contextmanager
    def to_write(self) -> Iterator[None]:
        with self._connected() as db:
            migrate(db)
            _refuse_workers(db)
            self._opened = db
            yield

    def count(self) -> int:
        row = self._db.execute("SELECT count(*) FROM run").fetchone()
        assert row is not None
        return int(row[0])

    def runs(self, after: str, limit: int, *, ended: bool = True) -> list[Row]:
        where = "id > %s" if ended else f"id > %s AND {LIVE}"
        return self._db.execute(f"{_RUNS} WHERE {where} ORDER BY id LIMIT %s", (after, limit)).fetchall()

    def runs_of(self, ids: Sequence[str]) -> list[Row]:
        return self._db.execute(f"{_RUNS} WHERE id = ANY(%s) ORDER BY id", (list(ids),)).fetchall()

    def rows(self, table: Table, ids: Sequence[str]) -> Iterator[Row]:
        numbers = {number: run_id for run_id, number in self._numbers(ids).items()}
        sql = (
            f"SELECT run, {_columns(table.columns)} FROM {table.name} WHERE run = ANY(%s) "
            f"ORDER BY run, {table.columns[0]}"
        )
        with self._db.cursor() as cursor:
            for number, *row in cursor.stream(sql, (list(numbers),)):
                yield numbers[number], *row

    def workflows(self) -> list[Row]:
        return self._db.execute(f"SELECT {_columns(WORKFLOW)} FROM workflow ORDER BY name").fetchall()

    def people(self, table: Table) -> list[Row]:
        return self._db.execute(f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY 1").fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._db.transaction():
            self._db.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            self._db.execute("LOCK TABLE run IN SHARE ROW EXCLUSIVE MODE")
            yield

    def add_runs(self, runs: Sequence[Row]) -> None:
        self._copy("run", RUN, runs)
        self._added = self._numbers([run[0] for run in runs])
        if self._added and self._room.lacks(max(self._added.values())):
            self._room.make(self._db)

    def add(self, table: Table, rows: Iterable[Row]) -> None:
        numbered = ((self._added[run_id], *row) for run_id, *row in rows)
        self._copy(table.name, ("run", *table.columns), numbered)

    def add_workflows(self, rows: Sequence[Row]) -> None:
        newer = ", ".join(f"{column} = excluded.{column}" for column in WORKFLOW[1:])
        places = ", ".join("%s::integer::boolean" if column in _FLAGS else "%s" for column in WORKFLOW)
        sql = (
            f"INSERT INTO workflow({', '.join(WORKFLOW)}) VALUES ({places}) ON CONFLICT(name) DO UPDATE SET {newer} "
            "WHERE excluded.offered > workflow.offered"
        )
        with self._db.cursor() as cursor:
            cursor.executemany(sql, rows)

    def add_people(self, table: Table, rows: Sequence[Row]) -> None:
        places = ", ".join("%s" for _ in table.columns)
        sql = f"INSERT INTO {table.name}({', '.join(table.columns)}) VALUES ({places}) ON CONFLICT DO NOTHING"
        with self._db.cursor() as cursor:
            cursor.executemany(sql, rows)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _numbers(self, ids: Sequence[str]) -> dict[str, int]:
        return dict(self._db.execute("SELECT id, number FROM run WHERE id = ANY(%s)", (list(ids),)).fetchall())

    def _copy(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        with self._db.cursor() as cursor, cursor.copy(f"COPY {table}({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with closing(psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)) as db:
                yield db
        except psycopg.Error as error:
            raise store_error(error) from error


def _refuse_workers(db: Connection) -> None:
    row = db.execute(_WORKERS).fetchone()
    if row is not None and row[0]:
        raise StoreError(
            f"{row[0]} workers use the database {db.info.dbname} at {db.info.host}. Stop every backend, API and "
            "worker, wait for some seconds if one was killed, and repeat the command."
        )
