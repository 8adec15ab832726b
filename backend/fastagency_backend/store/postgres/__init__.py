"""The store on PostgreSQL. Imported only where `FASTAGENCY_DATABASE` names one: it needs the extra `postgres`."""

from fastagency_backend.store.postgres.archive import PostgresArchive
from fastagency_backend.store.postgres.pool import Options
from fastagency_backend.store.postgres.store import PostgresStore

__all__ = ["Options", "PostgresArchive", "PostgresStore"]
