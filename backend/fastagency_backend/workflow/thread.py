"""A thread of its own for each `def` workflow: forty people who think must not take a shared pool down.

When its run is dropped, a thread that calls `ui` is told so there. One that never does, such as a loop that computes,
is interrupted: Python raises an exception in it at its next line. A call into C has no lines and runs to its end.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from fastagency_backend.engine import tracking
from fastagency_backend.engine.bridge import RunEvicted, RunUnwound
from fastagency_backend.engine.containment import WorkflowAborted
from fastagency_backend.engine.run import Run
from fastagency_backend.workflow.interruption import Interruption

logger = logging.getLogger(__name__)

T = TypeVar("T")


async def run_in_thread(run: Run, call: Callable[[], T]) -> T:
    """Run a blocking call in a new thread, inside the run.

    When the run is dropped, the thread is unwound at its next call of `ui`, or interrupted; it is not waited for.
    """
    outcome: asyncio.Future[T] = run.bridge.loop.create_future()
    context = contextvars.copy_context()

    def settle(result: T | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(cast("T", result))

    interruption = Interruption(run.id)

    def main() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            with interruption.possible():
                result = context.run(call)
        except (RunUnwound, asyncio.CancelledError):
            error = RunEvicted(run.id)
        except BaseException as raised:  # noqa: BLE001 - it is raised again where the thread is awaited
            error = _raisable(raised)
        try:
            run.bridge.loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:  # the server has stopped meanwhile: the run is another worker's
            logger.debug("The event loop was closed before the workflow's thread ended")

    threading.Thread(target=main, name=f"run-{run.id[:8]}", daemon=True).start()
    run.bridge.when_closed(lambda: run.bridge.call(interruption.begin, run.bridge.loop))
    return await outcome


def run_coroutine(run: Run, make: Callable[[], Awaitable[T]]) -> T:
    """In a workflow's thread: run an `async def` workflow with the blocking `ui`, on a loop of this thread."""

    async def main() -> T:
        tracking.install(asyncio.get_running_loop())
        task = asyncio.ensure_future(make())
        loop = asyncio.get_running_loop()

        def cancel() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)

        run.bridge.when_closed(cancel)
        return await task

    return asyncio.run(main())


def _raisable(error: BaseException) -> Exception:
    """A future takes no StopIteration, and SystemExit of a workflow must not stop the server."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return WorkflowAborted.by(error)
