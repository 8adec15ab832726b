"""A question that somebody in this process waits with."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from fastagency_shared.messages import Question


class Reached(NamedTuple):
    """An answer that has reached the run with its own commit, and its place there."""

    value: str
    order: int


class Asked:
    """Where whoever waits hears of the answer: what it is, or that the store may have one. On the engine's loop.

    Only an answer that is told while somebody listens keeps the place that it was committed with, for only then it is
    given out at that place. Whoever was busy looks at the store, and gives the answer a place of its own.
    """

    def __init__(self, question: Question, *, look: bool) -> None:
        self.question = question
        self._look = look
        self._ear: asyncio.Future[Reached | None] | None = None

    @property
    def listens(self) -> bool:
        """Whether there is somebody who has nothing else to do, and does not know of anything yet."""
        return self._ear is not None and not self._ear.done()

    def look(self) -> None:
        """The store may have an answer."""
        self._look = True
        self._tell(None)

    def tell(self, reached: Reached) -> None:
        """This is the answer; to whoever does not listen: there is one."""
        if self.listens:
            self._tell(reached)
        else:
            self._look = True

    def to_look_at(self) -> bool:
        """Whether the store may have what was not heard here. Asked once: whoever does looks."""
        look, self._look = self._look, False
        return look

    async def listen(self, timeout_s: float | None) -> Reached | None:
        """Return what is told, or None when the store is to be looked at, be it for the time."""
        if self._look:
            return None
        self._ear = asyncio.get_running_loop().create_future()
        try:
            if timeout_s is None:
                return await self._ear
            async with asyncio.timeout(timeout_s):
                return await self._ear
        except TimeoutError:
            self._look = True
            return None
        finally:
            self._ear = None

    def _tell(self, reached: Reached | None) -> None:
        if self._ear is not None and not self._ear.done():
            self._ear.set_result(reached)
