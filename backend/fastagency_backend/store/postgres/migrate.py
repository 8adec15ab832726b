"""Brings a database to the newest version: numbered files of SQL, each in one transaction, one process at a time.

During a rolling upgrade two versions of the code use one database. So a file first says (`-- oldest: N`) how many files
the code must know that can still work with the result: new things are added while the old ones stay (expand), and
taken away once no code needs them (contract).
"""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from importlib.resources import files

from psycopg import errors

from fastagency_backend.store.base import StoreError
from fastagency_backend.store.postgres.locks import MIGRATE
from fastagency_backend.store.postgres.partition import make_ahead
from fastagency_backend.store.postgres.pool import Connection

logger = logging.getLogger(__name__)

PATIENCE_MS = 500
"""How long a change waits for those who use a table; whoever comes meanwhile waits behind it."""
PAUSE_S = 1.0
GIVE_UP_S = 300.0
"""A backup holds the tables for as long as it takes."""
VERSIONS = (
    "CREATE TABLE IF NOT EXISTS schema_version(version integer PRIMARY KEY, oldest integer NOT NULL, "
    "at timestamptz NOT NULL DEFAULT now())"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `oldest` is the oldest code, by the number of files that it knows, which works with what it makes."""

    version: int
    oldest: int
    sql: str


def known() -> list[Migration]:
    """The migrations of this code, in order."""
    found: list[Migration] = []
    for file in sorted(files(__package__).joinpath("schema").iterdir(), key=lambda file: file.name):
        if match := re.fullmatch(r"(\d{4})_\w+\.sql", file.name):
            sql = file.read_text(encoding="utf-8")
            oldest = re.match(r"-- oldest: (\d+)\n", sql)
            assert oldest is not None, f"{file.name} does not say which code works with it"
            found.append(Migration(int(match[1]), int(oldest[1]), sql))
    return found


def migrate(db: Connection, migrations: list[Migration] | None = None) -> list[int]:
    """Do what is missing, without holding others up; returns which versions were made.

    Raises:
        StoreError: the database needs a newer FastAgency, or is held by others all the time.
    """
    migrations = known() if migrations is None else migrations
    until = time.monotonic() + GIVE_UP_S
    while True:
        try:
            done = _migrate(db, migrations)
            break
        except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
            if time.monotonic() > until:
                raise StoreError(
                    "The database could not be brought up to date, for something has held its tables all the time. "
                    "Try again when no backup is being made."
                ) from error
            logger.info("A table that is to be changed is in use, and it is tried again: %s", error)
        time.sleep(PAUSE_S)
    make_ahead(db)
    return done


def _migrate(db: Connection, migrations: list[Migration]) -> list[int]:
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATE,))
        db.execute(f"SET LOCAL lock_timeout = {PATIENCE_MS}")
        db.execute(VERSIONS)
        version = _check(db, migrations)
        missing = [each for each in migrations if each.version > version]
        for each in missing:
            db.execute(each.sql)
            db.execute("INSERT INTO schema_version(version, oldest) VALUES (%s, %s)", (each.version, each.oldest))
    return [each.version for each in missing]


def check(db: Connection, migrations: list[Migration] | None = None) -> None:
    """Change nothing. Raises `StoreError` if the database is older or newer than this code can work with."""
    migrations = known() if migrations is None else migrations
    row = db.execute("SELECT to_regclass('schema_version') IS NOT NULL").fetchone()
    version = _check(db, migrations) if row is not None and row[0] else 0
    if version < migrations[-1].version:
        raise StoreError(
            f"The database has version {version}, and this FastAgency needs {migrations[-1].version}. "
            "Run `fastagency migrate`, or set FASTAGENCY_MIGRATE=1."
        )


def _check(db: Connection, migrations: list[Migration]) -> int:
    """The database's version, if this code can work with it."""
    row = db.execute("SELECT COALESCE(MAX(version), 0), COALESCE(MAX(oldest), 0) FROM schema_version").fetchone()
    assert row is not None
    version, oldest = row
    newest = migrations[-1].version
    if oldest > newest:
        raise StoreError(
            f"The database has version {version}, which a FastAgency of version {oldest} or newer can use; this one "
            f"knows {newest}. Upgrade FastAgency, or point FASTAGENCY_DATABASE at another database."
        )
    return int(version)
