"""What workflow code raises ends its run and nothing else, whatever it is and wherever it is raised."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.messages import WorkflowFailed
from fastagency_shared.run import RunStatus

from tests.fakes.lab import Lab


class OutOfTheOrdinary(BaseException):
    """No `Exception`, and none that the event loop knows."""


FATAL = [SystemExit, KeyboardInterrupt, OutOfTheOrdinary, GeneratorExit]


async def raises(kind: type[BaseException]) -> None:
    await asyncio.sleep(0)
    raise kind


async def in_itself(kind: type[BaseException]) -> None:
    raise kind


async def in_a_task(kind: type[BaseException]) -> None:
    await asyncio.create_task(raises(kind))


async def in_a_task_that_nobody_awaits(kind: type[BaseException]) -> None:
    tasks = [asyncio.create_task(raises(kind))]
    await asyncio.Event().wait()
    await tasks[0]


async def in_a_task_whose_end_nobody_hears(kind: type[BaseException]) -> None:
    """As agent frameworks do it: the error is swallowed, and what waits goes on waiting."""
    await asyncio.gather(raises(kind), return_exceptions=True)
    await asyncio.Event().wait()


async def while_it_swallows_what_ends_it(kind: type[BaseException]) -> None:
    tasks = [asyncio.create_task(raises(kind))]
    while not tasks[0].done():
        try:
            await asyncio.sleep(60)
        except BaseException:
            continue


async def in_a_pool(kind: type[BaseException]) -> None:
    def work() -> None:
        raise kind

    await asyncio.to_thread(work)


@pytest.mark.parametrize("kind", FATAL)
@pytest.mark.parametrize(
    "place",
    [
        in_itself,
        in_a_task,
        in_a_task_that_nobody_awaits,
        in_a_task_whose_end_nobody_hears,
        while_it_swallows_what_ends_it,
        in_a_pool,
    ],
)
async def test_an_async_workflow(lab: Lab, place: Callable[[Any], Any], kind: type[BaseException]) -> None:
    if kind is GeneratorExit and place not in (in_itself, in_a_task, in_a_pool):
        pytest.skip("in a task it is an error like any other: asyncio itself closes coroutines with it")

    @lab.wf.register("flow", "Raises")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        await ui.text_message(body="so far")
        await place(kind)

    @lab.wf.register("other", "Asks")
    async def other(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.text_input()

    engine = await lab.engine()
    await lab.start(engine, "other", 2)
    await lab.start(engine, "flow")
    assert (await lab.ended(engine)).status is RunStatus.FAILED
    assert await lab.texts(engine) == ["so far"]
    assert isinstance((await lab.log(engine))[-1], WorkflowFailed)
    await lab.answer(engine, "still here", 2)
    assert await lab.completed(engine, 2) == "still here"


@pytest.mark.parametrize("kind", FATAL)
@pytest.mark.parametrize("place", ["itself", "step", "loop", "task of its loop"])
async def test_a_def_workflow(lab: Lab, place: str, kind: type[BaseException]) -> None:
    def call() -> None:
        raise kind

    @lab.wf.register("blocking", "Raises")
    def blocking(ui: UI, params: dict[str, Any]) -> None:
        if place == "step":
            ui.step(call)
        call()

    @lab.wf.register("own loop", "Raises")
    async def own_loop(ui: UI, params: dict[str, Any]) -> None:
        if place == "task of its loop":
            await in_a_task_that_nobody_awaits(kind)
        call()

    if kind is GeneratorExit and place == "task of its loop":
        pytest.skip("in a task it is an error like any other")
    engine = await lab.engine()
    await lab.start(engine, "own loop" if "loop" in place else "blocking")
    assert (await lab.ended(engine)).status is RunStatus.FAILED


async def test_the_log_names_what_was_raised(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    @lab.wf.register("flow", "Raises")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        await in_a_task_whose_end_nobody_hears(SystemExit)

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.ended(engine)
    assert "SystemExit" in caplog.text
    assert "in raises" in caplog.text


async def test_what_a_thread_raises_when_it_is_dropped_is_nobodys(lab: Lab) -> None:
    raised = threading.Event()

    @lab.wf.register("flow", "Exits when it is dropped")
    def flow(ui: UI, params: dict[str, Any]) -> str:
        try:
            return ui.text_input()
        finally:
            if ui._run.evicted:
                raised.set()
                raise SystemExit

    engine = await lab.engine(warm_s=0.0)
    await lab.start(engine, "flow")
    await lab.parked(engine)
    assert await asyncio.to_thread(raised.wait, 30)
    await lab.answer(engine, "on")
    assert await lab.completed(engine) == "on"
