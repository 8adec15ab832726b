"""A worker as a process: it drives the runs of the workflows that the settings name, and serves nobody."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from fastagency_shared import logs

from fastagency_backend import frameworks
from fastagency_backend.assembly import engine_for
from fastagency_backend.engine import memory
from fastagency_backend.probe import probe
from fastagency_backend.settings import BackendSettings
from fastagency_backend.workflow.load import load_workflows
from fastagency_backend.workflow.registry import Workflow

logger = logging.getLogger(__name__)

EXIT_FAILED = 1


def work(settings: BackendSettings) -> int:
    """Drive runs until a person or a supervisor says stop, or nothing can be done any more; the exit code.

    Raises:
        InvalidSettings: there are no such workflows.
        StoreError: the database cannot be used.
    """
    logs.set_up(settings.log_level, settings.log_format)
    return asyncio.run(_work(load_workflows(settings.workflows), settings))


async def _work(workflows: Workflow, settings: BackendSettings) -> int:
    stopped = asyncio.Event()
    await asyncio.to_thread(_prepare)
    engine = engine_for(workflows.specs, settings, lambda _sentence: stopped.set())
    with _told_to_stop(stopped.set), ExitStack() as probing:
        await engine.start()
        try:
            if settings.worker_port is not None:
                probing.enter_context(probe(settings.worker_host, settings.worker_port, engine, settings.metrics_path))
            await stopped.wait()
            logger.info("The worker stops")
        finally:
            await engine.stop()
    return EXIT_FAILED if engine.failure is not None else 0


def _prepare() -> None:
    frameworks.prepare()
    memory.spare_what_is_loaded()


@contextmanager
def _told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Call back on the loop at SIGTERM, Ctrl-C and Ctrl-Break; at a second one, end at once."""
    loop = asyncio.get_running_loop()
    told = False

    def tell(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        if told:
            raise KeyboardInterrupt
        told = True
        loop.call_soon_threadsafe(stop)

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]
    before = [(number, signal.signal(number, tell)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
