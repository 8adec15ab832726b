"""Brings a database to the newest version: numbered files of SQL, each in one transaction, one process at a time.

During a rolling upgrade two versions of the code use one database. So a file first says (`-- oldest: N`) how many files
the code must know that can still work with the result: new things are added while the old ones stay (expand), and
taken away once no code needs them (contract).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from fastagency_backend.store.base import StoreError
from fastagency_backend.store.postgres.partition import make_ahead
from fastagency_backend.store.postgres.pool import Connection

LOCK = 7_241_001
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
    """Do what is missing; returns which versions were made.

    Raises:
        StoreError: the database needs a newer FastAgency.
    """
    migrations = known() if migrations is None else migrations
    done: list[int] = []
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        db.execute(VERSIONS)
        version = _check(db, migrations)
        for each in migrations:
            if each.version > version:
                db.execute(each.sql)
                db.execute("INSERT INTO schema_version(version, oldest) VALUES (%s, %s)", (each.version, each.oldest))
                done.append(each.version)
    make_ahead(db)
    return done


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
