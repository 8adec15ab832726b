"""Sessions: who has signed in at the page, and for how long. The backend keeps them, and only the page may ask.

The browser has the session's secret, in a cookie; everybody else knows the session by its public id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, Self, runtime_checkable

from pydantic import BaseModel, Field

from fastagency_shared.user import User


@dataclass(frozen=True)
class NewSession:
    """A session that has just begun. `secret` is for the browser alone: it is told once, and kept nowhere in clear."""

    secret: str = field(repr=False)
    id: str
    expires: datetime


@dataclass(frozen=True)
class Session:
    """A session that holds."""

    id: str
    user: User
    expires: datetime


class SessionUser(BaseModel):
    """Whose session it is, between the page and the backend."""

    id: str
    name: str | None = None
    roles: list[str] = Field(default_factory=list)
    email: str | None = None

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(id=user.id, name=user.name, roles=sorted(user.roles), email=user.email)

    def to_user(self) -> User:
        """Raises `ValueError`: there is no such user."""
        return User(self.id, self.name, frozenset(self.roles), self.email)


class SessionOpened(BaseModel):
    """The backend's answer when one has begun, or has another secret: that is `session`; `id` is public."""

    session: str
    id: str
    expires: datetime


class SessionFound(BaseModel):
    """The backend's answer about one that holds."""

    id: str
    user: SessionUser
    expires: datetime


class Sessions(Protocol):
    """Begins, finds and ends sessions. Blocking and thread-safe. Every method may raise `BackendError`."""

    def begin(self, user: User, visitor: str | None = None) -> NewSession:
        """Begin a session; the conversations of this visitor, who had not signed in, become the user's."""
        ...

    def find(self, secret: str) -> Session | None:
        """The session, unless it has ended or never was."""
        ...

    def end(self, secret: str) -> None:
        """End a session wherever it is open; one that has ended already stays so."""
        ...

    def end_all(self, user_id: str) -> None:
        """End every session of this user."""
        ...


@runtime_checkable
class SessionSource(Protocol):
    """A provider whose backend keeps sessions."""

    def sessions(self, token: Callable[[], str]) -> Sessions:
        """The sessions, for the holder of the page's key: `token` signs a request to them."""
        ...
