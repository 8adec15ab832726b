"""What people wrote is in these files: nobody else on the machine may read what we create."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastagency_backend.store import SqliteStore
from fastagency_backend.store.signals import Deaf
from fastagency_backend.store.sqlite.private import create_file, create_folder

from tests.contract.store_contract import new

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows inherits the rights of the folder")


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_the_database_its_companions_and_its_folders_are_the_owners(tmp_path: Path) -> None:
    path = tmp_path / "state" / "fastagency" / "runs.sqlite3"
    store = SqliteStore(path)
    await store.open(Deaf())
    await store.create_run(new())
    modes = {each.name: mode(each) for each in [path.parent.parent, path.parent, *path.parent.iterdir()]}
    await store.close()
    assert modes == {
        "state": 0o700,
        "fastagency": 0o700,
        "runs.sqlite3": 0o600,
        "runs.sqlite3-wal": 0o600,
        "runs.sqlite3-shm": 0o600,
    }


async def test_what_was_there_keeps_the_rights_that_somebody_gave_it(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    path.touch(0o640)
    path.parent.chmod(0o750)
    store = SqliteStore(path)
    await store.open(Deaf())
    await store.close()
    assert (mode(path), mode(path.parent)) == (0o640, 0o750)


def test_a_file_that_is_there_keeps_its_text(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    create_file(path)
    assert path.read_text() == "text"


def test_a_folder_is_made_with_all_that_lead_to_it(tmp_path: Path) -> None:
    create_folder(tmp_path / "a" / "b")
    create_folder(tmp_path / "a" / "b")
    assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o700
