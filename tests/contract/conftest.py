"""One PostgreSQL for all tests of a session that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.postgres_server import PostgresServer, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with server() as started:
        yield started


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """An empty database."""
    url = postgres.new_database()
    yield url
    postgres.give_back(url)
