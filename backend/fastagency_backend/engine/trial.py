"""Takes up the runs that may have taken workers down, one at a time, and nothing else meanwhile.

If the worker dies in a trial, it is known who did it. A trial is over when the run has got further, waits for a person
or has ended, or when its time is up: a short one at first, for most of what ends a process does so at once, and a
longer one after each further death.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from fastagency_backend.engine.run import Run
from fastagency_backend.store.base import RunRecord
from fastagency_backend.store.dispatch import ON_TRIAL

WINDOW_S = 0.5
LONGER = 8
LONGEST_S = 600.0
POLL_S = 0.02
"""How often it is looked whether a trial is over."""


def window_s(attempts: int) -> float:
    """How long the trial of a run lasts at most."""
    longer: int = LONGER ** max(0, attempts - ON_TRIAL)
    return min(LONGEST_S, WINDOW_S * longer)


class Trials:
    """The trials of a worker. `live` are the runs that it has in memory."""

    def __init__(self, live: Mapping[str, Run], clock: Callable[[], float] = time.monotonic) -> None:
        self.others_first = False
        """After a trial, others are taken up before the next one."""
        self._live, self._clock = live, clock
        self._record: RunRecord | None = None
        self._driving: asyncio.Task[None] | None = None
        self._until = 0.0

    def begin(self, record: RunRecord, driving: asyncio.Task[None]) -> None:
        """A run that was claimed for a trial is driven now, by this task."""
        self._record, self._driving = record, driving
        self._until = self._clock() + window_s(record.attempts)
        self.others_first = True

    @property
    def under_way(self) -> bool:
        if self._record is None or self._driving is None:
            return False
        run = self._live.get(self._record.id)
        if self._driving.done() or (run is not None and run.acquitted) or self._clock() >= self._until:
            self._record = self._driving = None
        return self._record is not None
