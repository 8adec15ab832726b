"""Threads that belong to a run.

The classic API starts threads of its own, and Python's threads begin with an empty context: a run's work in them would
be nobody's. `RunThread` takes the context along, and ends quietly when the run is dropped.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any, TypeVar

import httpcore

from fastagency_backend.engine.bridge import RunEvicted, RunUnwound
from fastagency_backend.engine.containment import ends_run
from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.run import Run

T = TypeVar("T")

POLL_S = 0.25
"""How soon a thread that waits for something else notices that its run was dropped."""


class RunThread(threading.Thread):
    """A thread that goes on in the context of the one that made it, if that belongs to a run."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._run = current_run()
        self._context = contextvars.copy_context() if self._run is not None else None

    def run(self) -> None:
        if self._run is None or self._context is None:
            super().run()
            return
        try:
            self._context.run(super().run)
        except (RunUnwound, RunEvicted):
            return  # the run was dropped: there is nobody to tell
        except BaseException as error:
            if not ends_run(error):
                raise
            self._run.abort(error)


class ThreadingOfRuns:
    """Stands in for the module `threading` in the framework's modules, with `RunThread` for `Thread`."""

    Thread = RunThread

    def __init__(self, threading_module: ModuleType) -> None:
        self._threading = threading_module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._threading, name)


class _Outcome:
    """What a call in another thread came to."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.value: Any = None
        self.error: BaseException | None = None

    def of(self, call: Callable[[], Any]) -> None:
        try:
            self.value = call()
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
            self.error = error
        finally:
            self.done.set()

    def get(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


def abandonable(run: Run, call: Callable[[], T]) -> T:
    """Make a blocking call that nobody else depends on, such as a model's; when the run is dropped, stop it.

    Raises:
        RunUnwound: the run was dropped meanwhile.
    """
    outcome = _Outcome()
    thread = RunThread(target=outcome.of, args=(call,), name=f"call-{run.id[:8]}", daemon=True)
    thread.start()
    while not outcome.done.wait(POLL_S):
        if run.evicted:
            _interrupt(thread)
            raise RunUnwound(run.id)
    result: T = outcome.get()
    return result


def _interrupt(thread: threading.Thread) -> None:
    """End a thread that waits for the network.

    Blocking HTTP clients cannot be cancelled. So the thread is given an exception that no client retries after, and
    the socket that it reads from is shut down, so that it wakes up to meet the exception.
    """
    if thread.ident is None:
        return
    connected = _socket_read_by(thread.ident)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(RunUnwound))
    # No function of Python's between the two: as long as a sleeping thread has an exception to come, CPython 3.11
    # enters none in a thread that a debugger traces.
    if connected is not None:
        try:  # noqa: SIM105
            connected.shutdown(socket.SHUT_RDWR)
        except OSError:  # it was closed meanwhile
            pass


def _socket_read_by(thread_id: int) -> socket.socket | None:
    frame = sys._current_frames().get(thread_id)
    while frame is not None:
        stream = frame.f_locals.get("self")
        if isinstance(stream, httpcore.NetworkStream):
            connected: socket.socket | None = stream.get_extra_info("socket")
            return connected
        frame = frame.f_back
    return None


async def in_thread(call: Callable[[], T]) -> T:
    """Await a blocking call of this run, made in a thread of its own.

    Not in the loop's shared pool: a few conversations that wait would take it away from all others.
    """
    loop = asyncio.get_running_loop()
    finished = asyncio.Event()
    outcome = _Outcome()

    def body() -> None:
        outcome.of(call)
        try:
            loop.call_soon_threadsafe(finished.set)
        except RuntimeError:
            return  # the loop has ended, with everybody who waited

    RunThread(target=body, name="classic-blocking", daemon=True).start()
    await finished.wait()
    try:
        result: T = outcome.get()
    except RunUnwound as unwound:
        raise RunEvicted(*unwound.args) from None
    return result


def in_own_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from blocking code, in a thread and a loop of its own.

    The framework does the same, but loses what the coroutine raises.
    """
    outcome = _Outcome()
    thread = RunThread(target=outcome.of, args=(lambda: asyncio.run(coroutine),), name="classic-async")
    thread.start()
    thread.join()
    try:
        result: T = outcome.get()
    except RunEvicted as evicted:
        raise RunUnwound(*evicted.args) from None
    return result
