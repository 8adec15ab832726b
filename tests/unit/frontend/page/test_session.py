"""What the backend said of a session is believed for some seconds, and of few sessions at a time."""

from __future__ import annotations

import pytest
from fastagency_frontend.page import session
from fastagency_frontend.page.session import FRESH_S, KnownSessions
from fastagency_shared.errors import BackendUnreachable
from fastagency_shared.user import User

from tests.fakes.sessions import FakeSessions


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept() -> FakeSessions:
    return FakeSessions()


@pytest.fixture
def known(kept: FakeSessions, clock: Clock) -> KnownSessions:
    return KnownSessions(kept, clock)


def test_the_backend_is_asked_again_after_some_seconds(known: KnownSessions, kept: FakeSessions, clock: Clock) -> None:
    secret = known.begin(User("anna"), None).secret
    for _ in range(3):
        assert known.find(secret)
    assert kept.asked == 1
    kept.end(secret)  # elsewhere
    assert known.find(secret)
    clock.now = FRESH_S
    assert known.find(secret) is None
    assert known.find(secret) is None


def test_what_ends_here_has_ended_at_once(known: KnownSessions) -> None:
    secret = known.begin(User("anna"), None).secret
    assert known.find(secret)
    known.end(secret)
    assert known.find(secret) is None
    known.end(secret)


@pytest.mark.parametrize("secret", ["", "short", "x" * 200, "x" * 31 + " ", "é" * 43])
def test_what_cannot_be_a_secret_is_not_asked_for(known: KnownSessions, kept: FakeSessions, secret: str) -> None:
    assert known.find(secret) is None
    assert kept.asked == 0


def test_that_the_backend_is_away_is_not_remembered(known: KnownSessions, kept: FakeSessions) -> None:
    secret = known.begin(User("anna"), None).secret
    kept.away = True
    with pytest.raises(BackendUnreachable):
        known.find(secret)
    kept.away = False
    assert known.find(secret)


def test_few_are_known_at_a_time(known: KnownSessions, kept: FakeSessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_KNOWN", 3)
    for number in range(10):
        assert known.find(known.begin(User(str(number)), None).secret)
    assert len(known._known) == 3
