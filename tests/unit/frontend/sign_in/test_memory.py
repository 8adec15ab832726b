"""Sessions of workflows that run in this process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fastagency_frontend.sign_in import memory
from fastagency_frontend.sign_in.memory import MemorySessions
from fastagency_shared.user import User


def test_a_session_holds_until_its_end() -> None:
    now = datetime(2030, 1, 2, tzinfo=UTC)
    sessions = MemorySessions(lambda: now)
    new = sessions.begin(User("anna"))
    found = sessions.find(new.secret)
    assert found is not None
    assert (found.id, found.user) == (new.id, User("anna"))
    assert new.secret not in str(sessions.__dict__)
    now += timedelta(hours=12)
    assert sessions.find(new.secret) is None


def test_one_ends_or_all_of_a_user() -> None:
    sessions = MemorySessions()
    first, second, other = (sessions.begin(User(name)).secret for name in ("anna", "anna", "bert"))
    sessions.end(first)
    assert [bool(sessions.find(each)) for each in (first, second, other)] == [False, True, True]
    sessions.end_all("anna")
    assert [bool(sessions.find(each)) for each in (first, second, other)] == [False, False, True]


def test_there_are_not_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_SESSIONS", 2)
    sessions = MemorySessions()
    secrets = [sessions.begin(User("anna")).secret for _ in range(3)]
    assert [bool(sessions.find(each)) for each in secrets] == [False, True, True]
