"""The way between a run's threads and loops and the engine's loop, until the run is dropped.

A workflow's thread, an agent framework's own loop and the engine's loop all act for one run. What they do goes over its
bridge; once that is closed, nothing does any more: whoever tries is told to stop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Any, NoReturn, TypeVar

from fastagency_backend.engine.crossing import Crossing

T = TypeVar("T")


class RunEvicted(asyncio.CancelledError):
    """This process has to drop the run (parked, stopped, handed over, lost). Never swallow it."""


class RunUnwound(BaseException):
    """The same, in a workflow's own thread. No `Exception`, so that no workflow catches it by accident."""


class Bridge:
    """See the module's docstring. Made on the engine's loop; usable from anywhere."""

    def __init__(self, run_id: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.closed = False
        self._run_id = run_id
        self._lock = threading.Lock()
        self._on_close: list[Callable[[], None]] = []

    @property
    def on_loop(self) -> bool:
        """Whether this code runs on the engine's loop."""
        return _running_loop() is self.loop

    # --- open and closed ------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raises `RunEvicted`, or `RunUnwound` in a thread without a loop, once the bridge is closed."""
        if self.closed:
            self.dismiss()

    def dismiss(self) -> NoReturn:
        """Tell whoever calls to stop. Raises `RunEvicted`, or `RunUnwound` in a thread without a loop."""
        raise RunUnwound(self._run_id) if _running_loop() is None else RunEvicted(self._run_id)

    def held_open(self) -> AbstractContextManager[None]:
        """One thread at a time; what is done inside is done before the bridge closes, or not at all (see `check`)."""
        return _Held(self, self._lock)

    def when_closed(self, callback: Callable[[], None]) -> None:
        """Call back as soon as the bridge is closed, to free what waits."""
        with self._lock:
            if not self.closed:
                self._on_close.append(callback)
                return
        callback()

    def close(self) -> None:
        """Refuse everything from now on, and free what waits."""
        with self._lock:
            self.closed = True
            callbacks, self._on_close = self._on_close, []  # kept, they would keep the run
        for callback in callbacks:
            callback()

    # --- over it --------------------------------------------------------------------------------------------------

    def call(self, function: Callable[..., None], *args: Any) -> None:
        """Call on the engine's loop: at once if this is it, else soon."""
        if self.on_loop:
            function(*args)
        else:
            self.loop.call_soon_threadsafe(function, *args)

    async def cross(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await a coroutine on the engine's loop, from whichever loop this is."""
        if self.on_loop:
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self.loop))

    def wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the engine's loop and block this thread until it is done.

        Raises:
            RunUnwound: this process must drop the run.
        """
        if self.on_loop:
            coroutine.close()
            raise RuntimeError(
                "A blocking call of `ui` was made on the event loop, which would stop every other conversation. "
                "In an `async def` workflow annotate `ui: AsyncUI` and await the call."
            )
        if self.closed:
            coroutine.close()
            raise RunUnwound(self._run_id)
        try:
            return Crossing(coroutine).outcome(self.loop)
        except asyncio.CancelledError:
            raise RunUnwound(self._run_id) from None


class _Held(AbstractContextManager[None]):
    """What `Bridge.held_open` returns. A generator would take longer, and this is entered with every message."""

    __slots__ = ("_bridge", "_lock")

    def __init__(self, bridge: Bridge, lock: threading.Lock) -> None:
        self._bridge, self._lock = bridge, lock

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._bridge.closed:
            self._lock.release()
            self._bridge.dismiss()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
