"""People: the part of the store that knows who there is, who has signed in, and who has looked at what.

A person is known by the id of their `User`. Secrets are never here: a session's and an API token's are kept as hashes.
Every coroutine may raise `StoreError`, and changes all that it says, or nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastagency_shared.user import User

from fastagency_backend.store.audit import AuditRecord, Entry

TOUCH_S = 60.0
"""How often it is written down that a session is used."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed in, as they were the last time; times are seconds since the epoch."""

    user: User
    first_seen: float
    last_seen: float


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that begins `at` a moment: it ends after `idle_s` without use, and at `until` in any case.

    `id` is public; `secret` is the hash of what the browser has.
    """

    id: str
    secret: str
    user: User
    at: float
    idle_s: float
    until: float


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session that holds, until `expires` if it is not used again. `user` is as at the sign-in."""

    id: str
    user: User
    expires: float


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A personal API token: `used` is the day of its last use, such as 2026-11-24; `expires` None: never."""

    id: str
    user_id: str
    name: str
    created: float
    expires: float | None = None
    used: str | None = None


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of a person: how many rows of each table."""

    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        return self.rows.get("run", 0)


class People(Protocol):
    """See the module's docstring."""

    # --- the directory --------------------------------------------------------------------------------------------

    async def see(self, user: User, at: float) -> None:
        """Somebody has signed in, or asks: this is what they are called now."""
        ...

    async def person(self, user_id: str) -> Person | None: ...

    # --- sessions -------------------------------------------------------------------------------------------------

    async def open_session(self, new: NewSession, visitor: str | None = None) -> int:
        """Begin a session, see its user, and give them the conversations of a visitor; returns how many these are.

        That goes into the audit log, with the same commit. Nothing is taken from somebody who has ever signed in. Such
        a run keeps who started it (`RunRecord.user`), so that it goes on as it began.
        """
        ...

    async def find_session(self, secret: str, at: float) -> SessionRecord | None:
        """The session of a secret's hash, which is used by that, if it holds."""
        ...

    async def rotate_session(self, secret: str, new: str, at: float) -> SessionRecord | None:
        """Give a session that holds another secret; the old one is worth nothing from now on."""
        ...

    async def end_session(self, secret: str) -> str | None:
        """End it; its public id, if it had not ended."""
        ...

    async def end_sessions(self, user_id: str) -> list[str]:
        """End every session of a user; their public ids."""
        ...

    async def live_sessions(self, ids: Collection[str], at: float) -> set[str]:
        """Those of these public ids that hold."""
        ...

    # --- API tokens -----------------------------------------------------------------------------------------------

    async def add_token(self, token: ApiToken, secret: str) -> None:
        """`secret` is the hash. It goes into the audit log."""
        ...

    async def tokens(self, user_id: str | None = None) -> list[ApiToken]:
        """All, or those of one user; oldest first."""
        ...

    async def remove_token(self, token_id: str, at: float) -> bool:
        """It goes into the audit log."""
        ...

    async def use_token(self, secret: str, at: float, day: str) -> ApiToken | None:
        """The token of a secret's hash, if it holds; its day of last use is noted."""
        ...

    async def live_tokens(self, ids: Collection[str], at: float) -> set[str]:
        """Those of these ids that hold."""
        ...

    # --- the audit log --------------------------------------------------------------------------------------------

    async def record(self, entry: Entry) -> AuditRecord:
        """Append to the log."""
        ...

    async def audit(self, *, after: int = 0, limit: int = 100) -> list[AuditRecord]:
        """Entries with a greater number, in order."""
        ...

    async def pseudonyms(self) -> dict[str, str]:
        """Whose pseudonyms those in the log are, by their ids: of everybody who was not erased."""
        ...

    # --- what is known of one person ------------------------------------------------------------------------------

    def export(self, user_id: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Every row of theirs, with the name of its table; no secret, and no answer to a question for one."""
        ...

    async def erase(self, user_id: str, at: float) -> Erased:
        """Remove all of it, and the key of their pseudonym: the audit log stays whole, and names them no more."""
        ...
