"""A step that fails gives its place back: what succeeds at last is what a replay finds at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastagency_backend.engine.context import current_step_key
from fastagency_backend.engine.journal import Journal
from fastagency_backend.engine.run import Run
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.messages import TextInput, TextMessage

from tests.fakes.lab import Lab, until


class Flaky:
    """A call that fails at its first attempts, and remembers under which idempotency keys it was made."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.keys: list[str | None] = []

    def __call__(self, what: str = "") -> str:
        self.keys.append(current_step_key())
        if len(self.keys) <= self.failures:
            raise ConnectionError("cut")
        return f"done {what}"


async def restarted(lab: Lab) -> str | None:
    """Run until the question, drop the run as a crash would, answer, and run on in another engine."""
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    await lab.stop(engine)
    engine = await lab.engine()
    await lab.answer(engine, "go")
    return await lab.completed(engine)


async def test_a_step_that_failed_and_then_succeeded_is_not_made_again(lab: Lab) -> None:
    flaky = Flaky(2)

    @lab.wf.register("flow", "A flow")
    def flow(ui: UI, params: dict[str, Any]) -> str:
        while True:
            try:
                result = ui.step(flaky, "x")
                break
            except ConnectionError:
                pass
        second = ui.step(flaky, "x")
        ui.text_input()
        return result + second

    assert await restarted(lab) == "done xdone x"
    assert len(flaky.keys) == 4
    assert len(set(flaky.keys[:3])) == 1, "one idempotency key for all attempts"
    assert flaky.keys[3] != flaky.keys[0], "the next request is another one"


async def test_of_two_at_once_the_one_that_fails_gives_back_its_own_place(lab: Lab) -> None:
    made: list[str | None] = []

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        second_may_end = asyncio.Event()

        async def call() -> str:
            made.append(current_step_key())
            number = len(made)
            if number == 1:
                await until(lambda: len(made) == 2)
                raise ConnectionError("the first fails while the second is under way")
            if number == 2:
                await second_may_end.wait()
            return f"made {number}"

        first, second = (asyncio.create_task(ui.step(call)) for _ in range(2))
        await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
        if first.done() and isinstance(first.exception(), ConnectionError):
            third = await ui.step(call)
            second_may_end.set()
            results = {third, await second}
        else:  # the replay
            results = {await first, await second}
        await ui.text_input()
        return " ".join(sorted(results))

    assert await restarted(lab) == "made 2 made 3"
    first, second, third = made
    assert third == first != second


async def test_a_cancelled_call_gives_its_place_back(lab: Lab) -> None:
    keys: list[str | None] = []

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        async def call() -> str:
            keys.append(current_step_key())
            await asyncio.sleep(3600 if len(keys) == 1 else 0)
            return "made"

        task = asyncio.create_task(ui.step(call))
        await until(lambda: keys)
        task.cancel()
        await asyncio.wait([task])
        result = await ui.step(call)
        await ui.text_input()
        return result

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    assert len(keys) == 2
    assert keys[0] == keys[1]


async def test_a_result_whose_asker_was_cancelled_while_it_was_recorded_is_there_for_the_next(lab: Lab) -> None:
    calls: list[str] = []

    async def body(run: Run) -> str:
        async def call() -> str:
            calls.append("called")
            asyncio.get_running_loop().call_soon(task.cancel)  # while it waits for the commit
            return f"call {len(calls)}"

        task = asyncio.create_task(run.step("tool", "", "x", call))
        await asyncio.wait([task])
        assert task.cancelled()
        return str(await run.step("tool", "", "x", call))

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await body(ui._run)

    engine = await lab.engine()
    await lab.start(engine, "flow")
    assert await lab.completed(engine) == "call 1"
    assert calls == ["called"]


@pytest.mark.parametrize("by_hand", [False, True])
async def test_what_was_done_inside_a_failed_attempt_is_not_done_again(lab: Lab, *, by_hand: bool) -> None:
    """Its steps, its question and its message are there at the next attempt, be it the workflow's or of `retries`."""
    paid: list[str] = []
    attempts: list[str | None] = []

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        async def pay(what: str) -> str:
            paid.append(what)
            return what

        async def outer() -> str:
            attempts.append(current_step_key())
            await ui.text_message(body="inside")
            said = [await ui.step(pay, "a"), await ui.step(pay, "a"), await ui.text_input(prompt="Which?")]
            if len(attempts) == 1:
                raise ConnectionError("cut")
            return " ".join([*said, await ui.step(pay, "b")])

        if not by_hand:
            return await ui.step(outer, retries=1, backoff=0)
        try:
            return await ui.step(outer)
        except ConnectionError:
            return await ui.step(outer)

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.answer(engine, "this")
    assert await lab.completed(engine) == "a a this b"
    assert paid == ["a", "a", "b"]
    assert await lab.texts(engine) == ["inside"]
    assert len(attempts) == 2
    assert attempts[0] == attempts[1]


async def test_what_a_failed_attempt_left_at_work_keeps_its_place(lab: Lab) -> None:
    """The second attempt asks the same while the first one's call is still under way: two calls, two keys."""
    keys: list[str | None] = []

    async def body(run: Run) -> str:
        left: list[asyncio.Task[Any]] = []
        may_end = asyncio.Event()

        async def inner() -> str:
            keys.append(current_step_key())
            number = len(keys)
            if number == 1:
                await may_end.wait()
            return f"inner {number}"

        async def outer() -> str:
            if not left:
                left.append(asyncio.create_task(run.step("tool", "", "inner", inner)))
                await until(lambda: keys)
                raise ConnectionError("cut")
            result = str(await run.step("tool", "", "inner", inner))
            may_end.set()
            return result + str(await left[0])

        with pytest.raises(ConnectionError):
            await run.step("tool", "", "outer", outer)
        return str(await run.step("tool", "", "outer", outer))

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await body(ui._run)

    engine = await lab.engine()
    await lab.start(engine, "flow")
    assert await lab.completed(engine) == "inner 2inner 1"
    assert len(set(keys)) == 2


@pytest.mark.parametrize("commits", ["soon", "late"])
async def test_a_question_whose_asker_gave_up_inside_a_step_stays_the_same_question(
    lab: Lab, commits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_question = Journal.open_question

    async def late(*args: Any) -> None:
        await open_question(*args)
        await asyncio.sleep(0.1)

    if commits == "late":
        monkeypatch.setattr(Journal, "open_question", late)

    async def body(run: Run) -> str:
        tries = 0

        async def outer() -> str:
            nonlocal tries
            tries += 1
            async with asyncio.timeout(0.01 if tries == 1 else None):
                return str(await run.ask(TextInput(prompt="Well?")))

        with pytest.raises(TimeoutError):
            await run.step("tool", "", "outer", outer)
        run.emit(TextMessage(body="again"))
        return str(await run.step("tool", "", "outer", outer))

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await body(ui._run)

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await until(lambda: lab.texts(engine))
    assert len((await lab.run(engine)).questions) == 1
    await lab.answer(engine, "yes")
    assert await lab.completed(engine) == "yes"
    assert [message.type for message in await lab.log(engine)].count("text_input") == 1
