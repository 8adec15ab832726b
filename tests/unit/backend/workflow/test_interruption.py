"""The threads of dropped runs: loops that compute are interrupted."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastagency_backend.engine.bridge import RunUnwound
from fastagency_backend.workflow import UI, interruption
from fastagency_shared.run import RunStatus

from tests.fakes.lab import Lab, run_id, until

pytestmark = pytest.mark.skipif(
    interruption.HANGS_IF_TRACED and sys.gettrace() is not None,
    reason="A process that is traced interrupts nothing: tests/process/test_traced_threads.py runs these in another.",
)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "GRACE_S", 0.05)


def computes() -> None:
    number = 0
    while True:
        number += 1


def swallows() -> None:
    for _ in range(3):
        try:
            computes()
        except BaseException:
            continue


@pytest.mark.parametrize("busy", [computes, swallows])
async def test_a_loop_of_a_stopped_run_is_interrupted(lab: Lab, busy: Callable[[], None]) -> None:
    threads: list[threading.Thread] = []
    raised: list[BaseException] = []

    @lab.wf.register("flow", "Computes for ever")
    def flow(ui: UI, params: dict[str, Any]) -> None:
        threads.append(threading.current_thread())
        try:
            busy()
        except BaseException as error:
            raised.append(error)
            raise

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await until(lambda: threads)
    await engine.service.cancel(run_id(), None)
    await until(lambda: not threads[0].is_alive())
    assert all(isinstance(error, RunUnwound) for error in raised)
    assert (await lab.run(engine)).status is RunStatus.CANCELLED


async def test_a_thread_that_ends_by_itself_is_left_alone(lab: Lab) -> None:
    cleaned_up: list[str] = []

    @lab.wf.register("flow", "Asks, and cleans up")
    def flow(ui: UI, params: dict[str, Any]) -> str:
        try:
            return ui.text_input()
        finally:
            cleaned_up.append(threading.current_thread().name)

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    await engine.service.cancel(run_id(), None)
    await until(lambda: cleaned_up)


async def test_one_that_cannot_be_interrupted_is_named(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(interruption, "TRIES", 2)
    free, threads = threading.Event(), []

    @lab.wf.register("flow", "Waits for a lock")
    def flow(ui: UI, params: dict[str, Any]) -> None:
        threads.append(threading.current_thread())
        free.wait()

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await until(lambda: threads)
    with caplog.at_level(logging.WARNING):
        await engine.service.cancel(run_id(), None)
        await until(lambda: "does not end although its run was dropped" in caplog.text)
    free.set()
    await until(lambda: not threads[0].is_alive())
    await asyncio.sleep(0)
