"""Whether what people were let in with still holds: at a request, and while something of theirs is open."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from fastagency_shared.errors import NotSignedIn

from fastagency_backend.people.grant import Grant
from fastagency_backend.store.people import People

logger = logging.getLogger(__name__)

SIGNED_OUT = "You have been signed out. Sign in again."
LOOK_EVERY_S = 30.0
"""How often it is looked whether what is open may stay open; all of it in one go."""
TRUSTED_S = 15.0
"""How long an answer of the store counts for the next requests. What ends in this process ends at once."""
KEPT = 10_000


class Watch:
    """On something that is open: `ended` once what it was opened with holds no more."""

    def __init__(self, grant: Grant | None = None) -> None:
        self.grant = grant
        self._gone = False

    @property
    def ended(self) -> bool:
        until = None if self.grant is None else self.grant.until
        return self._gone or (until is not None and until <= time.time())

    def end(self) -> None:
        self._gone = True


class Holding:
    """See the module's docstring. On one event loop."""

    def __init__(self, people: Callable[[], Awaitable[People]]) -> None:
        self._people = people
        self._held: dict[str, float] = {}
        """When a session was last found to hold."""
        self._watches: set[Watch] = set()
        self._looking: asyncio.Task[None] | None = None

    async def check(self, grant: Grant) -> None:
        """Raises `NotSignedIn`: its session has ended. An API token was looked up when it was read."""
        session = grant.session
        if session is None or time.monotonic() - self._held.get(session, float("-inf")) < TRUSTED_S:
            return
        if not await (await self._people()).live_sessions([session], time.time()):
            raise NotSignedIn(SIGNED_OUT)
        if len(self._held) >= KEPT:
            self._held.clear()
        self._held[session] = time.monotonic()

    def end(self, *sessions: str) -> None:
        """These have ended, in this process: what they have open is closed at its next sign of life."""
        for session in sessions:
            self._held.pop(session, None)
        for watch in self._watches:
            if watch.grant is not None and watch.grant.session in sessions:
                watch.end()

    @contextmanager
    def watch(self, grant: Grant | None) -> Iterator[Watch]:
        """Around something that is open."""
        watch = Watch(grant)
        if grant is None or (grant.session is None and grant.token is None):
            yield watch
            return
        self._watches.add(watch)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="sessions")
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            if not self._watches and self._looking is not None:
                self._looking.cancel()
                self._looking = None  # whoever comes before it has ended needs another one

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look_once()
            except Exception:  # were this to end, everybody could stay
                logger.exception("It could not be found out who is still signed in")

    async def _look_once(self) -> None:
        watches = [(watch, watch.grant) for watch in self._watches if watch.grant is not None]
        sessions = {grant.session for _, grant in watches if grant.session is not None}
        tokens = {grant.token for _, grant in watches if grant.token is not None}
        people, now = await self._people(), time.time()
        sessions -= await people.live_sessions(sessions, now)
        tokens -= await people.live_tokens(tokens, now)
        self.end(*sessions)
        for watch, grant in watches:
            if grant.token in tokens:
                watch.end()
