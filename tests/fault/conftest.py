"""The databases of processes that are killed: for the tests with many hosts, a PostgreSQL of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.postgres_server import PostgresServer, server
from tests.databases import KINDS, Database
from tests.fault.hosts import Hosts


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """A server of the test's own, which may be stopped."""
    with server() as started:
        yield started


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture(params=KINDS)
def either_database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database of each kind. What `str` makes of it is a FASTAGENCY_DATABASE."""
    if request.param == "sqlite":
        return tmp_path / "runs.sqlite3"
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return postgres.new_database()


sqlite_only = pytest.mark.parametrize("either_database", ["sqlite"], indirect=True)
"""For what takes long and has nothing to do with the store."""


@pytest.fixture
def hosts(tmp_path: Path, database: str) -> Iterator[Hosts]:
    hosts = Hosts(tmp_path, database)
    yield hosts
    hosts.close()
