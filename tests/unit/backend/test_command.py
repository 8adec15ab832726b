"""The backend's part of the command line: what can be wrong before it serves, and its part of `fastagency check`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fastagency_backend.command import backend_checks
from fastagency_backend.store.sqlite.schema import migrate
from fastagency_frontend.command.main import main

MODULE = """
from fastagency_backend.workflow import Workflow
wf = Workflow()
wf.register("greet", "Says hello")(lambda ui, params: None)
"""


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "greeting_for_check.py").write_text(MODULE)
    monkeypatch.setenv("FASTAGENCY_WORKFLOWS", "greeting_for_check:wf")
    return tmp_path


def found() -> dict[str, tuple[str, str]]:
    return {finding.about: (finding.state, finding.sentence) for finding in backend_checks()}


def test_a_fresh_folder_is_fine_and_stays_as_it_is(folder: Path) -> None:
    before = sorted(folder.rglob("*.sqlite3*"))
    findings = found()
    assert {state for state, _ in findings.values()} == {"fine"}
    assert "greet" in findings["workflows"][1]
    assert "will be made" in findings["database"][1]
    assert "offline demo model" in findings["model"][1]
    assert sorted(folder.rglob("*.sqlite3*")) == before


def test_a_bad_setting_is_the_only_thing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_BACKEND_PORT", "many")
    [(state, sentence)] = found().values()
    assert (state, "FASTAGENCY_BACKEND_PORT" in sentence) == ("wrong", True)
    assert main(["backend"]) == 1


@pytest.mark.parametrize("target", ["nowhere_to_be_found:wf", "greeting_for_check:other", "greeting_for_check"])
def test_workflows_that_are_not_there(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_WORKFLOWS", target)
    state, sentence = found()["workflows"]
    assert (state, "FASTAGENCY_WORKFLOWS" in sentence) == ("wrong", True)


def test_who_calls_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found()["who calls"][0] == "fine"
    for target, state in (("fastagency_backend.command:backend_checks", "fine"), ("nowhere_to_be_found:user", "wrong")):
        monkeypatch.setenv("FASTAGENCY_GET_USER_ID", target)
        assert found()["who calls"][0] == state
        assert target in found()["who calls"][1]


@pytest.mark.parametrize("code", ["1 / 0", "from json import nothing", "import nowhere_to_be_found"])
def test_workflows_whose_own_code_fails(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "failing_for_check.py").write_text(code)
    monkeypatch.setenv("FASTAGENCY_WORKFLOWS", "failing_for_check:wf")
    state, sentence = found()["workflows"]
    assert (state, "failing_for_check:wf" in sentence) == ("wrong", True)


def test_a_database_that_cannot_be_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_DATABASE", str(folder / "runs"))
    (folder / "runs").write_text("this is a text, and a long one, but certainly no database " * 20)
    assert found()["database"][0] == "wrong"
    (folder / "runs").unlink()
    with closing(sqlite3.connect(folder / "runs")) as db:
        db.execute("CREATE TABLE other(x)")
        assert "something else" in found()["database"][1]
        db.execute("PRAGMA user_version = 99")
    assert "newer FastAgency" in found()["database"][1]
    monkeypatch.setenv("FASTAGENCY_DATABASE", str(folder / "greeting_for_check.py" / "runs"))
    assert "cannot be made" in found()["database"][1]


@pytest.mark.parametrize(
    ("arguments", "instead"),
    [
        (["backup", "f"], "Use pg_dump"),
        (["restore", "f"], "Use pg_restore"),
    ],
)
def test_what_is_for_a_file_says_what_to_do_with_a_server(
    arguments: list[str], instead: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FASTAGENCY_DATABASE", "postgresql://anna:hush@db.example.org/runs")
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert "is for a SQLite file, and FASTAGENCY_DATABASE is postgresql://anna:***@db.example.org/runs. " in said
    assert instead in said


def test_a_database_is_made_by_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    for _again in range(2):
        assert main(["migrate"]) == 0
    assert capsys.readouterr().out == ".fastagency/runs.sqlite3 is up to date.\n" * 2
    assert found()["database"] == ("fine", ".fastagency/runs.sqlite3 has 0 conversations.")


def test_a_backup_and_the_way_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = folder / ".fastagency" / "runs.sqlite3"
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as db:
        migrate(db)
    for _night in range(2):
        assert main(["backup", "night.sqlite3"]) == 0
    assert capsys.readouterr().out == "The 0 conversations of .fastagency/runs.sqlite3 are in night.sqlite3.\n" * 2
    (folder / ".fastagency" / "runs.sqlite3.key").touch()
    assert main(["backup", "night.sqlite3"]) == 0
    assert "a key that is not among them, .fastagency/runs.sqlite3.key: keep it, elsewhere" in capsys.readouterr().out
    assert main(["restore", "night.sqlite3"]) == 1
    assert "repeat the command with --replace" in capsys.readouterr().err
    assert main(["restore", "night.sqlite3", "--replace"]) == 0
    assert "is kept as .fastagency/runs.sqlite3.2" in capsys.readouterr().out
    database.unlink()
    assert main(["backup", "night.sqlite3"]) == 1
    assert capsys.readouterr().err == "fastagency: The database .fastagency/runs.sqlite3 is not there.\n"
    assert main(["restore", "night.sqlite3"]) == 0
    assert capsys.readouterr().out == ".fastagency/runs.sqlite3 is what night.sqlite3 was.\n"
