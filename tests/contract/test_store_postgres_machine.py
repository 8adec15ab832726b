"""The store on PostgreSQL under random operations."""

from __future__ import annotations

from fastagency_backend.store.base import Store
from fastagency_backend.store.postgres import Options, PostgresStore
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.postgres_server import PostgresServer
from tests.contract.store_machine import StoreMachine

EXAMPLES = settings(settings.get_profile("fastagency"), max_examples=25, stateful_step_count=40)


def test_the_machine(postgres: PostgresServer) -> None:
    class PostgresMachine(StoreMachine):
        def __init__(self) -> None:
            super().__init__()
            self.url = postgres.new_database()

        def make_store(self) -> Store:
            return PostgresStore(self.url, Options(lanes=1, readers=1))

        def teardown(self) -> None:
            super().teardown()
            postgres.give_back(self.url)

    run_state_machine_as_test(PostgresMachine, settings=EXAMPLES)
