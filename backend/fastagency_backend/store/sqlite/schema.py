"""The tables of the embedded store, as a list of migrations: entry N brings a file from version N to N + 1.

While processes are restarted one after the other, two versions of the code use one file. So an entry may first say
(`"-- oldest: N"`) how many entries the code must know that can still work with the result: new things are added while
the old ones stay (expand), and taken away once no code needs them (contract). One that says nothing is for code that
knows it.
"""

from __future__ import annotations

import re
import sqlite3

from fastagency_backend.store.base import BLANKED, HIDDEN, StoreError
from fastagency_backend.store.dispatch import ON_TRIAL

VERSIONS = "CREATE TABLE IF NOT EXISTS schema_version(version INTEGER PRIMARY KEY, oldest INTEGER NOT NULL)"
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE run(
            id TEXT PRIMARY KEY, workflow TEXT NOT NULL, params TEXT NOT NULL, user_id TEXT, status TEXT NOT NULL,
            title TEXT NOT NULL, titled INTEGER NOT NULL DEFAULT 0, result TEXT, durable INTEGER NOT NULL,
            worker TEXT, fence INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, updated REAL NOT NULL
        )""",
        "CREATE INDEX run_by_user ON run(user_id, created DESC, id DESC)",
        "CREATE INDEX run_claimable ON run(updated) WHERE status = 'ready' OR worker IS NOT NULL",
        "CREATE INDEX run_by_worker ON run(worker) WHERE worker IS NOT NULL",
        "CREATE INDEX run_ended ON run(updated) WHERE status IN ('completed', 'failed', 'cancelled')",
        """CREATE TABLE event(
            run_id TEXT NOT NULL, seq INTEGER NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY(run_id, seq)
        ) WITHOUT ROWID""",
        """CREATE TABLE step(
            run_id TEXT NOT NULL, key TEXT NOT NULL, ord INTEGER NOT NULL, value TEXT NOT NULL,
            PRIMARY KEY(run_id, key)
        ) WITHOUT ROWID""",
        """CREATE TABLE question(
            run_id TEXT NOT NULL, uuid TEXT NOT NULL, key TEXT NOT NULL, asked INTEGER NOT NULL, body TEXT NOT NULL,
            value TEXT, ord INTEGER, PRIMARY KEY(run_id, uuid)
        ) WITHOUT ROWID""",
        "CREATE TABLE worker(id TEXT PRIMARY KEY, expires REAL NOT NULL)",
    ),
    (
        "ALTER TABLE worker ADD COLUMN ttl REAL NOT NULL DEFAULT 3.0",
        "ALTER TABLE worker ADD COLUMN beat INTEGER NOT NULL DEFAULT 0",
        "CREATE TABLE garbage(run_id TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE probe(id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    ),
    ("ALTER TABLE run ADD COLUMN key_version INTEGER NOT NULL DEFAULT 1",),
    (
        "ALTER TABLE run ADD COLUMN due REAL",
        "ALTER TABLE question ADD COLUMN due REAL",
        "ALTER TABLE question ADD COLUMN expired INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE worker ADD COLUMN offers TEXT",
        "DROP INDEX run_claimable",
        "CREATE INDEX run_ready ON run(workflow, COALESCE(user_id, ''), updated) WHERE status = 'ready'",
        "CREATE INDEX run_at_work ON run(COALESCE(user_id, ''), workflow) "
        "WHERE status = 'running' AND worker IS NOT NULL",
        "CREATE INDEX run_due ON run(due) WHERE status = 'waiting' AND worker IS NULL AND due IS NOT NULL",
    ),
    (
        "ALTER TABLE run ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE run ADD COLUMN suspect INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE run ADD COLUMN blamed INTEGER NOT NULL DEFAULT 0",
        f"CREATE INDEX run_on_trial ON run(updated) WHERE status = 'ready' AND attempts >= {ON_TRIAL}",
    ),
    ("ALTER TABLE run ADD COLUMN parent TEXT",),
    ("ALTER TABLE step ADD COLUMN asked TEXT",),
    (
        """CREATE TABLE workflow(
            name TEXT PRIMARY KEY, description TEXT NOT NULL, durable INTEGER NOT NULL, place INTEGER NOT NULL,
            build TEXT, offered REAL NOT NULL
        ) WITHOUT ROWID""",
        "ALTER TABLE run ADD COLUMN build TEXT",
        "ALTER TABLE worker ADD COLUMN takes TEXT",
    ),
    (
        "-- oldest: 8\nALTER TABLE run ADD COLUMN started_by TEXT",
        "ALTER TABLE workflow ADD COLUMN roles TEXT",
        """CREATE TABLE person(
            id TEXT PRIMARY KEY, name TEXT, email TEXT, roles TEXT NOT NULL, first_seen REAL NOT NULL,
            last_seen REAL NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE session(
            id TEXT PRIMARY KEY, secret TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, person TEXT NOT NULL,
            created REAL NOT NULL, used REAL NOT NULL, idle_s REAL NOT NULL, until REAL NOT NULL, expires REAL NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX session_by_user ON session(user_id)",
        "CREATE INDEX session_by_end ON session(expires)",
        """CREATE TABLE api_token(
            id TEXT PRIMARY KEY, secret TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, name TEXT NOT NULL,
            created REAL NOT NULL, expires REAL, used TEXT
        ) WITHOUT ROWID""",
        "CREATE INDEX api_token_by_user ON api_token(user_id)",
        "CREATE TABLE person_key(user_id TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE audit(seq INTEGER PRIMARY KEY, body TEXT NOT NULL, hash TEXT NOT NULL)",
        "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); "
        "END",
        "CREATE TRIGGER audit_is_whole BEFORE DELETE ON audit BEGIN "
        "SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    ),
    (
        f"UPDATE question SET value = '{BLANKED}' WHERE value IS NOT NULL AND instr(body, '{HIDDEN}') > 0 "
        "AND run_id IN (SELECT id FROM run WHERE status IN ('completed', 'failed', 'cancelled'))",
    ),
)


def migrate(db: sqlite3.Connection) -> None:
    """Bring the file to the newest version; safe when several processes start at once.

    Raises:
        StoreError: the file needs a newer FastAgency.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        steps = missing(db)
        for version, statements in enumerate(steps, len(MIGRATIONS) - len(steps) + 1):
            for statement in statements:
                db.execute(statement)
            said = re.match(r"-- oldest: (\d+)", statements[0])
            db.execute(VERSIONS)
            db.execute("INSERT INTO schema_version VALUES (?, ?)", (version, int(said[1]) if said else version))
            db.execute(f"PRAGMA user_version = {version}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def check(db: sqlite3.Connection) -> None:
    """Raises `StoreError` unless this code can work with the file as it is."""
    if steps := missing(db):
        raise StoreError(
            f"The database has version {len(MIGRATIONS) - len(steps)}, and this FastAgency needs {len(MIGRATIONS)}. "
            "Run `fastagency migrate` first, for FASTAGENCY_MIGRATE is off."
        )


def missing(db: sqlite3.Connection) -> tuple[tuple[str, ...], ...]:
    """What a file still lacks. Raises `StoreError` for one that needs a newer FastAgency."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS) and (oldest := _oldest(db, version)) > len(MIGRATIONS):
        raise StoreError(
            f"The database has version {version}, made by a newer FastAgency for what knows version {oldest}; this one "
            f"knows {len(MIGRATIONS)}. Upgrade FastAgency, or point FASTAGENCY_DATABASE at another file."
        )
    return MIGRATIONS[version:]


def _oldest(db: sqlite3.Connection, version: int) -> int:
    """The oldest code that works with a file of this version."""
    if not db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'").fetchone()[0]:
        return version
    return int(db.execute("SELECT MAX(oldest) FROM schema_version").fetchone()[0])
