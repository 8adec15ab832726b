"""How much one person may ask for: starts, runs at work, open streams and sockets, and what they have stored in a day.

Whoever is signed in is counted by their id. Before that, and where nobody signs in, an address is counted, which may be
that of many people: it may do `OF_AN_ADDRESS` times as much. This machine's own address, over which its page and its
proxy ask for everybody, is not counted. The counts are of one process and are gone with it.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from fastagency_shared.errors import TooManyRequests
from fastapi.responses import StreamingResponse
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from fastagency_backend.settings import BackendSettings
from fastagency_backend.web.gate import is_of_this_machine

OF_AN_ADDRESS = 10
SOON_S = 5
"""What a client is told to wait for that which ends at some time."""


@dataclass(frozen=True)
class Party:
    """Who is counted; `times` is how much of each limit they may have."""

    name: str
    times: int = 1


class Quota:
    """See the module's docstring. Used on one event loop."""

    def __init__(self, settings: BackendSettings) -> None:
        self._settings = settings
        self._rates = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._refused = RateLimitItemPerMinute(settings.max_refused_per_minute)
        self._streams: Counter[str] = Counter()

    def start(self, party: Party, size: int) -> None:
        """Count the start of a run, which has so many bytes stored. Raises `TooManyRequests`."""
        self._count("starts", RateLimitItemPerMinute, self._settings.max_starts_per_minute, party)
        self.store(party, size)

    def check_at_work(self, number: int) -> None:
        """Refuse another start while so many runs of a user are at work. Raises `TooManyRequests`."""
        if number >= (most := self._settings.max_at_work_per_user):
            raise TooManyRequests(
                f"{most:,} of your conversations are at work. Wait until one of them asks you something, or ends.",
                SOON_S,
            )

    def store(self, party: Party | None, size: int) -> None:
        """Count what somebody wants to have stored. Raises `TooManyRequests`."""
        if party is not None:
            self._count("bytes", RateLimitItemPerDay, self._settings.max_bytes_per_day, party, size)

    def open_stream(self, party: Party | None) -> Callable[[], None]:
        """Take a place for a stream or a socket; what is returned gives it back. Raises `TooManyRequests`."""
        if party is None:
            return _nothing
        most = self._settings.max_streams_per_user * party.times
        if self._streams[party.name] >= most:
            raise TooManyRequests(
                f"You have {most:,} connections open that follow conversations. Close some of them.", SOON_S
            )
        self._streams[party.name] += 1
        return lambda: self._close(party.name)

    def check_sign_ins(self, party: Party | None) -> None:
        """Refuse an address from which too many have failed to sign in. Raises `TooManyRequests`."""
        item = self._refused
        if party is not None and not self._rates.test(item, "refused", party.name):
            sentence = f"More than {item.amount:,} requests in a minute were refused."
            raise self._exceeded(item, "refused", party, sentence)

    def note_refused(self, party: Party | None) -> None:
        """Somebody there is not who they say, or does not say it."""
        if party is not None:
            self._rates.hit(self._refused, "refused", party.name)

    def _count(self, what: str, per: type[RateLimitItem], most: int, party: Party, cost: int = 1) -> None:
        item = per(most * party.times)
        if cost and not self._rates.hit(item, what, party.name, cost=cost):
            raise self._exceeded(item, what, party, f"More than {item.amount:,} {what} in {_UNITS[per]} are too many.")

    def _exceeded(self, item: RateLimitItem, what: str, party: Party, sentence: str) -> TooManyRequests:
        left_s = max(1, math.ceil(self._rates.get_window_stats(item, what, party.name).reset_time - time.time()))
        return TooManyRequests(f"{sentence} Try again in {left_s:,} seconds.", left_s)

    def _close(self, name: str) -> None:
        self._streams[name] -= 1
        if not self._streams[name]:
            del self._streams[name]


_UNITS: dict[type[RateLimitItem], str] = {RateLimitItemPerMinute: "a minute", RateLimitItemPerDay: "a day"}


def party_of(connection: HTTPConnection, user_id: str | None) -> Party | None:
    """Who asks: `user_id` if somebody is signed in, else where it comes from. None: they are not counted."""
    if user_id is not None:
        return Party(f"user {user_id}")
    if is_of_this_machine(connection):
        return None
    return Party(f"address {connection.client.host if connection.client else ''}", OF_AN_ADDRESS)


class CountedResponse(StreamingResponse):
    """A stream that gives its place back, however it ends."""

    def __init__(self, *args: object, closed: Callable[[], None], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._closed()


def _nothing() -> None:
    pass
