"""Whose session is it? The backend says so, and is asked anew after some seconds; a session ends for all processes."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from fastagency_shared.session import NewSession, Session, Sessions
from fastagency_shared.user import User

FRESH_S = 15.0
MAX_KNOWN = 10_000

_SECRET = re.compile(r"[A-Za-z0-9_-]{32,128}")


class KnownSessions:
    """What the backend said of sessions, for some seconds. Thread-safe."""

    def __init__(self, sessions: Sessions, clock: Callable[[], float] = time.monotonic) -> None:
        self._sessions = sessions
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, tuple[float, Session]] = OrderedDict()

    def find(self, secret: str) -> Session | None:
        """The session, unless it has ended or never was. Raises `BackendError`."""
        if not _SECRET.fullmatch(secret):
            return None
        key = hashlib.sha256(secret.encode()).digest()
        now = self._clock()
        with self._lock:
            known = self._known.get(key)
        if known is not None and now - known[0] < FRESH_S:
            return known[1]
        found = self._sessions.find(secret)
        with self._lock:
            self._known.pop(key, None)
            if found is not None:
                self._known[key] = (now, found)
                while len(self._known) > MAX_KNOWN:
                    self._known.popitem(last=False)
        return found

    def begin(self, user: User, visitor: str | None) -> NewSession:
        """See `Sessions`."""
        return self._sessions.begin(user, visitor)

    def end(self, secret: str) -> None:
        """End it wherever it is open; what is none of ours is left alone. Raises `BackendError`."""
        if self.find(secret) is not None:
            self._sessions.end(secret)
            self.forget(secret)

    def forget(self, secret: str) -> None:
        """Ask anew the next time."""
        with self._lock:
            self._known.pop(hashlib.sha256(secret.encode()).digest(), None)
