"""Sessions of a backend that is not there: what it was asked is noted, and it can be away."""

from __future__ import annotations

from fastagency_frontend.sign_in.memory import MemorySessions
from fastagency_shared.errors import BackendUnreachable
from fastagency_shared.provider import ANYBODY, Caller, Token
from fastagency_shared.run import RunInfo
from fastagency_shared.session import NewSession, Session, Sessions
from fastagency_shared.user import User

from tests.fakes.provider import FakeProvider
from tests.fakes.scripts import DEMO


class FakeSessions(MemorySessions):
    """See `fastagency_shared.session.Sessions`."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.asked = 0
        self.visitors: list[tuple[str, str]] = []
        """Whose conversations have become whose."""

    def begin(self, user: User, visitor: str | None = None) -> NewSession:
        self._reach()
        if visitor is not None:
            self.visitors.append((visitor, user.id))
        return super().begin(user, visitor)

    def find(self, secret: str) -> Session | None:
        self._reach()
        self.asked += 1
        return super().find(secret)

    def end(self, secret: str) -> None:
        self._reach()
        super().end(secret)

    def _reach(self) -> None:
        if self.away:
            raise BackendUnreachable("The backend at http://nowhere cannot be reached.")


class SigningProvider(FakeProvider):
    """A provider whose backend keeps sessions; who called is noted."""

    def __init__(self) -> None:
        super().__init__(DEMO)
        self.kept = FakeSessions()
        self.callers: list[Caller] = []
        self.page_token: Token = str

    def sessions(self, token: Token) -> Sessions:
        """See `fastagency_shared.session.SessionSource`."""
        self.page_token = token
        return self.kept

    def runs(self, *, limit: int = 50, before: str | None = None, caller: Caller = ANYBODY) -> list[RunInfo]:
        self.callers.append(caller)
        return super().runs(limit=limit, before=before, caller=caller)
