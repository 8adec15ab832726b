"""Ends a thread of a dropped run that computes and computes, and asks for nothing.

Python can be told to raise an exception in another thread (`PyThreadState_SetAsyncExc`). It does so at some line of
Python, wherever that is. So the thread is left alone at first, for most end by themselves, and while it is in code in
which others would suffer: that of locks, logging and imports, and ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from fastagency_backend.engine.bridge import RunUnwound

logger = logging.getLogger(__name__)

GRACE_S = 1.0
"""How long a thread has to end by itself, and then between two interruptions."""
TRIES = 10
_DELICATE = ("threading", "queue", "logging", "importlib", "_frozen_importlib", "concurrent", "asyncio", "sqlite3")
_OURS = "fastagency_backend."


class Interruption:
    """The interruption of one thread. `begin` is called on the loop, once the run is dropped."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._lock = threading.RLock()
        self._thread: int | None = None
        self._tries = 0

    @contextlib.contextmanager
    def possible(self) -> Iterator[None]:
        """In the thread, around what may be interrupted."""
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            while self._thread is not None:
                try:
                    with self._lock:
                        self._thread = None
                        _interrupt(threading.get_ident(), None)  # one that has not arrived yet would arrive elsewhere
                except RunUnwound:
                    continue

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._thread is not None:
            loop.call_later(GRACE_S, self._try, loop)

    def _try(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._lock.acquire(blocking=False):
            try:
                if self._thread is None:
                    return
                if not _is_delicate(sys._current_frames().get(self._thread)):
                    _interrupt(self._thread, RunUnwound)
            finally:
                self._lock.release()
        self._tries += 1
        if self._tries < TRIES:
            loop.call_later(GRACE_S, self._try, loop)
        else:
            logger.warning("A thread does not end although its run was dropped", extra={"run_id": self._run_id})


def _interrupt(thread: int, error: type[BaseException] | None) -> None:
    raised = ctypes.py_object(error) if error is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


def _is_delicate(frame: FrameType | None) -> bool:
    """Whether the innermost code of a thread is such that it must not be interrupted."""
    name = str(frame.f_globals.get("__name__", "")) if frame is not None else ""
    return name.split(".")[0] in _DELICATE or name.startswith(_OURS)
