"""The embedded store: one SQLite file on one machine, nothing to start."""

from fastagency_backend.store.sqlite.examine import examine_file
from fastagency_backend.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore", "examine_file"]
