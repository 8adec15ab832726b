"""The file of people: written whole or not at all, and read anew when it has changed."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastagency_frontend.sign_in import password_file
from fastagency_frontend.sign_in.password_file import Entry, PeopleFile
from fastagency_shared.errors import InvalidSettings

ENTRY = Entry(password="$argon2id$")


@pytest.fixture
def file(tmp_path: Path) -> PeopleFile:
    return PeopleFile(tmp_path / "etc" / "people.json")


def test_only_its_owner_can_read_it(file: PeopleFile) -> None:
    with file.changing() as people:
        people["anna"] = ENTRY
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.read() == {"anna": ENTRY}


def test_it_keeps_its_mode_and_leaves_nothing_beside(file: PeopleFile) -> None:
    for name in ("anna", "bert"):
        with file.changing() as people:
            people[name] = ENTRY
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert {each.name for each in file.path.parent.iterdir()} == {"people.json", ".people.json.lock"}


def test_a_change_that_fails_changes_nothing(file: PeopleFile, monkeypatch: pytest.MonkeyPatch) -> None:
    with file.changing() as people:
        people["anna"] = ENTRY
    before = file.path.read_bytes()
    with pytest.raises(KeyError), file.changing() as people:
        del people["anna"], people["nobody"]
    monkeypatch.setattr(password_file.os, "fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError), file.changing() as people:
        del people["anna"]
    assert file.path.read_bytes() == before
    assert {each.name for each in file.path.parent.iterdir()} == {"people.json", ".people.json.lock"}


def test_no_change_is_lost(file: PeopleFile) -> None:
    def add(number: int) -> None:
        with PeopleFile(file.path).changing() as people:
            people[f"person-{number}"] = ENTRY

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    assert len(file.read()) == 24


def test_a_process_that_runs_reads_it_again(file: PeopleFile) -> None:
    assert file.people() == {}
    with PeopleFile(file.path).changing() as people:
        people["anna"] = ENTRY
    assert set(file.people()) == {"anna"}
    with PeopleFile(file.path).changing() as people:
        people["anna"] = Entry(password="$argon2id$", roles=["manager"])
    assert file.people()["anna"].roles == ["manager"]
    file.path.unlink()
    assert file.people() == {}


def test_a_file_that_was_spoilt_by_hand_changes_nothing(file: PeopleFile, caplog: pytest.LogCaptureFixture) -> None:
    with file.changing() as people:
        people["anna"] = ENTRY
    assert file.people()
    file.path.write_text("{")
    assert set(file.people()) == {"anna"}
    assert set(file.people()) == {"anna"}
    assert caplog.text.count("What it was before still counts.") == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"people": {"anna": {}}}',
        '{"people": {"anna": {"password": "x", "admin": true}}}',
        '{"people": {"": {"password": "x"}}}',
        json.dumps({"people": {"anna": {"password": "x", "name": "a\0"}}}),
    ],
)
def test_what_is_no_such_file_is_refused_and_not_quoted(file: PeopleFile, content: str) -> None:
    file.path.parent.mkdir()
    file.path.write_text(content.replace('"x"', '"$argon2id$hash"'))
    with pytest.raises(InvalidSettings, match="is not understood") as error:
        file.read()
    assert "argon2id" not in str(error.value)


def test_a_missing_file_is_named_with_what_makes_it(file: PeopleFile) -> None:
    with pytest.raises(InvalidSettings, match="fastagency user add NAME"):
        file.read()
