"""Where runs are kept: a small contract (`base`, `signals`) and its implementations."""

from fastagency_backend.store.archive import Archive
from fastagency_backend.store.base import Store, StoreError
from fastagency_backend.store.sqlite import SqliteArchive, SqliteStore, examine_file

__all__ = ["Archive", "SqliteArchive", "SqliteStore", "Store", "StoreError", "examine_file"]
