"""Sleeping for a time that does not begin anew, whatever happens meanwhile.

A sleep is two results: the moment at which it ends, recorded once when it begins, and that it has ended, which has its
place among the other results of the run. In between the run rests: it is not at work, and may leave memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastagency_backend.engine.activity import Activity
from fastagency_backend.engine.alarm import Alarm
from fastagency_backend.engine.journal import Journal
from fastagency_backend.engine.recording import Recording

NOT_WORTH_A_WRITE_S = 0.5
"""A shorter sleep does not count as rest."""
MAX_SLEEP_S = 10 * 366 * 86_400.0


class Sleeps:
    """The sleeps of a run that are under way: there may be several, in tasks of their own. On the engine's loop."""

    def __init__(self, journal: Journal, activity: Activity) -> None:
        self._journal, self._activity = journal, activity
        self._under_way: dict[object, float] = {}

    async def sleep(self, seconds: float, moment: Recording, ended: Recording) -> None:
        """Return at the moment, or when its place in the replay has come.

        Raises:
            RunEvicted: this process must drop the run.
        """
        due = await self._due(seconds, moment)
        if ended.found:
            await ended.replay()
            return
        now = await self._journal.now()
        async with self._resting(due if due - now > NOT_WORTH_A_WRITE_S else None):
            with self._activity.waiting():
                await self._wait(Alarm(due, now), now)
            with self._activity.calling():  # nothing is awaited between the two, so the run is not parked here
                await ended.save(None)

    @asynccontextmanager
    async def _resting(self, due: float | None) -> AsyncIterator[None]:
        """Around a sleep, which may be cancelled. The run rests until the first of those that are under way."""
        if due is None:
            yield
            return
        token = object()
        self._under_way[token] = due
        await self._journal.rest(min(self._under_way.values()))
        try:
            yield
        finally:
            with self._activity.calling():
                del self._under_way[token]
                await self._journal.rest(min(self._under_way.values(), default=None))

    async def _due(self, seconds: float, moment: Recording) -> float:
        if moment.found:
            known = await moment.replay()
            assert isinstance(known, int | float)
            return known
        due = await self._journal.now() + seconds
        await moment.save(due)
        return due

    async def _wait(self, alarm: Alarm, now: float) -> None:
        while (left_s := alarm.left_s(now)) > 0:
            await asyncio.sleep(left_s)
            now = await self._journal.now()


def check_seconds(seconds: object, name: str) -> float:
    """Raises `ValueError` for what is no length of time."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= MAX_SLEEP_S:
        raise ValueError(f"{name} must be a number of seconds from 0 to {MAX_SLEEP_S:.0f}, not {seconds!r}.")
    return float(seconds)
