"""`fastagency user ...`: the password file, changed from a terminal or a script."""

from __future__ import annotations

import getpass
import io
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fastagency_frontend.command.main import main
from fastagency_frontend.sign_in.password import verified
from fastagency_shared.errors import BackendUnreachable
from fastagency_shared.page_key import PageKey

User = Callable[..., int]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTAGENCY_PASSWORD_FILE", str(tmp_path / "people.json"))
    return tmp_path / "people.json"


@pytest.fixture
def user(file: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    def run(*arguments: str, typed: str = "") -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        return main(["user", *arguments])

    return run


def entry(file: Path, name: str) -> dict[str, object]:
    return dict(json.loads(file.read_text())["people"][name])


def test_somebody_is_added(user: User, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--full-name", "Anna Smith", "--email", "anna@example.org", "--role", "manager", "--role", "auditor,x")
    assert user("add", "Anna", *arguments, typed="correct horse\n") == 0
    found = entry(file, "anna")
    assert verified(str(found.pop("password")), "correct horse")
    assert found == {"name": "Anna Smith", "roles": ["auditor", "manager", "x"], "email": "anna@example.org"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert user("list") == 0
    out = capsys.readouterr().out
    assert "anna: Anna Smith, anna@example.org, the roles auditor, manager, x" in out
    assert "argon2" not in out
    assert "correct horse" not in out


def test_a_person_at_the_terminal_types_it_twice(
    user: User, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["correct horse", "correct hose", "correct horse", "correct horse"])
    monkeypatch.setattr(getpass, "getpass", lambda _: next(typed))
    monkeypatch.setattr(io, "StringIO", Terminal)
    assert user("add", "anna") == 1
    assert "The two passwords differ" in capsys.readouterr().err
    assert not file.exists()
    assert user("add", "anna") == 0


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("add", "anna"), "another horse", "has anna already"),
        (("add", "bert"), "short", "8 to 1000"),
        (("add", " "), "correct horse", "1 to 200"),
        (("add", "b\0"), "correct horse", "does not fit"),
        (("add", "bert", "--email", "x" * 501), "correct horse", "The email of a User"),
        (("passwd", "bert"), "correct horse", "nobody called 'bert'"),
        (("roles", "bert", "x"), "", "nobody called 'bert'"),
        (("remove", "bert"), "", "nobody called 'bert'"),
    ],
)
def test_what_does_not_fit_changes_nothing(
    user: User, file: Path, arguments: tuple[str, ...], typed: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    user("add", "anna", typed="correct horse")
    before = file.read_bytes()
    assert user(*arguments, typed=typed) == 1
    assert said in capsys.readouterr().err
    assert file.read_bytes() == before


def test_without_a_file_there_is_nobody_to_change(user: User, capsys: pytest.CaptureFixture[str]) -> None:
    assert user("passwd", "anna", typed="correct horse") == 1
    assert "fastagency user add" in capsys.readouterr().err


def test_roles_are_all_that_somebody_has(user: User, file: Path) -> None:
    user("add", "anna", "--role", "x", typed="correct horse")
    assert user("roles", "ANNA", "manager", "auditor") == 0
    assert entry(file, "anna")["roles"] == ["auditor", "manager"]
    assert user("roles", "anna") == 0
    assert "roles" not in entry(file, "anna")


@pytest.mark.parametrize("command", ["passwd", "remove"])
def test_sessions_end_with_the_password(
    user: User, file: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fastagency_frontend.client.sessions import HttpSessions

    ended: list[str] = []
    monkeypatch.setattr(HttpSessions, "end_all", lambda _, name: ended.append(name))
    user("add", "anna", typed="correct horse")
    PageKey.load(None, file.with_name("fastagency-page-key.pem"))
    assert user(command, "anna", typed="another horse") == 0
    assert ended == ["anna"]
    assert "are signed out" in capsys.readouterr().out


def test_that_the_backend_is_away_is_said(
    user: User, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fastagency_frontend.client.sessions import HttpSessions

    def away(*_: object) -> None:
        raise BackendUnreachable("The backend is away.")

    monkeypatch.setattr(HttpSessions, "end_all", away)
    user("add", "anna", typed="correct horse")
    PageKey.load(None, file.with_name("fastagency-page-key.pem"))
    assert user("passwd", "anna", typed="another horse") == 0
    assert "stay so for now: The backend is away." in capsys.readouterr().out
    assert verified(str(entry(file, "anna")["password"]), "another horse")


def test_no_key_is_made_by_it(user: User, file: Path) -> None:
    user("add", "anna", typed="correct horse")
    user("remove", "anna")
    assert not file.with_name("fastagency-page-key.pem").exists()
