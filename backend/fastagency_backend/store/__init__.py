"""Where runs are kept: one small contract (`base`) and its embedded implementation (`sqlite`)."""

from fastagency_backend.store.base import Store, StoreError
from fastagency_backend.store.examine import examine_file
from fastagency_backend.store.sqlite import SqliteStore

__all__ = ["SqliteStore", "Store", "StoreError", "examine_file"]
