"""Strict replay: what a run asks for and says is held against its log, and nothing new is done.

A call that was not recorded is not made, a question is not asked, a message is not logged: it is noted, and whoever
wanted it waits until the run is dropped. Knows nothing of runs and stores; `verdict.py` says what it means.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import NoReturn

from fastagency_backend.engine.key import named, steps_around
from fastagency_backend.engine.outline import Outline
from fastagency_backend.store.base import RunLog

MAX_NEW = 100


@dataclass(frozen=True)
class Request:
    """What the code wants and the log does not have, by its key; `asked` are its parts."""

    key: str
    asked: Outline


class Strict:
    """See the module's docstring. Thread-safe. `log` is what the run did until now.

    `left` are the keys of what it did and has not done again; `new` is what it did not do then. `waiting` counts those
    who wait: for a person, or for a call that is not made. `noted` grows with everything that the run does.
    """

    def __init__(self, log: RunLog) -> None:
        self.left = {*log.steps, *log.questions, *filter(_is_said_by_the_code, log.event_keys)}
        self.new: list[Request] = []
        self.waiting = 0
        self.noted = 0
        self._lock = threading.Lock()
        self._parts: defaultdict[str, list[str]] = defaultdict(list)
        for key in self.left:
            for outer in steps_around(key):
                self._parts[outer].append(key)
        self._steps = log.steps

    @property
    def full(self) -> bool:
        """Whether so much is new that more of it says nothing."""
        return len(self.new) >= MAX_NEW

    def repeated(self, key: str) -> None:
        """The run has come to something that is in the log."""
        with self._lock:
            self.noted += 1
            self.left.discard(key)
            if key in self._steps:
                self.left.difference_update(self._parts.get(key, ()))

    def refused(self, request: Request) -> None:
        """The run wants something that is not in the log."""
        with self._lock:
            self.noted += 1
            inside = self._parts.get(request.key, ())
            # A call that had not ended when its inner parts were recorded, such as a tool that asks a person.
            self.left.difference_update(inside)
            if not inside:
                self.new.append(request)

    async def wait(self) -> NoReturn:
        """Wait for what will not come, until the run is dropped."""
        with self._lock:
            self.noted += 1
            self.waiting += 1
        await asyncio.get_running_loop().create_future()
        raise AssertionError("unreachable: nobody sets that future")


def _is_said_by_the_code(key: str) -> bool:
    """Not by the engine, which tells how the run began and ended, and who answered."""
    kind, scope = named(key)
    return kind == "event" and scope != "workflow_started"
