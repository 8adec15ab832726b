"""The databases that tests run on: a file of SQLite, and an empty database of a PostgreSQL that they start."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import pytest
from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import Store

if TYPE_CHECKING:
    from tests.contract.postgres_server import PostgresServer

Database: TypeAlias = Path | str
"""A file of SQLite, or the URL of a database in PostgreSQL."""
NewDatabase: TypeAlias = Callable[[], AbstractContextManager[Database]]

if TYPE_CHECKING:
    AnyStore = SqliteStore
else:
    AnyStore = object
"""What a test derives a store of its own from: `store_on` puts it over the store that the database needs."""

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
sqlite_only = pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)
"""For tests that are about SQLite's file, or about what only the embedded store does."""


def store_on(database: Database, own: type[SqliteStore] | None = None) -> Store:
    """A store that need not outlive the machine; an `own` one does before the usual one whatever the test wants."""
    if isinstance(database, Path):
        kind = type(own.__name__, (own, SqliteStore), {}) if own else SqliteStore
        return cast(Store, kind(database, synchronous="OFF"))
    from fastagency_backend.store.postgres import Options, PostgresStore

    kind = type(own.__name__, (own, PostgresStore), {}) if own else PostgresStore
    return cast(Store, kind(database, Options(lanes=1, readers=2)))


def execute(database: Database, sql: str) -> None:
    """Change what is in a database behind the back of its stores."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(database)) as file, file:
            file.execute(sql)
    else:
        import psycopg

        with psycopg.connect(database) as db:
            db.execute(sql.encode())


def select(database: Database, sql: str) -> list[tuple[Any, ...]]:
    """What is in a database, by the same SQL in each."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(database)) as file:
            return file.execute(sql).fetchall()
    import psycopg

    with psycopg.connect(database) as db:
        return db.execute(sql.encode()).fetchall()


def wait_until_unused(database: Database) -> None:
    """Whoever used it is dead. A server may still be at what a client had sent before it was killed."""
    users = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()"
    while not isinstance(database, Path) and select(database, users) != [(0,)]:
        time.sleep(0.01)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests of a session that need one."""
    from tests.contract.postgres_server import server

    with server() as started:
        yield started


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """An empty database in PostgreSQL."""
    with _in_postgres(postgres) as url:
        yield url


@pytest.fixture(scope="session", params=KINDS)
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """Makes empty databases, each gone when its block ends. A test that asks for it runs once with each kind."""
    if request.param == "sqlite":
        return _in_a_file
    server: PostgresServer = request.getfixturevalue("postgres")
    return lambda: _in_postgres(server)


@pytest.fixture
def database(new_database: NewDatabase) -> Iterator[Database]:
    """An empty database of each kind."""
    with new_database() as empty:
        yield empty


@contextmanager
def _in_a_file() -> Iterator[Path]:
    with TemporaryDirectory(prefix="fastagency-") as folder:
        yield Path(folder) / "runs.sqlite3"


@contextmanager
def _in_postgres(server: PostgresServer) -> Iterator[str]:
    url = server.new_database()
    try:
        yield url
    finally:
        server.give_back(url)
