"""Tool calls that fail: AgentChat tells the model, and nobody else. Here they are logged, once, with the run.

A tool that raises is logged where it raises, for AgentChat keeps the error's text only. What fails before any tool is
reached (a tool that is not there, arguments that are not JSON) shows in the event that carries the results.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from autogen_core.models import FunctionExecutionResult

from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.run import Run

logger = logging.getLogger(__name__)


class _Told(set[str | None]):
    """The ids of a run's calls whose error is logged."""


@contextmanager
def telling(tool: str, call_id: str | None) -> Iterator[None]:
    """Around the call of a tool: log what it raises, with its traceback."""
    try:
        yield
    except Exception:
        logger.exception("The tool %r raised an error", tool)
        run = current_run()
        if run is not None:
            run.observer.failed("tool", "raised")
            run.slots[_Told].add(call_id)
        raise


def tell(run: Run, agent: str, result: FunctionExecutionResult) -> None:
    """Log a result that says that the call failed, unless its error was logged when it was raised."""
    if result.is_error and result.call_id not in run.slots[_Told]:
        run.observer.failed("tool", "failed")
        logger.error("A call of the tool %r by %s failed: %s", result.name, agent, result.content)
