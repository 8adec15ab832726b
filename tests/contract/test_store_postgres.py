"""The store on PostgreSQL keeps the contract, and what is its own: servers that go, replies that are lost."""

from __future__ import annotations

import pytest
from fastagency_backend.store.postgres import PostgresStore

from tests.contract.store_contract import MakeStore
from tests.contract.store_contract_attempts import AttemptsContract
from tests.contract.store_contract_clients import ClientStoreContract
from tests.contract.store_contract_starts import StartsContract
from tests.contract.store_contract_turns import TurnStoreContract


@pytest.fixture
def make_store(postgres_url: str) -> MakeStore:
    return lambda: PostgresStore(postgres_url)


class TestPostgresStore(ClientStoreContract, TurnStoreContract, AttemptsContract, StartsContract):
    """Every test of the contract."""
