"""The embedded store: one SQLite file on one machine, nothing to start."""

from fastagency_backend.store.sqlite.archive import SqliteArchive
from fastagency_backend.store.sqlite.examine import examine_file
from fastagency_backend.store.sqlite.store import SqliteStore

__all__ = ["SqliteArchive", "SqliteStore", "examine_file"]
