"""`fastagency check`: a sentence for each thing, and an exit code for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from fastagency_frontend.command import check
from fastagency_frontend.command.check import frontend_checks
from fastagency_frontend.command.main import main
from fastagency_shared.command import Finding
from fastagency_shared.errors import BackendIncompatible, SignedOut

findings: list[Finding] = []


def found() -> Iterator[Finding]:
    yield from findings


@pytest.fixture(autouse=True)
def _only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = EntryPoint("ours", f"{__name__}:found", "fastagency.checks")
    monkeypatch.setattr(check, "entry_points", lambda group: [ours])


@pytest.mark.parametrize(
    ("states", "code"), [(["fine", "fine"], 0), (["fine", "wrong", "fine"], 1), (["absent", "fine"], 0), ([], 0)]
)
def test_one_wrong_thing_is_enough_to_fail(
    states: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [Finding("thing", state, "It is so.") for state in states]  # type: ignore[arg-type]
    monkeypatch.setattr("tests.unit.frontend.command.test_check.findings", made)
    assert main(["check"]) == code
    assert capsys.readouterr().out.splitlines() == [f"{state:<6} thing: It is so." for state in states]


def test_a_setting_of_the_page_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_FRONTEND_PORT", "many")
    [finding] = frontend_checks()
    assert (finding.state, "FASTAGENCY_FRONTEND_PORT" in finding.sentence) == ("wrong", True)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "nonsense"])
def test_a_backend_that_is_not_there(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_BACKEND_URL", address)
    settings, backend = frontend_checks()
    assert (settings.state, backend.state) == ("fine", "wrong")
    assert "FASTAGENCY_BACKEND_URL" in backend.sentence


def test_a_sign_in_without_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASTAGENCY_SIGN_IN", "password")
    monkeypatch.setenv("FASTAGENCY_PASSWORD_FILE", str(tmp_path / "people.json"))
    finding = next(each for each in frontend_checks() if each.about == "sign-in")
    assert (finding.state, "fastagency user add" in finding.sentence) == ("wrong", True)


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (None, "fine", "believes the page"),
        (SignedOut("no"), "wrong", "another key"),
        (BackendIncompatible("no"), "wrong", "needs FASTAGENCY_SIGN_IN, too"),
    ],
)
def test_whether_the_backend_believes_the_page(
    error: Exception | None, state: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def find(*_: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr("fastagency_frontend.client.sessions.HttpSessions.find", find)
    monkeypatch.setenv("FASTAGENCY_SIGN_IN", "proxy")
    monkeypatch.setenv("FASTAGENCY_TRUSTED_PROXIES", "10.0.0.5")
    monkeypatch.setenv("FASTAGENCY_PAGE_KEY_FILE", str(tmp_path / "key.pem"))
    finding = next(each for each in frontend_checks() if each.about == "sign-in")
    assert (finding.state, said in finding.sentence) == (state, True)
