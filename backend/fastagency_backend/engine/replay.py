"""Gives results out one at a time: recorded ones in the order in which they first reached the run, then new ones.

Why the order matters: agents that work side by side meet each other's results. If a replay handed them out in another
order, the agents would see other conversations, ask other things, and pay for calls that were already made. For the
same reason new results are given out as a replay will do it: the next one when the code has done what the last one
set off. Two that come at once would otherwise be met by an agent together, and by a replay one after the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Iterable

from fastagency_backend.engine.key import steps_around
from fastagency_backend.engine.turns import turns_of

logger = logging.getLogger(__name__)

PATIENCE_S = 0.05
"""How long the next result in order is waited for before another one goes first: changed code must not hang."""
STRICT_PATIENCE_S = 0.5
"""The same in a strict replay, where many runs go side by side, and what goes first is an error."""
NEW_RESULT_PATIENCE_S = 1.0
"""How long a new result waits while recorded ones are left and nobody asks for them: then the code has changed."""
SETTLE_TURNS = 30
"""Turns of the event loop after each result, in which what it sets off can run. Measured with AutoGen teams."""


class Replay:
    """Made and used on one event loop, as the run starts. `past` are the keys of the recorded results, oldest first."""

    def __init__(self, past: Iterable[str], patience_s: float | None = None) -> None:
        self._patience_s = PATIENCE_S if patience_s is None else patience_s
        self._past = deque(past)
        self._left = set(self._past)
        self._parts: defaultdict[str, list[str]] = defaultdict(list)
        for key in self._past:
            for outer in steps_around(key):
                self._parts[outer].append(key)
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._arrived = asyncio.Event()
        self._new_in_order = asyncio.Lock()
        self._turns = turns_of(asyncio.get_running_loop())
        self._settles_at = 0
        self._settled = asyncio.Event()
        self._changed = False
        self._pump: asyncio.Task[None] | None = None
        self._give()  # the start sets things off as a result does

    @property
    def active(self) -> bool:
        """Whether there are recorded results that may still be asked for.

        When the code has changed, some never will be: once a new result had to be given out without them, they count
        only while one of them is asked for after all.
        """
        asked = self._pump is not None and not self._pump.done()
        return bool(self._left) and (asked or not self._changed)

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a recorded result, or what the last one set off may still be running."""
        return bool(self._waiting) or self._unsettled

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

    async def new(self) -> None:
        """Return when a new result may be given out: it must not overtake what is recorded, nor what was new before.

        Nothing recorded can depend on the new result, for it was there first. Should the code have changed, so that it
        does not ask for all of it, new results wait once and no more.
        """
        async with self._new_in_order:
            while self._left and not self._changed:
                try:
                    async with asyncio.timeout(NEW_RESULT_PATIENCE_S):
                        self._settled.clear()
                        await self._settled.wait()
                except TimeoutError:
                    logger.info("Replay: %d recorded results are not asked for any more", len(self._left))
                    self._changed = True
            await self._settle()
            self._give()

    async def _give_out(self) -> None:
        while self._waiting:
            await self._settle()
            key = await self._next()
            self._left.discard(key)
            turn = self._waiting.pop(key)
            if not turn.done():
                turn.set_result(None)
            self._give()

    async def _next(self) -> str:
        if (expected := self._expected()) in self._waiting:
            return expected
        try:
            async with asyncio.timeout(self._patience_s):
                while (expected := self._expected()) not in self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            key = next(key for key in self._past if key in self._waiting)
            logger.info("Replay: %s was not asked for in its turn, %s goes first", expected, key)
            self._patience_s = PATIENCE_S
            return key
        return expected

    def _expected(self) -> str:
        while self._past[0] not in self._left:
            self._past.popleft()
        return self._past[0]

    def _give(self) -> None:
        """Something is set off, now: the next result is given out when its effects are over."""
        self._settles_at = self._turns.call_after(SETTLE_TURNS, self._look)

    @property
    def _unsettled(self) -> bool:
        return self._turns.now < self._settles_at

    def _look(self) -> None:
        if not self._unsettled:
            self._settled.set()

    async def _settle(self) -> None:
        while self._unsettled:
            self._settled.clear()
            await self._settled.wait()
