"""What is kept of a run is bounded in bytes: refused to a client, an error to a workflow, cut where only shown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastagency_backend.assembly import engine_for
from fastagency_backend.engine.limits import Limits, fitted, size_of
from fastagency_backend.settings import BackendSettings
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.errors import InvalidRequest, TooLarge
from fastagency_shared.messages import (
    Error,
    FunctionCallExecution,
    LoggedMessage,
    MultipleChoice,
    SuggestedFunctionCall,
    SystemMessage,
    TextMessage,
    WorkflowFailed,
    WorkflowStarted,
    parse_message,
)

from tests.fakes.lab import Lab, run_id

SMALL = Limits(max_message_bytes=5000, max_params_bytes=100, max_answer_bytes=20, max_step_bytes=5000)


async def test_every_setting_reaches_the_engine(tmp_path: Any) -> None:
    names = ("max_message_bytes", "max_params_bytes", "max_answer_bytes", "max_step_bytes")
    values = {name: 5000 + number for number, name in enumerate(names)}
    engine = engine_for({}, BackendSettings(database=tmp_path / "x", **values))  # type: ignore[arg-type]
    assert engine.settings.limits == Limits(**values)
    assert engine_for({}, BackendSettings(database=tmp_path / "x")).settings.limits == Limits()


async def test_params_are_measured_in_utf8(lab: Lab) -> None:
    @lab.wf.register("idle", "Returns at once")
    async def idle(ui: AsyncUI, params: dict[str, Any]) -> None:
        return None

    engine = await lab.engine(limits=SMALL)
    room = 100 - size_of({"text": ""})
    await lab.start(engine, "idle", text="é" * (room // 2))
    with pytest.raises(TooLarge, match=r"JSON of the params has 101 bytes; the most is 100 \(FASTAGENCY_MAX_PARAMS_B"):
        await lab.start(engine, "idle", 2, text="x" * (room + 1))


async def test_an_answer_that_is_too_large_leaves_the_question_open(lab: Lab) -> None:
    @lab.wf.register("ask", "Asks twice")
    async def ask(ui: AsyncUI, params: dict[str, Any]) -> str:
        text = await ui.text_input(prompt="?", password=True)
        return text + await ui.multiple_choice(choices=["a", "b"], single=False)

    engine = await lab.engine(limits=SMALL)
    await lab.start(engine, "ask")
    for bad in ("x" * 21, "é" * 11):
        with pytest.raises(TooLarge, match=r"has 2[12] bytes; the most is 20 \(FASTAGENCY_MAX_ANSWER_BYTES\)"):
            await lab.answer(engine, bad)
    asked = await lab.question(engine)
    await lab.answer(engine, "é" * 10)
    with pytest.raises(TooLarge):
        await engine.service.answer(run_id(), None, await _next_question(lab, engine, asked), ["a"] * 10)
    with pytest.raises(InvalidRequest):
        await lab.answer(engine, ["z"])
    await lab.answer(engine, ["b"])
    assert await lab.completed(engine) == "é" * 10 + "b"


async def _next_question(lab: Lab, engine: Any, asked: str) -> str:
    while (uuid := await lab.question(engine)) == asked:
        await lab.turn()
    return uuid


async def test_a_message_that_is_too_large_is_cut_once_and_the_run_goes_on(lab: Lab) -> None:
    @lab.wf.register("talk", "Says too much")
    async def talk(ui: AsyncUI, params: dict[str, Any]) -> str:
        await ui.text_message(body="short")
        await ui.text_message(body="é" * 1_000_000)
        return await ui.text_input(prompt="?")

    engine = await lab.engine(limits=SMALL)
    await lab.start(engine, "talk")
    await lab.question(engine)
    await lab.stop(engine)
    engine = await lab.engine(limits=Limits(max_message_bytes=4500))
    await lab.answer(engine, "on")
    assert await lab.completed(engine) == "on"
    short, cut = await lab.texts(engine)
    assert short == "short"
    assert re.fullmatch(r"é{1000,}\n\n… \(cut: 2,000,1\d\d bytes; the limit is FASTAGENCY_MAX_MESSAGE_BYTES\)", cut)


@pytest.mark.parametrize(
    "message",
    [
        TextMessage(body='"\n\\' * 3000),
        TextMessage(body="😀\x00" * 3000),
        SuggestedFunctionCall(function_name="f", call_id="1", arguments={"rows": ["x"] * 9000}),
        FunctionCallExecution(function_name="f", call_id="1", retval="x" * 9000),
        FunctionCallExecution(function_name="f", call_id="1", retval=[{"a": '"'}] * 9000),
        SystemMessage(message={"body": "x" * 9000}),
        Error(short="x" * 9000, long="y" * 9000),
    ],
    ids=lambda message: message.type,
)
def test_whatever_is_shown_fits(message: LoggedMessage) -> None:
    body = fitted(message, message.model_dump_json(), 5000)
    assert 2000 < size_of(body) <= 5000
    assert "FASTAGENCY_MAX_MESSAGE_BYTES" in body
    assert parse_message(body).type == message.type


def test_what_fits_and_what_the_system_says_is_left_alone() -> None:
    exact = TextMessage(body="x" * 100)
    limit = size_of(exact.model_dump_json())
    started = WorkflowStarted(params={"text": "x" * 9000})
    for message, room in ((exact, limit), (started, limit)):
        assert fitted(message, message.model_dump_json(), room) == message.model_dump_json()


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_step_that_returns_too_much_raises_at_the_call(lab: Lab, blocking: bool) -> None:
    made: list[int] = []

    def much(size: int) -> str:
        made.append(size)
        return "é" * (size // 2)

    @lab.wf.register("async", "Catches it")
    async def in_loop(ui: AsyncUI, params: dict[str, Any]) -> str:
        try:
            return await ui.step(much, 6000)
        except ValueError as error:
            return f"{error} {len(await ui.step(much, 4000))}"

    @lab.wf.register("sync", "Catches it")
    def in_thread(ui: UI, params: dict[str, Any]) -> str:
        try:
            return ui.step(much, 6000)
        except ValueError as error:
            return f"{error} {len(ui.step(much, 4000))}"

    engine = await lab.engine(limits=SMALL)
    await lab.start(engine, "sync" if blocking else "async")
    result = await lab.completed(engine)
    assert result is not None
    assert "returned has 6,000 bytes; the most is 5,000 (FASTAGENCY_MAX_STEP_BYTES). Keep it elsewhere" in result
    assert result.endswith(" 2000")
    assert made == [6000, 4000]


@pytest.mark.parametrize("kind", ["text", "choice"])
async def test_a_question_that_is_too_large_raises_at_the_call(lab: Lab, kind: str) -> None:
    @lab.wf.register("ask", "Asks too much, then less")
    async def ask(ui: AsyncUI, params: dict[str, Any]) -> str:
        try:
            if kind == "text":
                return await ui.text_input(prompt="x" * 6000)
            return await ui.process_message(MultipleChoice(choices=["x" * 6000, "y"])) or ""
        except ValueError as error:
            return f"{error} {await ui.text_input(prompt='shorter?')}"

    engine = await lab.engine(limits=SMALL)
    await lab.start(engine, "ask")
    await lab.answer(engine, "yes")
    result = await lab.completed(engine) or ""
    assert "bytes; the most is 5,000 (FASTAGENCY_MAX_MESSAGE_BYTES)" in result
    assert result.endswith(" yes")


async def test_a_result_that_is_too_large_fails_the_run_and_a_retry_pays_nothing_again(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    paid: list[int] = []

    def pay() -> int:
        paid.append(1)
        return 6000

    @lab.wf.register("much", "Returns too much")
    async def much(ui: AsyncUI, params: dict[str, Any]) -> str:
        return "x" * await ui.step(pay)

    engine = await lab.engine(limits=SMALL)
    await lab.start(engine, "much")
    await lab.ended(engine)
    last = (await lab.log(engine))[-1]
    assert isinstance(last, WorkflowFailed)
    assert "larger than is kept" in (last.short or "")
    assert "The result of the workflow has 6,000 bytes; the most is 5,000" in caplog.text
    await lab.stop(engine)
    engine = await lab.engine()
    await engine.service.retry(run_id(), None)
    assert await lab.completed(engine) == "x" * 6000
    assert paid == [1]
