"""Where runs are kept: one small contract (`base`) and its embedded implementation (`sqlite`)."""

from backend.store.base import Store, StoreError
from backend.store.sqlite import SqliteStore

__all__ = ["SqliteStore", "Store", "StoreError"]
