"""Sessions of people who have signed in at the page, which alone begins, finds and ends them.

The browser has the secret, 256 random bits; the store has its hash: who reads the database can sign in as nobody.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fastagency_shared.user import User

from fastagency_backend.people.holding import Holding
from fastagency_backend.store.people import NewSession, People, SessionRecord

DAY_S = 86_400.0
LONGEST_S = 7 * DAY_S
"""However much a session is used: then one signs in again."""
SECRET_BYTES = 32
ID_BYTES = 16
VISITOR = re.compile(r"[0-9a-f]{32}")
"""What the page calls somebody who has not signed in. Nobody's runs are taken under any other name."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has begun, or has a new secret."""

    secret: str = field(repr=False)
    id: str
    expires: float


class Sessions:
    """`idle_s`: after how long without use a session ends."""

    def __init__(self, people: Callable[[], Awaitable[People]], holding: Holding, idle_s: float) -> None:
        self._people, self._holding, self._idle_s = people, holding, idle_s

    async def begin(self, user: User, visitor: str | None) -> Opened:
        """The conversations of this visitor become the user's."""
        secret, session, now = _new_secret(), secrets.token_hex(ID_BYTES), time.time()
        new = NewSession(session, hashed(secret), user, now, self._idle_s, now + LONGEST_S)
        known = visitor if visitor is not None and VISITOR.fullmatch(visitor) else None
        await (await self._people()).open_session(new, known)
        return Opened(secret, session, min(now + self._idle_s, new.until))

    async def find(self, secret: str) -> SessionRecord | None:
        return await (await self._people()).find_session(hashed(secret), time.time())

    async def rotate(self, secret: str) -> Opened | None:
        new = _new_secret()
        found = await (await self._people()).rotate_session(hashed(secret), hashed(new), time.time())
        return None if found is None else Opened(new, found.id, found.expires)

    async def end(self, secret: str) -> None:
        session = await (await self._people()).end_session(hashed(secret))
        if session is not None:
            self._holding.end(session)

    async def end_all(self, user_id: str) -> None:
        self._holding.end(*await (await self._people()).end_sessions(user_id))


def hashed(secret: str) -> str:
    """As the store keeps it. No salt: it is as random as a secret can be."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)
