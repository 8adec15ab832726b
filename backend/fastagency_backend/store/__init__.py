"""Where runs are kept: a small contract (`base`, `signals`) and its implementations."""

from fastagency_backend.store.base import Store, StoreError
from fastagency_backend.store.sqlite import SqliteStore, examine_file

__all__ = ["SqliteStore", "Store", "StoreError", "examine_file"]
