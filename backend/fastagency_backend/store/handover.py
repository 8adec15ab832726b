"""From a queue to a thread that works it off in batches, and back from there to the event loop: what lanes share."""

from __future__ import annotations

import asyncio
import logging
import queue
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from fastagency_backend.store.base import StoreBroken

logger = logging.getLogger(__name__)

MAX_BATCH = 1000

Deliver = Callable[[Any, Exception | None], None]
"""Called on the loop with what came of a task, or with its error."""
Outcome = tuple[Any, Exception | None]


class Delivers(Protocol):
    """A task that somebody waits for."""

    @property
    def deliver(self) -> Deliver: ...


T = TypeVar("T")


def take(tasks: queue.SimpleQueue[T | None], timeout_s: float | None = None) -> tuple[list[T], bool]:
    """Wait for something in the queue, then take all there is; and whether its end, None, was reached."""
    try:
        task = tasks.get(timeout=timeout_s)
    except queue.Empty:
        return [], False
    taken: list[T] = []
    while task is not None:
        taken.append(task)
        if len(taken) >= MAX_BATCH:
            return taken, False
        try:
            task = tasks.get_nowait()
        except queue.Empty:
            return taken, False
    return taken, True


def call_on(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *args: Any) -> None:
    """Have something called on the loop, from any thread. Nothing is, once that is closed: nobody waits any more."""
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        logger.debug("The event loop was closed before a thread had told it something")


def deliver_all(tasks: Iterable[Delivers], outcomes: Iterable[Outcome]) -> None:
    """Give each task what came of it. On the loop."""
    for task, (result, error) in zip(tasks, outcomes, strict=True):
        task.deliver(result, error)


def settle(future: asyncio.Future[None], error: Exception | None = None) -> None:
    """End a wait, unless nobody waits any more. On the loop."""
    if not future.done():
        future.set_exception(error) if error is not None else future.set_result(None)


def awaited(told: Callable[[Any], None] | None = None) -> tuple[Deliver, asyncio.Future[Any]]:
    """What brings a result, and what waits for it. `told` is called with it in its turn, unless it is None."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def deliver(result: Any, error: Exception | None) -> None:
        if told is not None and result is not None:
            told(result)
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    return deliver, future


def broken_by(error: Exception, cannot: str) -> StoreBroken:
    """The failure of a lane that cannot go on, logged. `cannot`: what is not done any more."""
    if not isinstance(error, StoreBroken):
        logger.error("The database failed in a way that nothing here knows", exc_info=error)
        error = StoreBroken(f"The database failed ({error}).")
    logger.critical("%s Nothing can be %s any more.", error, cannot)
    return error
