"""A run that has failed goes on from where it failed: nothing that was paid for is paid for again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fastagency_backend.engine.engine import Engine
from fastagency_backend.workflow import AsyncUI
from fastagency_shared.errors import Conflict, UnknownRun, UnknownWorkflow
from fastagency_shared.messages import InputAnswered, TextInput, WorkflowFailed, WorkflowResumed
from fastagency_shared.run import InitiateRequest, RunStatus
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.lab import Lab, run_id


class Shop:
    """A workflow that pays, asks and says, and fails where it is told to, as often as it is told to."""

    def __init__(self, lab: Lab, actions: list[str], failures: dict[int, int]) -> None:
        self.paid: Counter[int] = Counter()
        self._actions, self._failures = actions, dict(failures)
        lab.wf.register("shop", "A shop")(self._workflow)

    async def _workflow(self, ui: AsyncUI, params: dict[str, Any]) -> str:
        for number, action in enumerate(self._actions):
            if self._failures.get(number, 0):
                self._failures[number] -= 1
                raise ValueError("not today")
            match action:
                case "pay":
                    await ui.step(self._pay, number)
                case "say":
                    await ui.text_message(body=f"said {number}")
                case "ask":
                    await ui.text_message(body=await ui.text_input(prompt=f"{number}?"))
        return "done"

    def _pay(self, number: int) -> int:
        self.paid[number] += 1
        return number


async def play(lab: Lab, engine: Engine, retries: Callable[[], None]) -> list[str]:
    """Answer and retry until the run has completed; the types of its messages."""
    await lab.start(engine, "shop")
    while True:
        record = await lab.run(engine)
        if record.status is RunStatus.COMPLETED:
            return [message.type for message in await lab.log(engine)]
        if record.status is RunStatus.FAILED:
            retries()
            await engine.service.retry(run_id(), None)
        elif record.questions:
            await lab.answer(engine, "an answer")
        else:
            await lab.moved(engine, record.last_seq)


@settings(max_examples=25, deadline=None)
@given(
    actions=st.lists(st.sampled_from(["pay", "say", "ask"]), min_size=1, max_size=8),
    failures=st.dictionaries(st.integers(0, 7), st.integers(1, 2), max_size=4),
)
async def test_wherever_a_run_fails_it_goes_on_and_nothing_is_done_twice(
    actions: list[str], failures: dict[int, int]
) -> None:
    with TemporaryDirectory() as folder:
        lab = Lab(Path(folder) / "runs.sqlite3")
        shop, retries = Shop(lab, actions, failures), Counter[str]()
        try:
            types = await play(lab, await lab.engine(), lambda: retries.update(["retry"]))
        finally:
            await lab.close()
    paid = [number for number, action in enumerate(actions) if action == "pay"]
    assert shop.paid == Counter(paid)
    expected = sum(times for number, times in failures.items() if number < len(actions))
    assert retries["retry"] == expected == types.count("workflow_failed") == types.count("workflow_resumed")
    kept = [kind for kind in types if kind not in ("workflow_failed", "workflow_resumed")]
    one = {"pay": [], "say": ["text_message"], "ask": ["text_input", "input_answered", "text_message"]}
    assert kept == ["workflow_started", *(each for action in actions for each in one[action]), "workflow_completed"]


async def test_the_log_says_who_had_it_tried_again(lab: Lab) -> None:
    Shop(lab, ["say", "pay"], {1: 1})
    engine = await lab.engine()
    await engine.service.create(InitiateRequest(workflow_name="shop", workflow_uuid=run_id()), "ann")
    service = engine.service
    while not (record := await service.get(run_id(), "ann")).status.ended:
        await lab.turn()
    assert record.status is RunStatus.FAILED
    with pytest.raises(UnknownRun):
        await service.retry(run_id(), "eve")
    assert (await service.retry(run_id(), "ann")).status in (RunStatus.READY, RunStatus.RUNNING, RunStatus.COMPLETED)
    while not (record := await service.get(run_id(), "ann")).status.ended:
        await lab.turn()
    page = await service.read(run_id(), "ann", after=0, limit=100)
    log = lab.messages(page)
    failed = next(index for index, message in enumerate(log) if isinstance(message, WorkflowFailed))
    assert isinstance(log[failed + 1], WorkflowResumed)
    assert log[failed + 1].by == "ann"  # type: ignore[union-attr]


async def test_only_what_has_failed_is_tried_again(lab: Lab) -> None:
    Shop(lab, ["ask"], {})
    engine = await lab.engine()
    await lab.start(engine, "shop")
    await lab.question(engine)
    assert (await engine.service.retry(run_id(), None)).status is RunStatus.WAITING
    await lab.answer(engine, "x")
    await lab.completed(engine)
    with pytest.raises(Conflict, match="this one is completed"):
        await engine.service.retry(run_id(), None)
    await lab.start(engine, "shop", 2)
    await engine.service.cancel(run_id(2), None)
    with pytest.raises(Conflict, match="this one is cancelled"):
        await engine.service.retry(run_id(2), None)


async def test_a_question_that_was_open_when_the_run_failed_is_open_again(lab: Lab) -> None:
    from asyncio import TaskGroup

    fail = True

    @lab.wf.register("both", "Asks and fails")
    async def both(ui: AsyncUI, params: dict[str, Any]) -> str:
        async def failing() -> None:
            answer = await ui.text_input(prompt="a?")
            if fail:
                raise ValueError(answer)

        async with TaskGroup() as group:
            asked = group.create_task(ui.text_input(prompt="b?"))
            group.create_task(failing())
        return asked.result()

    engine = await lab.engine()
    await lab.start(engine, "both")
    await lab.question(engine, nth=1)
    log = await lab.log(engine)
    first = next(message for message in log if isinstance(message, TextInput) and message.prompt == "a?")
    await engine.service.answer(run_id(), None, first.uuid, "one")
    assert (await lab.ended(engine)).status is RunStatus.FAILED
    fail = False
    await engine.service.retry(run_id(), None)
    await lab.answer(engine, "two")
    assert await lab.completed(engine) == "two"
    answers = [message.value for message in await lab.log(engine) if isinstance(message, InputAnswered)]
    assert answers == ["one", "two"]


async def test_what_cannot_go_on_is_not_tried_again(lab: Lab) -> None:
    @lab.wf.register("fragile", "Is not durable", durable=False)
    async def fragile(ui: AsyncUI, params: dict[str, Any]) -> None:
        raise ValueError

    @lab.wf.register("gone", "Will not be offered any more")
    async def gone(ui: AsyncUI, params: dict[str, Any]) -> None:
        raise ValueError

    engine = await lab.engine()
    for number, name in enumerate(("fragile", "gone"), 1):
        await lab.start(engine, name, number)
        await lab.ended(engine, number)
    with pytest.raises(Conflict, match="start it again"):
        await engine.service.retry(run_id(1), None)
    await lab.stop(engine)
    del lab.wf.specs["gone"]  # type: ignore[attr-defined]
    engine = await lab.engine()
    with pytest.raises(UnknownWorkflow):
        await engine.service.retry(run_id(2), None)
    assert (await lab.run(engine, 2)).status is RunStatus.FAILED
