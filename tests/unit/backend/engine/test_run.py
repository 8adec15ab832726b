"""A run under way: emit, step, ask, and what a replay makes of them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from fastagency_backend.engine import backlog
from fastagency_backend.engine import replay as replay_module
from fastagency_backend.engine.context import current_run, current_step_key
from fastagency_backend.engine.run import Run
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.messages import TextChunk, TextInput, TextMessage

from tests.fakes.lab import Lab, run_id, until


def register(lab: Lab, body: Any, **options: Any) -> None:
    """Publish a body that works on the `Run` itself."""

    async def flow(ui: AsyncUI, params: dict[str, Any]) -> Any:
        return await body(ui._run)

    lab.wf.register("flow", "A flow", fail_on_redefintion=False, **options)(flow)


async def interrupted(lab: Lab) -> None:
    """Run until the question, drop the run as a crash would, answer, and run on in another engine."""
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    await lab.stop(engine)
    engine = await lab.engine()
    await lab.answer(engine, "go")
    await lab.completed(engine)


async def test_a_replay_repeats_no_message_and_no_call(lab: Lab) -> None:
    calls: list[str] = []

    async def body(run: Run) -> str:
        async def call() -> str:
            calls.append("called")
            return f"result {len(calls)}"

        run.emit(TextMessage(body="before"))
        results = [await run.step("llm", "teacher", {"ask": 1}, call) for _ in range(3)]
        for result in results:
            run.emit(TextMessage(body=str(result)))
        run.emit(TextMessage(body=str(await run.ask(TextInput(prompt="go?")))))
        return "done"

    register(lab, body)
    await interrupted(lab)
    assert len(calls) == 3
    assert await lab.texts(lab.engines[0]) == ["before", "result 1", "result 2", "result 3", "go"]


async def test_the_same_message_may_be_said_twice(lab: Lab) -> None:
    async def body(run: Run) -> None:
        for _ in range(3):
            run.emit(TextMessage(body="again"))
        await run.ask(TextInput())
        run.emit(TextMessage(body="again"))

    register(lab, body)
    await interrupted(lab)
    assert await lab.texts(lab.engines[0]) == ["again"] * 4


async def test_an_identity_decides_what_is_the_same_message(lab: Lab) -> None:
    goes = 0

    async def body(run: Run) -> None:
        nonlocal goes
        goes += 1
        run.emit(TextMessage(body=f"go {goes}"), identity="one")
        await run.ask(TextInput(prompt=f"go {goes}"), identity="the question")
        run.emit(TextMessage(body=f"go {goes}"), identity="two")

    register(lab, body)
    await interrupted(lab)
    assert goes == 2
    assert await lab.texts(lab.engines[0]) == ["go 1", "go 2"]


async def test_a_failed_call_is_made_again_with_the_same_idempotency_key(lab: Lab) -> None:
    keys: list[str | None] = []

    async def body(run: Run) -> str:
        async def call() -> str:
            keys.append(current_step_key())
            if len(keys) == 1:
                raise ConnectionError("cut")
            return "ok"

        try:
            await run.step("tool", "", "x", call)
        except ConnectionError:
            await run.ask(TextInput())
        else:
            run.emit(TextMessage(body="worked"))
            await run.ask(TextInput())
        assert current_step_key() is None
        return "done"

    register(lab, body)
    await interrupted(lab)
    first, again = keys
    assert first == again
    assert first is not None
    assert first.startswith(f"{run_id()}:tool")


async def test_a_step_in_a_thread_is_recorded_too(lab: Lab) -> None:
    calls: list[int] = []

    @lab.wf.register("flow", "A flow")
    def flow(ui: UI, params: dict[str, Any]) -> str:
        value = ui.step(lambda: calls.append(threading.get_ident()) or "value")  # type: ignore[func-returns-value]
        moments = [ui.now(), ui.random(), ui.now(), ui.random()]
        ui.text_message(body=f"{value} {moments}")
        ui.text_input()
        ui.text_message(body=f"{value} {moments}")
        assert calls[0] != threading.main_thread().ident
        return "done"

    await interrupted(lab)
    assert len(calls) == 1
    first, second = await lab.texts(lab.engines[0])
    assert first == second


async def test_chunks_are_shown_live_and_never_in_a_replay(lab: Lab) -> None:
    goes: list[bool] = []

    async def body(run: Run) -> None:
        goes.append(run.replaying)
        run.chunk(TextChunk(stream="s", delta="live"))
        await run.step("llm", "", 1, lambda: asyncio.sleep(0, "x"))
        await run.ask(TextInput())

    register(lab, body)
    shown: list[list[str]] = []

    async def collect(engine: Any) -> None:
        deltas: list[str] = []
        shown.append(deltas)
        with engine.feeds.subscribe(run_id()) as subscription:
            while True:
                await subscription.wait(3600)
                subscription.stale = False
                deltas += [item.delta for item in subscription.take() if isinstance(item, TextChunk)]

    for again in (False, True):
        engine = await lab.engine()
        watcher = asyncio.create_task(collect(engine))
        await asyncio.sleep(0)
        if not again:
            await lab.start(engine, "flow")
            await lab.question(engine)
            await until(lambda: shown[0])
        else:
            await lab.answer(engine, "x")
            await lab.completed(engine)
        watcher.cancel()
        await lab.stop(engine)
    assert goes == [False, True]
    assert shown == [["live"], []]


async def test_chunks_flow_again_when_changed_code_has_dropped_a_step(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_module, "NEW_RESULT_PATIENCE_S", 0.001)

    async def before(run: Run) -> None:
        for number in range(3):
            await run.step("llm", "", number, lambda: asyncio.sleep(0, "x"))
        await run.ask(TextInput())

    async def after(run: Run) -> None:
        await run.step("llm", "", 0, lambda: asyncio.sleep(0, "x"))
        run.chunk(TextChunk(stream="s", delta="still a replay"))
        await run.ask(TextInput())
        await run.step("llm", "", "new", lambda: asyncio.sleep(0, "x"))
        run.chunk(TextChunk(stream="s", delta="live"))

    register(lab, before)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    await lab.stop(engine)
    register(lab, after)
    engine = await lab.engine()
    with engine.feeds.subscribe(run_id()) as subscription:
        await lab.answer(engine, "x")
        await lab.completed(engine)
        subscription.stale = False
        chunks = [item.delta for item in subscription.take() if isinstance(item, TextChunk)]
    assert chunks == ["live"]


async def test_the_loop_can_wait_until_what_it_said_is_committed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "LOW", 5)
    left: list[int] = []

    async def body(run: Run) -> None:
        for number in range(50):
            for part in range(10):
                run.emit(TextMessage(body=f"{number}.{part}"))
            await run.drain()
            left.append(run.journal.backlog.size)

    register(lab, body)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.completed(engine)
    assert max(left) <= 5
    assert len(await lab.texts(engine)) == 500


async def test_a_workflow_on_the_loop_waits_while_too_much_is_uncommitted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "HIGH", 20)
    monkeypatch.setattr(backlog, "LOW", 5)
    sizes: list[int] = []

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        for number in range(500):
            await ui.text_message(body=str(number))
            sizes.append(ui._run.journal.backlog.size)

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.completed(engine)
    assert max(sizes) <= 20
    assert await lab.texts(engine) == [str(number) for number in range(500)]


async def test_a_thread_waits_while_too_much_is_uncommitted(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "HIGH", 20)
    monkeypatch.setattr(backlog, "LOW", 5)
    most = 0

    @lab.wf.register("flow", "A flow")
    def flow(ui: UI, params: dict[str, Any]) -> None:
        nonlocal most
        for number in range(500):
            ui.text_message(body=str(number))
            most = max(most, ui._run.journal.backlog.size)

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.completed(engine)
    assert most <= 20
    assert await lab.texts(engine) == [str(number) for number in range(500)]


async def test_a_blocking_call_on_the_loop_is_refused_with_a_hint(lab: Lab) -> None:
    async def body(run: Run) -> str:
        with pytest.raises(RuntimeError, match="annotate `ui: AsyncUI`"):
            run.ask_blocking(TextInput())
        with pytest.raises(RuntimeError, match="annotate `ui: AsyncUI`"):
            UI(run).now()
        return "refused"

    register(lab, body)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    assert await lab.completed(engine) == "refused"


async def test_the_run_is_known_inside_tasks_and_threads_and_nowhere_else(lab: Lab) -> None:
    async def body(run: Run) -> None:
        assert current_run() is run
        assert await asyncio.create_task(asyncio.sleep(0, current_run())) is run
        assert await asyncio.to_thread(current_run) is run

    register(lab, body)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.completed(engine)
    assert current_run() is None


async def test_two_questions_at_once_each_get_their_answer(lab: Lab) -> None:
    async def body(run: Run) -> str:
        answers = await asyncio.gather(*(run.ask(TextInput(prompt=str(n))) for n in range(3)))
        return ",".join(map(str, answers))

    register(lab, body)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    uuids = [await lab.question(engine, nth=n) for n in range(3)]
    for number in (1, 2, 0):
        await engine.service.answer(run_id(), None, uuids[number], f"a{number}")
    assert await lab.completed(engine) == "a0,a1,a2"


async def test_an_answer_that_comes_while_another_asker_looks_is_not_overlooked(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One asker reads the store (nothing yet), the answer is committed, and a second asker takes the wake-up."""
    engine = await lab.engine()
    read, reading, go_on = engine.store.read_answer, asyncio.Event(), asyncio.Event()
    held: list[str] = []

    async def slow_read(run: str, uuid: str) -> str | None:
        value = await read(run, uuid)
        if uuid == held[0] and value is None and not reading.is_set():
            reading.set()
            await go_on.wait()
        return value

    async def body(run: Run) -> str:
        first = asyncio.create_task(run.ask(TextInput(prompt="first")))
        await lab.question(engine)
        second = TextInput(prompt="second")
        held.append(second.uuid)
        monkeypatch.setattr(engine.store, "read_answer", slow_read)
        answers = await asyncio.gather(first, run.ask(second))
        return ",".join(map(str, answers))

    register(lab, body)
    await lab.start(engine, "flow")
    await lab.question(engine, nth=1)
    engine._hearing.changed(None, ready=True)  # as when another process has committed something: those who ask look
    await asyncio.wait_for(reading.wait(), 30)
    await engine.service.answer(run_id(), None, held[0], "two")  # wakes the first asker, who finds nothing of its own
    await asyncio.sleep(0.05)
    go_on.set()
    await until(lambda: _noted(engine, held[0]))
    await lab.answer(engine, "one")
    assert await lab.completed(engine) == "one,two"


async def _noted(engine: Any, uuid: str) -> bool:
    log = await engine.store.load_log(run_id())
    return any(question.uuid == uuid and question.order for question in log.questions.values())
