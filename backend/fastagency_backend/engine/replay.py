"""Gives recorded results out again, in the order in which they first reached the run.

Why the order matters: agents that work side by side meet each other's results. If a replay handed them out in another
order, the agents would see other conversations, ask other things, and pay for calls that were already made.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Iterable

from fastagency_backend.engine.key import steps_around

logger = logging.getLogger(__name__)

PATIENCE_S = 0.05
"""How long the next result in order is waited for before another one goes first: changed code must not hang."""
NEW_RESULT_PATIENCE_S = 1.0
"""How long a new result waits while recorded ones are left and nobody asks for them: then the code has changed."""
SETTLE_TURNS = 30
"""Turns of the event loop after each result, in which what it sets off can run. Measured with AutoGen teams."""


class Replay:
    """Used on one event loop. `past` are the keys of the recorded results, oldest first."""

    def __init__(self, past: Iterable[str]) -> None:
        self._past = deque(past)
        self._left = set(self._past)
        self._parts: defaultdict[str, list[str]] = defaultdict(list)
        for key in self._past:
            for outer in steps_around(key):
                self._parts[outer].append(key)
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._arrived = asyncio.Event()
        self._given = asyncio.Event()
        self._changed = False
        self._pump: asyncio.Task[None] | None = None

    @property
    def active(self) -> bool:
        """Whether there are recorded results that have not been asked for yet."""
        return bool(self._left)

    async def turn(self, key: str) -> None:
        """Return when the recorded result of this key may be given out."""
        if key not in self._left:
            return
        self._left.difference_update(self._parts.pop(key, ()))  # nobody will go inside and ask for them
        turn = self._waiting[key] = asyncio.get_running_loop().create_future()
        self._arrived.set()
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._give_out(), name="replay")
        await turn

    async def over(self) -> None:
        """Return when all that is recorded was given out: a new result must not overtake it.

        Nothing recorded can depend on the new result, for it was there first. Should the code have changed, so that it
        does not ask for all of it, new results wait once and no more.
        """
        while (self._left or (self._pump is not None and not self._pump.done())) and not self._changed:
            self._given.clear()
            try:
                async with asyncio.timeout(NEW_RESULT_PATIENCE_S):
                    await self._given.wait()
            except TimeoutError:
                logger.info("Replay: %d recorded results are not asked for any more", len(self._left))
                self._changed = True

    async def _give_out(self) -> None:
        while self._waiting:
            key = await self._next()
            self._left.discard(key)
            turn = self._waiting.pop(key)
            if not turn.done():
                turn.set_result(None)
            for _ in range(SETTLE_TURNS):
                await asyncio.sleep(0)
            self._given.set()

    async def _next(self) -> str:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (expected := self._expected()) not in self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            key = next(key for key in self._past if key in self._waiting)
            logger.info("Replay: %s was not asked for in its turn, %s goes first", expected, key)
            return key
        return expected

    def _expected(self) -> str:
        while self._past[0] not in self._left:
            self._past.popleft()
        return self._past[0]
