"""The engine: runs that start, wait, park, move, stop and end."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest
from fastagency_backend.engine.engine import Engine
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.errors import (
    AlreadyAnswered,
    Conflict,
    InvalidRequest,
    TooLarge,
    UnknownQuestion,
    UnknownRun,
    UnknownWorkflow,
)
from fastagency_shared.messages import TextInput, WorkflowCompleted, WorkflowFailed, WorkflowStarted
from fastagency_shared.run import InitiateRequest, RunStatus

from tests.fakes.lab import Lab, run_id, until

KINDS = ["def", "async def", "async def with UI"]


def talk(lab: Lab, kind: str = "async def", *, durable: bool = True) -> list[str]:
    """Publish `talk`, which asks twice; the list tells in which thread each start of it ran."""
    threads: list[str] = []

    def plain(ui: UI, params: dict[str, Any]) -> str:
        threads.append(threading.current_thread().name)
        ui.text_message(body="hello")
        first = ui.text_input(prompt="one?")
        second = ui.text_input(prompt="two?")
        return f"{first} {second}"

    async def on_loop(ui: AsyncUI, params: dict[str, Any]) -> str:
        threads.append(threading.current_thread().name)
        await ui.text_message(body="hello")
        first = await ui.text_input(prompt="one?")
        second = await ui.text_input(prompt="two?")
        return f"{first} {second}"

    async def with_blocking_ui(ui: UI, params: dict[str, Any]) -> str:
        return plain(ui, params)

    fn: Any = {"def": plain, "async def": on_loop, "async def with UI": with_blocking_ui}[kind]
    lab.wf.register("talk", "A talk", durable=durable)(fn)
    return threads


# --- the life of a run ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_a_run_begins_and_ends_with_its_messages(lab: Lab, kind: str) -> None:
    threads = talk(lab, kind)
    engine = await lab.engine()
    await lab.start(engine, "talk", name="x", ui="y", user_id="z", self="w")
    await lab.answer(engine, "a")
    await lab.answer(engine, "b")
    assert await lab.completed(engine) == "a b"
    log = await lab.log(engine)
    assert isinstance(log[0], WorkflowStarted)
    assert (log[0].name, log[0].description, log[0].params) == (
        "talk",
        "A talk",
        {"name": "x", "ui": "y", "user_id": "z", "self": "w"},
    )
    assert isinstance(log[-1], WorkflowCompleted)
    assert log[-1].result == "a b"
    assert [message.type for message in log[1:-1]] == ["text_message", *["text_input", "input_answered"] * 2]
    assert (threads[0] == threading.current_thread().name) == (kind == "async def")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_waiting_run_is_parked_and_the_answer_brings_it_back(lab: Lab, kind: str) -> None:
    threads = talk(lab, kind)
    engine = await lab.engine(warm_s=0.0)
    await lab.start(engine, "talk")
    await lab.parked(engine)
    await until(lambda: not [t for t in threading.enumerate() if t.name == f"run-{run_id()[:8]}"])
    await until(lambda: not [t for t in asyncio.all_tasks() if run_id() in t.get_name()])
    await lab.answer(engine, "a")
    await lab.parked(engine)
    await lab.answer(engine, "b")
    assert await lab.completed(engine) == "a b"
    assert len(threads) == 3
    assert await lab.texts(engine) == ["hello"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stopped_engine_hands_its_runs_to_the_next(lab: Lab, kind: str) -> None:
    threads = talk(lab, kind)
    engine = await lab.engine()
    await lab.start(engine, "talk")
    await lab.question(engine)
    await lab.stop(engine)
    other = await lab.engine()
    await lab.answer(other, "a")
    await lab.question(other)
    await lab.stop(other)
    last = await lab.engine()
    await lab.answer(last, "b")
    assert await lab.completed(last) == "a b"
    assert len(threads) == 3
    assert await lab.texts(last) == ["hello"]


async def test_an_answer_in_one_process_reaches_the_run_in_another(lab: Lab) -> None:
    talk(lab)
    here, there = await lab.engine(), await lab.engine()
    await lab.start(here, "talk")
    await lab.answer(there, "a")
    await lab.answer(here, "b")
    assert await lab.completed(there) == "a b"


async def test_a_run_cancelled_from_another_process_stops(lab: Lab) -> None:
    stopped = asyncio.Event()

    @lab.wf.register("long", "Takes long")
    async def long(ui: AsyncUI, params: dict[str, Any]) -> None:
        try:
            await ui.step(asyncio.sleep, 3600)
        finally:
            stopped.set()

    engines = [await lab.engine(), await lab.engine()]
    await lab.start(engines[0], "long")
    owner: Engine = await until(lambda: next((engine for engine in engines if engine.driver.live), None))
    other = next(engine for engine in engines if engine is not owner)
    await other.service.cancel(run_id(), None)
    async with asyncio.timeout(30):
        await stopped.wait()
    await until(lambda: not owner.driver.live)


async def test_cancel_stops_a_call_under_way_and_every_task_of_the_run(lab: Lab) -> None:
    born: list[asyncio.Task[Any]] = []

    async def stubborn() -> None:
        """Starts another task when it is cancelled, as some frameworks do."""
        try:
            await asyncio.sleep(3600)
        finally:
            born.append(asyncio.create_task(asyncio.sleep(3600)))

    @lab.wf.register("busy", "Starts tasks of its own")
    async def busy(ui: AsyncUI, params: dict[str, Any]) -> None:
        born.extend(asyncio.create_task(stubborn()) for _ in range(5))
        await ui.step(asyncio.sleep, 3600)

    engine = await lab.engine()
    await lab.start(engine, "busy")
    await until(lambda: engine.driver.live and lab.live(engine).activity.calls)
    record = await engine.service.cancel(run_id(), None)
    assert record.status is RunStatus.CANCELLED
    await until(lambda: len(born) == 10 and all(task.done() for task in born))
    assert [message.type for message in await lab.log(engine)] == ["workflow_started", "workflow_cancelled"]
    assert (await engine.service.cancel(run_id(), None)).status is RunStatus.CANCELLED


async def test_a_run_whose_person_cancels_while_it_waits_in_a_thread_frees_the_thread(lab: Lab) -> None:
    talk(lab, "def")
    engine = await lab.engine()
    await lab.start(engine, "talk")
    await lab.question(engine)
    await engine.service.cancel(run_id(), None)
    await until(lambda: not [t for t in threading.enumerate() if t.name == f"run-{run_id()[:8]}"])
    with pytest.raises(Conflict, match="has ended"):
        await engine.service.answer(run_id(), None, _asked(await lab.log(engine)), "late")


def _asked(log: list[Any]) -> str:
    return str(next(message.uuid for message in log if isinstance(message, TextInput)))


@pytest.mark.parametrize("kind", KINDS)
async def test_an_exception_ends_the_run_with_one_message_and_without_its_text(
    lab: Lab, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    def plain(ui: UI, params: dict[str, Any]) -> None:
        raise ValueError("the secret is 1234")

    async def on_loop(ui: AsyncUI, params: dict[str, Any]) -> None:
        raise ValueError("the secret is 1234")

    async def with_blocking_ui(ui: UI, params: dict[str, Any]) -> None:
        raise ValueError("the secret is 1234")

    fn: Any = {"def": plain, "async def": on_loop, "async def with UI": with_blocking_ui}[kind]
    lab.wf.register("bad", "Fails")(fn)
    engine = await lab.engine()
    with caplog.at_level(logging.ERROR):
        await lab.start(engine, "bad")
        assert (await lab.ended(engine)).status is RunStatus.FAILED
    log = await lab.log(engine)
    assert [message.type for message in log] == ["workflow_started", "workflow_failed"]
    assert "is 1234" not in str(log)
    assert run_id() in str(log[-1])
    assert "the secret is 1234" in caplog.text


@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt, StopIteration, GeneratorExit])
async def test_no_exception_of_a_workflows_thread_stops_the_engine(lab: Lab, raised: type[BaseException]) -> None:
    @lab.wf.register("bad", "Fails")
    def bad(ui: UI, params: dict[str, Any]) -> None:
        raise raised

    talk(lab)
    engine = await lab.engine()
    await lab.start(engine, "bad")
    assert (await lab.ended(engine)).status is RunStatus.FAILED
    await lab.start(engine, "talk", 2)
    await lab.question(engine, 2)


@pytest.mark.parametrize("result", [None, 7, {"a": 1}, "half of an emoji: \ud83d"])
async def test_whatever_a_workflow_returns_ends_its_run(lab: Lab, result: Any) -> None:
    @lab.wf.register("odd", "Returns no text")
    async def odd(ui: AsyncUI, params: dict[str, Any]) -> Any:
        return result

    engine = await lab.engine()
    await lab.start(engine, "odd")
    shown = await lab.completed(engine)
    assert shown == (None if result is None else str(result).encode(errors="replace").decode())


async def test_a_workflow_that_cannot_be_replayed_ends_with_a_message_that_says_so(lab: Lab) -> None:
    threads = talk(lab, durable=False)
    engine = await lab.engine(warm_s=0.0)
    await lab.start(engine, "talk")
    await lab.question(engine)
    await asyncio.sleep(0.2)  # long enough to be parked, were it durable
    assert run_id() in engine.driver.live
    await lab.stop(engine)
    other = await lab.engine()
    assert (await lab.ended(other)).status is RunStatus.FAILED
    last = (await lab.log(other))[-1]
    assert isinstance(last, WorkflowFailed)
    assert "start it again" in (last.short or "")
    assert len(threads) == 1


# --- what clients ask -------------------------------------------------------------------------------------------------


async def test_the_same_request_again_gives_the_same_run_and_another_is_a_conflict(lab: Lab) -> None:
    talk(lab)
    engine = await lab.engine()
    request = InitiateRequest(workflow_name="talk", workflow_uuid=run_id(), params={"a": 1})
    first = await engine.service.create(request, "me")
    assert (await engine.service.create(request, "me")).id == first.id
    for other, user in ((request.model_copy(update={"params": {"a": 2}}), "me"), (request, "you")):
        with pytest.raises(Conflict, match="already taken"):
            await engine.service.create(other, user)
    assert len(await engine.service.list_runs("me", limit=10, before=None)) == 1


async def test_what_is_wrong_is_said(lab: Lab) -> None:
    talk(lab)
    engine = await lab.engine()
    with pytest.raises(UnknownWorkflow, match=r"no workflow 'nope'\. There are: 'talk'"):
        await lab.start(engine, "nope")
    with pytest.raises(TooLarge, match=r"1,000,000 .FASTAGENCY_MAX_PARAMS_BYTES"):
        await lab.start(engine, "talk", text="x" * 1_000_000)
    await lab.start(engine, "talk")
    uuid = await lab.question(engine)
    with pytest.raises(UnknownQuestion):
        await engine.service.answer(run_id(), None, "other", "x")
    with pytest.raises(InvalidRequest, match="must be text"):
        await engine.service.answer(run_id(), None, uuid, ["x"])
    await engine.service.answer(run_id(), None, uuid, "x")
    with pytest.raises(AlreadyAnswered):
        await engine.service.answer(run_id(), None, uuid, "y")


async def test_nobody_else_sees_a_run(lab: Lab) -> None:
    talk(lab)
    engine = await lab.engine()
    await engine.service.create(InitiateRequest(workflow_name="talk", workflow_uuid=run_id()), "me")
    for user in ("you", None, ""):
        for ask in (
            lambda user: engine.service.get(run_id(), user),
            lambda user: engine.service.read(run_id(), user, after=0, limit=10),
            lambda user: engine.service.answer(run_id(), user, "q", "x"),
            lambda user: engine.service.cancel(run_id(), user),
            lambda user: engine.service.rename(run_id(), user, "t"),
            lambda user: engine.service.delete(run_id(), user),
        ):
            with pytest.raises(UnknownRun) as theirs:
                await ask(user)
            assert str(theirs.value) == f"There is no conversation {run_id()}, or it is not yours."


async def test_of_many_answers_at_once_one_is_taken(lab: Lab) -> None:
    talk(lab)
    engines = [await lab.engine(), await lab.engine()]
    await lab.start(engines[0], "talk")
    uuid = await lab.question(engines[0])
    outcomes = await asyncio.gather(
        *(engines[n % 2].service.answer(run_id(), None, uuid, str(n)) for n in range(10)), return_exceptions=True
    )
    assert outcomes.count(None) == 1
    assert {type(outcome) for outcome in outcomes if outcome} == {AlreadyAnswered}
    await lab.answer(engines[0], "b")
    assert await lab.completed(engines[0]) == f"{outcomes.index(None)} b"


async def test_an_answer_becomes_the_title_unless_it_is_a_password(lab: Lab) -> None:
    @lab.wf.register("login", "Asks for a password first")
    async def login(ui: AsyncUI, params: dict[str, Any]) -> None:
        assert await ui.text_input(password=True) == "hunter2"
        await ui.text_input()

    engine = await lab.engine()
    await lab.start(engine, "login")
    await lab.answer(engine, "hunter2")
    await lab.question(engine)
    assert (await lab.run(engine)).title == "Asks for a password first"
    assert "hunter2" not in str(await lab.log(engine))
    await lab.answer(engine, "  maths \n for " + "x" * 200)
    await lab.completed(engine)
    title = (await lab.run(engine)).title
    assert title.startswith("maths for xxx")
    assert len(title) <= 100


async def test_deleting_stops_the_run_and_forgets_it(lab: Lab) -> None:
    talk(lab, "def")
    engine = await lab.engine()
    await lab.start(engine, "talk")
    await lab.question(engine)
    await engine.service.delete(run_id(), None)
    with pytest.raises(UnknownRun):
        await lab.run(engine)
    await until(lambda: not engine.driver.live)


async def test_what_ended_long_ago_is_removed(lab: Lab) -> None:
    @lab.wf.register("quick", "Ends at once")
    async def quick(ui: AsyncUI, params: dict[str, Any]) -> None:
        return None

    talk(lab)
    engine = await lab.engine()
    await lab.start(engine, "quick", 1)
    await lab.start(engine, "talk", 2)
    await lab.completed(engine, 1)
    await lab.question(engine, 2)
    await lab.stop(engine)
    engine = await lab.engine(retention_s=0.0)

    async def left() -> bool:
        return [record.id for record in await engine.service.list_runs(None, limit=10, before=None)] == [run_id(2)]

    await until(left)


async def test_a_thousand_waiting_conversations_leave_the_engine_answering(lab: Lab) -> None:
    talk(lab)
    engine = await lab.engine(lease_s=30.0)
    for number in range(1000):
        await lab.start(engine, "talk", number)

    async def waiting() -> int:
        return sum([(await lab.run(engine, number)).status is RunStatus.WAITING for number in (0, 500, 999)])

    await until(lambda: len(engine.driver.live) == 1000)
    await until(lambda: _all(waiting))
    assert len(await engine.service.list_runs(None, limit=200, before=None)) == 200
    await lab.answer(engine, "a", 500)
    await lab.answer(engine, "b", 500)
    assert await lab.completed(engine, 500) == "a b"


async def _all(waiting: Any) -> bool:
    return bool(await waiting() == 3)


async def test_no_more_runs_are_taken_than_there_is_room_for(lab: Lab) -> None:
    talk(lab)
    engine = await lab.engine(max_live=3)
    for number in range(10):
        await lab.start(engine, "talk", number)
    await until(lambda: len(engine.driver.live) == 3)
    done: set[str] = set()
    for _ in range(10):
        await until(lambda: engine.driver.live.keys() - done)  # one that has ended may be there a moment longer
        done.add(id_ := next(iter(engine.driver.live.keys() - done)))
        number = int(id_, 16)
        await lab.answer(engine, "a", number)
        await lab.answer(engine, "b", number)
        await lab.completed(engine, number)
        assert len(engine.driver.live) <= 3
