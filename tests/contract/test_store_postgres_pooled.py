"""The store on PostgreSQL by way of a PgBouncer in transaction mode keeps the whole contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastagency_backend.store.postgres import Options, PostgresStore

from tests.contract.postgres_server import PostgresServer
from tests.contract.store_contract import MakeStore
from tests.contract.store_contract_attempts import AttemptsContract
from tests.contract.store_contract_catalogue import CatalogueContract
from tests.contract.store_contract_clients import ClientStoreContract
from tests.contract.store_contract_starts import StartsContract
from tests.contract.store_contract_turns import TurnStoreContract
from tests.pgbouncer import PgBouncer, pgbouncer


@pytest.fixture(scope="module")
def bouncer(postgres: PostgresServer) -> Iterator[PgBouncer]:
    with pgbouncer(postgres) as bouncer:
        yield bouncer


@pytest.fixture
def make_store(postgres_url: str, bouncer: PgBouncer) -> MakeStore:
    options = Options(pooled=True, listen_url=postgres_url)
    return lambda: PostgresStore(bouncer.url(postgres_url), options)


class TestPooledPostgresStore(
    ClientStoreContract, TurnStoreContract, AttemptsContract, StartsContract, CatalogueContract
):
    """Every test of the contract."""
