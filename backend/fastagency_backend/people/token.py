"""Personal API tokens: for scripts and clients that act for somebody, without a page or an identity provider."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from fastagency_shared.errors import NotSignedIn
from fastagency_shared.user import User

from fastagency_backend.people.grant import Grant
from fastagency_backend.people.session import DAY_S, SECRET_BYTES, hashed
from fastagency_backend.store.people import ApiToken, People

PREFIX = "fastagency_"
"""So that a token that got lost is recognised, by people and by programs that look for such."""
ID_BYTES = 6
INVALID = "This API token is not valid, or not any more: it was removed, or has expired."


class ApiTokens:
    """Finds out whose a token is: it acts for them, with the roles that they had when they were here last."""

    def __init__(self, people: Callable[[], Awaitable[People]]) -> None:
        self._people = people

    async def read(self, token: str) -> Grant:
        """Raises `NotSignedIn`."""
        people, now = await self._people(), time.time()
        found = await people.use_token(hashed(token), now, datetime.fromtimestamp(now, UTC).date().isoformat())
        if found is None:
            raise NotSignedIn(INVALID)
        person = await people.person(found.user_id)
        user = User(found.user_id) if person is None else person.user
        return Grant(user, token=found.id, until=found.expires)


async def make(people: People, user_id: str, name: str, days: float | None) -> tuple[ApiToken, str]:
    """A new token, and its secret, which is kept nowhere."""
    secret, now = PREFIX + secrets.token_urlsafe(SECRET_BYTES), time.time()
    expires = None if days is None else now + days * DAY_S
    token = ApiToken(secrets.token_hex(ID_BYTES), User(user_id).id, name, now, expires)
    await people.add_token(token, hashed(secret))
    return token, secret
