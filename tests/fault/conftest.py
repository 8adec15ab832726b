"""PostgreSQL for the tests with many hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.postgres_server import PostgresServer, server
from tests.fault.hosts import Hosts


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """A server of the test's own, which may be stopped."""
    with server() as started:
        yield started


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def hosts(tmp_path: Path, database: str) -> Iterator[Hosts]:
    hosts = Hosts(tmp_path, database)
    yield hosts
    hosts.close()
