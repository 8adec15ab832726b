"""The attempts of a step: how often a call is tried, how long each may take, and how long the pauses are."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from fastagency_backend.engine.run import Run

logger = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_PAUSE_S = 60.0
_OPTIONS = ("retries", "backoff", "timeout_s")


@dataclass(frozen=True, slots=True)
class Attempts:
    """One more attempt for each of `retries`, after a pause of `backoff` seconds that doubles from one to the next.

    Raises:
        ValueError: a number that makes no sense.
    """

    run: Run
    name: str
    retries: int = 0
    backoff: float = 1.0
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        if self.retries < 0 or self.backoff < 0:
            raise ValueError(f"ui.step: retries and backoff are 0 or more, not {self.retries} and {self.backoff}.")
        if self.timeout_s is not None and self.timeout_s <= 0:
            raise ValueError(f"ui.step: timeout_s is more than 0, or None, and not {self.timeout_s}.")

    def check_awaitable(self, fn: Callable[..., object]) -> None:
        """Raises `TypeError` for a time limit that cannot be kept to, because the call is not awaited."""
        if self.timeout_s is not None and not _is_async(fn):
            raise TypeError(
                f"ui.step: timeout_s cannot stop {self.name}, which is no `async def`. Make it one, "
                "and await `asyncio.to_thread(...)` in it for what blocks."
            )

    async def awaited(self, call: Callable[[], Awaitable[T]]) -> T:
        """What the call returns, awaited; an attempt that takes too long is cancelled."""
        for pause_s in self._pauses():
            try:
                return await self._awaited_once(call)
            except Exception as error:  # noqa: BLE001 - it is logged, and the last one is raised
                self._failed(error, pause_s)
            await asyncio.sleep(pause_s)
            self.run.begin_again()
        return await self._awaited_once(call)

    def blocking(self, call: Callable[[], T]) -> T:
        """The same in a workflow's thread. An attempt that takes too long is left alone: no thread can be stopped."""
        for pause_s in self._pauses():
            try:
                return self._blocking_once(call)
            except Exception as error:  # noqa: BLE001 - it is logged, and the last one is raised
                self._failed(error, pause_s)
            self.run.bridge.wait_for(asyncio.sleep(pause_s))
            self.run.begin_again()
        return self._blocking_once(call)

    async def _awaited_once(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self.timeout_s) as limit:
                return await call()
        except TimeoutError:
            if limit.expired():
                raise self._too_long() from None
            raise

    def _blocking_once(self, call: Callable[[], T]) -> T:
        if self.timeout_s is None:
            return call()
        outcome: Future[T] = Future()
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=(_settle, outcome, call), name=f"step-{self.name}", daemon=True
        ).start()
        try:
            return outcome.result(self.timeout_s)
        except TimeoutError:
            if outcome.done():  # the call itself raised it, in the last moment or before
                return outcome.result()
            raise self._too_long() from None

    def _too_long(self) -> TimeoutError:
        return TimeoutError(f"{self.name} took longer than {self.timeout_s:g} seconds.")

    def _failed(self, error: Exception, pause_s: float) -> None:
        kind = type(error).__name__
        logger.warning("The step %s failed (%s: %s); it is tried again in %g s", self.name, kind, error, pause_s)

    def _pauses(self) -> Iterator[float]:
        pause_s = self.backoff
        for _ in range(self.retries):
            yield min(pause_s, LONGEST_PAUSE_S)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _settle(outcome: Future[T], call: Callable[[], T]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as error:  # noqa: BLE001 - it is raised again where the call is waited for
        outcome.set_exception(error)


def attempts_of(run: Run, name: str, fn: Callable[..., object], kwargs: dict[str, Any]) -> Attempts:
    """The options of `ui.step`, taken out of the keywords; what the function has a parameter for is left to it."""
    given = [option for option in _OPTIONS if option in kwargs]
    own = _parameters(fn) if given else frozenset()
    return Attempts(run, name, **{option: kwargs.pop(option) for option in given if option not in own})


def _parameters(fn: Callable[..., object]) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(fn).parameters)
    except (TypeError, ValueError):  # of some functions that are written in C
        return frozenset()


def _is_async(fn: Callable[..., object]) -> bool:
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004
