"""Backups every night and the way back: safe while the store is open, and never half a file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from fastagency_backend.store import SqliteStore, StoreError
from fastagency_backend.store.signals import Deaf
from fastagency_backend.store.sqlite.backup import back_up, restore
from fastagency_backend.store.sqlite.schema import MIGRATIONS

from tests.contract.store_contract import new


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "state" / "runs.sqlite3"


@pytest.fixture
async def store(database: Path) -> AsyncIterator[SqliteStore]:
    """A store that is open, with one run."""
    store = SqliteStore(database)
    await store.open(Deaf())
    await store.create_run(new(1))
    yield store
    await store.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "backup").mkdir()
    return tmp_path / "backup" / "runs.sqlite3"


def runs(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        count: int = db.execute("SELECT count(*) FROM run").fetchone()[0]
        return count


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_every_night_the_newest_state_is_in_the_same_file(
    store: SqliteStore, database: Path, target: Path
) -> None:
    assert back_up(database, target) == 1
    await store.create_run(new(2))
    assert back_up(database, target) == 2
    assert runs(target) == 2
    assert names(target.parent) == ["runs.sqlite3"]
    if sys.platform != "win32":
        assert target.stat().st_mode & 0o777 == 0o600
    await store.create_run(new(3))  # and the store goes on


async def test_a_backup_is_one_file_that_can_be_read_where_nothing_can_be_written(
    store: SqliteStore, database: Path, target: Path
) -> None:
    back_up(database, target)
    with closing(sqlite3.connect(f"{target.as_uri()}?immutable=1", uri=True)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert db.execute("SELECT count(*) FROM run").fetchone() == (1,)


async def test_a_backup_that_fails_leaves_the_older_one(store: SqliteStore, database: Path, target: Path) -> None:
    back_up(database, target)
    before = target.read_bytes()
    with pytest.raises(StoreError, match=r"The database .*absent\.sqlite3 is not there"):
        back_up(database.with_name("absent.sqlite3"), target)
    database.with_name("notes.sqlite3").write_text("dear diary, " * 100)
    with pytest.raises(StoreError, match=r"notes\.sqlite3 cannot be copied"):
        back_up(database.with_name("notes.sqlite3"), target)
    assert target.read_bytes() == before
    assert names(target.parent) == ["runs.sqlite3"]


async def test_a_damaged_database_does_not_replace_a_good_backup(
    store: SqliteStore, database: Path, target: Path
) -> None:
    back_up(database, target)
    damaged = database.with_name("worn.sqlite3")
    shutil.copy(target, damaged)
    with damaged.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 3)
    with pytest.raises(StoreError, match=r"worn\.sqlite3 (is damaged|cannot be read): "):
        back_up(damaged, target)
    assert runs(target) == 1


async def test_what_cannot_be_the_target_is_named(store: SqliteStore, database: Path, target: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        back_up(database, target.parent)
    with pytest.raises(StoreError, match="is the database itself"):
        back_up(database, database)
    with pytest.raises(StoreError, match="cannot be written: No such file or directory"):
        back_up(database, target.parent / "absent" / "runs.sqlite3")


async def test_the_way_back_keeps_what_was_there(store: SqliteStore, database: Path, target: Path) -> None:
    back_up(database, target)
    await store.create_run(new(2))
    await store.close()
    database.chmod(0o640)
    kept = restore(target, database, replace=True)
    assert kept is not None
    assert (runs(database), runs(kept)) == (1, 2)
    assert sorted(database.parent.iterdir()) == sorted([database, kept])
    assert target.exists()
    if sys.platform != "win32":
        assert database.stat().st_mode & 0o777 == 0o640
    again = SqliteStore(database)
    await again.open(Deaf())
    assert len(await again.list_runs(None, limit=5, before=None)) == 1
    await again.close()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give a file to somebody else")
async def test_root_gives_it_back_to_its_owner(store: SqliteStore, database: Path, target: Path) -> None:
    back_up(database, target)
    await store.close()
    os.chown(database, 12345, 54321)
    restore(target, database, replace=True)
    assert (database.stat().st_uid, database.stat().st_gid) == (12345, 54321)


async def test_a_database_is_replaced_only_if_that_is_said(store: SqliteStore, database: Path, target: Path) -> None:
    back_up(database, target)
    await store.create_run(new(2))
    await store.close()
    with pytest.raises(StoreError, match="repeat the command with --replace"):
        restore(target, database, replace=False)
    assert runs(database) == 2
    assert names(database.parent) == ["runs.sqlite3"]


async def test_a_database_in_use_is_not_replaced(store: SqliteStore, database: Path, target: Path) -> None:
    back_up(database, target)
    await store.create_run(new(2))
    with pytest.raises(StoreError, match=r"is in use\. Stop the backend"):
        restore(target, database, replace=True)
    assert len(await store.list_runs(None, limit=5, before=None)) == 2


async def test_a_lost_database_comes_back(store: SqliteStore, database: Path, target: Path, tmp_path: Path) -> None:
    back_up(database, target)
    await store.close()
    elsewhere = tmp_path / "runs.sqlite3"
    assert restore(target, elsewhere, replace=False) is None
    assert runs(elsewhere) == 1


async def test_a_ruined_database_is_replaced_and_kept(store: SqliteStore, database: Path, target: Path) -> None:
    back_up(database, target)
    await store.close()
    database.write_text("ruined " * 1000)
    kept = restore(target, database, replace=True)
    assert kept is not None
    assert kept.read_text().startswith("ruined")
    assert runs(database) == 1


def test_what_is_no_backup_is_refused(tmp_path: Path, target: Path) -> None:
    database = tmp_path / "runs.sqlite3"
    with pytest.raises(StoreError, match="is not there"):
        restore(target, database, replace=False)
    target.write_text("dear diary, " * 100)
    with pytest.raises(StoreError, match=r"The backup .* cannot be copied"):
        restore(target, database, replace=False)
    target.unlink()
    with closing(sqlite3.connect(target)) as db:
        db.execute("CREATE TABLE other(x)")
    with pytest.raises(StoreError, match="no conversations of FastAgency"):
        restore(target, database, replace=False)
    with closing(sqlite3.connect(target)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match="made by a newer FastAgency"):
        restore(target, database, replace=False)
    assert not database.exists()
    assert names(target.parent) == ["runs.sqlite3"]


@pytest.mark.parametrize("ruined", [True, False], ids=["ruined", "lost"])
async def test_a_log_that_a_crash_left_does_not_get_into_the_restored_file(
    store: SqliteStore, database: Path, target: Path, tmp_path: Path, ruined: bool
) -> None:
    back_up(database, target)
    await store.create_run(new(2))
    crashed = tmp_path / "crashed"
    shutil.copytree(database.parent, crashed)  # with its -wal and -shm, as after a kill
    if ruined:
        (crashed / database.name).write_text("ruined " * 1000)
    else:
        (crashed / database.name).unlink()
    restore(target, crashed / database.name, replace=True)
    assert runs(crashed / database.name) == 1
    assert {f"{database.name}-wal", f"{database.name}-shm"}.isdisjoint(names(crashed))


async def test_what_was_kept_before_is_not_overwritten(
    store: SqliteStore, database: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda _form: "20261124-030000")
    back_up(database, target)
    await store.close()
    restore(target, database, replace=True)
    with pytest.raises(StoreError, match=r"20261124-030000 is there already"):
        restore(target, database, replace=True)
    assert runs(database) == 1
