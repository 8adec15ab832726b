"""An answer that comes to the process that drives the run reaches it with its own commit, and nothing is looked up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from fastagency_backend.engine.asked import Asked, Reached
from fastagency_backend.engine.engine import Engine
from fastagency_backend.store.base import Answered, StoreError
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.errors import AlreadyAnswered, Conflict, StoreUnavailable
from fastagency_shared.messages import InputAnswered, TextInput
from fastagency_shared.run import RunStatus

from tests.databases import AnyStore
from tests.fakes.lab import Lab, run_id, until

LOOKS = ("get_run", "read_answer", "note_answer", "load_log")


class WatchedStore(AnyStore):
    """Counts what is asked of it, and refuses as many answers as it is told to."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked: Counter[str] = Counter()
        self.refuse = 0

    def __getattribute__(self, name: str) -> Any:
        if name in LOOKS:
            self.asked[name] += 1
        return super().__getattribute__(name)

    async def answer_question(self, *args: Any) -> Answered | None:
        if self.refuse:
            self.refuse -= 1
            raise StoreError("the disk is full")
        return await super().answer_question(*args)


def talk(lab: Lab, *, blocking: bool = False) -> None:
    def twice(ui: UI, params: dict[str, Any]) -> str:
        return " ".join([ui.text_input(prompt="one?"), ui.text_input(prompt="two?")])

    async def twice_async(ui: AsyncUI, params: dict[str, Any]) -> str:
        return " ".join([await ui.text_input(prompt="one?"), await ui.text_input(prompt="two?")])

    lab.wf.register("talk", "Asks twice")(twice if blocking else twice_async)


def waits(engine: Engine, uuid: str) -> Callable[[], bool]:
    return lambda: engine.driver.asked(run_id(), None, uuid) is not None


@pytest.mark.parametrize("blocking", [False, True])
async def test_nothing_is_looked_up_for_an_answer_and_its_place_needs_no_write(lab: Lab, blocking: bool) -> None:
    talk(lab, blocking=blocking)
    store = lab.store(WatchedStore)
    engine = await lab.engine(store=store)
    await lab.start(engine, "talk")
    for value in ("a", "b"):
        uuid = await lab.question(engine)
        await until(waits(engine, uuid))
        store.asked.clear()
        await engine.service.answer(run_id(), None, uuid, value)
        assert store.asked.total() == 0
    assert await lab.completed(engine) == "a b"
    assert store.asked["read_answer"] == store.asked["note_answer"] == 0
    questions = (await store.load_log(run_id())).questions.values()
    assert sorted((each.order or 0, each.value) for each in questions) == [(1, '"a"'), (2, '"b"')]


async def test_an_answer_that_cannot_be_written_is_refused_and_the_question_stays_open(lab: Lab) -> None:
    talk(lab)
    store = lab.store(WatchedStore)
    engine = await lab.engine(store=store)
    await lab.start(engine, "talk")
    uuid = await lab.question(engine)
    await until(waits(engine, uuid))
    run, store.refuse = lab.live(engine), 2
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await engine.service.answer(run_id(), None, uuid, "a")
    assert lab.live(engine) is run, "the run has lost nothing, and waits as before"
    assert waits(engine, uuid)()
    assert not run.lease.void
    await lab.answer(engine, "a")
    await lab.answer(engine, "b")
    assert await lab.completed(engine) == "a b"


async def test_the_same_answer_again_is_refused_as_an_answer_that_comes_later_is(lab: Lab) -> None:
    talk(lab)
    engine = await lab.engine()
    await lab.start(engine, "talk")
    uuid = await lab.question(engine)
    await until(waits(engine, uuid))
    outcomes = await asyncio.gather(
        *(engine.service.answer(run_id(), None, uuid, "a") for _ in range(3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), AlreadyAnswered, AlreadyAnswered]
    assert {str(outcome) for outcome in outcomes if outcome} == {"This question has been answered already."}
    await lab.answer(engine, "b")
    assert await lab.completed(engine) == "a b"
    answers = [message for message in await lab.log(engine) if isinstance(message, InputAnswered)]
    assert [message.value for message in answers] == ["a", "b"]


async def test_one_of_an_answer_and_a_stop_comes_first(lab: Lab) -> None:
    talk(lab)
    engine = await lab.engine()
    for number in range(1, 13):
        await lab.start(engine, "talk", number)
        uuid = await lab.question(engine, number)

        async def stop(number: int = number) -> None:
            for _ in range(number):
                await asyncio.sleep(0)
            await engine.service.cancel(run_id(number), None)

        answering, _ = await asyncio.gather(
            engine.service.answer(run_id(number), None, uuid, "a"), stop(), return_exceptions=True
        )
        assert answering is None or isinstance(answering, Conflict)
        assert (await lab.run(engine, number)).status is RunStatus.CANCELLED
    await until(lambda: not engine.driver.live)


async def test_an_answer_during_a_replay_waits_for_what_is_recorded(lab: Lab) -> None:
    """It is noted when it is given out, as one that comes by another process is."""
    heard: list[str] = []
    hold, lives = asyncio.Event(), 0

    async def remember(text: str) -> str:
        return text

    @lab.wf.register("flow", "Asks beside a step")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        nonlocal lives
        lives += 1
        heard.clear()

        async def steps() -> None:
            if lives > 1:
                await hold.wait()
            heard.append(await ui.step(remember, "recorded"))

        async def asks() -> None:
            heard.append(await ui.text_input())

        async def works() -> None:
            await ui.step(asyncio.sleep, 3600 if lives == 1 else 0)

        async with asyncio.TaskGroup() as group:
            for branch in (steps(), asks(), works()):
                group.create_task(branch)

    engine = await lab.engine()
    await lab.start(engine, "flow")
    uuid = await lab.question(engine)
    await until(lambda: heard)
    await lab.stop(engine)
    engine = await lab.engine()
    await until(lambda: run_id() in engine.driver.live and lab.live(engine).activity.waits)
    assert not waits(engine, uuid)()
    await engine.service.answer(run_id(), None, uuid, "answered")
    hold.set()
    await lab.completed(engine)
    assert heard == ["recorded", "answered"]


async def test_a_run_that_has_something_to_do_is_not_parked_however_often_that_is_tried(lab: Lab) -> None:
    """It goes on after a replay while another question is open, which nobody answers."""
    hold, done = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await hold.wait()

    @lab.wf.register("flow", "Asks twice at once")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        async def one() -> None:
            await ui.text_input(prompt="one?")
            await ui.step(work)
            done.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(one())
            group.create_task(ui.text_input(prompt="two?"))

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine, nth=1)
    await lab.answer(engine, "one")
    await until(lambda: lab.live(engine).activity.calls)
    await lab.stop(engine)
    hold.set()
    engine = await lab.engine()
    while not done.is_set():
        await engine.driver.park_idle(0.0)
        await asyncio.sleep(0)


async def test_who_does_not_listen_looks_for_the_answer() -> None:
    here = Asked(TextInput(), look=False)
    assert not here.listens
    here.tell(Reached('"early"', 1))
    assert await here.listen(None) is None
    assert here.to_look_at()
    assert not here.to_look_at()

    listening = asyncio.create_task(here.listen(None), name="listen")
    await asyncio.sleep(0)
    assert here.listens
    here.tell(Reached('"told"', 2))
    here.tell(Reached('"late"', 3))
    assert not here.listens, "whoever was told something has something to do"
    assert await listening == Reached('"told"', 2)
    assert here.to_look_at()
    assert await here.listen(0.001) is None
    assert here.to_look_at(), "after a time it is looked at anyway"
