"""Ends a thread of a dropped run that computes and computes, and asks for nothing.

Python can be told to raise an exception in another thread (`PyThreadState_SetAsyncExc`). It does so at some line of
Python, wherever that is. So the thread is left alone at first, for most end by themselves, and while it is in code in
which others would suffer: that of locks, logging and imports, and ours. One that does not compute, but waits in a call
of C, is left alone too, for the exception would not arrive.

As long as an exception is to come somewhere, CPython 3.11 enters no function in a thread that is traced, by a debugger
or a measurement of coverage: then nothing is interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from fastagency_backend.engine.bridge import RunUnwound

logger = logging.getLogger(__name__)

HANGS_IF_TRACED = sys.version_info < (3, 12)
GRACE_S = 1.0
"""How long a thread has to end by itself, and then between two interruptions."""
TRIES = 10
COMPUTES = 0.005
"""Seconds of the processor that a thread must have had since the last look; a waiting one has none."""
ARRIVES_WITHIN = 100
"""Turns of a loop in which an exception that is to come has come."""
_DELICATE = ("threading", "queue", "logging", "importlib", "_frozen_importlib", "concurrent", "asyncio", "sqlite3")
_OURS = "fastagency_backend."


class Interruption:
    """The interruption of one thread. `begin` is called on the loop, once the run is dropped."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._lock = threading.RLock()
        self._thread: int | None = None
        self._tries = 0
        self._cpu_s = 0.0

    @contextlib.contextmanager
    def possible(self) -> Iterator[None]:
        """In the thread, around what may be interrupted."""
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._end()

    def _end(self) -> None:
        """An interruption that was sent must arrive here at the latest, for later it would arrive elsewhere.

        To take it back (`SetAsyncExc` with NULL) is no way: CPython would look for it for ever.
        """
        while True:
            try:
                with self._lock:
                    self._thread = None
                for _ in range(ARRIVES_WITHIN):
                    pass
            except RunUnwound:
                continue
            else:
                return

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if (thread := self._thread) is not None and not (HANGS_IF_TRACED and sys.gettrace() is not None):
            self._cpu_s = _cpu_s(thread)
            loop.call_later(GRACE_S, self._try, loop)

    def _try(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._lock.acquire(blocking=False):
            try:
                if self._thread is None:
                    return
                before, self._cpu_s = self._cpu_s, _cpu_s(self._thread)
                computes = self._cpu_s - before >= COMPUTES
                if computes and not _is_delicate(sys._current_frames().get(self._thread)):
                    _interrupt(self._thread)
            finally:
                self._lock.release()
        self._tries += 1
        if self._tries < TRIES:
            loop.call_later(GRACE_S, self._try, loop)
        else:
            logger.warning("A thread does not end although its run was dropped", extra={"run_id": self._run_id})


def _interrupt(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(RunUnwound))


def _cpu_s(thread: int) -> float:
    """Seconds of the processor that a living thread has had; where the system does not tell, time itself."""
    if sys.platform in ("win32", "darwin"):
        return time.monotonic()
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


def _is_delicate(frame: FrameType | None) -> bool:
    """Whether the innermost code of a thread is such that it must not be interrupted."""
    name = str(frame.f_globals.get("__name__", "")) if frame is not None else ""
    return name.split(".")[0] in _DELICATE or name.startswith(_OURS)
