"""Sleeping, and questions with a deadline: durable time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.errors import AlreadyAnswered, QuestionExpired
from fastagency_shared.messages import InputAnswered, InputExpired, MultipleChoice, TextInput, parse_message
from fastagency_shared.run import RunStatus

from tests.databases import AnyStore
from tests.fakes.lab import Lab, run_id, until

LONG_S = 3600.0
KINDS = ["def", "async def"]


class Clock(AnyStore):
    """A store whose clock can be set. What it is for is decided in SQL, so every statement gets it."""

    ahead_s = 0.0

    async def now(self) -> float:
        return await super().now() + self.ahead_s


def sleeper(lab: Lab, kind: str, seconds: float) -> list[float]:
    """Publish `sleeper`; the list has the moments at which it was started."""
    starts: list[float] = []

    def plain(ui: UI, params: dict[str, Any]) -> str:
        starts.append(time.monotonic())
        ui.text_message(body="before")
        ui.sleep(seconds)
        ui.text_message(body="after")
        return "slept"

    async def on_loop(ui: AsyncUI, params: dict[str, Any]) -> str:
        starts.append(time.monotonic())
        await ui.text_message(body="before")
        await ui.sleep(seconds)
        await ui.text_message(body="after")
        return "slept"

    lab.wf.register("sleeper", "Sleeps")(plain if kind == "def" else on_loop)
    return starts


def asker(lab: Lab, **question: Any) -> None:
    @lab.wf.register("asker", "Asks once")
    async def asker(ui: AsyncUI, params: dict[str, Any]) -> str:
        try:
            if "choices" in question:
                return str(await ui.multiple_choice(**question))
            return await ui.text_input(prompt="well?", **question)
        except QuestionExpired as error:
            return f"expired: {error}"


# --- sleep ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_a_sleep_in_memory_is_as_long_as_it_says(lab: Lab, kind: str) -> None:
    starts = sleeper(lab, kind, 0.8)
    engine = await lab.engine()
    await lab.start(engine, "sleeper")
    await until(lambda: _is(lab, engine, RunStatus.WAITING))
    assert await lab.completed(engine) == "slept"
    assert time.monotonic() - starts[0] >= 0.8
    assert len(starts) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_sleeping_run_leaves_memory_and_comes_back(lab: Lab, kind: str) -> None:
    starts = sleeper(lab, kind, 1.5)
    engine = await lab.engine(warm_s=0.0)
    await lab.start(engine, "sleeper")
    await lab.parked(engine)
    assert await lab.completed(engine) == "slept"
    assert time.monotonic() - starts[0] >= 1.5
    assert len(starts) == 2
    assert await lab.texts(engine) == ["before", "after"]


async def test_a_restart_does_not_begin_the_time_anew(lab: Lab) -> None:
    starts = sleeper(lab, "async def", 1.5)
    engine = await lab.engine()
    await lab.start(engine, "sleeper")
    await until(lambda: _is(lab, engine, RunStatus.WAITING))
    await lab.stop(engine)
    await asyncio.sleep(1.0)
    engine = await lab.engine()
    assert await lab.completed(engine) == "slept"
    assert time.monotonic() - starts[0] >= 1.5
    first, *_ = (await engine.store.load_log(run_id())).steps.values()
    assert float(first.value) - (await lab.run(engine)).created < 1.6, "recorded once, at the first asking"


async def test_sleeps_side_by_side_rest_together_and_end_apart(lab: Lab) -> None:
    @lab.wf.register("two", "Sleeps twice at once")
    async def two(ui: AsyncUI, params: dict[str, Any]) -> str:
        order = []

        async def nap(name: str, seconds: float) -> None:
            await ui.sleep(seconds)
            order.append(name)

        await asyncio.gather(nap("long", 1.6), nap("short", 0.8), nap("none", 0))
        return " ".join(order)

    engine = await lab.engine(warm_s=0.0)
    await lab.start(engine, "two")
    assert await lab.completed(engine) == "none short long"


async def test_a_sleep_does_not_hold_back_an_answer_beside_it(lab: Lab) -> None:
    @lab.wf.register("both", "Sleeps and asks")
    async def both(ui: AsyncUI, params: dict[str, Any]) -> str:
        nap = asyncio.create_task(ui.sleep(LONG_S))
        answer = await ui.text_input(prompt="?")
        nap.cancel()
        return answer

    engine = await lab.engine(warm_s=0.0)
    await lab.start(engine, "both")
    await lab.parked(engine)
    await lab.answer(engine, "yes")
    assert await lab.completed(engine) == "yes"


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "3", True, None])
async def test_what_is_no_length_of_time_is_refused(lab: Lab, seconds: Any) -> None:
    @lab.wf.register("bad", "Sleeps badly")
    async def bad(ui: AsyncUI, params: dict[str, Any]) -> str:
        with pytest.raises(ValueError, match="seconds must be a number of seconds from 0 to"):
            await ui.sleep(seconds)
        return "refused"

    engine = await lab.engine()
    await lab.start(engine, "bad")
    assert await lab.completed(engine) == "refused"


# --- deadlines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("warm_s", [0.0, 600.0])
@pytest.mark.parametrize(
    ("question", "result", "told"),
    [
        ({}, "expired: Nobody has answered in time: 'well?'.", None),
        ({"default": "as usual"}, "as usual", "as usual"),
        ({"default": "s3cret", "password": True}, "s3cret", None),
        ({"choices": ["a", "b"], "default": "b"}, "b", "b"),
        ({"choices": ["a", "b"], "default": "b", "single": False}, "b", ["b"]),
        ({"choices": ["a"], "prompt": "which?"}, "expired: Nobody has answered in time: 'which?'.", None),
    ],
)
async def test_at_the_deadline_the_default_counts_or_an_error_is_raised(
    lab: Lab, warm_s: float, question: dict[str, Any], result: str, told: Any
) -> None:
    asker(lab, deadline_s=0.6, **question)
    engine = await lab.engine(warm_s=warm_s)
    await lab.start(engine, "asker")
    uuid = await lab.question(engine)
    asked = parse_message((await lab.run(engine)).questions[0])
    assert isinstance(asked, TextInput | MultipleChoice)
    assert asked.deadline is not None
    assert 0 < asked.deadline.timestamp() - (await lab.run(engine)).created < 10
    assert await lab.completed(engine) == result
    log = await lab.log(engine)
    assert [(message.question, message.value) for message in log if isinstance(message, InputExpired)] == [(uuid, told)]
    assert not any(isinstance(message, InputAnswered) for message in log)
    with pytest.raises(QuestionExpired, match="time to answer this question is over"):
        await engine.service.answer(run_id(), None, uuid, "late")


async def test_an_answer_in_time_counts(lab: Lab) -> None:
    asker(lab, deadline_s=LONG_S, default="none")
    engine = await lab.engine(warm_s=0.0)
    await lab.start(engine, "asker")
    await lab.parked(engine)
    uuid = await lab.question(engine)
    await lab.answer(engine, "in time")
    assert await lab.completed(engine) == "in time"
    with pytest.raises(AlreadyAnswered):
        await engine.service.answer(run_id(), None, uuid, "again")


async def test_what_a_replay_finds_expired_stays_so(lab: Lab) -> None:
    @lab.wf.register("twice", "Asks, and then asks again")
    async def twice(ui: AsyncUI, params: dict[str, Any]) -> str:
        try:
            first = await ui.text_input(prompt="soon?", deadline_s=0.1)
        except QuestionExpired:
            first = "nothing"
        second = await ui.text_input(prompt="default?", deadline_s=0.1, default="the default")
        return f"{first}, {second}, {await ui.text_input(prompt='whenever?')}"

    engine = await lab.engine(warm_s=0.0)
    await lab.start(engine, "twice")
    await lab.parked(engine)

    async def asked() -> bool:
        questions = (await lab.run(engine)).questions
        return bool(questions) and "whenever" in questions[0]

    await until(asked)
    await lab.parked(engine)
    await lab.answer(engine, "at last")
    assert await lab.completed(engine) == "nothing, the default, at last"
    assert [m.type for m in await lab.log(engine)].count("question_expired") == 2


async def test_a_workflow_that_does_not_expect_it_fails_with_a_sentence(lab: Lab) -> None:
    @lab.wf.register("careless", "Asks")
    async def careless(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.text_input(prompt="?", deadline_s=0)

    engine = await lab.engine()
    await lab.start(engine, "careless")
    assert (await lab.ended(engine)).status is RunStatus.FAILED
    assert "was not answered in time" in ((await lab.log(engine))[-1].model_dump_json())


async def test_the_deadline_of_a_dead_workers_question_is_kept(lab: Lab) -> None:
    asker(lab, deadline_s=1.0, default="kept")
    engine = await lab.engine()
    await lab.start(engine, "asker")
    await lab.question(engine)
    await lab.stop(engine)
    await asyncio.sleep(1.0)
    engine = await lab.engine()
    assert await lab.completed(engine) == "kept"


@pytest.mark.parametrize("ahead_s", [LONG_S, -LONG_S])
async def test_a_clock_that_jumps_neither_loses_nor_doubles_a_deadline(lab: Lab, ahead_s: float) -> None:
    asker(lab, deadline_s=1.0, default="once")
    store = lab.store(Clock)
    engine = await lab.engine(store=store)
    began = time.monotonic()
    await lab.start(engine, "asker")
    uuid = await lab.question(engine)
    await until(lambda: engine.driver.asked(run_id(), None, uuid))  # by the clock as it was
    store.ahead_s = ahead_s
    engine.driver.wake(run_id())
    assert await lab.completed(engine) == "once"
    assert time.monotonic() - began < LONG_S / 10
    assert [m.type for m in await lab.log(engine)].count("question_expired") == 1


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"deadline_s": -1}, "deadline_s must be a number of seconds"),
        ({"default": "x"}, "give `deadline_s` too"),
        ({"deadline_s": 1, "default": ["x"]}, "TextInput.default"),
        ({"deadline": "2026-01-01"}, "TextInput has no 'deadline'"),
    ],
)
async def test_a_bad_deadline_is_refused_at_the_call(lab: Lab, question: dict[str, Any], sentence: str) -> None:
    @lab.wf.register("bad", "Asks badly")
    async def bad(ui: AsyncUI, params: dict[str, Any]) -> str:
        try:
            return await ui.text_input(prompt="?", **question)
        except (ValueError, TypeError) as error:
            return str(error)

    engine = await lab.engine()
    await lab.start(engine, "bad")
    assert sentence in (await lab.completed(engine) or "")


async def _is(lab: Lab, engine: Any, status: RunStatus) -> bool:
    return (await lab.run(engine)).status is status
