"""The embedded store under random operations."""

from __future__ import annotations

import tempfile

from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import Store
from hypothesis import settings

from tests.contract.store_machine import StoreMachine


class SqliteMachine(StoreMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()

    def make_store(self) -> Store:
        return SqliteStore(f"{self.folder.name}/runs.sqlite3", synchronous="OFF")

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


TestSqliteMachine = SqliteMachine.TestCase
TestSqliteMachine.settings = settings(settings.get_profile("fastagency"), max_examples=50, stateful_step_count=40)
