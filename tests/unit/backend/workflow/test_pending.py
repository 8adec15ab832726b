"""A forgotten `await` is an error that names the line; a call that is awaited in whatever way is none."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from fastagency_backend.workflow import AsyncUI
from fastagency_backend.workflow.pending import ForgottenAwait
from fastagency_shared.run import RunStatus

from tests.fakes.lab import Lab


async def failure(lab: Lab, caplog: pytest.LogCaptureFixture, fn: Any) -> str:
    """What the log says of a workflow that fails, which the page must not say."""
    lab.wf.register("flow", "d")(fn)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    assert (await lab.ended(engine)).status is RunStatus.FAILED
    shown = [message.wire()["content"] for message in await lab.log(engine)]
    assert "coroutine" not in str(shown)
    assert __file__ not in str(shown)
    (error,) = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert isinstance(error, ForgottenAwait)
    return str(error)


def line_of(fn: Any, text: str) -> str:
    lines, first = inspect.getsourcelines(fn)
    return f"{__file__}, line {first + next(place for place, line in enumerate(lines) if text in line)}"


async def test_a_message_that_is_thrown_away(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    reached: list[str] = []

    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        ui.text_message(body="lost")  # type: ignore[unused-coroutine]
        await ui.text_message(body="next")
        reached.append("the end")

    sentence = await failure(lab, caplog, flow)
    assert f"`await` is missing before ui.text_message(...) in {line_of(flow, 'lost')}" in sentence
    assert not reached  # found at the next call, not at the end


async def test_the_last_call_of_a_workflow(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        kept = ui.text_message(body="kept")
        return "done" if kept else ""

    assert line_of(flow, "kept =") in await failure(lab, caplog, flow)


async def test_a_question_whose_answer_is_used(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        name = ui.text_input(prompt="Who?")
        await ui.text_message(body=f"Hello {name}")

    assert line_of(flow, "text_input") in await failure(lab, caplog, flow)


async def test_a_question_that_is_passed_on_as_a_text(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        await ui.text_message(body=ui.text_input(prompt="Who?"))  # type: ignore[arg-type]

    assert line_of(flow, "text_input") in await failure(lab, caplog, flow)


async def test_a_question_that_is_the_result(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> Any:
        return ui.text_input(prompt="Who?")

    assert line_of(flow, "text_input") in await failure(lab, caplog, flow)


@pytest.mark.parametrize("shown", [True, False])
async def test_a_coroutine_of_the_applications_own(lab: Lab, caplog: pytest.LogCaptureFixture, shown: bool) -> None:
    async def own() -> str:
        return "own"

    async def flow(ui: AsyncUI, params: dict[str, Any]) -> Any:
        if shown:
            await ui.text_message(body=own())  # type: ignore[arg-type]
        return own()

    assert line_of(own, "async def own") in await failure(lab, caplog, flow)


async def test_every_way_to_await_is_fine(lab: Lab) -> None:
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        await ui.text_message(body="0")
        await asyncio.gather(ui.text_message(body="1"), ui.text_message(body="2"))
        await asyncio.create_task(ui.text_message(body="3"))
        await asyncio.wait_for(ui.text_message(body="4"), 60)
        async with asyncio.TaskGroup() as group:
            group.create_task(ui.text_message(body="5"))
        later = ui.text_message(body="6")
        await later
        unused = ui.text_message(body="7")
        unused.close()
        return str(await ui.random())

    lab.wf.register("flow", "d")(flow)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    assert 0 <= float(await lab.completed(engine) or "") < 1
    assert sorted(await lab.texts(engine)) == list("0123456")


def test_its_methods_are_still_coroutine_functions() -> None:
    assert inspect.iscoroutinefunction(AsyncUI.text_input) or asyncio.iscoroutinefunction(AsyncUI.text_input)
    assert AsyncUI.text_input.__doc__
