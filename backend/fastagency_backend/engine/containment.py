"""Keeps what a run's code raises inside the run.

The event loop passes `SystemExit` and `KeyboardInterrupt` of any task on to whoever runs the loop: one line of one
workflow would end the server for everybody, and end it again at each restart. And what is no `Exception` slips through
the `except Exception` of agent frameworks, whose agents then wait for each other for ever. So every task that is born
in a run is contained: such an error ends the run, at once, whoever would have been told of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from time import monotonic
from typing import Any, Protocol

from fastagency_backend.engine.blackbox import ID_BYTES, NOBODY
from fastagency_backend.engine.bridge import RunUnwound
from fastagency_backend.engine.watch import UNWATCHED, Watch


class WorkflowAborted(RuntimeError):
    """A run's code raised something that is no `Exception`: the cause."""

    @classmethod
    def by(cls, error: BaseException) -> WorkflowAborted:
        aborted = cls(f"The workflow raised {type(error).__name__}")
        aborted.__cause__ = error
        return aborted


class Abortable(Protocol):
    """A run, as far as it matters here. `tag` is its id, as bytes."""

    @property
    def id(self) -> str: ...

    @property
    def tag(self) -> bytes: ...

    def abort(self, error: BaseException) -> None:
        """End the run as failed, whatever its code is doing. Thread-safe; the first error counts."""
        ...


def ends_run(error: BaseException) -> bool:
    """Whether this must not get out of the run's code.

    Ordinary errors may be handled by it. Cancellation is asyncio's (and ours), and `GeneratorExit` closes coroutines.
    """
    return not isinstance(error, Exception | asyncio.CancelledError | GeneratorExit | RunUnwound)


class Contained(Coroutine[Any, Any, Any]):
    """A coroutine of a run, for a task. See the module's docstring. While its code is on the loop, the watch knows."""

    __slots__ = ("__weakref__", "_coroutine", "_run", "_watch")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], run: Abortable, watch: Watch = UNWATCHED) -> None:
        self._coroutine, self._run, self._watch = coroutine, run, watch

    def send(self, value: Any) -> Any:
        watch = self._watch
        watch.memory[:ID_BYTES] = self._run.tag
        began = monotonic()
        try:
            return self._coroutine.send(value)
        except BaseException as error:
            if ends_run(error):
                self._end(error)
            raise
        finally:
            if (held_s := monotonic() - began) > watch.limit_s:
                watch.held(self._run.id, held_s)
            watch.memory[:ID_BYTES] = NOBODY

    def throw(self, *error: Any) -> Any:
        try:
            return self._coroutine.throw(*error)
        except BaseException as raised:
            if ends_run(raised):
                self._end(raised)
            raise
        finally:
            error = ()  # its traceback has this frame: a ring that would keep the run until the collector comes

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        """What debuggers and asyncio's own messages look at: `cr_frame`, `cr_code`, `__qualname__`."""
        return getattr(self._coroutine, name)

    def _end(self, error: BaseException) -> None:
        self._run.abort(error)
        if isinstance(error, SystemExit | KeyboardInterrupt):
            raise WorkflowAborted.by(error)
