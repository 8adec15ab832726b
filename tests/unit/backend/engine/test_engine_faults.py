"""The engine when something fails: the store for a moment, a workflow in an odd way, a stop at a bad time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from typing import Any

import pytest
from fastagency_backend.engine import driver as driver_module
from fastagency_backend.engine import gate
from fastagency_backend.store import StoreError
from fastagency_backend.store.base import Done, Lease, RunLog, StepRecord, StoredEvent
from fastagency_backend.store.dispatch import Owned
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.messages import RunStatusChanged
from fastagency_shared.run import RunStatus

from tests.databases import AnyStore
from tests.fakes.lab import Lab, run_id, until


class FailingStore(AnyStore):
    """Fails one call of one method, the `nth`."""

    method, left = "", 0

    def _fails(self, method: str) -> bool:
        self.left -= method == self.method
        return method == self.method and self.left == 0

    def append_event(self, lease: Lease, key: str, body: str, at: float, done: Done) -> None:
        if self._fails("append_event"):
            asyncio.get_running_loop().call_soon(done, None, StoreError("the disk is full"))
        else:
            super().append_event(lease, key, body, at, done)

    def append_step(self, lease: Lease, key: str, step: StepRecord, done: Done) -> None:
        if self._fails("append_step"):
            asyncio.get_running_loop().call_soon(done, None, StoreError("the disk is full"))
        else:
            super().append_step(lease, key, step, done)

    async def load_log(self, run_id: str) -> RunLog:
        self._maybe("load_log")
        return await super().load_log(run_id)

    async def open_question(
        self, lease: Lease, key: str, uuid: str, body: str, at: float, due: float | None = None
    ) -> StoredEvent:
        self._maybe("open_question")
        return await super().open_question(lease, key, uuid, body, at, due)

    async def read_answer(self, run_id: str, uuid: str) -> str | None:
        self._maybe("read_answer")
        return await super().read_answer(run_id, uuid)

    async def finish_run(self, *args: Any) -> StoredEvent:
        self._maybe("finish_run")
        return await super().finish_run(*args)

    def _maybe(self, method: str) -> None:
        if self._fails(method):
            raise StoreError("the disk is full")


@pytest.mark.parametrize(
    ("method", "nth"),
    [
        ("load_log", 1),
        ("append_event", 1),
        ("append_event", 4),
        ("append_step", 2),
        ("open_question", 1),
        ("read_answer", 1),
        ("finish_run", 1),
    ],
)
async def test_a_run_goes_on_after_the_store_has_failed_for_a_moment(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, method: str, nth: int
) -> None:
    monkeypatch.setattr(gate, "FIRST_PAUSE_S", 0.01)
    calls: list[int] = []

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        for number in range(3):
            await ui.step(calls.append, number)
            await ui.text_message(body=str(number))
            await ui._run.journal.backlog.drain(fully=True)
        return await ui.text_input()

    store = lab.store(FailingStore)
    store.method, store.left = method, nth
    engine = await lab.engine(store=store)
    await lab.start(engine, "flow")
    await lab.answer(engine, "end")
    assert await lab.completed(engine) == "end"
    assert await lab.texts(engine) == ["0", "1", "2"]
    assert calls == [0, 1, 2], "what was paid for is kept until it can be recorded"
    past = await engine.store.load_past(run_id())
    assert all(past.asked.values()), "with what was asked, by which a later replay says what differs"


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_cancellation_of_the_workflows_own_making_is_an_error_like_any_other(lab: Lab, blocking: bool) -> None:
    async def cancels() -> None:
        task = asyncio.create_task(asyncio.sleep(3600))
        task.cancel()
        await task

    @lab.wf.register("on_loop", "Awaits what it has cancelled")
    async def on_loop(ui: AsyncUI, params: dict[str, Any]) -> None:
        await cancels()

    @lab.wf.register("in_thread", "Awaits what it has cancelled")
    def in_thread(ui: UI, params: dict[str, Any]) -> None:
        asyncio.run(cancels())

    engine = await lab.engine()
    await lab.start(engine, "in_thread" if blocking else "on_loop")
    assert (await lab.ended(engine)).status is RunStatus.FAILED


async def test_a_workflow_that_fails_while_it_is_dropped_leaves_the_run_as_it_is(lab: Lab) -> None:
    @lab.wf.register("flow", "Fails when it is cancelled")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        try:
            return await ui.text_input()
        finally:
            if ui._run.evicted:
                raise ValueError("cleaning up went wrong")

    engine = await lab.engine(warm_s=0.0)
    await lab.start(engine, "flow")
    await lab.parked(engine)
    await lab.answer(engine, "still here")
    assert await lab.completed(engine) == "still here"


async def test_a_stop_at_any_moment_loses_no_run_and_leaves_no_task(lab: Lab) -> None:
    """Stop while runs are being claimed, loaded, started: whatever was begun, the next engine ends it."""

    @lab.wf.register("flow", "Says and returns")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        await ui.text_message(body="hello")
        await ui.step(asyncio.sleep, 0.001)
        return "done"

    for turns in range(12):
        engine = await lab.engine()
        for number in range(turns * 10, turns * 10 + 10):
            await lab.start(engine, "flow", number)
        for _ in range(turns):
            await asyncio.sleep(0)
        await lab.stop(engine)
        left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []
        assert not engine.driver.live
    engine = await lab.engine()
    for number in range(120):
        assert await lab.completed(engine, number) == "done"
        assert await lab.texts(engine, number) == ["hello"]


async def test_stopping_waits_for_nobody_who_refuses(
    lab: Lab, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "EVICT_TRIES", 2)
    free = asyncio.Event()

    @lab.wf.register("stubborn", "Swallows every cancellation")
    async def stubborn(ui: AsyncUI, params: dict[str, Any]) -> None:
        while not free.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await free.wait()

    engine = await lab.engine()
    await lab.start(engine, "stubborn")
    await until(lambda: engine.driver.live)
    with caplog.at_level(logging.WARNING):
        await lab.stop(engine)
    assert "do not end when they are cancelled" in caplog.text
    free.set()


async def test_watchers_end_when_the_engine_stops_and_resume_where_they_were(lab: Lab) -> None:
    @lab.wf.register("flow", "Says, asks, says")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        await ui.text_message(body="one")
        answer = await ui.text_input()
        await ui.text_message(body="two")
        return answer

    engine = await lab.engine()
    await lab.start(engine, "flow")
    seqs: list[int] = []

    async def watch(engine: Any, reached: Callable[[int], bool]) -> None:
        async for batch in engine.service.readers.watch(run_id(), after=seqs[-1] if seqs else 0, beat_s=3600):
            seqs.extend(item.seq for item in batch if isinstance(item, StoredEvent))

    watcher = asyncio.create_task(watch(engine, bool))
    await until(lambda: len(seqs) == 3)
    await lab.stop(engine)
    async with asyncio.timeout(30):
        await watcher
    other = await lab.engine()
    watcher = asyncio.create_task(watch(other, bool))
    await lab.answer(other, "x")
    async with asyncio.timeout(30):
        await watcher
    assert seqs == [1, 2, 3, 4, 5, 6]


async def test_a_slow_watcher_gets_everything_and_holds_nobody_up(lab: Lab) -> None:
    total = 3000

    @lab.wf.register("flow", "Says much")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        for number in range(total):
            await ui.text_message(body=str(number))

    engine = await lab.engine()
    slow = engine.service.readers.watch(run_id(), after=0, beat_s=3600)
    await lab.start(engine, "flow")
    first = await anext(slow)
    await lab.completed(engine)  # although the watcher reads nothing meanwhile
    seqs = [item.seq for item in first if isinstance(item, StoredEvent)]
    async for batch in slow:
        seqs += [item.seq for item in batch if isinstance(item, StoredEvent)]
    assert seqs == list(range(1, total + 3))


async def test_a_watcher_hears_of_status_and_title(lab: Lab) -> None:
    @lab.wf.register("flow", "Asks")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.text_input()

    engine = await lab.engine()
    await lab.start(engine, "flow")
    heard: list[tuple[str, str | None]] = []

    async def watch() -> None:
        async for batch in engine.service.readers.watch(run_id(), after=0, beat_s=3600):
            heard.extend((item.status, item.title) for item in batch if isinstance(item, RunStatusChanged))

    watcher = asyncio.create_task(watch())
    await lab.question(engine)
    await engine.service.rename(run_id(), None, "mine")
    await lab.answer(engine, "x")
    await lab.completed(engine)
    async with asyncio.timeout(30):
        await watcher
    assert ("waiting", "mine") in heard
    assert ("running", "x") in heard


async def test_a_run_that_begins_while_the_others_are_looked_at_is_not_let_go(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    @lab.wf.register("flow", "Asks")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.text_input()

    engine = await lab.engine()
    owned_runs, heard = engine.store.dispatcher.owned_runs, asyncio.Event()

    async def from_before(worker: str, among: Collection[str] | None = None) -> dict[str, Owned]:
        owned = await owned_runs(worker, among)
        await heard.wait()
        return owned

    monkeypatch.setattr(engine.store.dispatcher, "owned_runs", from_before)
    looking = asyncio.create_task(engine.driver.look(), name="look")
    await asyncio.sleep(0.05)
    await lab.start(engine, "flow")
    await lab.question(engine)
    heard.set()
    await looking
    assert run_id() in engine.driver.live
    await lab.answer(engine, "still here")
    assert await lab.completed(engine) == "still here"
