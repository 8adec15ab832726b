"""Knows which tasks were born in which run, so that none outlives it, and none takes more down than it.

Agent frameworks start tasks of their own and leave them running when they are cancelled. A task factory notes each task
with the run of the context it was made in, and contains what it raises (`containment.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastagency_backend.engine.containment import Contained
from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.watch import UNWATCHED, Watch

logger = logging.getLogger(__name__)

Factory = Callable[..., "asyncio.Future[Any]"]
WAIT_S = 0.25


def install(loop: asyncio.AbstractEventLoop, watch: Watch = UNWATCHED) -> None:
    """Note every task that is made on the loop from now on; a factory that is there already goes on making them."""
    inner = loop.get_task_factory()
    if getattr(inner, "notes_runs", False):
        return

    def factory(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **kwargs: Any) -> asyncio.Future[Any]:
        context = kwargs.get("context")
        run = context.run(current_run) if context is not None else current_run()
        if run is not None:
            coro = Contained(coro, run, watch)
        task = inner(loop, coro, **kwargs) if inner is not None else asyncio.Task(coro, loop=loop, **kwargs)
        if run is not None and isinstance(task, asyncio.Task):
            run.tasks.add(task)
        return task

    factory.notes_runs = True  # type: ignore[attr-defined]
    loop.set_task_factory(factory)  # type: ignore[arg-type]


async def cancel_all(tasks: Iterable[asyncio.Task[Any]], tries: int) -> None:
    """Cancel tasks, and those they start while they are cancelled, until none is left."""
    for _ in range(tries):
        alive = [task for task in tasks if not task.done()]
        if not alive:
            return
        for task in alive:
            task.cancel()
        await asyncio.wait(alive, timeout=WAIT_S)
    logger.warning("%d tasks of a run do not end when they are cancelled", sum(not task.done() for task in tasks))
