"""A look at the embedded store's file that changes nothing, for `fastagency check`."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from fastagency_backend.store.base import StoreError
from fastagency_backend.store.sqlite.schema import missing


def examine_file(path: Path) -> str:
    """One sentence on a file that can be used, or that will be made.

    Raises:
        StoreError: it cannot be used; the text says why.
    """
    if not path.exists():
        return _examine_place(path)
    if not os.access(path, os.R_OK | os.W_OK):
        raise StoreError(f"{path} may not be read and written by you. Correct its permissions, or FASTAGENCY_DATABASE.")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as db:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            tables = int(db.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0])
            steps = missing(db)
            runs = 0 if steps else int(db.execute("SELECT count(*) FROM run").fetchone()[0])
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be used: {error}. Point FASTAGENCY_DATABASE at another file.") from None
    if not version and tables:
        raise StoreError(f"{path} is a database of something else. Point FASTAGENCY_DATABASE at another file.")
    return f"{path} will be brought up to date by the next start." if steps else f"{path} has {runs} conversations."


def _examine_place(path: Path) -> str:
    folder = next(each for each in path.absolute().parents if each.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(
            f"{path} cannot be made: {folder} is no folder that you may write to. Set FASTAGENCY_DATABASE."
        )
    return f"{path} will be made by the first start."
