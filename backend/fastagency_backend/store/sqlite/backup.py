"""A copy of the embedded store's file, made while it is in use, and the way back.

A copy with `cp` would miss the newest commits, which are in a second file. SQLite copies a consistent state, and no
writer waits for it. What is under way has another name until it is whole and on the disk: an older backup is replaced
by a good one or not at all.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from fastagency_backend.store.base import StoreError
from fastagency_backend.store.sqlite.private import create_file
from fastagency_backend.store.sqlite.schema import missing

BUSY_TIMEOUT_S = 30.0


def back_up(database: Path, target: Path) -> int:
    """Write a copy of the database to `target`, in the place of an older one; returns its number of conversations.

    Raises:
        StoreError: it cannot be done; what `target` was before is untouched.
    """
    if target.is_dir():
        raise StoreError(f"{target} is a folder. Name a file for the backup, such as {target / 'runs.sqlite3'}.")
    if target.exists() and database.exists() and target.samefile(database):
        raise StoreError(f"{target} is the database itself. Name another file for the backup.")
    with _whole_or_not_at_all(target) as unfinished:
        _copy(database, unfinished, f"The database {database}")
        return _examine(unfinished, f"The database {database}")


def restore(backup: Path, database: Path, *, replace: bool) -> Path | None:
    """Put a backup in the place of the database; returns where the old one is kept, if there was one.

    Args:
        replace: a database that is there may be replaced.

    Raises:
        StoreError: it cannot be done; the database is untouched.
    """
    if backup.exists() and database.exists() and backup.samefile(database):
        raise StoreError(f"{backup} is the database itself. Name the backup.")
    with _whole_or_not_at_all(database) as unfinished:
        _copy(backup, unfinished, f"The backup {backup}")
        found = _examine(unfinished, f"The backup {backup}")
        if database.exists():
            refuse_in_use(database)
            if not replace:
                raise StoreError(
                    f"{database} is there already. To put the {found} conversations of {backup} in its place, repeat "
                    "the command with --replace; the old file is kept beside it."
                )
            _take_after(database, unfinished)
        return _set_aside(database)


@contextmanager
def _whole_or_not_at_all(target: Path) -> Iterator[Path]:
    """A file to fill, which becomes `target` if nothing goes wrong."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        create_file(unfinished)
        try:
            yield unfinished
            _flush(unfinished)
            unfinished.replace(target)
            if sys.platform != "win32":
                _flush(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}.") from error


def _copy(source: Path, target: Path, named: str) -> None:
    if not source.is_file():
        raise StoreError(f"{named} is not there.")
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")  # one file, which can be read wherever it is kept
    except sqlite3.Error as error:
        raise StoreError(f"{named} cannot be copied: {error}.") from error


def _examine(copy: Path, named: str) -> int:
    """How many conversations a copy has: it is a whole database, and one of ours."""
    try:
        with closing(sqlite3.connect(copy)) as db:
            damage = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            version = db.execute("PRAGMA user_version").fetchone()[0]
            missing(db)
            number: int = db.execute("SELECT count(*) FROM run").fetchone()[0] if version else 0
    except sqlite3.Error as error:
        raise StoreError(f"{named} cannot be read: {error}.") from error
    if damage != "ok":
        raise StoreError(f"{named} is damaged: {damage}.")
    if not version:
        raise StoreError(f"{named} has no conversations of FastAgency in it.")
    return number


def refuse_in_use(database: Path) -> None:
    """To leave WAL, SQLite needs the file for itself alone: it does not get it while any process has it open."""
    try:
        with closing(sqlite3.connect(database, timeout=0)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise StoreError(f"{database} is in use. Stop the backend, and repeat the command.") from None
        raise StoreError(f"{database} cannot be replaced: {error}.") from error
    except sqlite3.DatabaseError:
        return  # no database any more: one more reason to restore


def _take_after(old: Path, new: Path) -> None:
    """Give a file the rights of the one that it replaces, and its owner: root may be the one who restores."""
    was = old.stat()
    new.chmod(was.st_mode & 0o777)
    if sys.platform != "win32" and os.geteuid() == 0:
        os.chown(new, was.st_uid, was.st_gid)


def _set_aside(database: Path) -> Path | None:
    """Rename the file, and first what a crash has left beside it: SQLite would play that log into the new file."""
    kept = database.with_name(f"{database.name}.{time.strftime('%Y%m%d-%H%M%S')}")
    found = [suffix for suffix in ("-wal", "-shm", "") if Path(f"{database}{suffix}").exists()]
    if found and kept.exists():
        raise StoreError(f"{kept} is there already. Repeat the command in a second.")
    for suffix in found:
        Path(f"{database}{suffix}").rename(f"{kept}{suffix}")
    return kept if "" in found else None


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
