"""The directory: everybody who has signed in, as they were the last time."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from fastagency_shared.user import User

from fastagency_backend.store.base import StoreError
from fastagency_backend.store.people import People

logger = logging.getLogger(__name__)

REFRESH_S = 60.0
KEPT = 10_000


class Directory:
    """Takes down who asks: at most once a minute for each person, and at once if something about them is new."""

    def __init__(self, people: Callable[[], Awaitable[People]]) -> None:
        self._people = people
        self._seen: dict[str, tuple[User, float]] = {}

    async def see(self, user: User) -> None:
        known, seen_at = self._seen.get(user.id, (None, 0.0))
        now = time.monotonic()
        if known == user and now - seen_at < REFRESH_S:
            return
        if len(self._seen) >= KEPT:
            self._seen.clear()
        self._seen[user.id] = user, now  # others who ask meanwhile do not write the same
        try:
            await (await self._people()).see(user, time.time())
        except StoreError:  # a full disk keeps nobody from reading
            logger.exception("It could not be taken down who was here")
