"""Sessions in the memory of this process, for workflows that run in it as well: there is no backend to keep them."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from fastagency_shared.session import NewSession, Session
from fastagency_shared.user import User

LIFETIME = timedelta(hours=12)
MAX_SESSIONS = 10_000


class MemorySessions:
    """See `fastagency_shared.session.Sessions`. The oldest end first where there are too many."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def begin(self, user: User, visitor: str | None = None) -> NewSession:
        """See `Sessions`. A visitor's conversations stay where they are."""
        secret, expires = secrets.token_urlsafe(32), self._clock() + LIFETIME
        session = Session(secrets.token_hex(16), user, expires)
        with self._lock:
            self._sessions[_digest(secret)] = session
            while len(self._sessions) > MAX_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
        return NewSession(secret, session.id, expires)

    def find(self, secret: str) -> Session | None:
        with self._lock:
            session = self._sessions.get(_digest(secret))
        return session if session is not None and session.expires > self._clock() else None

    def end(self, secret: str) -> None:
        with self._lock:
            self._sessions.pop(_digest(secret), None)

    def end_all(self, user_id: str) -> None:
        with self._lock:
            self._sessions = {key: each for key, each in self._sessions.items() if each.user.id != user_id}


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
