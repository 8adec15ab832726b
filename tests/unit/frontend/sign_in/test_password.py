"""Names and passwords: what is verified, how long it takes, and how much of it happens at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from fastagency_frontend.sign_in import Accepted, PasswordFile, Refused, Visit, password
from fastagency_frontend.sign_in.password import BUSY, WRONG, hashed, verified
from fastagency_frontend.sign_in.password_file import Entry, PeopleFile
from fastagency_shared.user import User

RIGHT = "pass\N{LATIN SMALL LETTER E WITH ACUTE}word"
HASH = hashed(RIGHT)
VISIT = Visit("192.0.2.1", "http://localhost/sign-in/callback")


@pytest.fixture
def file(tmp_path: Path) -> PeopleFile:
    file = PeopleFile(tmp_path / "people.json")
    with file.changing() as people:
        people["anna"] = Entry(password=HASH, roles=["manager"])
    return file


@pytest.fixture
def sign_in(file: PeopleFile) -> PasswordFile:
    return PasswordFile(file.path)


def attempt(
    sign_in: PasswordFile, name: str = "anna", secret: str = RIGHT, address: str = "192.0.2.1"
) -> Accepted | Refused:
    return sign_in.finish(Visit(address, VISIT.callback), {"name": name, "password": secret}, {})


def test_a_name_is_the_same_however_it_is_typed(sign_in: PasswordFile) -> None:
    for name in ("anna", " Anna ", "ＡＮＮＡ"):  # noqa: RUF001 - wide letters, as some keyboards type them
        assert attempt(sign_in, name) == Accepted(User("anna", roles=frozenset({"manager"})))


def test_so_is_a_password_with_accents(sign_in: PasswordFile) -> None:
    assert isinstance(attempt(sign_in, secret="passe\N{COMBINING ACUTE ACCENT}word"), Accepted)


def test_an_unknown_name_is_verified_like_a_known_one(sign_in: PasswordFile, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def noting(kept: str, secret: str) -> bool:
        seen.append(kept)
        return verified(kept, secret)

    monkeypatch.setattr(password, "verified", noting)
    known, unknown = attempt(sign_in, "anna", "wrong one"), attempt(sign_in, "nobody", "wrong one")
    assert known == unknown == Refused(WRONG)
    assert len(seen) == 2
    parameters = [kept.rsplit("$", 2)[0] for kept in seen]
    assert parameters[0] == parameters[1], "another amount of work"
    assert attempt(sign_in, "nobody", "nobody has this password") == Refused(WRONG)


def test_an_entry_whose_hash_is_none_lets_nobody_in(file: PeopleFile, caplog: pytest.LogCaptureFixture) -> None:
    with file.changing() as people:
        people["anna"] = Entry(password=RIGHT)
    assert attempt(PasswordFile(file.path)) == Refused(WRONG)
    assert "none of Argon2" in caplog.text
    assert RIGHT not in caplog.text


def test_one_address_cannot_try_many_names(sign_in: PasswordFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "verified", lambda *_: False)
    outcomes = [attempt(sign_in, f"name-{number}") for number in range(60)]
    refused = [each for each in outcomes if isinstance(each, Refused) and each.status.startswith("429")]
    assert len(refused) == 10
    assert attempt(sign_in, "anna", address="192.0.2.2") == Refused(WRONG)


def test_many_addresses_cannot_try_one_name(sign_in: PasswordFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "verified", lambda *_: False)
    outcomes = [attempt(sign_in, "anna", address=f"192.0.2.{number}") for number in range(15)]
    assert sum(isinstance(each, Refused) and each.wait_s > 0 for each in outcomes) == 5


def test_whoever_signs_in_often_does_not_have_to_wait(sign_in: PasswordFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "verified", lambda *_: True)
    assert all(isinstance(attempt(sign_in), Accepted) for _ in range(60))


def test_few_passwords_are_hashed_at_a_time(sign_in: PasswordFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes 46 MiB: a crowd that signs in at once must not take the memory of the page."""
    monkeypatch.setattr(password, "BUSY_S", 0.0)
    goes_on, at_work = threading.Event(), threading.Semaphore(0)

    def slow(*_: str) -> bool:
        at_work.release()
        assert goes_on.wait(30)
        return True

    monkeypatch.setattr(password, "verified", slow)
    threads = [threading.Thread(target=attempt, args=(sign_in,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert at_work.acquire(timeout=30)
    assert attempt(sign_in) == Refused(BUSY, "503 Service Unavailable", 1)
    goes_on.set()
    for thread in threads:
        thread.join()
    assert isinstance(attempt(sign_in), Accepted)
