"""Which run, and which step of it, the code belongs to: known in every task and thread that a workflow starts."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastagency_backend.engine.run import Run
    from fastagency_backend.store.base import RunRecord

logger = logging.getLogger(__name__)

_run: contextvars.ContextVar[Run | None] = contextvars.ContextVar("fastagency_run", default=None)
_left: contextvars.ContextVar[RunRecord | None] = contextvars.ContextVar("fastagency_left", default=None)
_step: contextvars.ContextVar[str | None] = contextvars.ContextVar("fastagency_step", default=None)


def current_run() -> Run | None:
    """The run that this code belongs to: inside a workflow, its threads and its tasks."""
    return _run.get()


def current_record() -> RunRecord | None:
    """What the store said of the run whose work this is, be it in what outlives the run (`left`)."""
    run = _run.get()
    return _left.get() if run is None else run.record


def current_step_key() -> str | None:
    """Inside the call of a step: an idempotency key, the same when the call has to be made again after a crash."""
    return _step.get()


@contextmanager
def entered(run: Run) -> Iterator[None]:
    """Make this the current run of the context."""
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)


@contextmanager
def left() -> Iterator[None]:
    """Open here what outlives the run: what keeps this context must not keep the run. Log lines still name it."""
    record, run = _left.set(current_record()), _run.set(None)
    try:
        yield
    finally:
        _run.reset(run)
        _left.reset(record)


@contextmanager
def in_step(key: str) -> Iterator[None]:
    """Make this the current step of the context."""
    token = _step.set(key)
    try:
        yield
    finally:
        try:
            _step.reset(token)
        except ValueError:  # an async generator that is closed from another context
            logger.debug("A step ended in another context than it began in")
